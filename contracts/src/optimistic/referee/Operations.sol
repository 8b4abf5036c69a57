// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Arithmetic} from "./Arithmetic.sol";
import {Descriptor, Opcode} from "./Descriptor.sol";
import {Opening, Openings} from "./Opening.sol";
import {Shape} from "./Shape.sol";
import {Views} from "./Views.sol";

/// @notice What an operation makes of its operands: one element of its result.
library Operations {
    using Openings for Opening;

    /// @notice The element at a row-major place of the result, and at its index, which is overwritten.
    function recompute(
        Descriptor memory descriptor,
        uint256 element,
        uint256[8] memory index,
        Opening[] memory operands,
        Opening[] memory blobs
    ) internal pure returns (int256) {
        uint256 opcode = descriptor.opcode;
        if (opcode >= Opcode.RESHAPE) return Views.element(descriptor, element, index, operands, blobs);
        if (opcode == Opcode.DENSE) return Arithmetic.dense(descriptor, index, operands, blobs);
        if (opcode == Opcode.CONVOLUTION) return Arithmetic.convolution(descriptor, index, operands, blobs);
        if (opcode == Opcode.CONTRACT) return Arithmetic.contraction(descriptor, index, operands);
        if (opcode == Opcode.SUM) return Arithmetic.sum(descriptor, index, operands);
        if (opcode == Opcode.LOOKUP_ROW) return Arithmetic.lookupRow(descriptor, index, operands, blobs);
        if (opcode == Opcode.CONSTANT) return blobs[0].element(descriptor.blobs[0].place(index));
        return Arithmetic.pointwise(descriptor, index, operands, blobs);
    }
}
