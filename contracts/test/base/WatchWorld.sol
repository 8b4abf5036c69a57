// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {EpochTimes, Outcome, WatchParameters} from "../../src/interfaces/IWatch.sol";
import {Watch} from "../../src/optimistic/Watch.sol";
import {OrderRequest} from "../../src/types/Order.sol";
import {Lie, ToyTrace, Trace} from "../optimistic/ToyTrace.sol";
import {DisputeWorld} from "./DisputeWorld.sol";

/// @notice A claim that was planted, and what shows that it is wrong.
struct Planted {
    bytes32 orderId;
    bytes32 claimId;
    bytes32 root;
    bytes refutation;
    uint32 epoch;
}

/// @notice The world of disputes with a watch. Everybody is on duty for every claim, unless a test says otherwise.
abstract contract WatchWorld is DisputeWorld {
    uint96 internal constant STAKE = 10_000;
    uint96 internal constant MISS = 1_001;
    uint96 internal constant BOUNTY = 70_001;
    uint256 internal constant EPOCH = 30 minutes;
    uint256 internal constant PLANTS = 2;
    uint256 internal constant SILENCE = PLANTS * MISS;
    uint256 internal constant BUDGET = 1_000_000;
    bytes32 internal constant SALT = keccak256("salt");
    bytes32 internal constant PLANT_SALT = keccak256("salt of a plant");
    address internal constant PLANTER = address(0xC001);
    address internal constant WATCHER = address(0xC002);
    address internal constant SLEEPER = address(0xC003);

    Watch internal watch;

    function setUpWatch() internal {
        setUpDisputes();
        watch = newWatch(claims, GOVERNOR, PLANTER, watchParameters());
        address[4] memory rich = [WATCHER, SLEEPER, STRANGER, PROVIDER];
        for (uint256 i; i < rich.length; ++i) {
            enrich(rich[i]);
            approveWatch(rich[i]);
        }
        vm.prank(STRANGER);
        watch.fund(BUDGET);
    }

    function approveWatch(address account) internal {
        vm.prank(account);
        token.approve(address(watch), type(uint256).max);
    }

    function watchParameters() internal pure returns (WatchParameters memory) {
        return WatchParameters({
            minimumStake: STAKE,
            missPenalty: MISS,
            bounty: BOUNTY,
            epoch: uint32(EPOCH),
            verdictDelay: 15 minutes,
            revealTime: 45 minutes,
            answerTime: 2 hours,
            dutyBps: 10_000,
            maximumPlants: uint16(PLANTS)
        });
    }

    /// @dev The seed of the epoch that many after the one in which the account joined; zero is the anchor.
    function seedOf(address account, uint256 number) internal pure returns (bytes32 seed) {
        seed = keccak256(abi.encode("seeds of", account));
        for (uint256 i = number; i < 200; ++i) {
            seed = keccak256(abi.encodePacked(seed));
        }
    }

    /// @dev Joins and watches the model; the duties begin with the next epoch.
    function joinWatch(address account) internal {
        vm.prank(account);
        watch.join(STAKE, seedOf(account, 0));
        vm.prank(account);
        watch.watch(modelKey);
    }

    /// @dev Both validators, and the first second of their first epoch.
    function joinBoth() internal {
        joinWatch(WATCHER);
        joinWatch(SLEEPER);
        vm.warp(timesOf(now_() + 1).begins);
    }

    function now_() internal view returns (uint32) {
        return watch.epochAt(block.timestamp);
    }

    function timesOf(uint32 epoch) internal view returns (EpochTimes memory) {
        return watch.timesOf(epoch);
    }

    function joinedIn(address account) internal view returns (uint32) {
        return watch.validatorOf(account).firstEpoch - 1;
    }

    function reveal(address account, uint32 epoch) internal {
        bytes32 seed = seedOf(account, epoch - joinedIn(account));
        vm.prank(account);
        watch.revealSeed(epoch, seed);
    }

    function stakeOf(address account) internal view returns (uint256) {
        return watch.validatorOf(account).stake;
    }

    /// @dev An ordinary claim that is wrong in one chunk, planted the second before.
    function planted() internal returns (Planted memory) {
        return planted(optimisticTerms(), PLANT_SALT);
    }

    function planted(OrderRequest memory order, bytes32 salt) internal returns (Planted memory made) {
        made.orderId = openAndDeliver(order);
        made.claimId = statementRoot(made.orderId);
        Trace memory trace = traceOf(made.orderId, Lie.Data, 3, 21);
        made.root = trace.root;
        made.refutation = ToyTrace.refutation(trace, 3, 21);
        vm.prank(PLANTER);
        watch.plant(keccak256(abi.encode(made.claimId, salt)));
        vm.warp(block.timestamp + 1);
        claimWith(made.orderId, made.root);
        made.epoch = now_();
    }

    function leafOf(address account, Planted memory made) internal view returns (bytes32) {
        return watch.verdictLeaf(account, made.epoch, made.claimId, keccak256(made.refutation), SALT);
    }

    /// @dev Commits to one verdict: that this claim is wrong.
    function find(address account, Planted memory made) internal {
        bytes32 leaf = leafOf(account, made);
        vm.prank(account);
        watch.commitVerdicts(made.epoch, leaf);
    }

    /// @dev The contract of claims learns what the watch will overturn with; a block passes.
    function commitWatch(Planted memory made) internal {
        commitTo(address(watch), made.claimId, made.refutation);
    }

    function afterVerdicts(Planted memory made) internal {
        vm.warp(timesOf(made.epoch).verdictsBy + 1);
    }

    function afterAnswers(Planted memory made) internal {
        vm.warp(timesOf(made.epoch).answersBy + 1);
    }

    /// @dev What exposes it, as bytes to send to the watch.
    function exposure(Planted memory made) internal view returns (bytes memory) {
        TracedClaim memory traced = tracedOf(made.orderId, made.root);
        return
            abi.encodeCall(watch.expose, (made.orderId, 0, traced, made.refutation, PLANT_SALT, bytes32(0)));
    }

    function expose(Planted memory made) internal {
        send(STRANGER, exposure(made));
    }

    function exposeFails(Planted memory made, bytes memory reason) internal {
        sendFails(STRANGER, exposure(made), reason);
    }

    function answering(Planted memory made) internal view returns (bytes memory) {
        TracedClaim memory traced = tracedOf(made.orderId, made.root);
        return abi.encodeCall(watch.answer, (traced, made.refutation, SALT, new bytes32[](0)));
    }

    /// @dev A plant that the watcher found and the other did not, both seeds revealed, exposed.
    function found() internal returns (Planted memory made) {
        made = planted();
        find(WATCHER, made);
        afterVerdicts(made);
        reveal(WATCHER, made.epoch);
        reveal(SLEEPER, made.epoch);
        commitWatch(made);
        expose(made);
    }

    function send(address from, bytes memory data) internal {
        vm.prank(from);
        (bool success, bytes memory reason) = address(watch).call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
    }

    function sendFails(address from, bytes memory data, bytes memory expected) internal {
        vm.prank(from);
        (bool success, bytes memory reason) = address(watch).call(data);
        assertTrue(!success, "went through");
        assertEq(reason, expected, "reason");
    }

    function assertOutcome(Planted memory made, address account, Outcome expected) internal view {
        assertEq(uint256(watch.outcomeOf(made.claimId, account)), uint256(expected), "outcome");
    }
}
