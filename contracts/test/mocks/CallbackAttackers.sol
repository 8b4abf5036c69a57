// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IAvowCallback} from "../../src/interfaces/IAvowCallback.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {ILedger} from "../../src/interfaces/ILedger.sol";
import {Commitment} from "../../src/types/Commitment.sol";
import {BatchItem, OrderRequest} from "../../src/types/Order.sol";
import {StatementPath} from "../../src/types/StatementTree.sol";

/// @notice Keeps what it was called with, or fails while told to.
contract MockReceiver is IAvowCallback {
    error NotNow(string why);

    bool public failing;
    uint256 public calls;
    bytes32 public lastOrder;
    bytes public lastOutput;
    uint256 public gasGiven;

    function setFailing(bool failing_) external {
        failing = failing_;
    }

    function onAvowResult(bytes32 orderId, uint8, bytes calldata output) external {
        gasGiven = gasleft();
        if (failing) revert NotNow("told to fail");
        ++calls;
        lastOrder = orderId;
        lastOutput = output;
    }
}

contract GasBurner is IAvowCallback {
    function onAvowResult(bytes32, uint8, bytes calldata) external pure {
        while (true) {}
    }
}

/// @notice Answers, or reverts with, a megabyte.
contract MegabyteReturner is IAvowCallback {
    bool private immutable _reverts;

    constructor(bool reverts) {
        _reverts = reverts;
    }

    function onAvowResult(bytes32, uint8, bytes calldata) external view {
        bool reverts = _reverts;
        assembly ("memory-safe") {
            if reverts { revert(0, 1000000) }
            return(0, 1000000)
        }
    }
}

/// @notice Tries every door of the market from within the callback; counts those that opened, and those that
/// the reentrancy guard kept shut rather than something else.
contract Reenterer is IAvowCallback {
    IAvowMarket private immutable _market;
    uint256 public opened;
    uint256 public guarded;
    uint256 public tried;

    constructor(IAvowMarket market) {
        _market = market;
    }

    function onAvowResult(bytes32 orderId, uint8 leg, bytes calldata output) external {
        StatementPath memory path;
        OrderRequest memory order;
        Commitment memory commitment;
        _try(abi.encodeCall(IAvowMarket.request, (order)));
        _try(abi.encodeCall(IAvowMarket.lock, (orderId)));
        _try(abi.encodeCall(IAvowMarket.release, (orderId)));
        _try(abi.encodeCall(IAvowMarket.deliver, (orderId, leg, 0, commitment, 0, "")));
        _try(abi.encodeCall(IAvowMarket.settle, (orderId, leg, output, path, "")));
        _try(abi.encodeCall(IAvowMarket.settleBatch, (0, 0, new BatchItem[](0), "")));
        _try(abi.encodeCall(IAvowMarket.expire, (orderId, leg)));
        _try(abi.encodeCall(IAvowMarket.cancel, (orderId)));
        _try(abi.encodeCall(IAvowMarket.retryCallback, (orderId, leg, output)));
        _try(abi.encodeCall(ILedger.withdraw, ()));
        _try(abi.encodeCall(ILedger.withdrawFor, (address(this))));
    }

    function _try(bytes memory data) private {
        ++tried;
        (bool success, bytes memory reason) = address(_market).call(data);
        if (success) ++opened;
        else if (bytes4(reason) == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector) ++guarded;
    }
}
