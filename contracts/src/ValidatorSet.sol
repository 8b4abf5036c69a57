// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IValidatorSet} from "./interfaces/IValidatorSet.sol";

/// @title The staked accounts among which validation duty goes round
/// @notice The turn is a counter of the market, never anything of a block, so nobody grinds for it. Stakes
/// are only ever returned to who put them up; this contract slashes nobody.
contract ValidatorSet is IValidatorSet, Ownable2Step {
    using SafeERC20 for IERC20;

    uint256 public constant MAXIMUM_MINIMUM_STAKE = 1_000_000e18;
    uint256 public constant MINIMUM_UNBONDING = 1 minutes;
    uint256 public constant MAXIMUM_UNBONDING = 30 days;

    /// @dev `position` is the index in the rotation plus one; zero when outside it.
    struct Member {
        uint128 stake;
        uint64 withdrawableAt;
        uint64 position;
    }

    IERC20 public immutable token;
    uint64 public immutable unbondingDelay;
    uint256 public minimumStake;
    address[] private _rotation;
    mapping(address account => Member) private _members;

    constructor(IERC20 token_, uint256 minimumStake_, uint64 unbondingDelay_, address owner_)
        Ownable(owner_)
    {
        if (unbondingDelay_ < MINIMUM_UNBONDING || unbondingDelay_ > MAXIMUM_UNBONDING) {
            revert OutOfBounds(unbondingDelay_, MINIMUM_UNBONDING, MAXIMUM_UNBONDING);
        }
        token = token_;
        unbondingDelay = unbondingDelay_;
        _setMinimumStake(minimumStake_);
    }

    /// @notice Changes the least stake of who joins from now on.
    function setMinimumStake(uint256 minimumStake_) external onlyOwner {
        _setMinimumStake(minimumStake_);
    }

    /// @inheritdoc IValidatorSet
    function join(uint256 amount) external {
        Member storage member = _members[msg.sender];
        if (member.stake != 0) revert AlreadyValidator(msg.sender);
        if (amount < minimumStake || amount > type(uint128).max) revert StakeTooLow(amount, minimumStake);
        _rotation.push(msg.sender);
        member.stake = uint128(amount);
        member.position = uint64(_rotation.length);
        emit ValidatorJoined(msg.sender, amount);

        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert TransferDiffers(amount, received);
    }

    /// @inheritdoc IValidatorSet
    function exit() external {
        Member storage member = _members[msg.sender];
        if (member.position == 0) revert NotValidator(msg.sender);
        address last = _rotation[_rotation.length - 1];
        _rotation[member.position - 1] = last;
        _members[last].position = member.position;
        _rotation.pop();
        member.position = 0;
        member.withdrawableAt = uint64(block.timestamp) + unbondingDelay;
        emit ValidatorLeft(msg.sender, member.stake, member.withdrawableAt);
    }

    /// @inheritdoc IValidatorSet
    function withdrawStake() external returns (uint256 amount) {
        Member storage member = _members[msg.sender];
        amount = member.stake;
        if (amount == 0 || member.position != 0) revert NothingUnbonding(msg.sender);
        if (block.timestamp < member.withdrawableAt) {
            revert StillUnbonding(msg.sender, member.withdrawableAt);
        }
        delete _members[msg.sender];
        emit StakeWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IValidatorSet
    function validatorAt(uint256 turn, address excluded) external view returns (address chosen) {
        uint256 size = _rotation.length;
        if (size == 0) return address(0);
        chosen = _rotation[turn % size];
        if (chosen != excluded) return chosen;
        return size == 1 ? address(0) : _rotation[(turn + 1) % size];
    }

    /// @inheritdoc IValidatorSet
    function count() external view returns (uint256) {
        return _rotation.length;
    }

    /// @inheritdoc IValidatorSet
    function isValidator(address account) external view returns (bool) {
        return _members[account].position != 0;
    }

    /// @inheritdoc IValidatorSet
    function stakeOf(address account) external view returns (uint256) {
        return _members[account].stake;
    }

    function _setMinimumStake(uint256 minimumStake_) private {
        if (minimumStake_ == 0 || minimumStake_ > MAXIMUM_MINIMUM_STAKE) {
            revert OutOfBounds(minimumStake_, 1, MAXIMUM_MINIMUM_STAKE);
        }
        minimumStake = minimumStake_;
        emit MinimumStakeChanged(minimumStake_);
    }
}
