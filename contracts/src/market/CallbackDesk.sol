// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowCallback} from "../interfaces/IAvowCallback.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {BoundedCall} from "../types/BoundedCall.sol";
import {CallbackState, Leg, Order} from "../types/Order.sol";
import {OrderBook} from "./OrderBook.sol";

/// @title Callbacks: after the payment, with exact gas, once
/// @notice Whatever the receiver does, nobody's money depends on it: the leg is settled and credited before,
/// the market refuses to be entered again, and no more than 132 bytes of the answer are copied.
abstract contract CallbackDesk is OrderBook {
    /// @dev What remains to be done after the call: two storage words and one event.
    uint256 private constant GAS_RESERVE = 60_000;

    /// @inheritdoc IAvowMarket
    function retryCallback(bytes32 orderId, uint8 index, bytes calldata output) external nonReentrant {
        Order storage order = _existingOrder(orderId);
        Leg storage leg = _existingLeg(orderId, index);
        if (leg.callbackState != CallbackState.Failed) revert CallbackNotFailed(orderId, index);
        bytes32 found = keccak256(output);
        if (found != leg.callbackDigest) revert CallbackBytesDiffer(leg.callbackDigest, found);
        _callBack(orderId, index, order, leg, output);
    }

    function _callBack(
        bytes32 orderId,
        uint8 index,
        Order storage order,
        Leg storage leg,
        bytes calldata output
    ) internal {
        address target = order.callbackTarget;
        if (target == address(0)) return;
        leg.callbackState = CallbackState.Done;
        bytes memory data = abi.encodeCall(IAvowCallback.onAvowResult, (orderId, index, output));
        uint256 amount = order.callbackGas;
        BoundedCall.requireGas(amount, GAS_RESERVE);
        (bool success, bytes memory reason) = BoundedCall.callExact(target, amount, data);
        if (success) {
            emit CallbackSucceeded(orderId, index, target);
            return;
        }
        leg.callbackState = CallbackState.Failed;
        leg.callbackDigest = keccak256(output);
        emit CallbackFailed(orderId, index, target, reason);
    }
}
