// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Several proof systems in one value: selectors one after the other from the left, then zeros.
library Alternatives {
    /// @notice Whether this selector, which is not zero, is among them.
    function names(bytes16 selectors, bytes4 selector) internal pure returns (bool) {
        for (; selectors != 0; selectors <<= 32) {
            if (bytes4(selectors) == selector) return true;
        }
        return false;
    }
}
