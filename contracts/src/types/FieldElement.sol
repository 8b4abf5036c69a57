// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementType} from "./Tensor.sol";

/// @notice Signed integers as elements of the scalar field of BN254: above half the order is negative.
library FieldElement {
    uint256 internal constant ORDER =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    error NotInField(uint256 index, uint256 value);
    error OutsideElementType(uint256 index, uint256 value, ElementType elementType);

    /// @notice The integer that instance number `index` stands for, which must fit `width` bytes.
    function toSigned(uint256 value, uint256 index, ElementType elementType, uint256 width)
        internal
        pure
        returns (int256 integer)
    {
        if (value >= ORDER) revert NotInField(index, value);
        uint256 half = 1 << (8 * width - 1);
        if (value < half) return int256(value);
        uint256 magnitude = ORDER - value;
        if (magnitude > half) revert OutsideElementType(index, value, elementType);
        return -int256(magnitude);
    }
}
