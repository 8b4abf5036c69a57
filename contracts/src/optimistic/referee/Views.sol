// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Descriptor, Descriptors, Opcode} from "./Descriptor.sol";
import {Opening, Openings} from "./Opening.sol";
import {Shape} from "./Shape.sol";

/// @notice The operations that only move elements: where one comes from.
/// @dev `verifier/program/semantics.py`, `_source`. Every index stays inside its axis, as the program was checked.
library Views {
    using Descriptors for Descriptor;
    using Openings for Opening;

    /// @notice The element at `index`, which is overwritten; `element` is its row-major place.
    function element(
        Descriptor memory descriptor,
        uint256 element_,
        uint256[8] memory index,
        Opening[] memory operands,
        Opening[] memory blobs
    ) internal pure returns (int256) {
        uint256 opcode = descriptor.opcode;
        uint256 operand;
        if (opcode == Opcode.RESHAPE) {
            index = descriptor.operands[0].unravel(element_);
        } else if (opcode == Opcode.TRANSPOSE) {
            index = _transposed(descriptor, index);
        } else if (opcode == Opcode.SLICE) {
            _slice(descriptor, index);
        } else if (opcode == Opcode.PAD) {
            if (_isPadding(descriptor, index)) return descriptor.number(3);
        } else if (opcode == Opcode.CONCAT) {
            operand = _part(descriptor, index);
        } else if (opcode == Opcode.BROADCAST) {
            _narrow(descriptor.operands[0], index);
        } else {
            uint256 axis = uint256(descriptor.number(0));
            index[axis] = uint256(blobs[0].element(index[axis]));
        }
        return operands[operand].element(descriptor.operands[operand].place(index));
    }

    /// @dev Axis i of the result is axis axes[i] of the operand.
    function _transposed(Descriptor memory descriptor, uint256[8] memory index)
        private
        pure
        returns (uint256[8] memory source)
    {
        uint256 axes = descriptor.result.rank();
        for (uint256 axis; axis < axes; ++axis) {
            source[uint256(descriptor.entry(0, axis))] = index[axis];
        }
    }

    function _slice(Descriptor memory descriptor, uint256[8] memory index) private pure {
        uint256 axes = descriptor.result.rank();
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                int256 spot = descriptor.entry(0, axis) + int256(index[axis]) * descriptor.entry(1, axis);
                index[axis] = uint256(spot);
            }
        }
    }

    function _isPadding(Descriptor memory descriptor, uint256[8] memory index) private pure returns (bool) {
        Shape x = descriptor.operands[0];
        uint256 axes = x.rank();
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                uint256 front = uint256(descriptor.entry(0, axis));
                uint256 spot = index[axis];
                if (spot < front) return true;
                spot -= front;
                uint256 step = uint256(descriptor.entry(2, axis)) + 1;
                if (spot % step != 0) return true;
                spot /= step;
                if (spot >= x.dimension(axis)) return true;
                index[axis] = spot;
            }
        }
        return false;
    }

    /// @dev Which operand of a concatenation; the index becomes that of its element.
    function _part(Descriptor memory descriptor, uint256[8] memory index)
        private
        pure
        returns (uint256 operand)
    {
        uint256 axis = uint256(descriptor.number(0));
        uint256 spot = index[axis];
        while (true) {
            uint256 length = descriptor.operands[operand].dimension(axis);
            if (spot < length) break;
            unchecked {
                spot -= length;
                ++operand;
            }
        }
        index[axis] = spot;
    }

    function _narrow(Shape x, uint256[8] memory index) private pure {
        uint256 axes = x.rank();
        for (uint256 axis; axis < axes; ++axis) {
            if (x.dimension(axis) == 1) index[axis] = 0;
        }
    }
}
