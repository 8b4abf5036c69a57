// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a contract implements to receive answers
interface IAvowCallback {
    /// @notice A proven answer to an order, after everybody was paid. Called by the market, once per leg.
    /// @param orderId the order.
    /// @param leg which leg of evidence was settled; 0 for a simple order.
    /// @param output the output tensors' data: row-major, big-endian two's complement.
    function onAvowResult(bytes32 orderId, uint8 leg, bytes calldata output) external;
}
