// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenge, IClaims, Turn} from "../../src/interfaces/IClaims.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {Claims} from "../../src/optimistic/Claims.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";
import {ToyTrace, Trace} from "../optimistic/ToyTrace.sol";

/// @notice What the sides of a challenge do next, as bytes to send to the contract.
library Players {
    /// @notice The provider's answer out of its trace; empty when it is not its turn.
    function answer(Claims claims, bytes32 claimId, address challenger, Trace memory trace)
        internal
        view
        returns (bytes memory)
    {
        Challenge memory state = claims.challengeOf(claimId, challenger);
        if (state.turn == Turn.Children || state.turn == Turn.Trace) {
            bytes32[][] memory levels = state.inTensor ? trace.tensors[state.tensor] : trace.nodes;
            bytes32[] memory children = ToyTrace.children(levels, state.levels, state.position);
            return abi.encodeCall(IClaims.reveal, (claimId, challenger, children));
        }
        if (state.turn == Turn.Root) {
            bytes32[][] memory levels = trace.tensors[state.tensor];
            uint256 top = levels.length - 1;
            bytes32[] memory children = ToyTrace.children(levels, top, 0);
            return abi.encodeCall(IClaims.revealTensor, (claimId, challenger, levels[top][0], children));
        }
        if (state.turn == Turn.Chunk) {
            bytes memory data = trace.data[state.tensor][state.position];
            return abi.encodeCall(IClaims.revealChunk, (claimId, challenger, data));
        }
        return "";
    }

    /// @notice The challenger's move: towards the leftmost node that differs from the honest trace, or else the
    /// node that `wish` says; and the refutation in the end.
    function challenge(
        Claims claims,
        TracedClaim memory traced,
        address challenger,
        Trace memory trace,
        Trace memory honest,
        uint256 wish
    ) internal view returns (bytes memory) {
        Challenge memory state = claims.challengeOf(traced.statementRoot, challenger);
        if (state.turn == Turn.Refutation) {
            bytes memory refutation = ToyTrace.refutation(trace, state.tensor, state.position);
            return refute(claims, traced, challenger, refutation);
        }
        if (state.turn != Turn.Pick) return "";
        bytes32[][] memory levels = state.inTensor ? trace.tensors[state.tensor] : trace.nodes;
        bytes32[][] memory right = state.inTensor ? honest.tensors[state.tensor] : honest.nodes;
        uint256 step = state.levels < 4 ? state.levels : 4;
        uint256 height = state.levels - step;
        uint256 index = _leftmost(levels[height], right[height], uint256(state.position) << step, step, wish);
        uint256 position = (uint256(state.position) << step) | index;
        bytes32 node = levels[height][position];
        bytes32[] memory siblings = ToyTrace.siblings(levels, height, position, step);
        if (state.inTensor || height != 0) {
            return abi.encodeCall(IClaims.pick, (traced.statementRoot, index, node, siblings));
        }
        bytes memory place;
        if (position < trace.lengths.length) {
            place = ToyProgram.placeInProgram(trace.lengths, uint32(position));
        }
        return abi.encodeCall(IClaims.pickTensor, (traced, index, node, siblings, place));
    }

    /// @notice The commitment to a refutation, and once that is made the refutation, which a later block takes.
    function refute(Claims claims, TracedClaim memory traced, address caller, bytes memory refutation)
        internal
        view
        returns (bytes memory)
    {
        bytes32 made = commitment(caller, traced.statementRoot, refutation, 0);
        if (claims.committedIn(made) == 0) return abi.encodeCall(IClaims.commit, (made));
        return abi.encodeCall(IClaims.refute, (traced, refutation, 0));
    }

    function commitment(address caller, bytes32 claimId, bytes memory refutation, bytes32 salt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(caller, claimId, keccak256(refutation), salt));
    }

    function _leftmost(
        bytes32[] memory level,
        bytes32[] memory right,
        uint256 first,
        uint256 step,
        uint256 wish
    ) private pure returns (uint256 index) {
        for (; index < 1 << step; ++index) {
            if (level[first + index] != right[first + index]) return index;
        }
        return wish % (1 << step);
    }
}
