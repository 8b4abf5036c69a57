// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProofRouter} from "../interfaces/IProofRouter.sol";
import {IValidatorSet} from "../interfaces/IValidatorSet.sol";
import {Ledger} from "../money/Ledger.sol";
import {Leg, LegState, Order, OrderRequest} from "../types/Order.sol";
import {MarketGovernance} from "./MarketGovernance.sol";
import {MarketParameters} from "./MarketParameters.sol";
import {MAXIMUM_LEGS} from "./OrderTerms.sol";

/// @title Orders from their request until a provider has them
abstract contract OrderBook is IAvowMarket, Ledger, MarketGovernance {
    IModelRegistry public immutable registry;
    IProofRouter public immutable router;
    IValidatorSet public immutable validators;

    uint256 private _turn;
    mapping(address requester => uint256) private _counters;
    mapping(bytes32 orderId => Order) internal _orders;
    mapping(bytes32 orderId => Leg[MAXIMUM_LEGS]) internal _legs;
    mapping(bytes32 orderId => mapping(address provider => bool)) private _released;

    constructor(IModelRegistry registry_, IProofRouter router_, IValidatorSet validators_) {
        registry = registry_;
        router = router_;
        validators = validators_;
    }

    /// @inheritdoc IAvowMarket
    function request(OrderRequest calldata terms) external nonReentrant returns (bytes32) {
        return _request(terms, msg.sender);
    }

    /// @inheritdoc IAvowMarket
    function cancel(bytes32 orderId) external nonReentrant {
        Order storage order = _existingOrder(orderId);
        if (msg.sender != order.requester) revert NotRequester(orderId, msg.sender);
        uint256 refund;
        uint256 count = order.legCount;
        for (uint8 i; i < count; ++i) {
            if (_legs[orderId][i].state == LegState.Open) {
                _legs[orderId][i].state = LegState.Cancelled;
                refund += _legAmount(orderId, order.price, i);
            }
        }
        if (refund == 0) revert OrderNotOpen(orderId);
        _credit(order.requester, refund);
        emit OrderCancelled(orderId, refund);
    }

    /// @inheritdoc IAvowMarket
    function lock(bytes32 orderId) external nonReentrant whenNotPaused {
        Order storage order = _existingOrder(orderId);
        if (block.timestamp > order.lockDeadline) revert LockDeadlinePassed(orderId, order.lockDeadline);
        if (_released[orderId][msg.sender]) revert ReleasedBefore(orderId, msg.sender);
        uint256 count = order.legCount;
        for (uint256 i; i < count; ++i) {
            Leg storage leg = _legs[orderId][i];
            if (leg.state != LegState.Open) revert OrderNotOpen(orderId);
            if (!_isVerifiable(leg)) revert SelectorNotActive(leg.selector);
            leg.state = LegState.Locked;
        }
        address validator = validators.validatorAt(_turn++, msg.sender);
        order.provider = msg.sender;
        order.validator = validator;
        order.lockedAt = uint64(block.timestamp);
        emit OrderLocked(orderId, msg.sender, validator, order.bond, order.lockedAt);
        _collect(msg.sender, order.bond);
    }

    /// @inheritdoc IAvowMarket
    function release(bytes32 orderId) external nonReentrant {
        Order storage order = _existingOrder(orderId);
        if (msg.sender != order.provider) revert NotProvider(orderId, msg.sender);
        if (!order.inputByUri) revert NotReleasable(orderId);
        uint256 windowEnd = uint256(order.lockedAt) + order.releaseWindow;
        if (block.timestamp > windowEnd) revert ReleaseWindowPassed(orderId, windowEnd);
        uint256 count = order.legCount;
        for (uint8 i; i < count; ++i) {
            Leg storage leg = _legs[orderId][i];
            if (leg.state != LegState.Locked) revert WrongLegState(orderId, i, leg.state);
            leg.state = LegState.Open;
        }
        _released[orderId][msg.sender] = true;
        order.provider = address(0);
        order.validator = address(0);
        order.lockedAt = 0;
        _credit(msg.sender, order.bond);
        emit OrderReleased(orderId, msg.sender);
    }

    /// @inheritdoc IAvowMarket
    function orderOf(bytes32 orderId) external view returns (Order memory) {
        return _existingOrder(orderId);
    }

    /// @inheritdoc IAvowMarket
    function legOf(bytes32 orderId, uint8 leg) external view returns (Leg memory) {
        return _existingLeg(orderId, leg);
    }

    /// @inheritdoc IAvowMarket
    function counterOf(address requester) external view returns (uint256) {
        return _counters[requester];
    }

    /// @inheritdoc IAvowMarket
    function orderIdOf(address requester, uint256 counter) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), requester, counter));
    }

    function _request(OrderRequest calldata terms, address requester)
        internal
        whenNotPaused
        returns (bytes32 orderId)
    {
        MarketParameters memory current = parameters();
        uint16 royaltyBps = orderTerms.check(terms, current);
        uint256 counter = _counters[requester]++;
        orderId = orderIdOf(requester, counter);
        _orders[orderId] = Order({
            requester: requester,
            nonce: uint64(counter + 1),
            callbackGas: terms.callback.gasLimit,
            provider: address(0),
            lockDeadline: terms.lockDeadline,
            gracePeriod: current.gracePeriod,
            validator: address(0),
            lockedAt: 0,
            settlementWindow: current.settlementWindow,
            callbackTarget: terms.callback.target,
            validatorBps: current.validatorBps,
            treasuryBps: current.treasuryBps,
            royaltyBps: royaltyBps,
            compensationBps: current.compensationBps,
            legCount: uint8(terms.legs.length),
            inputByUri: bytes(terms.inputUri).length != 0,
            inputScheme: terms.input.scheme,
            releaseWindow: current.releaseWindow,
            requestedAt: uint64(block.timestamp),
            modelKey: terms.modelKey,
            inputValue: terms.input.value,
            price: terms.price,
            bond: terms.bond
        });
        for (uint256 i; i < terms.legs.length; ++i) {
            Leg storage leg = _legs[orderId][i];
            (bytes16 selectors, uint64 deadline, uint16 shareBps) =
                (terms.legs[i].selectors, terms.legs[i].deadline, terms.legs[i].shareBps);
            // Nothing in between, so that all of it is one write.
            leg.selector = bytes4(selectors);
            leg.others = bytes12(selectors << 32);
            leg.deadline = uint40(deadline);
            leg.shareBps = shareBps;
            leg.state = LegState.Open;
        }
        emit OrderRequested(orderId, requester, terms.modelKey, counter + 1, terms);
        _collect(requester, terms.price);
    }

    /// @dev Whether the router verifies any of the systems that the leg names now.
    function _isVerifiable(Leg storage leg) internal view returns (bool) {
        if (router.isActive(leg.selector)) return true;
        for (bytes12 others = leg.others; others != 0; others <<= 32) {
            if (router.isActive(bytes4(others))) return true;
        }
        return false;
    }

    /// @dev A leg's part of the price or the bond; the last leg takes what rounding left, so parts sum up.
    function _legAmount(bytes32 orderId, uint256 total, uint8 leg) internal view returns (uint256 amount) {
        Leg[MAXIMUM_LEGS] storage legs = _legs[orderId];
        uint256 last = _orders[orderId].legCount - 1;
        if (leg != last) return total * legs[leg].shareBps / 10_000;
        amount = total;
        for (uint256 i; i < last; ++i) {
            amount -= total * legs[i].shareBps / 10_000;
        }
    }

    function _existingOrder(bytes32 orderId) internal view returns (Order storage order) {
        order = _orders[orderId];
        if (order.requester == address(0)) revert OrderUnknown(orderId);
    }

    function _existingLeg(bytes32 orderId, uint8 leg) internal view returns (Leg storage) {
        if (leg >= _orders[orderId].legCount) revert LegUnknown(orderId, leg);
        return _legs[orderId][leg];
    }
}
