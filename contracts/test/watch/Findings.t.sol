// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {IWatch, Outcome, WatchParameters} from "../../src/interfaces/IWatch.sol";
import {Planted, WatchWorld} from "../base/WatchWorld.sol";
import {Lie, ToyTrace, Trace} from "../optimistic/ToyTrace.sol";

/// @notice Who found a plant is paid, who had to and did not pays, and nobody else either.
contract FindingsTest is WatchWorld {
    function setUp() public {
        setUpWatch();
        joinBoth();
    }

    function test_theFinderIsPaidAndTheSleeperLosesAPartOfItsStake() public {
        Planted memory made = found();
        vm.expectEmit(true, true, true, true);
        emit IWatch.PlantFound(made.claimId, WATCHER);
        send(WATCHER, answering(made));
        afterAnswers(made);
        vm.expectEmit(true, true, true, true);
        emit IWatch.PlantMissed(made.claimId, SLEEPER, MISS);
        watch.chargeMiss(made.claimId, SLEEPER);
        vm.expectEmit(true, true, true, true);
        emit IWatch.PlantClosed(made.claimId, 1, BOUNTY);
        watch.close(made.claimId);
        vm.expectEmit(true, true, true, true);
        emit IWatch.BountyPaid(made.claimId, WATCHER, BOUNTY);
        watch.payBounty(made.claimId, WATCHER);
        assertEq(stakeOf(SLEEPER), STAKE - MISS, "sleeper");
        assertEq(stakeOf(WATCHER), STAKE, "finder's stake");
        assertEq(watch.creditOf(WATCHER), BOUNTY, "finder");
        assertEq(watch.creditOf(BURNED), MISS, "burned");
        assertEq(watch.creditOf(PLANTER) + watch.creditOf(PROVIDER), 0, "planter");
        assertOutcome(made, WATCHER, Outcome.Paid);
        assertOutcome(made, SLEEPER, Outcome.Missed);
    }

    function test_eachIsPaidOrChargedOnce() public {
        Planted memory made = found();
        send(WATCHER, answering(made));
        sendFails(WATCHER, answering(made), _decided(made, WATCHER, Outcome.Found));
        afterAnswers(made);
        watch.chargeMiss(made.claimId, SLEEPER);
        bytes memory missing = abi.encodeCall(watch.chargeMiss, (made.claimId, SLEEPER));
        sendFails(STRANGER, missing, _decided(made, SLEEPER, Outcome.Missed));
        missing = abi.encodeCall(watch.chargeMiss, (made.claimId, WATCHER));
        sendFails(STRANGER, missing, _decided(made, WATCHER, Outcome.Found));
        watch.close(made.claimId);
        sendFails(
            STRANGER,
            abi.encodeCall(watch.close, (made.claimId)),
            abi.encodeWithSelector(IWatch.AlreadyClosed.selector, made.claimId)
        );
        watch.payBounty(made.claimId, WATCHER);
        bytes memory paying = abi.encodeCall(watch.payBounty, (made.claimId, WATCHER));
        bytes memory notFound = abi.encodeWithSelector(IWatch.NotFound.selector, made.claimId, WATCHER);
        sendFails(STRANGER, paying, notFound);
        paying = abi.encodeCall(watch.payBounty, (made.claimId, SLEEPER));
        notFound = abi.encodeWithSelector(IWatch.NotFound.selector, made.claimId, SLEEPER);
        sendFails(STRANGER, paying, notFound);
    }

    function test_findersShareTheBountyAndTheRestGoesBack() public {
        Planted memory made = planted();
        find(WATCHER, made);
        find(SLEEPER, made);
        _reveal(made);
        uint256 left = watch.budget();
        send(WATCHER, answering(made));
        send(SLEEPER, answering(made));
        afterAnswers(made);
        watch.close(made.claimId);
        watch.payBounty(made.claimId, WATCHER);
        watch.payBounty(made.claimId, SLEEPER);
        assertEq(watch.creditOf(WATCHER), BOUNTY / 2, "half");
        assertEq(watch.creditOf(SLEEPER), BOUNTY / 2, "half");
        assertEq(watch.budget(), left + 1, "what cannot be divided");
    }

    function test_theBountyOfAPlantThatNobodyFoundGoesBack() public {
        Planted memory made = planted();
        _reveal(made);
        uint256 left = watch.budget();
        afterAnswers(made);
        watch.close(made.claimId);
        assertEq(watch.budget(), left + BOUNTY, "budget");
    }

    function test_everythingHasItsTime() public {
        Planted memory made = found();
        bytes[3] memory early = [
            abi.encodeCall(watch.chargeMiss, (made.claimId, SLEEPER)),
            abi.encodeCall(watch.close, (made.claimId)),
            abi.encodeCall(watch.payBounty, (made.claimId, WATCHER))
        ];
        uint256 last = timesOf(made.epoch).answersBy;
        vm.warp(last);
        for (uint256 i; i < early.length; ++i) {
            sendFails(STRANGER, early[i], abi.encodeWithSelector(IWatch.TooEarly.selector, last + 1));
        }
        uint256 begun = vm.snapshotState();
        send(WATCHER, answering(made));
        vm.revertToState(begun);
        vm.warp(last + 1);
        sendFails(WATCHER, answering(made), abi.encodeWithSelector(IWatch.TooLate.selector, last));
        // Who found it and did not say so in time has missed it.
        watch.chargeMiss(made.claimId, WATCHER);
    }

    function test_whatWasNotExposedPaysAndCostsNobody() public {
        Planted memory made = planted();
        find(WATCHER, made);
        afterAnswers(made);
        bytes memory reason = abi.encodeWithSelector(IWatch.NotExposed.selector, made.claimId);
        sendFails(WATCHER, answering(made), reason);
        sendFails(STRANGER, abi.encodeCall(watch.chargeMiss, (made.claimId, SLEEPER)), reason);
        sendFails(STRANGER, abi.encodeCall(watch.close, (made.claimId)), reason);
        sendFails(STRANGER, abi.encodeCall(watch.payBounty, (made.claimId, WATCHER)), reason);
    }

    function test_whoCopiesAnothersVerdictsHasNone() public {
        Planted memory made = planted();
        find(WATCHER, made);
        // The sleeper sees the root, and after the answer all that is behind it.
        bytes32 root = watch.verdictRootOf(WATCHER, made.epoch);
        vm.prank(SLEEPER);
        watch.commitVerdicts(made.epoch, root);
        _reveal(made);
        send(WATCHER, answering(made));
        sendFails(SLEEPER, answering(made), _verdictDiffers(made, SLEEPER));
        afterAnswers(made);
        watch.chargeMiss(made.claimId, SLEEPER);
    }

    function test_whoCallsEverythingWrongHasFoundNothing() public {
        Planted memory made = planted();
        bytes memory refutation = made.refutation;
        // Without having recomputed it, the sleeper commits to an element that is right.
        Trace memory trace = traceOf(made.orderId, Lie.Data, 3, 21);
        made.refutation = ToyTrace.refutation(trace, 3, 20);
        find(SLEEPER, made);
        bytes memory guess = made.refutation;
        made.refutation = refutation;
        _reveal(made);
        made.refutation = guess;
        sendFails(SLEEPER, answering(made), abi.encodeWithSelector(IWatch.NotRefuted.selector, made.claimId));
        made.refutation = refutation;
        sendFails(SLEEPER, answering(made), _verdictDiffers(made, SLEEPER));
    }

    function test_aVerdictHoldsForItsEpochAndSalt() public {
        Planted memory made = planted();
        bytes32 leaf =
            watch.verdictLeaf(WATCHER, made.epoch - 32, made.claimId, keccak256(made.refutation), SALT);
        vm.prank(WATCHER);
        watch.commitVerdicts(made.epoch, leaf);
        leaf = watch.verdictLeaf(SLEEPER, made.epoch, made.claimId, keccak256(made.refutation), ~SALT);
        vm.prank(SLEEPER);
        watch.commitVerdicts(made.epoch, leaf);
        _reveal(made);
        sendFails(WATCHER, answering(made), _verdictDiffers(made, WATCHER));
        sendFails(SLEEPER, answering(made), _verdictDiffers(made, SLEEPER));
    }

    function test_oneRootHoldsManyVerdicts() public {
        Planted memory made = planted();
        bytes32 leaf = leafOf(WATCHER, made);
        bytes32[] memory path = new bytes32[](2);
        (path[0], path[1]) = (keccak256("another verdict"), keccak256("two more"));
        bytes32 root = _pair(_pair(leaf, path[0]), path[1]);
        vm.prank(WATCHER);
        watch.commitVerdicts(made.epoch, root);
        _reveal(made);
        TracedClaim memory traced = tracedOf(made.orderId, made.root);
        vm.prank(WATCHER);
        watch.answer(traced, made.refutation, SALT, path);
        assertOutcome(made, WATCHER, Outcome.Found);
    }

    function test_anAnswerIsOfTheClaimAsItWasMade() public {
        Planted memory made = found();
        made.root = SALT;
        sendFails(
            WATCHER, answering(made), abi.encodeWithSelector(IWatch.ClaimDiffers.selector, made.claimId)
        );
    }

    function test_withoutTheSeedNobodyIsPaidAndSilenceIsCharged() public {
        Planted memory made = planted();
        find(WATCHER, made);
        afterVerdicts(made);
        commitWatch(made);
        expose(made);
        bytes memory reason = abi.encodeWithSelector(IWatch.SeedNotRevealed.selector, WATCHER, made.epoch);
        sendFails(WATCHER, answering(made), reason);
        afterAnswers(made);
        sendFails(STRANGER, abi.encodeCall(watch.chargeMiss, (made.claimId, WATCHER)), reason);
        watch.chargeSilence(SLEEPER);
        assertTrue(STAKE - stakeOf(SLEEPER) >= PLANTS * MISS, "silence costs no less than missing all");
    }

    function test_whoIsNotOnDutyIsNeitherPaidNorCharged() public {
        vm.prank(SLEEPER);
        watch.unwatch(modelKey);
        vm.warp(timesOf(now_() + 1).begins);
        joinWatch(STRANGER);
        Planted memory made = planted();
        find(SLEEPER, made);
        afterVerdicts(made);
        commitWatch(made);
        reveal(WATCHER, made.epoch);
        reveal(SLEEPER, made.epoch);
        expose(made);
        // Stopped watching the model; joined too late; never joined; left before.
        sendFails(SLEEPER, answering(made), _notOnDuty(made, SLEEPER));
        afterAnswers(made);
        address[3] memory spared = [SLEEPER, STRANGER, RIVAL];
        for (uint256 i; i < spared.length; ++i) {
            bytes memory missing = abi.encodeCall(watch.chargeMiss, (made.claimId, spared[i]));
            sendFails(STRANGER, missing, _notOnDuty(made, spared[i]));
        }
    }

    function test_whoLeftBeforeTheEpochIsSpared() public {
        vm.prank(SLEEPER);
        watch.exit();
        vm.warp(timesOf(now_() + 1).begins);
        Planted memory made = planted();
        afterVerdicts(made);
        commitWatch(made);
        expose(made);
        afterAnswers(made);
        bytes memory missing = abi.encodeCall(watch.chargeMiss, (made.claimId, SLEEPER));
        sendFails(STRANGER, missing, _notOnDuty(made, SLEEPER));
    }

    function test_whoLeavesInTheEpochIsNot() public {
        Planted memory made = planted();
        vm.prank(SLEEPER);
        watch.exit();
        afterVerdicts(made);
        reveal(SLEEPER, made.epoch);
        commitWatch(made);
        expose(made);
        afterAnswers(made);
        watch.chargeMiss(made.claimId, SLEEPER);
        assertEq(stakeOf(SLEEPER), STAKE - MISS, "stake");
    }

    function test_aProviderDoesNotWatchItself() public {
        joinWatch(PROVIDER);
        vm.warp(timesOf(now_() + 1).begins);
        Planted memory made = planted();
        find(PROVIDER, made);
        afterVerdicts(made);
        reveal(PROVIDER, made.epoch);
        commitWatch(made);
        expose(made);
        sendFails(PROVIDER, answering(made), _notOnDuty(made, PROVIDER));
    }

    function test_onlyWhomItsSeedCallsIsOnDuty() public {
        WatchParameters memory rare = watchParameters();
        rare.dutyBps = 5_000;
        watch = newWatch(claims, GOVERNOR, PLANTER, rare);
        address[3] memory payers = [WATCHER, SLEEPER, STRANGER];
        for (uint256 i; i < payers.length; ++i) {
            approveWatch(payers[i]);
        }
        vm.prank(STRANGER);
        watch.fund(BUDGET);
        joinBoth();
        Planted[8] memory made;
        for (uint256 i; i < made.length; ++i) {
            made[i] = planted();
            _reveal(made[i]);
        }
        afterAnswers(made[7]);
        uint256 duties;
        for (uint256 i; i < made.length; ++i) {
            bytes32 seed = seedOf(SLEEPER, made[i].epoch - joinedIn(SLEEPER));
            bytes memory missing = abi.encodeCall(watch.chargeMiss, (made[i].claimId, SLEEPER));
            if (watch.isDuty(seed, made[i].claimId)) {
                send(STRANGER, missing);
                ++duties;
            } else {
                sendFails(STRANGER, missing, _notOnDuty(made[i], SLEEPER));
            }
        }
        assertTrue(duties > 0 && duties < made.length, "both happened");
        assertEq(STAKE - stakeOf(SLEEPER), duties * MISS, "penalties");
    }

    function test_whoChallengedItDidNotMissIt() public {
        Planted memory made = planted();
        // Tensors that the provider does not show cannot be refuted yet: the bond says that they are wrong.
        vm.prank(SLEEPER);
        token.approve(address(claims), type(uint256).max);
        challenge(SLEEPER, made.orderId, made.root);
        _reveal(made);
        afterAnswers(made);
        bytes memory missing = abi.encodeCall(watch.chargeMiss, (made.claimId, SLEEPER));
        bytes memory reason = abi.encodeWithSelector(IWatch.Challenged.selector, made.claimId, SLEEPER);
        sendFails(STRANGER, missing, reason);
        claims.reclaim(made.claimId, SLEEPER);
        sendFails(STRANGER, missing, reason);
        watch.chargeMiss(made.claimId, WATCHER);
    }

    function test_aChallengeAfterVerdictsWereDueExcusesNobody() public {
        Planted memory made = planted();
        vm.prank(SLEEPER);
        token.approve(address(claims), type(uint256).max);
        vm.warp(timesOf(made.epoch).verdictsBy + 1);
        // The exposure waits to be mined, and says to everybody which claim it is.
        challenge(SLEEPER, made.orderId, made.root);
        _reveal(made);
        afterAnswers(made);
        watch.chargeMiss(made.claimId, SLEEPER);
        assertOutcome(made, SLEEPER, Outcome.Missed);
    }

    function test_aChallengeInTheLastSecondForVerdictsIsOne() public {
        Planted memory made = planted();
        vm.prank(SLEEPER);
        token.approve(address(claims), type(uint256).max);
        vm.warp(timesOf(made.epoch).verdictsBy);
        challenge(SLEEPER, made.orderId, made.root);
        _reveal(made);
        afterAnswers(made);
        bytes memory missing = abi.encodeCall(watch.chargeMiss, (made.claimId, SLEEPER));
        sendFails(
            STRANGER, missing, abi.encodeWithSelector(IWatch.Challenged.selector, made.claimId, SLEEPER)
        );
    }

    function test_missesAreChargedWithSeedsThatWereRevealedLater() public {
        Planted memory made = found();
        for (uint32 epoch = made.epoch + 1; epoch < made.epoch + 6; ++epoch) {
            vm.warp(timesOf(epoch).verdictsBy + 1);
            reveal(SLEEPER, epoch);
        }
        afterAnswers(made);
        watch.chargeMiss(made.claimId, SLEEPER);
        assertEq(stakeOf(SLEEPER), STAKE - MISS, "stake");
    }

    function test_aMissTakesNoMoreThanTheStake() public {
        Planted[2] memory made = [planted(), planted()];
        _reveal(made[0]);
        commitWatch(made[1]);
        expose(made[1]);
        // Silent since; what is left does not cover both plants.
        vm.warp(timesOf(made[0].epoch + 4).revealsBy + 1);
        watch.chargeSilence(SLEEPER);
        uint256 left = stakeOf(SLEEPER);
        assertTrue(left > MISS && left < 2 * MISS, "between one and two");
        watch.chargeMiss(made[0].claimId, SLEEPER);
        watch.chargeMiss(made[1].claimId, SLEEPER);
        assertEq(stakeOf(SLEEPER), 0, "all of it");
        assertEq(watch.creditOf(BURNED), STAKE, "burned");
    }

    /// @dev Both seeds and the plant, in the first second in which they can be revealed.
    function _reveal(Planted memory made) private {
        afterVerdicts(made);
        reveal(WATCHER, made.epoch);
        reveal(SLEEPER, made.epoch);
        commitWatch(made);
        expose(made);
    }

    function _pair(bytes32 one, bytes32 other) private pure returns (bytes32) {
        return one < other ? keccak256(bytes.concat(one, other)) : keccak256(bytes.concat(other, one));
    }

    function _verdictDiffers(Planted memory made, address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IWatch.VerdictDiffers.selector, made.claimId, account);
    }

    function _notOnDuty(Planted memory made, address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IWatch.NotOnDuty.selector, made.claimId, account);
    }

    function _decided(Planted memory made, address account, Outcome outcome)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IWatch.AlreadyDecided.selector, made.claimId, account, outcome);
    }
}
