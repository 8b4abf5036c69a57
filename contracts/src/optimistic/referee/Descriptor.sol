// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cursor, Cursors} from "./Cursor.sol";
import {Shape, Shapes} from "./Shape.sol";

/// @notice The operations in the order of `verifier/program/operations.py`; 0 is an input.
library Opcode {
    uint256 internal constant INPUT = 0;
    uint256 internal constant CONSTANT = 1;
    uint256 internal constant DENSE = 2;
    uint256 internal constant CONVOLUTION = 3;
    uint256 internal constant CONTRACT = 4;
    uint256 internal constant MULTIPLY = 5;
    uint256 internal constant AFFINE = 6;
    uint256 internal constant SUM = 7;
    uint256 internal constant RESCALE = 8;
    uint256 internal constant DIVIDE = 9;
    uint256 internal constant MAXIMUM = 10;
    uint256 internal constant TABLE = 11;
    uint256 internal constant LOOKUP_ROW = 12;
    uint256 internal constant RESHAPE = 13;
    uint256 internal constant TRANSPOSE = 14;
    uint256 internal constant SLICE = 15;
    uint256 internal constant PAD = 16;
    uint256 internal constant CONCAT = 17;
    uint256 internal constant BROADCAST = 18;
    uint256 internal constant GATHER = 19;
}

/// @notice What makes one tensor of a program. It is believed: a key binds it.
/// @param fields addresses of the attributes, in the order of the operation's fields.
struct Descriptor {
    uint256 opcode;
    Shape result;
    Shape[] operands;
    Shape[] blobs;
    uint256[5] fields;
}

/// @notice Reading descriptors, as `verifier/trace/descriptor.py` writes them.
library Descriptors {
    using Cursors for Cursor;

    uint256 private constant NUMBER = 1;
    uint256 private constant TUPLE = 2;
    uint256 private constant OPTIONAL = 3;

    error OpcodeUnknown(uint256 opcode);

    /// @notice Passes over a descriptor and returns it.
    function read(Cursor memory cursor) internal pure returns (Descriptor memory descriptor) {
        descriptor.opcode = cursor.unsigned(1);
        descriptor.result = Shapes.read(cursor, 0);
        descriptor.operands = _shapes(cursor, 4);
        descriptor.blobs = _shapes(cursor, 32);
        _readFields(cursor, descriptor);
    }

    /// @notice The program's number of an operand.
    function numberOf(Shape operand) internal pure returns (uint256 tensor) {
        assembly ("memory-safe") {
            tensor := shr(224, calldataload(sub(operand, 4)))
        }
    }

    /// @notice The root over a blob's chunks.
    function rootOf(Shape blob) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            root := calldataload(sub(blob, 32))
        }
    }

    /// @notice An integer attribute.
    function number(Descriptor memory descriptor, uint256 field) internal pure returns (int256) {
        return _signed(descriptor.fields[field]);
    }

    /// @notice An entry of an attribute that is a tuple.
    function entry(Descriptor memory descriptor, uint256 field, uint256 spot) internal pure returns (int256) {
        unchecked {
            return _signed(descriptor.fields[field] + 1 + 8 * spot);
        }
    }

    /// @notice How many entries an attribute has that is a tuple.
    function length(Descriptor memory descriptor, uint256 field) internal pure returns (uint256) {
        return _octet(descriptor.fields[field]);
    }

    /// @notice An attribute that may be missing.
    function optional(Descriptor memory descriptor, uint256 field)
        internal
        pure
        returns (bool given, int256 value)
    {
        uint256 spot = descriptor.fields[field];
        given = _octet(spot) == 1;
        unchecked {
            value = _signed(spot + 1);
        }
    }

    /// @notice The range of an input.
    function range(Descriptor memory descriptor) internal pure returns (int256 low, int256 high) {
        uint256 spot = descriptor.fields[0];
        unchecked {
            return (_signed(spot + 1), _signed(spot + 9));
        }
    }

    /// @dev Shapes with `prefix` bytes before each, which name what has that shape.
    function _shapes(Cursor memory cursor, uint256 prefix) private pure returns (Shape[] memory shapes) {
        shapes = new Shape[](cursor.unsigned(1));
        for (uint256 i; i < shapes.length; ++i) {
            shapes[i] = Shapes.read(cursor, prefix);
        }
    }

    function _readFields(Cursor memory cursor, Descriptor memory descriptor) private pure {
        uint256 opcode = descriptor.opcode;
        if (opcode == Opcode.INPUT) {
            // u8 element type, i64 least and greatest value, u8 number among the inputs.
            descriptor.fields[0] = cursor.take(18);
            return;
        }
        uint256 kinds = _kinds(opcode);
        for (uint256 field; kinds != 0; kinds >>= 4) {
            uint256 spot = cursor.next;
            descriptor.fields[field++] = spot;
            uint256 kind = kinds & 15;
            if (kind == NUMBER) cursor.take(8);
            else if (kind == TUPLE) cursor.take(8 * cursor.unsigned(1));
            else if (cursor.unsigned(1) != 0) cursor.take(8);
        }
    }

    /// @dev The kinds of an operation's attributes, four bits each, the first one lowest.
    function _kinds(uint256 opcode) private pure returns (uint256) {
        if (opcode < Opcode.CONVOLUTION) return 0;
        if (opcode == Opcode.CONVOLUTION) return 0x12222;
        if (opcode == Opcode.AFFINE) return 0x12;
        if (opcode == Opcode.SUM) return TUPLE;
        if (opcode == Opcode.RESCALE) return 0x331;
        if (opcode == Opcode.TABLE) return NUMBER;
        if (opcode == Opcode.TRANSPOSE) return TUPLE;
        if (opcode == Opcode.SLICE) return 0x222;
        if (opcode == Opcode.PAD) return 0x1222;
        if (opcode == Opcode.CONCAT) return NUMBER;
        if (opcode == Opcode.GATHER) return NUMBER;
        if (opcode > Opcode.GATHER) revert OpcodeUnknown(opcode);
        return 0;
    }

    function _octet(uint256 spot) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, calldataload(spot))
        }
    }

    function _signed(uint256 spot) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(192, calldataload(spot))
        }
    }
}
