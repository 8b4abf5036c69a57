// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttestedKey, IAttestationKeys, Service, Tier} from "../interfaces/IAttestationKeys.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IModelRegistry, SystemBinding} from "../interfaces/IModelRegistry.sol";
import {CommitmentScheme} from "../types/Commitment.sol";

/// @title For which registered models a key answers
/// @notice Anybody can register data that prove anything under the digest of another's program. A key's stake is
/// therefore at risk only under registrations that its operator has looked at and named, and under a proof system
/// that was registered by then.
abstract contract Services is IAttestationKeys {
    bytes4 private constant SELECTOR = bytes4(keccak256("tee/v1"));
    bytes4 private constant PROOF_SELECTOR = bytes4(keccak256("sumcheck/v1"));

    bytes32 private constant KEY_TAG = keccak256("avow.enclave.key.v2");
    /// @dev A digest and the name of its kind.
    uint256 private constant MEASUREMENT = 48;

    IModelRegistry public immutable registry;
    mapping(address key => AttestedKey) internal _keys;
    mapping(address key => mapping(bytes32 modelKey => Service)) public serviceOf;

    constructor(IAvowMarket market_) {
        registry = market_.registry();
    }

    /// @inheritdoc IAttestationKeys
    function serve(address key, bytes32 modelKey, bytes32 outputs, bytes calldata measurements) external {
        AttestedKey storage record = _operators(key);
        bytes32 program = record.program;
        SystemBinding memory binding = registry.bindingOf(modelKey, SELECTOR);
        if (binding.program != program) revert ModelOfAnotherProgram(modelKey, program, binding.program);
        if (binding.verifier != address(this)) revert ModelOfOtherKeys(modelKey, binding.verifier);
        bytes32 expected = keccak256(bytes.concat(KEY_TAG, program, outputs, measurements));
        if (binding.key != expected) revert MeasurementsDiffer(modelKey, binding.key, expected);
        if (record.tier != Tier.Simulated) _requireListed(record.measurement, measurements);
        Service service = _isProvable(modelKey, program) ? Service.Provable : Service.Served;
        serviceOf[key][modelKey] = service;
        emit KeyServes(key, modelKey, service);
    }

    function _existing(address key) internal view returns (AttestedKey storage record) {
        record = _keys[key];
        if (record.tier == Tier.None) revert KeyUnknown(key);
    }

    function _operators(address key) internal view returns (AttestedKey storage record) {
        record = _existing(key);
        if (msg.sender != record.operator) revert NotOperator(key, msg.sender);
    }

    function _requireListed(bytes32 measurement, bytes calldata measurements) private pure {
        for (uint256 i; i + MEASUREMENT <= measurements.length; i += MEASUREMENT) {
            if (bytes32(measurements[i:i + 32]) == measurement) return;
        }
        revert MeasurementNotListed(measurement);
    }

    /// @dev Whether proofs of the same program, with outputs of the same schemas, can be had under this model: of
    /// inputs that a contract is shown, or none of them contradicts.
    function _isProvable(bytes32 modelKey, bytes32 program) private view returns (bool) {
        try registry.bindingOf(modelKey, PROOF_SELECTOR) returns (SystemBinding memory proof) {
            if (proof.program != program || proof.inputScheme != CommitmentScheme.PUBLIC) return false;
        } catch (bytes memory reason) {
            // Anything else, as too little gas, says nothing of the model.
            if (bytes4(reason) != IModelRegistry.SystemUnknown.selector) {
                revert ModelOfAnotherProgram(modelKey, program, 0);
            }
            return false;
        }
        bytes memory outputs = abi.encode(registry.systemTermsOf(modelKey, SELECTOR).outputs);
        return
            keccak256(outputs)
                == keccak256(abi.encode(registry.systemTermsOf(modelKey, PROOF_SELECTOR).outputs));
    }
}
