// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TensorLib} from "../../types/Tensor.sol";
import {Cursor, Cursors} from "./Cursor.sol";
import {Shape} from "./Shape.sol";

/// @notice The inputs and outputs of a statement, of which one is shown and the others by their digests.
/// @dev `verifier/tensor.py`.
library PublicTensors {
    using Cursors for Cursor;

    bytes32 private constant ROOTED_TAG = keccak256("avow.tensor.tree.v1");
    bytes32 private constant ROOTED_LIST_TAG = keccak256("avow.tensors.tree.v1");

    error CommitmentDiffers(bytes32 expected, bytes32 found);

    /// @notice Passes over the digests of the other tensors and the data of this one; returns its element at a
    /// row-major place. Refuses a list that is not the one committed to.
    /// @param width bytes of an element as the digest has it.
    /// @param count how many tensors the list has, `number` being this one's place.
    function element(
        Cursor memory cursor,
        Shape shape,
        uint256 width,
        uint256 place,
        uint256 number,
        uint256 count,
        bytes32 commitment
    ) internal pure returns (int256 value) {
        uint256 others = cursor.take(32 * (count - 1));
        uint256 size = shape.elements() * width;
        uint256 data = cursor.take(size);
        bytes32 found = _digest(TensorLib.TENSOR_TAG, shape, width, data, size);
        if (count != 1) found = _list(TensorLib.TENSORS_TAG, others, number, count, found);
        if (found != commitment) revert CommitmentDiffers(commitment, found);
        assembly ("memory-safe") {
            value := sar(sub(256, shl(3, width)), calldataload(add(data, mul(place, width))))
        }
    }

    /// @notice Passes over the digests of the other inputs and the root of this one; returns the root. Refuses a
    /// list that is not the one committed to. `verifier/trace/inputs.py`.
    /// @param count how many inputs there are, `number` being this one's place.
    function root(Cursor memory cursor, Shape shape, uint256 number, uint256 count, bytes32 commitment)
        internal
        pure
        returns (bytes32 value)
    {
        uint256 others = cursor.take(32 * (count - 1));
        uint256 data = cursor.take(32);
        bytes32 own = _digest(ROOTED_TAG, shape, shape.width(), data, 32);
        bytes32 found = _list(ROOTED_LIST_TAG, others, number, count, own);
        if (found != commitment) revert CommitmentDiffers(commitment, found);
        assembly ("memory-safe") {
            value := calldataload(data)
        }
    }

    /// @notice The number of the integer type of that many bytes: widths 1, 2, 4, 8 have numbers 1 to 4.
    function codeOf(uint256 width) internal pure returns (uint256) {
        return width == 8 ? 4 : width == 4 ? 3 : width;
    }

    /// @dev keccak256(tag || u8 type || u8 rank || u32 dimensions || data); the data may be a root.
    function _digest(bytes32 tag, Shape shape, uint256 width, uint256 data, uint256 size)
        private
        pure
        returns (bytes32 digest)
    {
        uint256 rank = shape.rank();
        uint256 code = codeOf(width);
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            mstore(scratch, tag)
            mstore8(add(scratch, 32), code)
            mstore8(add(scratch, 33), rank)
            let to := add(scratch, 34)
            for { let from := add(shape, 2) } rank { rank := sub(rank, 1) } {
                calldatacopy(to, from, 4)
                to := add(to, 4)
                from := add(from, 8)
            }
            calldatacopy(to, data, size)
            digest := keccak256(scratch, sub(add(to, size), scratch))
        }
    }

    /// @dev keccak256(tag || u8 count || digests).
    function _list(bytes32 tag, uint256 others, uint256 place, uint256 count, bytes32 own)
        private
        pure
        returns (bytes32 digest)
    {
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            mstore(scratch, tag)
            mstore8(add(scratch, 32), count)
            let before := shl(5, place)
            let list := add(scratch, 33)
            calldatacopy(list, others, before)
            mstore(add(list, before), own)
            let behind := sub(shl(5, sub(count, 1)), before)
            calldatacopy(add(list, add(before, 32)), add(others, before), behind)
            digest := keccak256(scratch, add(33, shl(5, count)))
        }
    }
}
