// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenge, Claim, IClaims, Turn} from "../interfaces/IClaims.sol";
import {TracedClaim} from "../interfaces/IReferee.sol";
import {Challenges} from "./Challenges.sol";
import {TraceTree} from "./TraceTree.sol";

/// @title The reveal game: the provider opens its trace where the challenger points
/// @notice Down the trace to a tensor, down the tensor to a chunk. A challenger who follows the leftmost node that
/// differs from its own trace ends at an element that it can refute: all that stands further left is as it
/// computed it, and with it all operands. Whoever has an honest trace can answer every move.
abstract contract RevealGame is Challenges {
    /// @dev Levels that one move goes down: 16 descendants.
    uint256 private constant STEP = 4;

    /// @inheritdoc IClaims
    function reveal(bytes32 claimId, address challenger, bytes32[] calldata children) external nonReentrant {
        // What is owed decides, not a contested node of zero: a dishonest tree may hold such a node.
        bool owesRoot = _challenges[claimId][challenger].turn == Turn.Trace;
        Challenge memory challenge =
            _providersMove(claimId, challenger, owesRoot ? Turn.Trace : Turn.Children);
        bytes32 found = _fold(children, challenge.levels);
        if (owesRoot) challenge.contested = _postedRoot(claimId, found);
        if (found != challenge.contested) revert NodeDiffers(challenge.contested, found);
        challenge.turn = Turn.Pick;
        _challenges[claimId][challenger] = challenge;
        emit ChildrenRevealed(claimId, challenger, found, children);
    }

    /// @inheritdoc IClaims
    function pick(bytes32 claimId, uint256 index, bytes32 node, bytes32[] calldata siblings)
        external
        nonReentrant
    {
        Challenge memory challenge = _challengersMove(claimId, Turn.Pick);
        _descend(challenge, index, node, siblings);
        if (challenge.levels != 0) {
            challenge.turn = Turn.Children;
        } else if (!challenge.inTensor) {
            revert PlaceMissing();
        } else {
            if (_isBeyond(claimId, challenge.position, TraceTree.chunks(challenge.length), node)) return;
            challenge.turn = Turn.Chunk;
        }
        _challenges[claimId][msg.sender] = challenge;
        emit ChildPicked(claimId, msg.sender, node, challenge.position, challenge.levels);
    }

    /// @inheritdoc IClaims
    function pickTensor(
        TracedClaim calldata traced,
        uint256 index,
        bytes32 node,
        bytes32[] calldata siblings,
        bytes calldata place
    ) external nonReentrant {
        bytes32 claimId = traced.statementRoot;
        Challenge memory challenge = _challengersMove(claimId, Turn.Pick);
        _checkTraced(_claims[claimId], traced);
        _descend(challenge, index, node, siblings);
        if (challenge.inTensor || challenge.levels != 0) revert CountDiffers(0, challenge.levels);
        if (_isBeyond(claimId, challenge.position, tensorsOf[traced.key], node)) return;
        (uint32 tensor,,,, uint64 length) = referee.depthOf(traced.key, place);
        if (tensor != challenge.position) revert PlaceDiffers(challenge.position, tensor);
        if (TraceTree.chunks(length) > MAXIMUM_LEAVES) revert TreeTooLarge(length, MAXIMUM_LEAVES);
        challenge.tensor = tensor;
        challenge.length = uint40(length);
        challenge.turn = Turn.Root;
        _challenges[claimId][msg.sender] = challenge;
        emit TensorPicked(claimId, msg.sender, node, tensor, length);
    }

    /// @inheritdoc IClaims
    function revealTensor(
        bytes32 claimId,
        address challenger,
        bytes32 tensorRoot,
        bytes32[] calldata children
    ) external nonReentrant {
        Challenge memory challenge = _providersMove(claimId, challenger, Turn.Root);
        bytes32 found = TraceTree.tensorLeaf(claimId, challenge.tensor, tensorRoot);
        if (found != challenge.contested) revert NodeDiffers(challenge.contested, found);
        challenge.inTensor = true;
        challenge.position = 0;
        challenge.levels = TraceTree.depth(TraceTree.chunks(challenge.length));
        challenge.contested = tensorRoot;
        found = _fold(children, challenge.levels);
        if (found != tensorRoot) revert NodeDiffers(tensorRoot, found);
        challenge.turn = Turn.Pick;
        _challenges[claimId][challenger] = challenge;
        emit TensorRevealed(claimId, challenger, challenge.tensor, tensorRoot, children);
    }

    /// @inheritdoc IClaims
    function revealChunk(bytes32 claimId, address challenger, bytes calldata data) external nonReentrant {
        Challenge memory challenge = _providersMove(claimId, challenger, Turn.Chunk);
        uint256 rest = challenge.length - TraceTree.CHUNK * challenge.position;
        uint256 expected = rest < TraceTree.CHUNK ? rest : TraceTree.CHUNK;
        if (data.length != expected) revert CountDiffers(expected, data.length);
        bytes32 found = TraceTree.chunkLeaf(data);
        if (found != challenge.contested) revert NodeDiffers(challenge.contested, found);
        challenge.turn = Turn.Refutation;
        _challenges[claimId][challenger] = challenge;
        emit ChunkRevealed(claimId, challenger, challenge.tensor, challenge.position, data);
    }

    /// @dev The root with which a lazy claim's provider first replied to any challenge; this one if it is that.
    function _postedRoot(bytes32 claimId, bytes32 found) private returns (bytes32 posted) {
        posted = postedRootOf[claimId];
        if (posted != 0) return posted;
        if (found == 0) revert TraceRootMissing(claimId);
        postedRootOf[claimId] = found;
        emit TraceRootPosted(claimId, found);
        return found;
    }

    /// @dev A leaf beyond the last one is the zero word. If it is not, the claim is overturned: nobody could have
    /// been expected to know what stands there.
    function _isBeyond(bytes32 claimId, uint256 position, uint256 count, bytes32 node)
        private
        returns (bool)
    {
        if (position < count) return false;
        if (node == 0) revert NothingThere(position, count);
        _win(claimId, _claims[claimId], msg.sender);
        return true;
    }

    function _fold(bytes32[] calldata children, uint256 levels) private pure returns (bytes32) {
        uint256 expected = 1 << _step(levels);
        if (children.length != expected) revert CountDiffers(expected, children.length);
        return TraceTree.fold(children);
    }

    /// @dev From the contested node to the picked descendant.
    function _descend(Challenge memory challenge, uint256 index, bytes32 node, bytes32[] calldata siblings)
        private
        pure
    {
        uint256 step = _step(challenge.levels);
        if (siblings.length != step) revert CountDiffers(step, siblings.length);
        if (index >> step != 0) revert ChildOutsideNode(index, 1 << step);
        bytes32 found = TraceTree.climb(node, index, siblings);
        if (found != challenge.contested) revert NodeDiffers(challenge.contested, found);
        challenge.levels -= uint8(step);
        challenge.position = uint32((uint256(challenge.position) << step) | index);
        challenge.contested = node;
    }

    function _step(uint256 levels) private pure returns (uint256) {
        return levels < STEP ? levels : STEP;
    }
}
