// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field, HALF, R, SIXTH} from "./Field.sol";

/// @notice The proof's bytes that are still to be read, and what was said so far.
/// @param next where the proof's next byte is in the call data.
/// @param buffer memory whose first word is the transcript's state, 32 bytes that are zero at the start; behind
/// it there is room for the head of a message and the longest message.
struct Dialogue {
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
    uint256 internal constant OPENINGS = 15;
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
    uint256 internal constant KAPPA = 42;
    uint256 internal constant INNER = 43;
    uint256 internal constant DELTA = 44;
}

/// @notice Fiat-Shamir: whatever is read is absorbed, so that no challenge can be drawn before it.
/// @dev `verifier/argument/transcript.py` and `proof.py`.
library Transcript {
    error ScalarNotCanonical(uint256 label);

    /// @notice The state.
    function state(Dialogue memory dialogue) internal pure returns (bytes32) {
        return bytes32(Field.load(dialogue.buffer));
    }

    /// @notice state = keccak256(state || 0x00 || u8 label || u32 count || words), the words being in memory.
    function absorb(Dialogue memory dialogue, uint256 label, uint256 source, uint256 count) internal pure {
        uint256 buffer = dialogue.buffer;
        assembly ("memory-safe") {
            mstore(add(buffer, 32), or(shl(240, label), shl(208, count)))
            mcopy(add(buffer, 38), source, shl(5, count))
            mstore(buffer, keccak256(buffer, add(38, shl(5, count))))
        }
    }

    /// @notice Reads and absorbs words of the proof, and leaves them at `target`.
    function words(Dialogue memory dialogue, uint256 label, uint256 target, uint256 count) internal pure {
        uint256 buffer = dialogue.buffer;
        uint256 next = dialogue.next;
        assembly ("memory-safe") {
            let size := shl(5, count)
            mstore(add(buffer, 32), or(shl(240, label), shl(208, count)))
            calldatacopy(add(buffer, 38), next, size)
            mcopy(target, add(buffer, 38), size)
            mstore(buffer, keccak256(buffer, add(38, size)))
            next := add(next, size)
        }
        dialogue.next = next;
    }

    /// @notice Reads and absorbs scalars, each below the group's order.
    function scalars(Dialogue memory dialogue, uint256 label, uint256 target, uint256 count) internal pure {
        words(dialogue, label, target, count);
        bool canonical = true;
        assembly ("memory-safe") {
            let end := add(target, shl(5, count))
            if and(count, 1) {
                canonical := lt(mload(target), R)
                target := add(target, 32)
            }
            for {} lt(target, end) { target := add(target, 64) } {
                canonical := and(and(lt(mload(target), R), lt(mload(add(target, 32)), R)), canonical)
            }
        }
        if (!canonical) revert ScalarNotCanonical(label);
    }

    /// @notice state = keccak256(state || 0x01 || u8 label); its last 31 bytes, so always below r.
    function challenge(Dialogue memory dialogue, uint256 label) internal pure returns (uint256 drawn) {
        uint256 buffer = dialogue.buffer;
        assembly ("memory-safe") {
            mstore(add(buffer, 32), or(shl(248, 1), shl(240, label)))
            drawn := keccak256(buffer, 34)
            mstore(buffer, drawn)
            drawn := shr(8, shl(8, drawn))
        }
    }

    /// @notice Reduces a claimed sum over a cube to a claimed value at a drawn point, which is left at `point`.
    /// @dev A round sends g(0), g(2) and for degree 3 g(3); g(1) is what the claim leaves for it. The polynomial
    /// is evaluated by Newton's differences: at x it is
    /// g(0) + x (slope + (x - 1) (bend + (x - 2) twist)), bend being half and twist a sixth of a difference.
    function rounds(
        Dialogue memory dialogue,
        uint256 label,
        uint256 claim,
        uint256 count,
        uint256 degree,
        uint256 point
    ) internal pure returns (uint256 result) {
        uint256 buffer = dialogue.buffer;
        uint256 next = dialogue.next;
        bool canonical = true;
        assembly ("memory-safe") {
            let head := or(shl(240, label), shl(208, degree))
            let size := shl(5, degree)
            result := claim
            for { let end := add(point, shl(5, count)) } lt(point, end) { point := add(point, 32) } {
                mstore(add(buffer, 32), head)
                calldatacopy(add(buffer, 38), next, size)
                mstore(buffer, keccak256(buffer, add(38, size)))
                next := add(next, size)
                let first := mload(add(buffer, 38))
                let third := mload(add(buffer, 70))
                canonical := and(canonical, and(lt(first, R), lt(third, R)))
                // Draws, label 36, before the buffer's first words are used again.
                mstore(add(buffer, 32), shl(240, 0x0124))
                let x := keccak256(buffer, 34)
                mstore(buffer, x)
                x := shr(8, shl(8, x))
                mstore(point, x)
                // Sums and differences are kept from being negative, and below 5 r, which fits a word.
                let second := addmod(result, sub(R, first), R)
                let bend := sub(add(add(third, first), add(R, R)), shl(1, second))
                bend := mulmod(bend, HALF, R)
                if gt(size, 64) {
                    let fourth := mload(add(buffer, 102))
                    canonical := and(canonical, lt(fourth, R))
                    let twist := mulmod(3, add(second, sub(R, third)), R)
                    twist := mulmod(add(add(twist, fourth), sub(R, first)), SIXTH, R)
                    bend := add(bend, mulmod(twist, add(x, sub(R, 2)), R))
                }
                let slope := add(second, sub(R, first))
                slope := add(slope, mulmod(bend, add(x, sub(R, 1)), R))
                result := addmod(first, mulmod(slope, x, R), R)
            }
        }
        dialogue.next = next;
        if (!canonical) revert ScalarNotCanonical(label);
    }
}
