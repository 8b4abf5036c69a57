// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementType, TensorLib} from "../types/Tensor.sol";

/// @notice Reads the integers of an answer.
library TensorReader {
    error IndexOutside(uint256 index, uint256 count);
    error DataNotWhole(uint256 length, uint256 width);

    /// @notice Number of elements in `data`.
    function count(bytes memory data, ElementType elementType) internal pure returns (uint256) {
        uint256 width = TensorLib.width(elementType);
        if (data.length == 0 || data.length % width != 0) revert DataNotWhole(data.length, width);
        return data.length / width;
    }

    /// @notice Element number `index`, sign-extended.
    function element(bytes memory data, ElementType elementType, uint256 index)
        internal
        pure
        returns (int256 value)
    {
        uint256 elements = count(data, elementType);
        if (index >= elements) revert IndexOutside(index, elements);
        uint256 width = TensorLib.width(elementType);
        uint256 shift = 256 - 8 * width;
        assembly ("memory-safe") {
            value := sar(shift, mload(add(add(data, 32), mul(index, width))))
        }
    }

    /// @notice Index of the largest element; the first one of equals.
    function argmax(bytes memory data, ElementType elementType) internal pure returns (uint256 index) {
        uint256 elements = count(data, elementType);
        int256 best = element(data, elementType, 0);
        for (uint256 i = 1; i < elements; ++i) {
            int256 value = element(data, elementType, i);
            if (value > best) (best, index) = (value, i);
        }
    }
}
