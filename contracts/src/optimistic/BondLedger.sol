// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IClaims} from "../interfaces/IClaims.sol";

/// @title The money of claims: what comes in is a bond, what goes out was a credit
/// @notice What is burned is a credit of an account that nobody has the key of; anyone can send it there.
abstract contract BondLedger is IClaims, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    IERC20 public immutable token;
    mapping(address account => uint256) private _credits;

    constructor(IERC20 token_) {
        token = token_;
    }

    /// @inheritdoc IClaims
    function withdraw() external nonReentrant returns (uint256) {
        return _withdraw(msg.sender);
    }

    /// @inheritdoc IClaims
    function withdrawFor(address account) external nonReentrant returns (uint256) {
        return _withdraw(account);
    }

    /// @inheritdoc IClaims
    function creditOf(address account) external view returns (uint256) {
        return _credits[account];
    }

    function _credit(address account, uint256 amount) internal {
        _credits[account] += amount;
    }

    /// @dev Takes a bond from the caller: its credit first, its tokens for the rest. Called last.
    function _collect(uint256 amount) internal {
        uint256 credit = _credits[msg.sender];
        uint256 fromCredit = credit < amount ? credit : amount;
        if (fromCredit != 0) _credits[msg.sender] = credit - fromCredit;
        uint256 rest = amount - fromCredit;
        if (rest == 0) return;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), rest);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != rest) revert TransferDiffers(rest, received);
    }

    function _withdraw(address account) private returns (uint256 amount) {
        amount = _credits[account];
        if (amount == 0) revert NothingToWithdraw(account);
        _credits[account] = 0;
        emit CreditWithdrawn(account, amount);
        token.safeTransfer(account, amount);
    }
}
