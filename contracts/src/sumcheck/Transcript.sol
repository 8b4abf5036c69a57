// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";

/// @notice What was said so far, and the proof's bytes that are still to be read.
/// @param state 32 bytes, zero at the start.
/// @param next where the proof's next byte is in the call data.
/// @param buffer memory for the longest message, 38 bytes before it included.
struct Dialogue {
    bytes32 state;
    uint256 next;
    uint256 buffer;
}

/// @notice What is absorbed (below 32) and what is drawn.
library Label {
    uint256 internal constant STATEMENT = 1;
    uint256 internal constant PUBLIC = 2;
    uint256 internal constant WITNESS = 3;
    uint256 internal constant HELPERS = 4;
    uint256 internal constant IDENTITIES = 5;
    uint256 internal constant READS = 6;
    uint256 internal constant BILINEAR = 7;
    uint256 internal constant FACTORS = 8;
    uint256 internal constant REDUCTION = 9;
    uint256 internal constant STACK = 10;
    uint256 internal constant FOLDS = 11;
    uint256 internal constant LAST = 12;
    uint256 internal constant FOLD_VALUES = 13;
    uint256 internal constant QUOTIENT = 14;
    uint256 internal constant ALPHA = 32;
    uint256 internal constant LAMBDA = 33;
    uint256 internal constant RHO = 34;
    uint256 internal constant GAMMA = 35;
    uint256 internal constant ROUND = 36;
    uint256 internal constant THETA = 37;
    uint256 internal constant ETA = 38;
    uint256 internal constant BETA = 39;
    uint256 internal constant BATCH = 40;
    uint256 internal constant ZETA = 41;
}

/// @notice Fiat-Shamir: whatever is read is absorbed, so that no challenge can be drawn before it.
/// @dev `verifier/systems/sumcheck/transcript.py` and `proof.py`.
library Transcript {
    error ScalarNotCanonical(uint256 label);

    /// @notice state = keccak256(state || 0x00 || u8 label || u32 count || words), the words being in memory.
    function absorb(Dialogue memory dialogue, uint256 label, uint256 source, uint256 count) internal pure {
        uint256 buffer = _head(dialogue, label, count);
        bytes32 state;
        assembly ("memory-safe") {
            mcopy(add(buffer, 38), source, shl(5, count))
            state := keccak256(buffer, add(38, shl(5, count)))
        }
        dialogue.state = state;
    }

    /// @notice Reads and absorbs words of the proof, and leaves them at `target`.
    function words(Dialogue memory dialogue, uint256 label, uint256 target, uint256 count) internal pure {
        uint256 buffer = _head(dialogue, label, count);
        uint256 next = dialogue.next;
        bytes32 state;
        assembly ("memory-safe") {
            let size := shl(5, count)
            calldatacopy(add(buffer, 38), next, size)
            state := keccak256(buffer, add(38, size))
            mcopy(target, add(buffer, 38), size)
            next := add(next, size)
        }
        dialogue.state = state;
        dialogue.next = next;
    }

    /// @notice Reads and absorbs scalars, each below the group's order.
    function scalars(Dialogue memory dialogue, uint256 label, uint256 target, uint256 count) internal pure {
        words(dialogue, label, target, count);
        uint256 order = Field.R;
        bool canonical = true;
        assembly ("memory-safe") {
            for { let end := add(target, shl(5, count)) } lt(target, end) { target := add(target, 32) } {
                canonical := and(canonical, lt(mload(target), order))
            }
        }
        if (!canonical) revert ScalarNotCanonical(label);
    }

    /// @notice state = keccak256(state || 0x01 || u8 label); its last 31 bytes, so always below r.
    function challenge(Dialogue memory dialogue, uint256 label) internal pure returns (uint256 drawn) {
        bytes32 state = dialogue.state;
        assembly ("memory-safe") {
            mstore(0, state)
            mstore(32, or(shl(248, 1), shl(240, label)))
            state := keccak256(0, 34)
        }
        dialogue.state = state;
        drawn = uint256(state) & (type(uint256).max >> 8);
    }

    /// @notice Reduces a claimed sum over a cube to a claimed value at a drawn point, which is left at `point`.
    /// @dev A round sends g(0), g(2), ..., g(degree); g(1) is what the claim leaves for it. The polynomial of
    /// degree 2 or 3 through them is evaluated by Newton's differences.
    function rounds(
        Dialogue memory dialogue,
        uint256 label,
        uint256 claim,
        uint256 count,
        uint256 degree,
        uint256 point
    ) internal pure returns (uint256) {
        unchecked {
            uint256 sent = dialogue.buffer + 38;
            for (uint256 end = point + 32 * count; point < end; point += 32) {
                _message(dialogue, label, degree);
                uint256 first = Field.load(sent);
                uint256 third = Field.load(sent + 32);
                if (first >= Field.R || third >= Field.R) revert ScalarNotCanonical(label);
                uint256 last = degree == 3 ? Field.load(sent + 64) : 0;
                uint256 x = challenge(dialogue, Label.ROUND);
                Field.store(point, x);
                uint256 second = claim + Field.R - first; // Each below 2r, so that sums of two fit a word.
                uint256 slope = second + Field.R - first;
                // The second difference, halved: (g(2) - g(1) - (g(1) - g(0))) / 2.
                uint256 bend = addmod(third, 5 * Field.R - second - slope, Field.R);
                bend = mulmod(bend, Field.HALF, Field.R);
                if (degree == 3) {
                    if (last >= Field.R) revert ScalarNotCanonical(label);
                    // g(3) less what the differences so far foretell, which is six times the third one's share.
                    uint256 foretold = addmod(first, mulmod(3, slope, Field.R), Field.R);
                    foretold = addmod(foretold, mulmod(6, bend, Field.R), Field.R);
                    uint256 twist = mulmod(last + Field.R - foretold, Field.SIXTH, Field.R);
                    bend = addmod(bend, mulmod(twist, x + Field.R - 2, Field.R), Field.R);
                }
                slope = addmod(slope, mulmod(bend, x + Field.R - 1, Field.R), Field.R);
                claim = addmod(first, mulmod(slope, x, Field.R), Field.R);
            }
            return claim;
        }
    }

    /// @dev Absorbs the proof's next words without moving them out of the buffer.
    function _message(Dialogue memory dialogue, uint256 label, uint256 count) private pure {
        uint256 buffer = _head(dialogue, label, count);
        uint256 next = dialogue.next;
        bytes32 state;
        assembly ("memory-safe") {
            calldatacopy(add(buffer, 38), next, shl(5, count))
            state := keccak256(buffer, add(38, shl(5, count)))
        }
        dialogue.state = state;
        unchecked {
            dialogue.next = next + 32 * count;
        }
    }

    function _head(Dialogue memory dialogue, uint256 label, uint256 count)
        private
        pure
        returns (uint256 buffer)
    {
        buffer = dialogue.buffer;
        bytes32 state = dialogue.state;
        assembly ("memory-safe") {
            mstore(buffer, state)
            mstore(add(buffer, 32), or(shl(240, label), shl(208, count)))
        }
    }
}
