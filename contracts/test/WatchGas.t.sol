// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TracedClaim} from "../src/interfaces/IReferee.sol";
import {Planted, WatchWorld} from "./base/WatchWorld.sol";

/// @notice Gas of watching as transactions of their own, calldata included, from the release artifacts. The referee is
/// a mock, so what is recorded is what watching costs beside it.
/// forge-config: default.isolate = true
contract WatchGasTest is WatchWorld {
    function setUp() public {
        setUpWatch();
    }

    function test_gasOfAnEpochIsTheRecordedOne() public {
        vm.prank(WATCHER);
        watch.join(STAKE, seedOf(WATCHER, 0));
        _record("join the watch");
        vm.prank(WATCHER);
        watch.watch(modelKey);
        _record("begin to watch a model");
        uint32 first = now_() + 1;
        vm.warp(timesOf(first).ends + 20 minutes);
        for (uint32 epoch = first; epoch < first + 35; ++epoch) {
            vm.warp(timesOf(epoch).verdictsBy);
            if (epoch == first) continue;
            bytes32 seed = seedOf(WATCHER, epoch - first);
            vm.prank(WATCHER);
            watch.attest(epoch, SALT, epoch - 1, seed);
            if (epoch == first + 5) _record("commit an epoch's verdicts and reveal a seed, slot unused");
            if (epoch == first + 34) _record("commit an epoch's verdicts and reveal a seed");
        }
        vm.prank(WATCHER);
        watch.exit();
        _record("leave the watch");
        vm.warp(timesOf(now_()).verdictsBy + 1);
        reveal(WATCHER, now_() - 1);
        _record("reveal a seed alone");
        vm.warp(timesOf(now_()).penaltiesBy + 1);
        vm.prank(WATCHER);
        watch.releaseStake();
        _record("release a stake");
    }

    function test_gasOfAPlantIsTheRecordedOne() public {
        joinBoth();
        Planted memory made = planted();
        vm.prank(PLANTER);
        watch.plant(keccak256("a decoy"));
        _record("plant, or pretend to");
        find(WATCHER, made);
        afterVerdicts(made);
        reveal(WATCHER, made.epoch);
        reveal(SLEEPER, made.epoch);
        commitWatch(made);
        expose(made);
        _record("expose a plant, mock referee");
        TracedClaim memory traced = tracedOf(made.orderId, made.root);
        vm.prank(WATCHER);
        watch.answer(traced, made.refutation, SALT, new bytes32[](0));
        _record("answer a plant, mock referee");
        afterAnswers(made);
        watch.close(made.claimId);
        _record("divide a bounty");
        watch.payBounty(made.claimId, WATCHER);
        _record("pay a share of a bounty");
        watch.chargeMiss(made.claimId, SLEEPER);
        _record("charge a missed plant");
        vm.warp(timesOf(made.epoch + 1).revealsBy + 1);
        watch.chargeSilence(SLEEPER);
        _record("charge a silent epoch");
    }

    function _record(string memory sentence) private {
        vm.snapshotGasLastCall("watch", sentence);
    }
}
