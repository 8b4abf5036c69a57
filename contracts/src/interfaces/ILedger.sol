// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Credits in one token, which their owners pull
interface ILedger {
    event CreditWithdrawn(address indexed account, uint256 amount);

    error NothingToWithdraw(address account);
    error TransferDiffers(uint256 expected, uint256 received);

    /// @notice Pays the caller's credit out.
    function withdraw() external returns (uint256 amount);

    /// @notice Pays an account's credit out to that account.
    function withdrawFor(address account) external returns (uint256 amount);

    /// @notice What the account can withdraw.
    function creditOf(address account) external view returns (uint256);

    /// @notice The payment token.
    function token() external view returns (address);
}
