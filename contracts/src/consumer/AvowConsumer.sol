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
/// @notice Answers are accepted from the market only, for orders that this contract made, each leg's once.
abstract contract AvowConsumer is IAvowCallback {
    using SafeERC20 for IERC20;

    IAvowMarket public immutable market;
    /// @dev A bit for each leg that may still answer.
    mapping(bytes32 orderId => uint256) private _awaited;

    error NotMarket(address caller);
    error OrderNotAwaited(bytes32 orderId);

    constructor(IAvowMarket market_) {
        market = market_;
    }

    /// @inheritdoc IAvowCallback
    function onAvowResult(bytes32 orderId, uint8 leg, bytes calldata output) external {
        if (msg.sender != address(market)) revert NotMarket(msg.sender);
        uint256 bit = 1 << leg;
        if (_awaited[orderId] & bit == 0) revert OrderNotAwaited(orderId);
        _awaited[orderId] ^= bit;
        _onLeg(orderId, leg, output);
    }

    /// @notice Whether an answer to this order is still to come.
    function isAwaited(bytes32 orderId) public view returns (bool) {
        return _awaited[orderId] != 0;
    }

    /// @dev What to do with a proven answer. Reverting costs only the callback, which anyone can retry.
    function _onResult(bytes32 orderId, bytes calldata output) internal virtual;

    /// @dev The same of one leg, for contracts that order several. Legs answer in any order, or never, and need
    /// not agree: one that is only attested may be wrong, and the market pays each for its own evidence.
    function _onLeg(bytes32 orderId, uint8, bytes calldata output) internal virtual {
        _onResult(orderId, output);
    }

    /// @dev Orders one inference on a public input, proven by one system. Pays from this contract's credit
    /// at the market, then from its tokens.
    function _ask(bytes32 modelKey, bytes4 selector, bytes memory input, AskTerms memory terms)
        internal
        returns (bytes32 orderId)
    {
        return _askLegs(modelKey, _oneLeg(selector, terms), input, terms);
    }

    /// @dev The same on an input that lies at an address: its bytes there are what `input` commits to, by the scheme
    /// that the model is registered with. Whoever chooses the commitment chooses the question, for nothing here can
    /// look at what it stands for; where there is nothing to be had, nobody answers and the price comes back.
    function _askByUri(
        bytes32 modelKey,
        bytes4 selector,
        Commitment memory input,
        string memory uri,
        AskTerms memory terms
    ) internal returns (bytes32 orderId) {
        return _askLegsByUri(modelKey, _oneLeg(selector, terms), input, uri, terms);
    }

    /// @dev The same by several legs of evidence, each with its own deadline; `terms.deliverySeconds` does not
    /// count. Every leg calls back with `terms.callbackGas`.
    function _askLegs(bytes32 modelKey, LegRequest[] memory legs, bytes memory input, AskTerms memory terms)
        internal
        returns (bytes32 orderId)
    {
        bytes32 digest = TensorLib.digest(market.registry().modelTermsOf(modelKey).inputs, input);
        return _order(modelKey, legs, Commitment(CommitmentScheme.PUBLIC, digest), input, "", terms);
    }

    /// @dev The same on an input that lies at an address, as `_askByUri` has it.
    function _askLegsByUri(
        bytes32 modelKey,
        LegRequest[] memory legs,
        Commitment memory input,
        string memory uri,
        AskTerms memory terms
    ) internal returns (bytes32 orderId) {
        return _order(modelKey, legs, input, "", uri, terms);
    }

    /// @dev Takes refunds and compensations out of the market into this contract.
    function _withdrawCredit() internal returns (uint256 amount) {
        if (market.creditOf(address(this)) != 0) amount = market.withdraw();
    }

    function _order(
        bytes32 modelKey,
        LegRequest[] memory legs,
        Commitment memory input,
        bytes memory inputData,
        string memory inputUri,
        AskTerms memory terms
    ) private returns (bytes32 orderId) {
        OrderRequest memory order = OrderRequest({
            modelKey: modelKey,
            input: input,
            inputData: inputData,
            inputUri: inputUri,
            legs: legs,
            price: terms.price,
            bond: terms.bond,
            lockDeadline: uint64(block.timestamp) + terms.lockSeconds,
            callback: Callback(address(this), terms.callbackGas)
        });
        IERC20(market.token()).forceApprove(address(market), terms.price);
        orderId = market.request(order);
        IERC20(market.token()).forceApprove(address(market), 0);
        _awaited[orderId] = (1 << legs.length) - 1;
    }

    function _oneLeg(bytes4 selector, AskTerms memory terms) private view returns (LegRequest[] memory legs) {
        legs = new LegRequest[](1);
        legs[0] = LegRequest(selector, uint64(block.timestamp) + terms.deliverySeconds, 10_000);
    }
}
