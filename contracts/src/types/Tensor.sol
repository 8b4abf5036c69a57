// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Integer types of tensor elements; the number is the one that the digest contains.
enum ElementType {
    None,
    Int8,
    Int16,
    Int32,
    Int64
}

/// @notice Element type and shape of a tensor; the data are row-major, big-endian two's complement.
struct TensorSchema {
    ElementType elementType;
    uint32[] shape;
}

/// @notice Sizes and digests of tensors, as `docs/formats.md` defines them.
library TensorLib {
    bytes32 internal constant TENSOR_TAG = keccak256("avow.tensor.v1");
    bytes32 internal constant TENSORS_TAG = keccak256("avow.tensors.v1");
    uint256 internal constant MAXIMUM_RANK = 8;
    uint256 internal constant MAXIMUM_ELEMENTS = 2 ** 24;
    uint256 internal constant MAXIMUM_TENSORS = 16;

    error ElementTypeMissing();
    error RankTooHigh(uint256 rank, uint256 maximum);
    error DimensionZero(uint256 axis);
    error TooManyElements(uint256 elements, uint256 maximum);
    error TensorCountOutOfBounds(uint256 count, uint256 maximum);
    error DataLengthDiffers(uint256 expected, uint256 found);

    /// @notice Bytes of one element.
    function width(ElementType elementType) internal pure returns (uint256) {
        if (elementType == ElementType.None) revert ElementTypeMissing();
        return 1 << (uint256(elementType) - 1);
    }

    /// @notice Number of elements; reverts on a schema that no tensor can have.
    function elements(TensorSchema memory schema) internal pure returns (uint256 count) {
        uint256 rank = schema.shape.length;
        if (rank > MAXIMUM_RANK) revert RankTooHigh(rank, MAXIMUM_RANK);
        count = 1;
        for (uint256 axis; axis < rank; ++axis) {
            uint256 dimension = schema.shape[axis];
            if (dimension == 0) revert DimensionZero(axis);
            count *= dimension;
            if (count > MAXIMUM_ELEMENTS) revert TooManyElements(count, MAXIMUM_ELEMENTS);
        }
    }

    /// @notice Bytes of the data of a list of tensors; reverts on an impossible schema or list.
    function byteLength(TensorSchema[] memory schemas) internal pure returns (uint256 total) {
        if (schemas.length == 0 || schemas.length > MAXIMUM_TENSORS) {
            revert TensorCountOutOfBounds(schemas.length, MAXIMUM_TENSORS);
        }
        for (uint256 i; i < schemas.length; ++i) {
            total += elements(schemas[i]) * width(schemas[i].elementType);
        }
    }

    /// @notice Digest of one tensor whose data are `data`.
    function digest(TensorSchema memory schema, bytes memory data) internal pure returns (bytes32) {
        uint256 expected = elements(schema) * width(schema.elementType);
        if (data.length != expected) revert DataLengthDiffers(expected, data.length);
        bytes memory header =
            abi.encodePacked(TENSOR_TAG, uint8(schema.elementType), uint8(schema.shape.length));
        for (uint256 axis; axis < schema.shape.length; ++axis) {
            header = bytes.concat(header, bytes4(schema.shape[axis]));
        }
        return keccak256(bytes.concat(header, data));
    }

    /// @notice Commitment of a list of tensors whose data stand one after the other in `data`.
    /// @dev A list of one is committed to as that tensor.
    function digest(TensorSchema[] memory schemas, bytes memory data) internal pure returns (bytes32) {
        uint256 expected = byteLength(schemas);
        if (data.length != expected) revert DataLengthDiffers(expected, data.length);
        if (schemas.length == 1) return digest(schemas[0], data);
        bytes memory list = abi.encodePacked(TENSORS_TAG, uint8(schemas.length));
        uint256 offset;
        for (uint256 i; i < schemas.length; ++i) {
            uint256 length = elements(schemas[i]) * width(schemas[i].elementType);
            list = bytes.concat(list, digest(schemas[i], _slice(data, offset, length)));
            offset += length;
        }
        return keccak256(list);
    }

    function _slice(bytes memory data, uint256 offset, uint256 length)
        private
        pure
        returns (bytes memory part)
    {
        part = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(part, 32), add(add(data, 32), offset), length)
        }
    }
}
