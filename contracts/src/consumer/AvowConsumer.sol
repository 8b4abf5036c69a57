// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IAvowCallback} from "../interfaces/IAvowCallback.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {Commitment, CommitmentScheme} from "../types/Commitment.sol";
import {Callback, LegRequest, OrderRequest} from "../types/Order.sol";
import {TensorLib} from "../types/Tensor.sol";

/// @notice What one is ready to pay and to wait.
/// @param price in token units, escrowed at once.
/// @param bond what the provider must put up.
/// @param lockSeconds how long a provider may take to accept.
/// @param deliverySeconds how long the provider may take to deliver, from now; longer than `lockSeconds`.
/// @param callbackGas gas for `_onResult`.
struct AskTerms {
    uint128 price;
    uint128 bond;
    uint64 lockSeconds;
    uint64 deliverySeconds;
    uint32 callbackGas;
}

/// @title Base of contracts that ask for an inference and receive the proven answer
/// @notice Answers are accepted from the market only, for orders that this contract made, once each.
abstract contract AvowConsumer is IAvowCallback {
    using SafeERC20 for IERC20;

    IAvowMarket public immutable market;
    mapping(bytes32 orderId => bool) private _awaited;

    error NotMarket(address caller);
    error OrderNotAwaited(bytes32 orderId);

    constructor(IAvowMarket market_) {
        market = market_;
    }

    /// @inheritdoc IAvowCallback
    function onAvowResult(bytes32 orderId, uint8 leg, bytes calldata output) external {
        if (msg.sender != address(market)) revert NotMarket(msg.sender);
        if (leg != 0 || !_awaited[orderId]) revert OrderNotAwaited(orderId);
        delete _awaited[orderId];
        _onResult(orderId, output);
    }

    /// @notice Whether the answer to this order is still to come.
    function isAwaited(bytes32 orderId) public view returns (bool) {
        return _awaited[orderId];
    }

    /// @dev What to do with a proven answer. Reverting costs only the callback, which anyone can retry.
    function _onResult(bytes32 orderId, bytes calldata output) internal virtual;

    /// @dev Orders one inference on a public input, proven by one system. Pays from this contract's credit
    /// at the market, then from its tokens.
    function _ask(bytes32 modelKey, bytes4 selector, bytes memory input, AskTerms memory terms)
        internal
        returns (bytes32 orderId)
    {
        LegRequest[] memory legs = new LegRequest[](1);
        legs[0] = LegRequest(selector, uint64(block.timestamp) + terms.deliverySeconds, 10_000);
        bytes32 digest = TensorLib.digest(market.registry().modelTermsOf(modelKey).inputs, input);
        OrderRequest memory order = OrderRequest({
            modelKey: modelKey,
            input: Commitment(CommitmentScheme.PUBLIC, digest),
            inputData: input,
            inputUri: "",
            legs: legs,
            price: terms.price,
            bond: terms.bond,
            lockDeadline: uint64(block.timestamp) + terms.lockSeconds,
            callback: Callback(address(this), terms.callbackGas)
        });
        IERC20(market.token()).forceApprove(address(market), terms.price);
        orderId = market.request(order);
        IERC20(market.token()).forceApprove(address(market), 0);
        _awaited[orderId] = true;
    }

    /// @dev Takes refunds and compensations out of the market into this contract.
    function _withdrawCredit() internal returns (uint256 amount) {
        if (market.creditOf(address(this)) != 0) amount = market.withdraw();
    }
}
