// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cursor, Cursors} from "./Cursor.sol";
import {Descriptor, Descriptors} from "./Descriptor.sol";
import {Trees} from "./Trees.sol";

/// @notice A tensor of a program, and the program's outline.
/// @param inputs how many tensors are given.
/// @param tensors how many there are.
/// @param outputs how many of them are outputs.
/// @param list address in calldata of the outputs' numbers, four bytes each.
/// @param tensor the number of this one.
struct Place {
    uint256 inputs;
    uint256 tensors;
    uint256 outputs;
    uint256 list;
    uint256 tensor;
    Descriptor descriptor;
}

/// @notice Reading which tensor of which program is meant.
library Places {
    using Cursors for Cursor;

    bytes32 private constant TAG = keccak256("avow.referee.v1");

    error TensorOutside(uint256 tensor, uint256 tensors);
    error KeyDiffers(bytes32 expected, bytes32 found);

    /// @notice Passes over a place and returns it; refuses one that does not stand under the key.
    function read(Cursor memory cursor, bytes32 key, bytes32 program)
        internal
        pure
        returns (Place memory place)
    {
        uint256 start = cursor.next;
        uint256 outline = cursor.unsigned(9);
        place.inputs = outline >> 40;
        place.tensors = uint32(outline >> 8);
        place.outputs = uint8(outline);
        uint256 end;
        unchecked {
            // The tensor's number stands behind those of the outputs.
            place.list = cursor.take(4 * place.outputs + 4);
            end = place.list + 4 * place.outputs;
        }
        place.tensor = outputAt(place, place.outputs);
        if (place.tensor >= place.tensors) revert TensorOutside(place.tensor, place.tensors);
        uint256 from = cursor.next;
        place.descriptor = Descriptors.read(cursor);
        bytes32 leaf = Trees.leaf(from, cursor.next);
        bytes32 root = Trees.climb(cursor, place.tensor, leaf, Trees.depthOf(place.tensors));
        bytes32 found = _digest(program, start, end, root);
        if (found != key) revert KeyDiffers(key, found);
    }

    /// @notice The number of the tensor that an output is.
    function outputAt(Place memory place, uint256 output) internal pure returns (uint256 tensor) {
        uint256 list = place.list;
        assembly ("memory-safe") {
            tensor := shr(224, calldataload(add(list, shl(2, output))))
        }
    }

    function _digest(bytes32 program, uint256 start, uint256 end, bytes32 root)
        private
        pure
        returns (bytes32 digest)
    {
        bytes32 tag = TAG;
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            let size := sub(end, start)
            mstore(scratch, tag)
            mstore(add(scratch, 32), program)
            calldatacopy(add(scratch, 64), start, size)
            mstore(add(add(scratch, 64), size), root)
            digest := keccak256(scratch, add(96, size))
        }
    }
}
