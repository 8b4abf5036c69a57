// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Calls of contracts that are not trusted: exact gas, and never more than 132 bytes copied back.
library BoundedCall {
    /// @dev One custom error with four words, or an Error(string) of up to 64 characters.
    uint256 internal constant MAXIMUM_RETURN = 132;

    error GasTooLow(uint256 available, uint256 needed);

    /// @notice Reverts unless a call made now can be given `amount` in full and `reserve` stays.
    /// @dev A call gets at most 63/64 of what is left (EIP-150); without this the caller of a transaction
    /// could choose how much the callee gets.
    function requireGas(uint256 amount, uint256 reserve) internal view {
        uint256 needed = (amount * 64) / 63 + reserve;
        uint256 available = gasleft();
        if (available < needed) revert GasTooLow(available, needed);
    }

    /// @notice Whether a static call answered exactly one word, 1; otherwise what it reverted with, bounded.
    /// @dev An account without code answers nothing, and is therefore refused.
    function staticTrue(address target, uint256 amount, bytes memory data)
        internal
        view
        returns (bool answer, bytes memory reason)
    {
        bool success;
        uint256 size;
        assembly ("memory-safe") {
            success := staticcall(amount, target, add(data, 32), mload(data), 0, 0)
            size := returndatasize()
        }
        if (success && size == 32) {
            assembly ("memory-safe") {
                returndatacopy(0, 0, 32)
                answer := eq(mload(0), 1)
            }
        }
        if (!success) reason = _returned();
    }

    /// @notice Calls with exactly `amount` of gas. An account without code counts as a failure.
    function callExact(address target, uint256 amount, bytes memory data)
        internal
        returns (bool success, bytes memory reason)
    {
        if (target.code.length == 0) return (false, "");
        assembly ("memory-safe") {
            success := call(amount, target, 0, add(data, 32), mload(data), 0, 0)
        }
        if (!success) reason = _returned();
    }

    function _returned() private pure returns (bytes memory data) {
        uint256 size;
        assembly ("memory-safe") {
            size := returndatasize()
        }
        if (size > MAXIMUM_RETURN) size = MAXIMUM_RETURN;
        data = new bytes(size);
        assembly ("memory-safe") {
            returndatacopy(add(data, 32), 0, size)
        }
    }
}
