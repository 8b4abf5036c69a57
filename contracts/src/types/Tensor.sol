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
