// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IModelRegistry, ModelVersion, SystemVersion} from "../interfaces/IModelRegistry.sol";
import {IProofRouter} from "../interfaces/IProofRouter.sol";
import {CommitmentScheme} from "../types/Commitment.sol";
import {LegRequest, OrderRequest} from "../types/Order.sol";
import {TensorLib} from "../types/Tensor.sol";
import {MarketParameters} from "./MarketParameters.sol";

/// @notice Whether the terms of a new order can be kept.
library OrderTerms {
    uint256 internal constant MAXIMUM_LEGS = 4;
    uint256 internal constant MAXIMUM_INPUT = 24_576;
    uint256 internal constant MAXIMUM_OUTPUT = 4_096;
    uint256 internal constant MAXIMUM_URI = 1_024;
    uint256 internal constant MINIMUM_CALLBACK_GAS = 10_000;

    /// @notice Reverts on terms that cannot be kept; returns the model's royalty in basis points.
    function check(
        OrderRequest calldata terms,
        MarketParameters memory parameters,
        IModelRegistry registry,
        IProofRouter router
    ) internal view returns (uint16 royaltyBps) {
        ModelVersion memory model = registry.modelOf(terms.modelKey);
        if (model.deprecated) revert IAvowMarket.ModelIsDeprecated(terms.modelKey);
        if (model.royaltyBps > parameters.maximumRoyaltyBps) {
            revert IAvowMarket.RoyaltyAboveMaximum(model.royaltyBps, parameters.maximumRoyaltyBps);
        }
        _checkMoney(terms, parameters);
        _checkCallback(terms, parameters);
        _checkLegs(terms, parameters, registry, router);
        _checkInput(terms, model);
        return model.royaltyBps;
    }

    function _checkMoney(OrderRequest calldata terms, MarketParameters memory parameters) private pure {
        if (terms.price == 0) revert IAvowMarket.ZeroPrice();
        uint256 minimum = uint256(terms.price) * parameters.minimumBondBps / 10_000;
        if (terms.bond < minimum) revert IAvowMarket.BondTooLow(terms.bond, minimum);
    }

    function _checkCallback(OrderRequest calldata terms, MarketParameters memory parameters) private pure {
        bool wanted = terms.callback.target != address(0);
        uint256 minimum = wanted ? MINIMUM_CALLBACK_GAS : 0;
        uint256 maximum = wanted ? parameters.callbackGasCap : 0;
        uint256 gasLimit = terms.callback.gasLimit;
        if (gasLimit < minimum || gasLimit > maximum) {
            revert IAvowMarket.CallbackGasOutOfBounds(gasLimit, minimum, maximum);
        }
    }

    /// @dev Two legs of one system would have one and the same statement, and one proof would be paid twice.
    function _checkLegs(
        OrderRequest calldata terms,
        MarketParameters memory parameters,
        IModelRegistry registry,
        IProofRouter router
    ) private view {
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
            for (uint256 j; j < i; ++j) {
                if (terms.legs[j].selector == leg.selector) revert IAvowMarket.SelectorTwice(leg.selector);
            }
            if (!router.isActive(leg.selector)) revert IAvowMarket.SelectorNotActive(leg.selector);
            SystemVersion memory system = registry.systemOf(terms.modelKey, leg.selector);
            if (system.deprecated) revert IAvowMarket.SystemIsDeprecated(terms.modelKey, leg.selector);
            if (system.inputScheme != terms.input.scheme) {
                revert IAvowMarket.InputSchemeDiffers(system.inputScheme, terms.input.scheme);
            }
            uint256 output = TensorLib.byteLength(system.outputs);
            if (output > MAXIMUM_OUTPUT) revert IAvowMarket.OutputTooLong(output, MAXIMUM_OUTPUT);
        }
        if (shares != 10_000) revert IAvowMarket.SharesDoNotSum(shares);
    }

    function _checkInput(OrderRequest calldata terms, ModelVersion memory model) private pure {
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
