// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ClaimState, IClaims, ModelClaimTerms} from "../../src/interfaces/IClaims.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {IWatch, Plant, WatchParameters} from "../../src/interfaces/IWatch.sol";
import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {Planted, WatchWorld} from "../base/WatchWorld.sol";
import {MockReferee} from "../mocks/MockReferee.sol";
import {Lie, ToyTrace, Trace} from "../optimistic/ToyTrace.sol";

/// @notice What is a plant: wrong, committed to beforehand, revealed in time, and never paid for.
contract PlantsTest is WatchWorld {
    function setUp() public {
        setUpWatch();
        joinBoth();
    }

    function test_anExposedPlantIsOverturnedAndPaysNobodyButTheBudget() public {
        Planted memory made = planted();
        afterVerdicts(made);
        commitWatch(made);
        uint256 before = token.balanceOf(address(watch));
        TracedClaim memory traced = tracedOf(made.orderId, made.root);
        vm.expectEmit(true, true, true, true);
        emit IWatch.PlantExposed(made.claimId, made.epoch, modelKey, traced, made.refutation);
        expose(made);
        assertClaim(made.claimId, ClaimState.Overturned);
        Plant memory stored = watch.plantOf(made.claimId);
        assertEq(stored.epoch, made.epoch, "epoch");
        assertEq(stored.provider, PROVIDER, "provider");
        assertEq(stored.modelKey, modelKey, "model");
        assertEq(watch.budget(), BUDGET - BOUNTY + REWARD, "half of the claim bond, less the bounty");
        assertEq(token.balanceOf(address(watch)), before + REWARD, "tokens");
        assertEq(claims.creditOf(address(watch)), 0, "nothing stays behind");
        // Neither the provider nor the planter has anything of it.
        market.refute(made.orderId, 0);
        assertState(made.orderId, 0, LegState.Slashed);
        assertEq(
            market.creditOf(PROVIDER) + claims.creditOf(PROVIDER) + watch.creditOf(PROVIDER), 0, "no pay"
        );
        assertEq(market.creditOf(PLANTER) + claims.creditOf(PLANTER) + watch.creditOf(PLANTER), 0, "no share");
    }

    function test_anHonestClaimIsNoPlant() public {
        bytes32 orderId = delivered();
        Planted memory made;
        (made.orderId, made.claimId, made.epoch) = (orderId, statementRoot(orderId), now_());
        Trace memory trace = honest(orderId);
        (made.root, made.refutation) = (trace.root, ToyTrace.refutation(trace, 3, 21));
        vm.prank(PLANTER);
        watch.plant(keccak256(abi.encode(made.claimId, PLANT_SALT)));
        vm.warp(block.timestamp + 1);
        claimWith(orderId, made.root);
        // The planter is the provider and lets its clock run out: overturned, but not wrong.
        challenge(STRANGER, orderId, made.root);
        afterVerdicts(made);
        commitWatch(made);
        exposeFails(made, abi.encodeWithSelector(IClaims.NotRefuted.selector, made.claimId));
        vm.warp(timesOf(made.epoch).begins + 1 + CLOCK + 1);
        claims.timeout(made.claimId, STRANGER);
        assertTrue(claims.overturnedAt(made.claimId) > timesOf(made.epoch).verdictsBy, "after verdicts");
        exposeFails(made, abi.encodeWithSelector(IWatch.NotRefuted.selector, made.claimId));
    }

    function test_aPlantThatSomebodyOverturnedAfterVerdictsIsStillOne() public {
        Planted memory made = planted();
        afterVerdicts(made);
        _overturn(made);
        expose(made);
        assertEq(watch.plantOf(made.claimId).epoch, made.epoch, "exposed");
        assertEq(watch.budget(), BUDGET - BOUNTY, "the reward was another's");
    }

    function test_aPlantThatSomebodyOverturnedBeforeVerdictsCountsForNobody() public {
        Planted memory made = planted();
        vm.warp(timesOf(made.epoch).verdictsBy);
        _overturn(made);
        uint256 due = block.timestamp;
        vm.warp(due + 1);
        exposeFails(made, abi.encodeWithSelector(IWatch.OverturnedBefore.selector, made.claimId, due, due));
    }

    function test_aPlantIsCommittedToBeforeItIsClaimed() public {
        Planted memory made;
        made.orderId = delivered();
        made.claimId = statementRoot(made.orderId);
        Trace memory trace = traceOf(made.orderId, Lie.Data, 3, 21);
        (made.root, made.refutation, made.epoch) = (trace.root, ToyTrace.refutation(trace, 3, 21), now_());
        claimWith(made.orderId, made.root);
        uint256 claimedAt = block.timestamp;
        bytes32 commitment = keccak256(abi.encode(made.claimId, PLANT_SALT));
        uint256 begun = vm.snapshotState();
        afterVerdicts(made);
        commitWatch(made);
        exposeFails(
            made, abi.encodeWithSelector(IWatch.NotPlantedBefore.selector, made.claimId, 0, claimedAt)
        );
        vm.revertToState(begun);
        vm.prank(PLANTER);
        watch.plant(commitment);
        afterVerdicts(made);
        commitWatch(made);
        // In the same second is not before.
        exposeFails(
            made, abi.encodeWithSelector(IWatch.NotPlantedBefore.selector, made.claimId, claimedAt, claimedAt)
        );
    }

    function test_onlyThePlanterPlantsAndNothingTwice() public {
        sendFails(
            STRANGER,
            abi.encodeCall(watch.plant, (SALT)),
            abi.encodeWithSelector(IWatch.NotPlanter.selector, STRANGER)
        );
        vm.expectEmit(true, true, true, true);
        emit IWatch.PlantCommitted(SALT);
        vm.prank(PLANTER);
        watch.plant(SALT);
        assertEq(watch.plantedAt(SALT), block.timestamp, "when");
        // A commitment that was repeated would look younger than it is.
        sendFails(
            PLANTER,
            abi.encodeCall(watch.plant, (SALT)),
            abi.encodeWithSelector(IWatch.AlreadyPlanted.selector, SALT)
        );
    }

    function test_aPlantIsExposedBetweenVerdictsAndTheRevealsEnd() public {
        Planted memory made = planted();
        vm.warp(timesOf(made.epoch).verdictsBy);
        commitWatch(made);
        exposeFails(
            made, abi.encodeWithSelector(IWatch.TooEarly.selector, timesOf(made.epoch).verdictsBy + 1)
        );
        vm.warp(timesOf(made.epoch).revealsBy + 1);
        exposeFails(made, abi.encodeWithSelector(IWatch.TooLate.selector, timesOf(made.epoch).revealsBy));
        vm.warp(timesOf(made.epoch).revealsBy);
        expose(made);
        exposeFails(made, abi.encodeWithSelector(IWatch.AlreadyExposed.selector, made.claimId));
    }

    function test_aClaimMadeInTheLastSecondOfAnEpochBelongsToIt() public {
        uint32 epoch = now_();
        vm.warp(timesOf(epoch).ends - 1);
        Planted memory made = planted();
        assertEq(block.timestamp, timesOf(epoch).ends, "the last second");
        afterVerdicts(made);
        commitWatch(made);
        expose(made);
        assertEq(watch.plantOf(made.claimId).epoch, epoch, "epoch");
    }

    function test_aClaimThatIsFinalIsNoPlantAnyMore() public {
        WatchParameters memory slow = watchParameters();
        // Verdicts of this watch are due when the window is over.
        (slow.epoch, slow.verdictDelay, slow.revealTime) = (2 hours, 1 hours, 2 hours);
        watch = newWatch(claims, GOVERNOR, PLANTER, slow);
        approveWatch(STRANGER);
        vm.prank(STRANGER);
        watch.fund(BUDGET);
        Planted memory made = planted();
        afterVerdicts(made);
        commitWatch(made);
        exposeFails(made, abi.encodeWithSelector(IClaims.ClaimIsFinal.selector, made.claimId));
    }

    function test_aPlantIsTheClaimAsItWasMade() public {
        Planted memory made = planted();
        afterVerdicts(made);
        commitWatch(made);
        Planted memory other = made;
        bytes32 root = made.root;
        other.root = SALT;
        exposeFails(other, abi.encodeWithSelector(IWatch.ClaimDiffers.selector, made.claimId));
        made.root = root;
        TracedClaim memory traced = tracedOf(made.orderId, root);
        bytes32 foreign = open();
        lock(foreign);
        (, bytes32 digest) = market.statementFor(foreign, 0, PROVIDER, outputCommitment());
        sendFails(
            STRANGER,
            abi.encodeCall(watch.expose, (foreign, 0, traced, made.refutation, PLANT_SALT, bytes32(0))),
            abi.encodeWithSelector(
                IWatch.StatementDiffers.selector, made.claimId, keccak256(abi.encodePacked(uint8(0), digest))
            )
        );
        expose(made);
    }

    function test_aClaimWithoutATraceRootIsNoPlant() public {
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(0, true));
        vm.warp(block.timestamp + 11 minutes);
        Planted memory made;
        made.orderId = delivered();
        made.claimId = statementRoot(made.orderId);
        vm.prank(PLANTER);
        watch.plant(keccak256(abi.encode(made.claimId, PLANT_SALT)));
        vm.warp(block.timestamp + 1);
        claimWith(made.orderId, 0);
        challenge(STRANGER, made.orderId, 0);
        uint256 since = block.timestamp;
        made.epoch = now_();
        afterVerdicts(made);
        exposeFails(made, abi.encodeWithSelector(IClaims.TraceRootMissing.selector, made.claimId));
        // Nor once it was overturned in time: nothing can be shown to lead to no root.
        Trace memory trace = traceOf(made.orderId, Lie.Data, 3, 21);
        made.refutation = ToyTrace.refutation(trace, 3, 21);
        vm.warp(since + CLOCK + 1);
        claims.timeout(made.claimId, STRANGER);
        exposeFails(made, abi.encodeWithSelector(MockReferee.NotUnderTheRoot.selector));
    }

    function test_aClaimWhoseInputIsElsewhereIsNoPlant() public {
        Planted memory made = planted(_byUri(), PLANT_SALT);
        afterVerdicts(made);
        commitWatch(made);
        exposeFails(made, abi.encodeWithSelector(IWatch.InputByUri.selector, made.orderId));
    }

    function test_anEpochHasNoMorePlantsThanAreFixed() public {
        Planted[3] memory made = [planted(), planted(), planted()];
        afterVerdicts(made[0]);
        for (uint256 i; i < 3; ++i) {
            commitWatch(made[i]);
        }
        expose(made[0]);
        expose(made[1]);
        exposeFails(made[2], abi.encodeWithSelector(IWatch.TooManyPlants.selector, made[2].epoch, PLANTS));
        assertEq(watch.plantsOf(made[0].epoch), 2, "plants");
    }

    function test_noPlantIsExposedThatCouldNotBePaidFor() public {
        watch = newWatch(claims, GOVERNOR, PLANTER, watchParameters());
        approveWatch(STRANGER);
        vm.prank(STRANGER);
        watch.fund(BOUNTY - 1);
        Planted memory made = planted();
        afterVerdicts(made);
        commitWatch(made);
        exposeFails(made, abi.encodeWithSelector(IWatch.BudgetTooLow.selector, BOUNTY - 1, BOUNTY));
        vm.expectEmit(true, true, true, true);
        emit IWatch.BudgetRaised(STRANGER, 1);
        vm.prank(STRANGER);
        watch.fund(1);
        expose(made);
        assertEq(watch.budget(), REWARD, "all but what overturning paid");
    }

    function test_theWatchOverturnsOnlyWithACommitmentOfItsOwn() public {
        Planted memory made = planted();
        afterVerdicts(made);
        exposeFails(made, abi.encodeWithSelector(IClaims.NotCommitted.selector, made.claimId, address(watch)));
    }

    function _byUri() private view returns (OrderRequest memory order) {
        order = uriTerms();
        order.legs[0].selectors = OPTIMISTIC;
    }

    /// @dev A stranger overturns it, now.
    function _overturn(Planted memory made) private {
        commitTo(STRANGER, made.claimId, made.refutation);
        TracedClaim memory traced = tracedOf(made.orderId, made.root);
        vm.prank(STRANGER);
        claims.refute(traced, made.refutation, 0);
    }
}
