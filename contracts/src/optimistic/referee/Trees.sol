// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cursor, Cursors} from "./Cursor.sol";

/// @notice The Merkle trees of `verifier/trace/tree.py`: leaves keccak256(0x00 || data), nodes
/// keccak256(0x01 || left || right).
library Trees {
    using Cursors for Cursor;

    /// @notice Levels above the leaves of a tree of `count` leaves.
    function depthOf(uint256 count) internal pure returns (uint256 depth) {
        assembly ("memory-safe") {
            // The length in bits of count - 1, halving what is left of 32.
            let rest := sub(count, 1)
            depth := shl(4, gt(rest, 0xffff))
            rest := shr(depth, rest)
            let half := shl(3, gt(rest, 0xff))
            depth := add(depth, half)
            rest := shr(half, rest)
            half := shl(2, gt(rest, 0xf))
            depth := add(depth, half)
            rest := shr(half, rest)
            half := shl(1, gt(rest, 3))
            depth := add(depth, half)
            rest := shr(half, rest)
            half := gt(rest, 1)
            depth := add(depth, half)
            depth := add(depth, shr(half, rest))
        }
    }

    /// @notice The leaf whose data are the bytes from one address of calldata to another.
    function leaf(uint256 from, uint256 to) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            let size := sub(to, from)
            mstore8(scratch, 0)
            calldatacopy(add(scratch, 1), from, size)
            hash := keccak256(scratch, add(size, 1))
        }
    }

    /// @notice The root that one leaf leads to.
    function climb(Cursor memory cursor, uint256 index, bytes32 hash, uint256 depth)
        internal
        pure
        returns (bytes32)
    {
        uint256 siblings = cursor.take(depth << 5);
        return _climb(siblings, index, hash, depth);
    }

    /// @notice The root that some leaves lead to together, and the siblings that stand at the cursor.
    /// @param nodes address of pairs of words, index and hash, in increasing order of the index, each index below
    /// 2^depth; they are overwritten.
    /// @param count how many there are, at least one.
    function climb(Cursor memory cursor, uint256 nodes, uint256 count, uint256 depth)
        internal
        pure
        returns (bytes32)
    {
        uint256 sibling = cursor.next;
        uint256 index;
        bytes32 hash;
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            mstore8(scratch, 1)
            let left := add(scratch, 1)
            let right := add(scratch, 33)
            let end := add(nodes, shl(6, count))
            let alone := add(nodes, 64)
            for {} and(gt(end, alone), gt(depth, 0)) { depth := sub(depth, 1) } {
                let to := nodes
                for { let from := nodes } lt(from, end) {} {
                    index := mload(from)
                    hash := mload(add(from, 32))
                    from := add(from, 64)
                    switch and(index, 1)
                    case 1 {
                        mstore(left, calldataload(sibling))
                        mstore(right, hash)
                        sibling := add(sibling, 32)
                    }
                    default {
                        mstore(left, hash)
                        switch and(lt(from, end), eq(mload(from), add(index, 1)))
                        case 1 {
                            mstore(right, mload(add(from, 32)))
                            from := add(from, 64)
                        }
                        default {
                            mstore(right, calldataload(sibling))
                            sibling := add(sibling, 32)
                        }
                    }
                    mstore(to, shr(1, index))
                    mstore(add(to, 32), keccak256(scratch, 65))
                    to := add(to, 64)
                }
                end := to
            }
            index := mload(nodes)
            hash := mload(add(nodes, 32))
        }
        unchecked {
            cursor.moveTo(sibling + (depth << 5));
        }
        return _climb(sibling, index, hash, depth);
    }

    /// @dev The root that a node leads to with one sibling for each level.
    function _climb(uint256 sibling, uint256 index, bytes32 hash, uint256 depth)
        private
        pure
        returns (bytes32 root)
    {
        root = hash;
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            mstore8(scratch, 1)
            let left := add(scratch, 1)
            let right := add(scratch, 33)
            for { let end := add(sibling, shl(5, depth)) } lt(sibling, end) { sibling := add(sibling, 32) } {
                // 32 where the node is on the right.
                let side := shl(5, and(index, 1))
                mstore(add(left, side), root)
                mstore(sub(right, side), calldataload(sibling))
                root := keccak256(scratch, 65)
                index := shr(1, index)
            }
        }
    }
}
