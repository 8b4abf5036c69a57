// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The staked accounts among which validation duty goes round
interface IValidatorSet {
    event ValidatorJoined(address indexed validator, uint256 stake);
    event ValidatorLeft(address indexed validator, uint256 stake, uint64 withdrawableAt);
    event StakeWithdrawn(address indexed validator, uint256 stake);
    event MinimumStakeChanged(uint256 minimumStake);

    error AlreadyValidator(address account);
    error NotValidator(address account);
    error StakeTooLow(uint256 stake, uint256 minimum);
    error StillUnbonding(address account, uint64 withdrawableAt);
    error NothingUnbonding(address account);
    error OutOfBounds(uint256 value, uint256 minimum, uint256 maximum);
    error TransferDiffers(uint256 expected, uint256 received);

    /// @notice Stakes `amount` of the token and joins the rotation.
    function join(uint256 amount) external;

    /// @notice Leaves the rotation at once; the stake can be withdrawn after the unbonding delay.
    function exit() external;

    /// @notice Returns the caller's unbonded stake.
    function withdrawStake() external returns (uint256 amount);

    /// @notice The validator whose turn `turn` is, never `excluded`; zero when there is none.
    function validatorAt(uint256 turn, address excluded) external view returns (address);

    /// @notice Number of accounts in the rotation.
    function count() external view returns (uint256);

    /// @notice Whether the account is in the rotation.
    function isValidator(address account) external view returns (bool);

    /// @notice The least stake with which one may join.
    function minimumStake() external view returns (uint256);

    /// @notice Stake of the account, in the rotation or unbonding.
    function stakeOf(address account) external view returns (uint256);
}
