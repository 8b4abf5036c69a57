// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {MarketParameters} from "./MarketParameters.sol";
import {OrderTerms} from "./OrderTerms.sol";

/// @title What can be governed of the market
/// @notice The owner (meant to be a TimelockController) sets bounded parameters and the treasury. The
/// guardian can stop and resume new orders and locks. Neither can touch an order, a bond or a credit, nor
/// stop a settlement, a refund or a withdrawal.
abstract contract MarketGovernance is Ownable2Step {
    /// @notice Checks parameters, and the terms of new orders under them.
    OrderTerms public immutable orderTerms;
    address public guardian;
    address public treasury;
    bool public paused;
    MarketParameters private _parameters;

    event ParametersChanged(MarketParameters parameters);
    event TreasuryChanged(address indexed treasury);
    event GuardianChanged(address indexed guardian);
    event NewOrdersPaused();
    event NewOrdersResumed();

    error TreasuryMissing();
    error NewOrdersArePaused();
    error NotPaused();
    error NotGuardian(address caller);

    modifier whenNotPaused() {
        if (paused) revert NewOrdersArePaused();
        _;
    }

    constructor(
        address owner_,
        address guardian_,
        address treasury_,
        MarketParameters memory parameters_,
        OrderTerms orderTerms_
    ) Ownable(owner_) {
        orderTerms = orderTerms_;
        _setGuardian(guardian_);
        _setTreasury(treasury_);
        _setParameters(parameters_);
    }

    /// @notice Sets the terms of new orders.
    function setParameters(MarketParameters calldata parameters_) external onlyOwner {
        _setParameters(parameters_);
    }

    /// @notice Sets who is credited the treasury's shares from now on.
    function setTreasury(address treasury_) external onlyOwner {
        _setTreasury(treasury_);
    }

    /// @notice Sets who may stop new orders; zero for nobody but the owner.
    function setGuardian(address guardian_) external onlyOwner {
        _setGuardian(guardian_);
    }

    /// @notice Stops new orders and locks.
    function pause() external {
        _checkGuardian();
        if (paused) revert NewOrdersArePaused();
        paused = true;
        emit NewOrdersPaused();
    }

    /// @notice Allows new orders and locks again.
    function resume() external {
        _checkGuardian();
        if (!paused) revert NotPaused();
        paused = false;
        emit NewOrdersResumed();
    }

    /// @notice The terms that a new order would take.
    function parameters() public view returns (MarketParameters memory) {
        return _parameters;
    }

    function _setParameters(MarketParameters memory parameters_) private {
        orderTerms.checkParameters(parameters_);
        _parameters = parameters_;
        emit ParametersChanged(parameters_);
    }

    function _setTreasury(address treasury_) private {
        if (treasury_ == address(0)) revert TreasuryMissing();
        treasury = treasury_;
        emit TreasuryChanged(treasury_);
    }

    function _setGuardian(address guardian_) private {
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    function _checkGuardian() private view {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
    }
}
