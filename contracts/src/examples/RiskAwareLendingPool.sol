// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {AskTerms, AvowConsumer} from "../consumer/AvowConsumer.sol";
import {TensorReader} from "../consumer/TensorReader.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {ElementType} from "../types/Tensor.sol";

/// @title Example: a lending pool whose collateral factor follows a proven risk assessment
/// @notice Shows how an answer moves money safely: only a proven answer moves the factor, by one step per
/// answer, never outside fixed bounds. As an example it leaves out interest, liquidation and a price oracle:
/// collateral and asset count one to one, and deposits are claims on exactly what was deposited.
contract RiskAwareLendingPool is AvowConsumer, Ownable {
    using SafeERC20 for IERC20;

    uint256 public constant MINIMUM_FACTOR_BPS = 3_000;
    uint256 public constant MAXIMUM_FACTOR_BPS = 8_000;
    uint256 public constant STEP_BPS = 500;

    IERC20 public immutable asset;
    IERC20 public immutable collateral;
    bytes32 public immutable modelKey;
    bytes4 public immutable selector;
    ElementType public immutable outputType;

    uint256 public factorBps = 5_500;
    mapping(address lender => uint256) public depositOf;
    mapping(address borrower => uint256) public collateralOf;
    mapping(address borrower => uint256) public debtOf;

    event AssessmentAsked(bytes32 indexed orderId);
    event FactorMoved(bytes32 indexed orderId, bool highRisk, uint256 factorBps);

    error DepositTooSmall(uint256 deposit, uint256 wanted);
    error CollateralTooSmall(uint256 limit, uint256 debt);
    error DebtTooSmall(uint256 debt, uint256 repaid);
    error TokensNotSeparate();

    constructor(
        IAvowMarket market_,
        bytes32 modelKey_,
        bytes4 selector_,
        IERC20 asset_,
        IERC20 collateral_,
        address owner_
    ) AvowConsumer(market_) Ownable(owner_) {
        // One balance must not stand for two claims: lenders', borrowers', and what pays for assessments.
        address payment = market_.token();
        if (
            address(asset_) == payment || address(collateral_) == payment
                || address(asset_) == address(collateral_)
        ) {
            revert TokensNotSeparate();
        }
        asset = asset_;
        collateral = collateral_;
        modelKey = modelKey_;
        selector = selector_;
        outputType = market_.registry().systemOf(modelKey_, selector_).outputs[0].elementType;
    }

    /// @notice Asks the risk model to assess the features. The answer moves the factor.
    function assess(bytes calldata features, AskTerms calldata terms)
        external
        onlyOwner
        returns (bytes32 orderId)
    {
        orderId = _ask(modelKey, selector, features, terms);
        emit AssessmentAsked(orderId);
    }

    /// @notice Lends `amount` to the pool.
    function deposit(uint256 amount) external {
        depositOf[msg.sender] += amount;
        asset.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Takes a deposit back, as far as the pool has the asset at hand.
    function withdraw(uint256 amount) external {
        uint256 held = depositOf[msg.sender];
        if (amount > held) revert DepositTooSmall(held, amount);
        depositOf[msg.sender] = held - amount;
        asset.safeTransfer(msg.sender, amount);
    }

    /// @notice Puts up collateral and borrows against it.
    function borrow(uint256 collateralAmount, uint256 amount) external {
        collateralOf[msg.sender] += collateralAmount;
        debtOf[msg.sender] += amount;
        _requireCovered(msg.sender);
        collateral.safeTransferFrom(msg.sender, address(this), collateralAmount);
        asset.safeTransfer(msg.sender, amount);
    }

    /// @notice Repays debt and takes collateral back, as far as the remaining debt stays covered.
    function repay(uint256 amount, uint256 collateralAmount) external {
        if (amount > debtOf[msg.sender]) revert DebtTooSmall(debtOf[msg.sender], amount);
        if (collateralAmount > collateralOf[msg.sender]) {
            revert CollateralTooSmall(collateralOf[msg.sender], collateralAmount);
        }
        debtOf[msg.sender] -= amount;
        collateralOf[msg.sender] -= collateralAmount;
        if (collateralAmount != 0) _requireCovered(msg.sender);
        asset.safeTransferFrom(msg.sender, address(this), amount);
        collateral.safeTransfer(msg.sender, collateralAmount);
    }

    /// @dev Two classes: number 1 is high risk. A single number: above zero is high risk.
    function _onResult(bytes32 orderId, bytes calldata output) internal override {
        bool highRisk = TensorReader.count(output, outputType) == 1
            ? TensorReader.element(output, outputType, 0) > 0
            : TensorReader.argmax(output, outputType) == 1;
        uint256 factor = factorBps;
        if (highRisk) {
            factor = factor < MINIMUM_FACTOR_BPS + STEP_BPS ? MINIMUM_FACTOR_BPS : factor - STEP_BPS;
        } else {
            factor = factor + STEP_BPS > MAXIMUM_FACTOR_BPS ? MAXIMUM_FACTOR_BPS : factor + STEP_BPS;
        }
        factorBps = factor;
        emit FactorMoved(orderId, highRisk, factor);
    }

    function _requireCovered(address borrower) private view {
        uint256 limit = collateralOf[borrower] * factorBps / 10_000;
        if (debtOf[borrower] > limit) revert CollateralTooSmall(limit, debtOf[borrower]);
    }
}
