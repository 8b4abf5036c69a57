// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cursor, Cursors} from "./Cursor.sol";
import {Trees} from "./Trees.sol";

/// @dev Bytes of a chunk: a file's constant, as assembly reads no library's.
uint256 constant CHUNK = 256;

/// @notice How a tensor lies in a trace, by the calldata address of its description: u8 width, u8 rank, and for
/// each axis u32 dimension, u32 stride, which counts elements.
type Shape is uint256;

using Shapes for Shape global;

/// @notice Sizes and places of a tensor's elements.
library Shapes {
    using Cursors for Cursor;

    uint256 private constant MAXIMUM_RANK = 8;
    uint256 private constant MAXIMUM_ELEMENTS = 2 ** 28;

    error WidthUnknown(uint256 width);
    error RankTooHigh(uint256 rank);
    error ElementsOutOfBounds(uint256 elements);
    error ElementOutside(uint256 element, uint256 elements);

    /// @notice Passes over `prefix` bytes and a shape behind them, and returns the shape.
    function read(Cursor memory cursor, uint256 prefix) internal pure returns (Shape shape) {
        uint256 axes;
        unchecked {
            shape = Shape.wrap(cursor.next + prefix);
            axes = shape.rank();
            cursor.take(prefix + 2 + 8 * axes);
        }
        uint256 width_ = shape.width();
        if (width_ != 1 && width_ != 2 && width_ != 4 && width_ != 8) revert WidthUnknown(width_);
        if (axes > MAXIMUM_RANK) revert RankTooHigh(axes);
        uint256 count = shape.elements();
        if (count == 0 || count > MAXIMUM_ELEMENTS) revert ElementsOutOfBounds(count);
    }

    /// @notice Bytes of an element.
    function width(Shape shape) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, calldataload(shape))
        }
    }

    /// @notice Number of axes.
    function rank(Shape shape) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(1, calldataload(shape))
        }
    }

    /// @notice Length of an axis, which must be below the rank.
    function dimension(Shape shape, uint256 axis) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(add(shape, 2), shl(3, axis))))
        }
    }

    /// @notice How many elements apart neighbours along an axis lie.
    function stride(Shape shape, uint256 axis) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(add(shape, 6), shl(3, axis))))
        }
    }

    /// @notice Number of elements.
    function elements(Shape shape) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            // At most 8 dimensions below 2^32: a product below 2^256.
            count := 1
            let end := add(add(shape, 2), shl(3, byte(1, calldataload(shape))))
            for { let axis := add(shape, 2) } lt(axis, end) { axis := add(axis, 8) } {
                count := mul(count, shr(224, calldataload(axis)))
            }
        }
    }

    /// @notice Bytes of the tensor.
    function octets(Shape shape) internal pure returns (uint256) {
        unchecked {
            return shape.elements() * shape.width();
        }
    }

    /// @notice Levels between the tensor's root and its chunks.
    function depth(Shape shape) internal pure returns (uint256) {
        unchecked {
            return Trees.depthOf((shape.octets() + CHUNK - 1) / CHUNK);
        }
    }

    /// @notice Whether elements are stored in row-major order; axes of length 1 may stand anywhere.
    function isRowMajor(Shape shape) internal pure returns (bool) {
        uint256 step = 1;
        unchecked {
            for (uint256 axis = shape.rank(); axis != 0;) {
                --axis;
                uint256 length = shape.dimension(axis);
                if (length != 1 && shape.stride(axis) != step) return false;
                step *= length;
            }
        }
        return true;
    }

    /// @notice The index of a row-major place.
    function unravel(Shape shape, uint256 element) internal pure returns (uint256[8] memory index) {
        uint256 rest = element;
        unchecked {
            for (uint256 axis = shape.rank(); axis != 0;) {
                --axis;
                uint256 length = shape.dimension(axis);
                index[axis] = rest % length;
                rest /= length;
            }
        }
        if (rest != 0) revert ElementOutside(element, shape.elements());
    }

    /// @notice Where the element at an index is stored, counted in elements.
    function place(Shape shape, uint256[8] memory index) internal pure returns (uint256 spot) {
        uint256 axes = shape.rank();
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                spot += index[axis] * shape.stride(axis);
            }
        }
    }
}
