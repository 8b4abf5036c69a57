// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {IWatch, Watcher, WatchParameters} from "../../src/interfaces/IWatch.sol";
import {Watch} from "../../src/optimistic/Watch.sol";
import {Planted, WatchWorld} from "../base/WatchWorld.sol";

/// @notice How validators come and go, what binds their stakes, and what silence costs.
contract WatchStakesTest is WatchWorld {
    function setUp() public {
        setUpWatch();
    }

    function test_whoJoinsServesFromTheNextEpochOn() public {
        uint256 before = token.balanceOf(WATCHER);
        vm.expectEmit(true, true, true, true);
        emit IWatch.ValidatorJoined(WATCHER, STAKE, seedOf(WATCHER, 0), now_() + 1);
        joinWatch(WATCHER);
        assertEq(before - token.balanceOf(WATCHER), STAKE, "stake");
        Watcher memory stored = watch.validatorOf(WATCHER);
        assertEq(stored.stake, STAKE, "stored stake");
        assertEq(stored.firstEpoch, now_() + 1, "first epoch");
        assertEq(watch.watchingOf(WATCHER, modelKey).from, now_() + 1, "of the model");
        uint32 epoch = now_();
        _fails(
            WATCHER,
            abi.encodeCall(watch.commitVerdicts, (epoch, SALT)),
            abi.encodeWithSelector(IWatch.EpochNotServed.selector, WATCHER, epoch)
        );
    }

    function test_aStakeIsAtLeastTheMinimumAndPutUpOnce() public {
        _fails(
            WATCHER,
            abi.encodeCall(watch.join, (STAKE - 1, SALT)),
            abi.encodeWithSelector(IWatch.StakeTooLow.selector, STAKE - 1, STAKE)
        );
        joinWatch(WATCHER);
        _fails(
            WATCHER,
            abi.encodeCall(watch.join, (STAKE, SALT)),
            abi.encodeWithSelector(IWatch.AlreadyValidator.selector, WATCHER)
        );
    }

    function test_onlyValidatorsOfAModelThatWasLearnedWatchIt() public {
        bytes memory stranger = abi.encodeWithSelector(IWatch.NotValidator.selector, STRANGER);
        _fails(STRANGER, abi.encodeCall(watch.watch, (modelKey)), stranger);
        _fails(STRANGER, abi.encodeCall(watch.unwatch, (modelKey)), stranger);
        _fails(STRANGER, abi.encodeCall(watch.exit, ()), stranger);
        _fails(STRANGER, abi.encodeCall(watch.releaseStake, ()), stranger);
        _fails(STRANGER, abi.encodeCall(watch.chargeSilence, (STRANGER)), stranger);
        joinWatch(WATCHER);
        _fails(
            WATCHER,
            abi.encodeCall(watch.watch, (modelKey)),
            abi.encodeWithSelector(IWatch.AlreadyWatching.selector, WATCHER, modelKey)
        );
        bytes32 other = registerModel(OWNER, "another");
        _fails(
            WATCHER,
            abi.encodeCall(watch.watch, (other)),
            abi.encodeWithSelector(IWatch.ModelNotLearned.selector, other)
        );
        _fails(
            WATCHER,
            abi.encodeCall(watch.unwatch, (other)),
            abi.encodeWithSelector(IWatch.NotWatching.selector, WATCHER, other)
        );
    }

    function test_whoStopsWatchingServesToTheEndOfTheEpoch() public {
        joinBoth();
        vm.prank(WATCHER);
        watch.unwatch(modelKey);
        assertEq(watch.watchingOf(WATCHER, modelKey).until, now_(), "until");
        // Beginning again would make what it has to answer for unknown.
        uint256 bound = timesOf(now_()).penaltiesBy;
        bytes memory reason =
            abi.encodeWithSelector(IWatch.DutiesUndecided.selector, WATCHER, modelKey, bound);
        _fails(WATCHER, abi.encodeCall(watch.watch, (modelKey)), reason);
        vm.warp(bound);
        _fails(WATCHER, abi.encodeCall(watch.watch, (modelKey)), reason);
        vm.warp(bound + 1);
        vm.prank(WATCHER);
        watch.watch(modelKey);
        assertEq(watch.watchingOf(WATCHER, modelKey).from, now_() + 1, "again");
    }

    function test_aStakeIsBoundUntilNothingCanBeChargedAnyMore() public {
        joinBoth();
        uint32 last = now_();
        _fails(
            WATCHER,
            abi.encodeCall(watch.releaseStake, ()),
            abi.encodeWithSelector(IWatch.NotLeft.selector, WATCHER)
        );
        vm.expectEmit(true, true, true, true);
        emit IWatch.ValidatorLeft(WATCHER, last);
        vm.prank(WATCHER);
        watch.exit();
        bytes memory left = abi.encodeWithSelector(IWatch.AlreadyLeft.selector, WATCHER, last);
        _fails(WATCHER, abi.encodeCall(watch.exit, ()), left);
        _fails(WATCHER, abi.encodeCall(watch.watch, (modelKey)), left);
        vm.warp(timesOf(last).verdictsBy + 1);
        reveal(WATCHER, last);
        uint256 bound = timesOf(last).penaltiesBy;
        vm.warp(bound);
        _fails(
            WATCHER,
            abi.encodeCall(watch.releaseStake, ()),
            abi.encodeWithSelector(IWatch.StakeBound.selector, WATCHER, bound)
        );
        vm.warp(bound + 1);
        vm.prank(WATCHER);
        watch.releaseStake();
        assertEq(watch.creditOf(WATCHER), STAKE, "all of it");
        assertEq(watch.creditOf(BURNED), 0, "nothing burned");
        assertEq(watch.validatorOf(WATCHER).firstEpoch, 0, "gone");
        // Whoever joins again begins anew, with the models, too.
        joinAgain(WATCHER);
        assertEq(watch.watchingOf(WATCHER, modelKey).from, 0, "models of the first time");
    }

    function joinAgain(address account) internal {
        vm.prank(account);
        watch.join(STAKE, SALT);
    }

    function test_whoLeavesOwesTheSeedsOfItsLastEpochs() public {
        joinBoth();
        vm.prank(WATCHER);
        watch.exit();
        vm.warp(timesOf(now_()).penaltiesBy + 1);
        vm.prank(WATCHER);
        watch.releaseStake();
        assertEq(watch.creditOf(WATCHER), STAKE - SILENCE, "without the one seed that it owed");
        assertEq(watch.creditOf(BURNED), SILENCE, "burned");
    }

    function test_eachSilentEpochIsChargedOnceAfterItsTime() public {
        joinBoth();
        uint32 first = now_();
        bytes memory nothing = abi.encodeWithSelector(IWatch.NothingToCharge.selector, WATCHER);
        bytes memory charging = abi.encodeCall(watch.chargeSilence, (WATCHER));
        vm.warp(timesOf(first).revealsBy);
        _fails(STRANGER, charging, nothing);
        vm.warp(timesOf(first).revealsBy + 1);
        vm.expectEmit(true, true, true, true);
        emit IWatch.SilenceCharged(WATCHER, first, 1, SILENCE);
        watch.chargeSilence(WATCHER);
        _fails(STRANGER, charging, nothing);
        vm.warp(timesOf(first + 2).revealsBy + 1);
        watch.chargeSilence(WATCHER);
        assertEq(stakeOf(WATCHER), STAKE - 3 * SILENCE, "three epochs");
        assertEq(watch.creditOf(BURNED), 3 * SILENCE, "burned");
        // Who reveals now pays no more for those epochs.
        reveal(WATCHER, first + 2);
        assertEq(stakeOf(WATCHER), STAKE - 3 * SILENCE, "still three");
    }

    function test_whoRevealsInTimeIsChargedNothing() public {
        joinBoth();
        uint32 first = now_();
        for (uint32 epoch = first; epoch < first + 5; ++epoch) {
            vm.warp(timesOf(epoch).revealsBy);
            reveal(WATCHER, epoch);
        }
        _fails(
            STRANGER,
            abi.encodeCall(watch.chargeSilence, (WATCHER)),
            abi.encodeWithSelector(IWatch.NothingToCharge.selector, WATCHER)
        );
        assertEq(stakeOf(WATCHER), STAKE, "stake");
    }

    function test_aLateSeedIsTakenAndTheSilenceCharged() public {
        joinBoth();
        uint32 first = now_();
        vm.warp(timesOf(first + 1).revealsBy + 1);
        reveal(WATCHER, first + 1);
        assertEq(stakeOf(WATCHER), STAKE - 2 * SILENCE, "two late seeds");
    }

    function test_aStakeThatCannotCoverAnotherEpochEndsTheDuties() public {
        joinBoth();
        uint32 first = now_();
        // 10,000 covers four times 2,002, and 1,992 are left.
        vm.warp(timesOf(first + 2).revealsBy + 1);
        watch.chargeSilence(WATCHER);
        assertEq(watch.validatorOf(WATCHER).lastEpoch, type(uint32).max, "serves");
        vm.warp(timesOf(first + 3).revealsBy + 1);
        uint32 last = now_();
        watch.chargeSilence(WATCHER);
        assertEq(watch.validatorOf(WATCHER).lastEpoch, last, "to the end of this epoch");
        vm.warp(timesOf(last).revealsBy + 30 days);
        watch.chargeSilence(WATCHER);
        assertEq(stakeOf(WATCHER), 0, "no more than there was");
        assertEq(watch.creditOf(BURNED), STAKE, "burned");
        vm.prank(WATCHER);
        watch.releaseStake();
        assertEq(watch.creditOf(WATCHER), 0, "nothing is left");
    }

    function test_theOwnerSaysWhoPlantsAndNothingElse() public {
        joinBoth();
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER));
        vm.prank(STRANGER);
        watch.setPlanter(STRANGER);
        vm.expectEmit(true, true, true, true);
        emit IWatch.PlanterChanged(STRANGER);
        vm.prank(GOVERNOR);
        watch.setPlanter(STRANGER);
        assertEq(watch.planter(), STRANGER, "planter");
    }

    function test_everyParameterHasItsBounds() public {
        WatchParameters memory good = watchParameters();
        _badParameter("epoch", good, 10 minutes - 1);
        _badParameter("epoch", good, 7 days + 1);
        _badParameter("verdictDelay", good, 5 minutes - 1);
        _badParameter("verdictDelay", good, EPOCH);
        _badParameter("revealTime", good, EPOCH - 1);
        _badParameter("revealTime", good, 8 * EPOCH + 1);
        _badParameter("answerTime", good, 1 hours - 1);
        _badParameter("answerTime", good, 31 * EPOCH - 1 hours + 1);
        _badParameter("dutyBps", good, 0);
        _badParameter("dutyBps", good, 10_001);
        _badParameter("maximumPlants", good, 0);
        _badParameter("maximumPlants", good, 65);
        _badParameter("bounty", good, 0);
        _badParameter("missPenalty", good, 0);
        _badParameter("missPenalty", good, type(uint96).max / 4 + 1);
        _badParameter("minimumStake", good, 2 * SILENCE - 1);
    }

    function _badParameter(string memory name, WatchParameters memory parameters, uint256 value) private {
        WatchParameters memory bad = abi.decode(abi.encode(parameters), (WatchParameters));
        bytes32 which = keccak256(bytes(name));
        if (which == keccak256("epoch")) bad.epoch = uint32(value);
        if (which == keccak256("verdictDelay")) bad.verdictDelay = uint32(value);
        if (which == keccak256("revealTime")) bad.revealTime = uint32(value);
        if (which == keccak256("answerTime")) bad.answerTime = uint32(value);
        if (which == keccak256("dutyBps")) bad.dutyBps = uint16(value);
        if (which == keccak256("maximumPlants")) bad.maximumPlants = uint16(value);
        if (which == keccak256("bounty")) bad.bounty = uint96(value);
        if (which == keccak256("missPenalty")) bad.missPenalty = uint96(value);
        if (which == keccak256("minimumStake")) bad.minimumStake = uint96(value);
        try this.deploy(bad) {
            assertTrue(false, name);
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(IWatch.ParameterOutOfBounds.selector), name);
            (string memory said,,,) = abi.decode(_behindSelector(reason), (string, uint256, uint256, uint256));
            assertEq(bytes(said), bytes(name), "which parameter");
        }
    }

    function deploy(WatchParameters memory parameters) external returns (Watch) {
        return newWatch(claims, GOVERNOR, PLANTER, parameters);
    }

    function _behindSelector(bytes memory reason) private pure returns (bytes memory rest) {
        rest = new bytes(reason.length - 4);
        for (uint256 i; i < rest.length; ++i) {
            rest[i] = reason[i + 4];
        }
    }

    function _fails(address from, bytes memory data, bytes memory reason) private {
        sendFails(from, data, reason);
    }
}
