// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cursor} from "./Cursor.sol";
import {Trees} from "./Trees.sol";

/// @notice The tensors of a trace that were opened, in increasing order of their numbers.
/// @param nodes address in memory of pairs of words, number and leaf.
/// @param count how many there are.
struct Opened {
    uint256 nodes;
    uint256 count;
}

/// @notice From the roots of tensors to the root of a trace.
library Traces {
    error SameTensorDiffers(uint256 tensor);

    /// @notice Room for `most` tensors.
    function room(uint256 most) internal pure returns (Opened memory opened) {
        uint256 nodes;
        assembly ("memory-safe") {
            nodes := mload(0x40)
            mstore(0x40, add(nodes, shl(6, most)))
        }
        opened.nodes = nodes;
    }

    /// @notice Adds a tensor; one that is there already must have the same root.
    function add(Opened memory opened, bytes32 statementRoot, uint256 tensor, bytes32 root) internal pure {
        bool differs;
        assembly ("memory-safe") {
            // keccak256(0x00 || statement root || u32 tensor || tensor root).
            let scratch := mload(0x40)
            mstore8(scratch, 0)
            mstore(add(scratch, 1), statementRoot)
            mstore(add(scratch, 33), shl(224, tensor))
            mstore(add(scratch, 37), root)
            let leaf := keccak256(scratch, 69)
            let nodes := mload(opened)
            let count := mload(add(opened, 32))
            let spot := add(nodes, shl(6, count))
            for {} gt(spot, nodes) { spot := sub(spot, 64) } {
                if lt(mload(sub(spot, 64)), tensor) { break }
            }
            let end := add(nodes, shl(6, count))
            switch and(lt(spot, end), eq(mload(spot), tensor))
            case 1 { differs := iszero(eq(mload(add(spot, 32)), leaf)) }
            default {
                mcopy(add(spot, 64), spot, sub(end, spot))
                mstore(spot, tensor)
                mstore(add(spot, 32), leaf)
                mstore(add(opened, 32), add(count, 1))
            }
        }
        if (differs) revert SameTensorDiffers(tensor);
    }

    /// @notice The root that all lead to, with the siblings at the cursor.
    function rootOf(Opened memory opened, Cursor memory cursor, uint256 tensors)
        internal
        pure
        returns (bytes32)
    {
        return Trees.climb(cursor, opened.nodes, opened.count, Trees.depthOf(tensors));
    }
}
