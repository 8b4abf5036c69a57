// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TracedClaim} from "../src/interfaces/IReferee.sol";
import {DisputeWorld} from "./base/DisputeWorld.sol";
import {Players} from "./base/Players.sol";
import {Lie, ToyTrace, Trace} from "./optimistic/ToyTrace.sol";

/// @notice Gas of claims and moves as transactions of their own, calldata included, from the release artifacts.
/// The referee is a mock, so what is recorded is what claims and disputes cost beside it.
/// forge-config: default.isolate = true
contract DisputeGasTest is DisputeWorld {
    function setUp() public {
        setUpDisputes();
        // Accounts that were never credited are dearer than those of a market in use.
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        challenge(RIVAL, id, trace.root);
        vm.warp(START + CLOCK + 1);
        claims.timeout(statementRoot(id), RIVAL);
    }

    function test_gasOfLearningIsTheRecordedOne() public {
        learn();
        _record("learn a model of one input and one output, mock referee");
    }

    function test_gasOfAClaimIsTheRecordedOne() public {
        bytes32 id = delivered();
        claimWith(id, keccak256("root"));
        _record("claim an answer");
        vm.warp(block.timestamp + WINDOW + 1);
        settleClaim(id);
        _record("settle the answer of a claim that stood");
        claims.finish(statementRoot(id));
        _record("return the bond of a claim that stood");
        id = delivered();
        claimWith(id, keccak256("root"));
        bytes memory seal = proofOf(id);
        claims.prove(id, 0, seal);
        _record("end a claim by a proof, mock proof");
    }

    function test_gasOfARefutationIsTheRecordedOne() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 21);
        bytes memory refutation = ToyTrace.refutation(trace, 3, 21);
        TracedClaim memory traced = tracedOf(id, trace.root);
        bytes32 claimId = statementRoot(id);
        vm.prank(RIVAL);
        claims.commit(keccak256(abi.encode(RIVAL, claimId, keccak256(refutation), bytes32(0))));
        _record("commit to a refutation");
        nextBlock();
        vm.prank(RIVAL);
        claims.refute(traced, refutation, 0);
        _record("overturn a claim by a committed refutation, mock referee");
        market.refute(id, 0);
        _record("refund an order and slash its refuted provider");
    }

    function test_gasOfTheGameIsTheRecordedOne() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 39);
        Trace memory right = honest(id);
        challenge(RIVAL, id, trace.root);
        _record("open a challenge");
        nextBlock();
        _move(id, trace, right, "reveal 16 nodes");
        _move(id, trace, right, "pick one of 16 nodes");
        _move(id, trace, right, "");
        _move(id, trace, right, "pick a tensor, mock referee");
        _move(id, trace, right, "reveal a tensor's root and 16 nodes");
        _move(id, trace, right, "");
        _move(id, trace, right, "");
        _move(id, trace, right, "");
        _move(id, trace, right, "reveal a chunk");
        _move(id, trace, right, "");
        nextBlock();
        _move(id, trace, right, "overturn a claim by a refutation in a challenge, mock referee");
        (id, trace) = claimed(Lie.None, 0, 0);
        challenge(RIVAL, id, trace.root);
        challenge(STRANGER, id, trace.root);
        bytes32 claimId = statementRoot(id);
        vm.warp(block.timestamp + CLOCK + 1);
        claims.timeout(claimId, RIVAL);
        _record("overturn a claim whose provider is silent");
        claims.reclaim(claimId, STRANGER);
        _record("return the bond of another challenger");
    }

    function _move(bytes32 id, Trace memory trace, Trace memory right, string memory sentence) private {
        bytes32 claimId = statementRoot(id);
        bytes memory data = Players.answer(claims, claimId, RIVAL, trace);
        address mover = PROVIDER;
        if (data.length == 0) {
            data = Players.challenge(claims, tracedOf(id, trace.root), RIVAL, trace, right, 0);
            mover = RIVAL;
        }
        vm.prank(mover);
        (bool success,) = address(claims).call(data);
        if (bytes(sentence).length != 0) _record(sentence);
        assertTrue(success, sentence);
    }

    function _record(string memory sentence) private {
        vm.snapshotGasLastCall("claims", sentence);
    }
}
