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
            // The length in bits of count - 1.
            let rest := sub(count, 1)
            for { let half := 16 } half { half := shr(1, half) } {
                if shr(half, rest) {
                    rest := shr(half, rest)
                    depth := add(depth, half)
                }
            }
            depth := add(depth, rest)
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
        uint256[2] memory node = [index, uint256(hash)];
        uint256 nodes;
        assembly ("memory-safe") {
            nodes := node
        }
        return climb(cursor, nodes, 1, depth);
    }

    /// @notice The root that some leaves lead to together, and the siblings that stand at the cursor.
    /// @param nodes address of pairs of words, index and hash, in increasing order of the index, each index below
    /// 2^depth; they are overwritten.
    /// @param count how many there are, at least one.
    function climb(Cursor memory cursor, uint256 nodes, uint256 count, uint256 depth)
        internal
        pure
        returns (bytes32 root)
    {
        uint256 sibling = cursor.next;
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            mstore8(scratch, 1)
            let left := add(scratch, 1)
            let right := add(scratch, 33)
            let end := add(nodes, shl(6, count))
            for {} depth { depth := sub(depth, 1) } {
                let to := nodes
                for { let from := nodes } lt(from, end) {} {
                    let index := mload(from)
                    let hash := mload(add(from, 32))
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
            root := mload(add(nodes, 32))
        }
        cursor.moveTo(sibling);
    }
}
