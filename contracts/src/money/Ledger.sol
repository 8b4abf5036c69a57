// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ILedger} from "../interfaces/ILedger.sol";

/// @title Money of a contract: what comes in is an escrow or a bond, what goes out was a credit
abstract contract Ledger is ILedger, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    IERC20 internal immutable _token;
    mapping(address account => uint256) private _credits;

    constructor(IERC20 token_) {
        _token = token_;
    }

    /// @inheritdoc ILedger
    function withdraw() external nonReentrant returns (uint256) {
        return _withdraw(msg.sender);
    }

    /// @inheritdoc ILedger
    function withdrawFor(address account) external nonReentrant returns (uint256) {
        return _withdraw(account);
    }

    /// @inheritdoc ILedger
    function creditOf(address account) external view returns (uint256) {
        return _credits[account];
    }

    /// @inheritdoc ILedger
    function token() external view returns (address) {
        return address(_token);
    }

    function _credit(address account, uint256 amount) internal {
        if (amount != 0) _credits[account] += amount;
    }

    /// @dev Takes `amount` from the payer: its credit first, its tokens for the rest. Called last.
    function _collect(address payer, uint256 amount) internal {
        uint256 credit = _credits[payer];
        uint256 fromCredit = credit < amount ? credit : amount;
        if (fromCredit != 0) _credits[payer] = credit - fromCredit;
        uint256 rest = amount - fromCredit;
        if (rest == 0) return;
        uint256 before = _token.balanceOf(address(this));
        _token.safeTransferFrom(payer, address(this), rest);
        uint256 received = _token.balanceOf(address(this)) - before;
        if (received != rest) revert TransferDiffers(rest, received);
    }

    function _withdraw(address account) private returns (uint256 amount) {
        amount = _credits[account];
        if (amount == 0) revert NothingToWithdraw(account);
        _credits[account] = 0;
        emit CreditWithdrawn(account, amount);
        _token.safeTransfer(account, amount);
    }
}
