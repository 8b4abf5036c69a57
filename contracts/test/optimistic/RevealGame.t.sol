// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ClaimState, IClaims, Turn} from "../../src/interfaces/IClaims.sol";
import {IReferee, TracedClaim} from "../../src/interfaces/IReferee.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Players} from "../base/Players.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";
import {Lie, ToyTrace, Trace} from "./ToyTrace.sol";

/// @notice Whoever lies loses the game, whoever has an honest trace does not.
contract RevealGameTest is DisputeWorld {
    uint256 private _moves;

    function setUp() public {
        setUpDisputes();
    }

    function test_aFlippedByteOfAnyTensorLoses() public {
        for (uint32 tensor; tensor < lengths.length; ++tensor) {
            uint32 last = (lengths[tensor] + 255) / 256 - 1;
            _liarLoses(Lie.Data, tensor, last, true);
            if (last > 20) _liarLoses(Lie.Data, tensor, 17, true);
        }
    }

    /// @dev The provider's own bytes are not those of its tree, so it cannot answer.
    function test_treesWithoutDataOrNodesLoseByTheClock() public {
        _liarLoses(Lie.Tail, 4, 0, false);
        _liarLoses(Lie.Hole, 2, 16, false);
        _liarLoses(Lie.Hole, 3, 39, false);
        _liarLoses(Lie.Gap, 3, 0, false);
        _liarLoses(Lie.Root, 20, 0, false);
    }

    function test_aLeafBeyondTheLastOneLosesWhenItIsPicked() public {
        _liarLoses(Lie.Beyond, 2, 0, true);
        _liarLoses(Lie.Beyond, 4, 0, true);
        _liarLoses(Lie.BeyondTensors, 0, 0, true);
    }

    function test_anHonestTraceAnswersEveryPick() public {
        for (uint256 wish; wish < 24; ++wish) {
            (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
            challenge(RIVAL, id, trace.root);
            nextBlock();
            bool refused = _play(id, trace, trace, uint256(keccak256(abi.encode(wish))));
            assertTrue(refused, "the challenger has no move that wins");
            bytes32 claimId = statementRoot(id);
            assertClaim(claimId, ClaimState.Standing);
            vm.warp(claims.deadlineOf(claimId, RIVAL) + 1);
            uint256 before = claims.creditOf(PROVIDER);
            claims.timeout(claimId, RIVAL);
            assertEq(claims.creditOf(PROVIDER) - before, CHALLENGE_BOND, "the challenger's bond");
            vm.warp(START + 10 days * (wish + 1));
        }
    }

    function test_theLongestGameHasNoMoreMovesThanAreAllowedFor() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 39);
        challenge(RIVAL, id, trace.root);
        nextBlock();
        _play(id, trace, honest(id), 0);
        // Six levels of trees of at most twenty-one tensors and forty chunks; both trees may have twenty.
        // The commitment to the refutation is no move of the game.
        assertEq(_moves, 11, "moves and a commitment");
        assertEq(
            claims.MAXIMUM_MOVES(), 2 * (5 + 5 + 1), "reveals, picks, chunk and refutation at twenty levels"
        );
    }

    function test_aNodeOfZeroIsNoInvitationToPostAnotherRoot() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Gap, 3, 0);
        Trace memory right = honest(id);
        challenge(RIVAL, id, trace.root);
        bytes32 claimId = statementRoot(id);
        _play(id, trace, right, 0);
        assertEq(claims.challengeOf(claimId, RIVAL).contested, bytes32(0), "the gap is contested");
        // With the honest nodes below the gap nobody would find anything wrong.
        bytes32[] memory children = ToyTrace.children(right.tensors[3], 2, 0);
        vm.prank(PROVIDER);
        vm.expectPartialRevert(IClaims.NodeDiffers.selector);
        claims.reveal(claimId, RIVAL, children);
    }

    function test_movesOfTheWrongSideTurnOrShapeAreRefused() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        TracedClaim memory traced = tracedOf(id, trace.root);
        challenge(RIVAL, id, trace.root);
        bytes32[] memory children = ToyTrace.children(trace.nodes, 5, 0);

        vm.expectRevert(abi.encodeWithSelector(IClaims.NotProvider.selector, claimId, RIVAL));
        vm.prank(RIVAL);
        claims.reveal(claimId, RIVAL, children);
        vm.expectRevert(_notTheTurn(claimId, STRANGER, Turn.None));
        vm.prank(PROVIDER);
        claims.reveal(claimId, STRANGER, children);
        vm.expectRevert(_notTheTurn(claimId, RIVAL, Turn.Children));
        vm.prank(PROVIDER);
        claims.revealChunk(claimId, RIVAL, "");
        vm.expectRevert(_notTheTurn(claimId, RIVAL, Turn.Children));
        vm.prank(RIVAL);
        claims.pick(claimId, 0, 0, children);
        vm.expectRevert(abi.encodeWithSelector(IClaims.CountDiffers.selector, 16, 32));
        vm.prank(PROVIDER);
        claims.reveal(claimId, RIVAL, trace.nodes[0]);
        children[15] = ~children[15];
        vm.expectPartialRevert(IClaims.NodeDiffers.selector);
        vm.prank(PROVIDER);
        claims.reveal(claimId, RIVAL, children);

        _answer(claimId, trace);
        // The same answer again is of a turn that has passed.
        bytes memory again =
            abi.encodeCall(IClaims.reveal, (claimId, RIVAL, ToyTrace.children(trace.nodes, 5, 0)));
        assertTrue(!_send(PROVIDER, again), "answered twice");
        bytes32[] memory siblings = ToyTrace.siblings(trace.nodes, 1, 3, 4);
        vm.expectPartialRevert(IClaims.NodeDiffers.selector);
        vm.prank(RIVAL);
        claims.pick(claimId, 2, trace.nodes[1][3], siblings);
        vm.expectRevert(abi.encodeWithSelector(IClaims.ChildOutsideNode.selector, 19, 16));
        vm.prank(RIVAL);
        claims.pick(claimId, 19, trace.nodes[1][3], siblings);
        vm.expectRevert(abi.encodeWithSelector(IClaims.CountDiffers.selector, 4, 3));
        vm.prank(RIVAL);
        claims.pick(claimId, 3, trace.nodes[1][3], new bytes32[](3));
        // One level above the leaves there is no tensor to be picked.
        vm.expectRevert(abi.encodeWithSelector(IClaims.CountDiffers.selector, 0, 1));
        vm.prank(RIVAL);
        claims.pickTensor(traced, 3, trace.nodes[1][3], siblings, "");
        vm.prank(RIVAL);
        claims.pick(claimId, 3, trace.nodes[1][3], siblings);
        _answer(claimId, trace);

        siblings = ToyTrace.siblings(trace.nodes, 0, 7, 1);
        vm.expectRevert(IClaims.PlaceMissing.selector);
        vm.prank(RIVAL);
        claims.pick(claimId, 1, trace.nodes[0][7], siblings);
        bytes memory place = ToyProgram.placeInProgram(lengths, 6);
        vm.expectRevert(abi.encodeWithSelector(IClaims.PlaceDiffers.selector, 7, 6));
        vm.prank(RIVAL);
        claims.pickTensor(traced, 1, trace.nodes[0][7], siblings, place);
    }

    /// @dev So many levels that the longest game would be longer than what claims leave time for.
    function test_aTensorThatIsTooLargeIsNotPicked() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 39);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, trace.root);
        for (uint256 i; i < 3; ++i) {
            assertTrue(_step(id, trace, honest(id), 0), "move");
        }
        bytes memory pick = Players.challenge(claims, tracedOf(id, trace.root), RIVAL, trace, honest(id), 0);
        uint64 most = 256 << 20;
        bytes memory asked = abi.encodeCall(IReferee.depthOf, (toyKey, ToyProgram.placeInProgram(lengths, 3)));
        vm.mockCall(address(referee), asked, abi.encode(3, 5, 21, 21, most + 1));
        assertTrue(!_send(RIVAL, pick), "one chunk too many");
        vm.mockCall(address(referee), asked, abi.encode(3, 5, 20, 21, most));
        assertTrue(_send(RIVAL, pick), "the most");
        assertEq(claims.challengeOf(claimId, RIVAL).length, most, "length");
    }

    function test_aChunkIsRevealedAsLongAsItIs() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 4, 2);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, trace.root);
        while (claims.challengeOf(claimId, RIVAL).turn != Turn.Chunk) {
            _step(id, trace, honest(id), 0);
        }
        bytes memory data = trace.data[4][2];
        assertEq(data.length, 700 - 512, "the rest");
        bytes memory padded = bytes.concat(data, new bytes(256 - data.length));
        vm.expectRevert(abi.encodeWithSelector(IClaims.CountDiffers.selector, data.length, 256));
        vm.prank(PROVIDER);
        claims.revealChunk(claimId, RIVAL, padded);
        data[0] ^= 0x01;
        vm.expectPartialRevert(IClaims.NodeDiffers.selector);
        vm.prank(PROVIDER);
        claims.revealChunk(claimId, RIVAL, data);
        data[0] ^= 0x01;
        vm.prank(PROVIDER);
        claims.revealChunk(claimId, RIVAL, data);
        assertTurn(claimId, RIVAL, Turn.Refutation);
    }

    function _liarLoses(Lie lie, uint32 tensor, uint32 chunk, bool byMove) private {
        (bytes32 id, Trace memory trace) = claimed(lie, tensor, chunk);
        bytes32 claimId = statementRoot(id);
        uint256 before = claims.creditOf(RIVAL);
        challenge(RIVAL, id, trace.root);
        nextBlock();
        bool stuck = _play(id, trace, honest(id), 0);
        assertTrue(stuck != byMove, "ended by a move");
        if (stuck) {
            vm.warp(claims.deadlineOf(claimId, RIVAL) + 1);
            claims.timeout(claimId, RIVAL);
        }
        assertClaim(claimId, ClaimState.Overturned);
        uint256 fromCredit = before < CHALLENGE_BOND ? before : CHALLENGE_BOND;
        assertEq(claims.creditOf(RIVAL), before - fromCredit + CHALLENGE_BOND + REWARD, "bond and reward");
    }

    /// @dev Both sides move until the claim has ended or who has the turn has no move; whether that is so.
    function _play(bytes32 id, Trace memory trace, Trace memory right, uint256 wish) private returns (bool) {
        _moves = 0;
        while (claims.claimOf(statementRoot(id)).state == ClaimState.Standing) {
            if (!_step(id, trace, right, wish)) return true;
            ++_moves;
            nextBlock();
        }
        return false;
    }

    function _step(bytes32 id, Trace memory trace, Trace memory right, uint256 wish) private returns (bool) {
        bytes32 claimId = statementRoot(id);
        bytes memory move = Players.answer(claims, claimId, RIVAL, trace);
        if (move.length != 0) return _send(PROVIDER, move);
        move = Players.challenge(claims, tracedOf(id, trace.root), RIVAL, trace, right, wish);
        return _send(RIVAL, move);
    }

    function _answer(bytes32 claimId, Trace memory trace) private {
        assertTrue(_send(PROVIDER, Players.answer(claims, claimId, RIVAL, trace)), "answer");
    }

    function _send(address from, bytes memory data) private returns (bool success) {
        vm.prank(from);
        (success,) = address(claims).call(data);
    }

    function _notTheTurn(bytes32 claimId, address challenger, Turn turn) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IClaims.NotTheTurn.selector, claimId, challenger, turn);
    }
}
