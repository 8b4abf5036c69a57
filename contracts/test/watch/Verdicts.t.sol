// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IWatch, WatchParameters} from "../../src/interfaces/IWatch.sol";
import {WatchWorld} from "../base/WatchWorld.sol";

/// @notice Verdicts are fixed before seeds are known, and seeds were fixed before the claims.
contract WatchVerdictsTest is WatchWorld {
    uint32 private _epoch;

    function setUp() public {
        setUpWatch();
        joinBoth();
        _epoch = now_();
    }

    function test_verdictsAreTakenFromTheEpochsBeginningToTheDelayAfterIt() public {
        bytes memory committing = abi.encodeCall(watch.commitVerdicts, (_epoch + 1, SALT));
        sendFails(
            WATCHER, committing, abi.encodeWithSelector(IWatch.TooEarly.selector, timesOf(_epoch + 1).begins)
        );
        vm.warp(timesOf(_epoch + 1).begins);
        send(WATCHER, committing);
        assertEq(watch.verdictRootOf(WATCHER, _epoch + 1), SALT, "root");
        vm.warp(timesOf(_epoch + 1).verdictsBy);
        vm.expectEmit(true, true, true, true);
        emit IWatch.VerdictsCommitted(WATCHER, _epoch + 1, ~SALT);
        vm.prank(WATCHER);
        watch.commitVerdicts(_epoch + 1, ~SALT);
        assertEq(watch.verdictRootOf(WATCHER, _epoch + 1), ~SALT, "the last one counts");
        vm.warp(timesOf(_epoch + 1).verdictsBy + 1);
        sendFails(
            WATCHER,
            committing,
            abi.encodeWithSelector(IWatch.TooLate.selector, timesOf(_epoch + 1).verdictsBy)
        );
    }

    function test_onlyWhoServesAnEpochCommitsOrReveals() public {
        bytes memory reason = abi.encodeWithSelector(IWatch.EpochNotServed.selector, STRANGER, _epoch);
        sendFails(STRANGER, abi.encodeCall(watch.commitVerdicts, (_epoch, SALT)), reason);
        sendFails(STRANGER, abi.encodeCall(watch.revealSeed, (_epoch, SALT)), reason);
        vm.prank(WATCHER);
        watch.exit();
        vm.warp(timesOf(_epoch + 1).verdictsBy + 1);
        reason = abi.encodeWithSelector(IWatch.EpochNotServed.selector, WATCHER, _epoch + 1);
        bytes32 seed = seedOf(WATCHER, 2);
        sendFails(WATCHER, abi.encodeCall(watch.revealSeed, (_epoch + 1, seed)), reason);
        reveal(WATCHER, _epoch);
    }

    function test_aSeedIsTheOneThatWasCommittedTo() public {
        vm.warp(timesOf(_epoch + 1).verdictsBy + 1);
        bytes32 other = seedOf(SLEEPER, 1);
        sendFails(
            WATCHER,
            abi.encodeCall(watch.revealSeed, (_epoch, other)),
            abi.encodeWithSelector(
                IWatch.SeedDiffers.selector, seedOf(WATCHER, 0), keccak256(abi.encodePacked(other))
            )
        );
        // The right seed of another epoch is wrong, too.
        bytes32 later = seedOf(WATCHER, 2);
        sendFails(
            WATCHER,
            abi.encodeCall(watch.revealSeed, (_epoch, later)),
            abi.encodeWithSelector(IWatch.SeedDiffers.selector, seedOf(WATCHER, 0), seedOf(WATCHER, 1))
        );
        vm.expectEmit(true, true, true, true);
        emit IWatch.SeedRevealed(WATCHER, _epoch + 1, later);
        vm.prank(WATCHER);
        watch.revealSeed(_epoch + 1, later);
        bytes memory known = abi.encodeWithSelector(IWatch.AlreadyRevealed.selector, WATCHER, _epoch);
        bytes32 seed = seedOf(WATCHER, 1);
        sendFails(WATCHER, abi.encodeCall(watch.revealSeed, (_epoch, seed)), known);
        known = abi.encodeWithSelector(IWatch.AlreadyRevealed.selector, WATCHER, _epoch + 1);
        sendFails(WATCHER, abi.encodeCall(watch.revealSeed, (_epoch + 1, later)), known);
    }

    function test_noSeedIsRevealedBeforeVerdictsAreFixed() public {
        bytes32 seed = seedOf(WATCHER, 1);
        vm.warp(timesOf(_epoch).verdictsBy);
        sendFails(
            WATCHER,
            abi.encodeCall(watch.revealSeed, (_epoch, seed)),
            abi.encodeWithSelector(IWatch.TooEarly.selector, timesOf(_epoch).verdictsBy + 1)
        );
        vm.warp(timesOf(_epoch).verdictsBy + 1);
        reveal(WATCHER, _epoch);
    }

    function test_manySeedsAreRevealedInSteps() public {
        vm.warp(timesOf(_epoch + 69).verdictsBy + 1);
        bytes32 seed = seedOf(WATCHER, 70);
        sendFails(
            WATCHER,
            abi.encodeCall(watch.revealSeed, (_epoch + 69, seed)),
            abi.encodeWithSelector(IWatch.SeedTooFar.selector, 70, 64)
        );
        reveal(WATCHER, _epoch + 63);
        assertEq(watch.validatorOf(WATCHER).revealed, _epoch + 63, "in steps");
    }

    function test_oneTransactionPerEpochDoesForBoth() public {
        for (uint32 epoch = _epoch; epoch < _epoch + 10; ++epoch) {
            // Both times overlap from the end of the last epoch's verdicts to the end of this one's.
            uint256 from = timesOf(epoch).begins + 15 minutes;
            vm.warp(epoch % 2 == 0 ? from : timesOf(epoch).verdictsBy);
            if (epoch == _epoch) {
                vm.prank(WATCHER);
                watch.commitVerdicts(epoch, bytes32(uint256(epoch)));
                continue;
            }
            bytes32 seed = seedOf(WATCHER, epoch - _epoch);
            vm.prank(WATCHER);
            watch.attest(epoch, bytes32(uint256(epoch)), epoch - 1, seed);
            assertEq(watch.verdictRootOf(WATCHER, epoch), bytes32(uint256(epoch)), "root");
        }
        assertEq(watch.validatorOf(WATCHER).revealed, _epoch + 8, "seeds");
        assertEq(stakeOf(WATCHER), STAKE, "stake");
    }

    function test_dutiesFollowFromSeedAndClaimInTheShareThatIsAskedFor() public {
        watch = newWatch(claims, GOVERNOR, PLANTER, _rareDuties());
        uint256 duties;
        for (uint256 i; i < 2_000; ++i) {
            bytes32 claimId = keccak256(abi.encode("claim", i));
            bytes32 seed = seedOf(WATCHER, 190 + i % 8);
            bool duty = watch.isDuty(seed, claimId);
            if (duty) ++duties;
            uint256 word = uint256(keccak256(bytes.concat(seed, claimId)));
            assertTrue(duty == (word % 10_000 < 2_500), "by the definition");
        }
        assertAtMost(duties, 600, "a quarter");
        assertAtMost(400, duties, "a quarter");
    }

    function _rareDuties() private pure returns (WatchParameters memory parameters) {
        parameters = watchParameters();
        parameters.dutyBps = 2_500;
    }
}
