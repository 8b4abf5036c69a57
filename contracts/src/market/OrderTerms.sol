// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IModelRegistry, ModelTerms, SystemTerms} from "../interfaces/IModelRegistry.sol";
import {IProofRouter} from "../interfaces/IProofRouter.sol";
import {Alternatives} from "../types/Alternatives.sol";
import {CommitmentScheme} from "../types/Commitment.sol";
import {LegRequest, OrderRequest} from "../types/Order.sol";
import {TensorLib} from "../types/Tensor.sol";
import {MarketParameters, MarketParametersLib} from "./MarketParameters.sol";

/// @dev Most bytes of a URI in an order or a delivery.
uint256 constant MAXIMUM_URI = 1_024;
/// @dev Most legs of an order; the market has room for so many beside each order.
uint256 constant MAXIMUM_LEGS = 4;

/// @title Whether the terms of a new order, and the market's parameters, can be kept
/// @notice A contract beside the market, made with it and known to it for good: what it holds needs no room in
/// the market's own code. It has no storage and no money.
contract OrderTerms {
    uint256 public constant MAXIMUM_INPUT = 24_576;
    uint256 public constant MAXIMUM_OUTPUT = 4_096;
    uint256 public constant MINIMUM_CALLBACK_GAS = 10_000;

    IModelRegistry public immutable registry;
    IProofRouter public immutable router;

    constructor(IModelRegistry registry_, IProofRouter router_) {
        registry = registry_;
        router = router_;
    }

    /// @notice Reverts on terms that cannot be kept; returns the model's royalty in basis points.
    function check(OrderRequest calldata terms, MarketParameters calldata parameters)
        external
        view
        returns (uint16 royaltyBps)
    {
        ModelTerms memory model = registry.modelTermsOf(terms.modelKey);
        if (model.deprecated) revert IAvowMarket.ModelIsDeprecated(terms.modelKey);
        if (model.royaltyBps > parameters.maximumRoyaltyBps) {
            revert IAvowMarket.RoyaltyAboveMaximum(model.royaltyBps, parameters.maximumRoyaltyBps);
        }
        _checkMoney(terms, parameters);
        _checkCallback(terms, parameters);
        _checkLegs(terms, parameters);
        _checkInput(terms, model);
        return model.royaltyBps;
    }

    /// @notice Reverts on a parameter outside its bounds.
    function checkParameters(MarketParameters calldata parameters) external pure {
        MarketParametersLib.check(parameters);
    }

    function _checkMoney(OrderRequest calldata terms, MarketParameters calldata parameters) private pure {
        if (terms.price == 0) revert IAvowMarket.ZeroPrice();
        uint256 minimum = uint256(terms.price) * parameters.minimumBondBps / 10_000;
        if (terms.bond < minimum) revert IAvowMarket.BondTooLow(terms.bond, minimum);
    }

    function _checkCallback(OrderRequest calldata terms, MarketParameters calldata parameters) private pure {
        bool wanted = terms.callback.target != address(0);
        uint256 minimum = wanted ? MINIMUM_CALLBACK_GAS : 0;
        uint256 maximum = wanted ? parameters.callbackGasCap : 0;
        uint256 gasLimit = terms.callback.gasLimit;
        if (gasLimit < minimum || gasLimit > maximum) {
            revert IAvowMarket.CallbackGasOutOfBounds(gasLimit, minimum, maximum);
        }
    }

    function _checkLegs(OrderRequest calldata terms, MarketParameters calldata parameters) private view {
        uint256 count = terms.legs.length;
        if (count == 0 || count > MAXIMUM_LEGS) revert IAvowMarket.LegCountOutOfBounds(count, MAXIMUM_LEGS);
        uint256 latest = block.timestamp + parameters.maximumDuration;
        _checkDeadline(terms.lockDeadline, block.timestamp, latest);
        uint256 shares;
        for (uint256 i; i < count; ++i) {
            LegRequest calldata leg = terms.legs[i];
            if (leg.shareBps == 0) revert IAvowMarket.LegShareZero(i);
            shares += leg.shareBps;
            _checkDeadline(leg.deadline, uint256(terms.lockDeadline) + 1, latest);
            bytes4 first = bytes4(leg.selectors);
            bytes16 rest = leg.selectors << 32;
            // One leg by one system has nothing to be compared with.
            if (i != 0 || rest != 0) _checkNamedOnce(terms.legs, i);
            SystemTerms memory system = _checkSystem(terms, first);
            uint256 output = TensorLib.byteLength(system.outputs);
            if (output > MAXIMUM_OUTPUT) revert IAvowMarket.OutputTooLong(output, MAXIMUM_OUTPUT);
            for (; rest != 0; rest <<= 32) {
                _checkAlternative(terms, first, system, bytes4(rest));
            }
        }
        if (shares != 10_000) revert IAvowMarket.SharesDoNotSum(shares);
    }

    /// @dev Two legs of one system would have one and the same statement, and one proof would be paid twice; so
    /// no leg may come to choose a system that another may choose, too.
    function _checkNamedOnce(LegRequest[] calldata legs, uint256 index) private pure {
        for (bytes16 rest = legs[index].selectors; rest != 0; rest <<= 32) {
            bytes4 selector = bytes4(rest);
            bool twice = Alternatives.names(rest << 32, selector);
            for (uint256 i; i < index && !twice; ++i) {
                twice = Alternatives.names(legs[i].selectors, selector);
            }
            if (twice) revert IAvowMarket.SelectorTwice(selector);
        }
    }

    /// @dev A gap among a leg's selectors is the selector zero, which no router ever verifies.
    function _checkSystem(OrderRequest calldata terms, bytes4 selector)
        private
        view
        returns (SystemTerms memory system)
    {
        if (!router.isActive(selector)) revert IAvowMarket.SelectorNotActive(selector);
        system = registry.systemTermsOf(terms.modelKey, selector);
        if (system.deprecated) revert IAvowMarket.SystemIsDeprecated(terms.modelKey, selector);
        if (system.inputScheme != terms.input.scheme) {
            revert IAvowMarket.InputSchemeDiffers(system.inputScheme, terms.input.scheme);
        }
    }

    /// @dev Whoever reads the answer must not have to know which of them proved it.
    function _checkAlternative(
        OrderRequest calldata terms,
        bytes4 first,
        SystemTerms memory system,
        bytes4 selector
    ) private view {
        SystemTerms memory other = _checkSystem(terms, selector);
        bytes32 program = registry.bindingOf(terms.modelKey, first).program;
        if (
            registry.bindingOf(terms.modelKey, selector).program != program
                || keccak256(abi.encode(other.outputs)) != keccak256(abi.encode(system.outputs))
        ) revert IAvowMarket.AnswersDiffer(first, selector);
    }

    function _checkInput(OrderRequest calldata terms, ModelTerms memory model) private pure {
        bool byUri = bytes(terms.inputUri).length != 0;
        if (byUri == (terms.inputData.length != 0)) revert IAvowMarket.InputNeedsOneSource();
        if (byUri) {
            if (bytes(terms.inputUri).length > MAXIMUM_URI) {
                revert IAvowMarket.UriTooLong(bytes(terms.inputUri).length, MAXIMUM_URI);
            }
            return;
        }
        if (terms.input.scheme != CommitmentScheme.PUBLIC) {
            revert IAvowMarket.InputMustBeByUri(terms.input.scheme);
        }
        if (terms.inputData.length > MAXIMUM_INPUT) {
            revert IAvowMarket.InputTooLong(terms.inputData.length, MAXIMUM_INPUT);
        }
        bytes32 found = TensorLib.digest(model.inputs, terms.inputData);
        if (found != terms.input.value) revert IAvowMarket.InputDiffers(terms.input.value, found);
    }

    function _checkDeadline(uint256 deadline, uint256 earliest, uint256 latest) private pure {
        if (deadline < earliest || deadline > latest) {
            revert IAvowMarket.DeadlineOutOfBounds(deadline, earliest, latest);
        }
    }
}
