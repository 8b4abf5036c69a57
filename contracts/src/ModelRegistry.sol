// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    IModelRegistry,
    ModelRegistration,
    ModelTerms,
    ModelVersion,
    SystemBinding,
    SystemClaim,
    SystemRegistration,
    SystemTerms,
    SystemVersion
} from "./interfaces/IModelRegistry.sol";
import {CommitmentScheme} from "./types/Commitment.sol";
import {TensorLib, TensorSchema} from "./types/Tensor.sol";

/// @title Immutable model versions and their proof systems
/// @notice Nobody governs this contract: what is registered stays, and only its owner can deprecate it.
contract ModelRegistry is IModelRegistry {
    uint256 public constant MAXIMUM_ROYALTY_BPS = 5_000;
    uint256 public constant MAXIMUM_TEXT = 512;
    uint256 public constant MAXIMUM_LAYOUT = 8_192;

    mapping(bytes32 modelKey => ModelVersion) private _models;
    mapping(bytes32 modelKey => mapping(bytes4 selector => SystemVersion)) private _systems;

    modifier onlyModelOwner(bytes32 modelKey) {
        address owner = _existing(modelKey).owner;
        if (msg.sender != owner) revert NotModelOwner(modelKey, msg.sender);
        _;
    }

    /// @inheritdoc IModelRegistry
    function registerModel(ModelRegistration calldata registration) external returns (bytes32 modelKey) {
        if (registration.digest == 0) revert ZeroDigest();
        if (registration.royaltyBps > MAXIMUM_ROYALTY_BPS) {
            revert RoyaltyTooHigh(registration.royaltyBps, MAXIMUM_ROYALTY_BPS);
        }
        if (registration.royaltyBps != 0 && registration.royaltyReceiver == address(0)) {
            revert RoyaltyWithoutReceiver();
        }
        _checkText(bytes(registration.uri).length);
        TensorLib.byteLength(registration.inputs);

        modelKey = modelKeyOf(msg.sender, registration.digest);
        ModelVersion storage version = _models[modelKey];
        if (version.owner != address(0)) revert ModelAlreadyRegistered(modelKey);
        version.digest = registration.digest;
        version.owner = msg.sender;
        version.royaltyReceiver = registration.royaltyReceiver;
        version.royaltyBps = registration.royaltyBps;
        _store(version.inputs, registration.inputs);
        version.uri = registration.uri;
        emit ModelRegistered(modelKey, msg.sender, registration.digest, registration.uri);
    }

    /// @inheritdoc IModelRegistry
    function addSystem(bytes32 modelKey, SystemRegistration calldata registration)
        external
        onlyModelOwner(modelKey)
        returns (bytes4 selector)
    {
        _checkRegistration(modelKey, registration);
        selector = selectorOf(registration.system);
        SystemVersion storage version = _systems[modelKey][selector];
        if (version.verifier != address(0)) revert SystemAlreadyAdded(modelKey, selector);
        version.system = registration.system;
        version.recordDigest = registration.recordDigest;
        version.program = registration.program;
        version.key = registration.key;
        version.verifier = registration.verifier;
        version.verifierCodehash = registration.verifierCodehash;
        version.inputScheme = registration.inputScheme;
        version.addedAt = uint64(block.timestamp);
        _store(version.outputs, registration.outputs);
        version.proofLayout = registration.proofLayout;
        version.uri = registration.uri;
        emit SystemAdded(
            modelKey,
            selector,
            registration.system,
            registration.recordDigest,
            registration.program,
            registration.key,
            registration.verifier,
            registration.verifierCodehash
        );
    }

    /// @inheritdoc IModelRegistry
    function deprecateModel(bytes32 modelKey) external onlyModelOwner(modelKey) {
        ModelVersion storage version = _models[modelKey];
        if (version.deprecated) revert ModelAlreadyDeprecated(modelKey);
        version.deprecated = true;
        emit ModelDeprecated(modelKey);
    }

    /// @inheritdoc IModelRegistry
    function deprecateSystem(bytes32 modelKey, bytes4 selector) external onlyModelOwner(modelKey) {
        SystemVersion storage version = _existingSystem(modelKey, selector);
        if (version.deprecated) revert SystemAlreadyDeprecated(modelKey, selector);
        version.deprecated = true;
        emit SystemDeprecated(modelKey, selector);
    }

    /// @inheritdoc IModelRegistry
    function modelOf(bytes32 modelKey) external view returns (ModelVersion memory) {
        return _existing(modelKey);
    }

    /// @inheritdoc IModelRegistry
    function systemOf(bytes32 modelKey, bytes4 selector) external view returns (SystemVersion memory) {
        return _existingSystem(modelKey, selector);
    }

    /// @inheritdoc IModelRegistry
    function modelTermsOf(bytes32 modelKey) external view returns (ModelTerms memory) {
        ModelVersion storage version = _existing(modelKey);
        return ModelTerms(version.royaltyBps, version.deprecated, version.inputs);
    }

    /// @inheritdoc IModelRegistry
    function systemTermsOf(bytes32 modelKey, bytes4 selector) external view returns (SystemTerms memory) {
        SystemVersion storage version = _existingSystem(modelKey, selector);
        return SystemTerms(version.inputScheme, version.deprecated, version.outputs);
    }

    /// @inheritdoc IModelRegistry
    function addedAt(bytes32 modelKey, bytes4 selector) external view returns (uint64) {
        return _existingSystem(modelKey, selector).addedAt;
    }

    /// @inheritdoc IModelRegistry
    function claimOf(bytes32 modelKey, bytes4 selector) external view returns (SystemClaim memory) {
        SystemVersion storage version = _existingSystem(modelKey, selector);
        ModelVersion storage model = _models[modelKey];
        return SystemClaim({
            model: model.digest,
            royaltyReceiver: model.royaltyReceiver,
            system: version.system,
            program: version.program,
            key: version.key,
            outputs: version.outputs
        });
    }

    /// @inheritdoc IModelRegistry
    function bindingOf(bytes32 modelKey, bytes4 selector) external view returns (SystemBinding memory) {
        SystemVersion storage version = _existingSystem(modelKey, selector);
        return SystemBinding({
            model: _models[modelKey].digest,
            program: version.program,
            key: version.key,
            verifier: version.verifier,
            verifierCodehash: version.verifierCodehash,
            inputScheme: version.inputScheme
        });
    }

    /// @inheritdoc IModelRegistry
    function layoutOf(bytes32 modelKey, bytes4 selector) external view returns (bytes memory) {
        return _existingSystem(modelKey, selector).proofLayout;
    }

    /// @inheritdoc IModelRegistry
    function modelKeyOf(address owner, bytes32 digest) public pure returns (bytes32) {
        return keccak256(abi.encode(owner, digest));
    }

    /// @inheritdoc IModelRegistry
    function selectorOf(string calldata system) public pure returns (bytes4) {
        return bytes4(keccak256(bytes(system)));
    }

    function _store(TensorSchema[] storage stored, TensorSchema[] calldata schemas) private {
        for (uint256 i; i < schemas.length; ++i) {
            stored.push(schemas[i]);
        }
    }

    function _existing(bytes32 modelKey) private view returns (ModelVersion storage version) {
        version = _models[modelKey];
        if (version.owner == address(0)) revert ModelUnknown(modelKey);
    }

    function _existingSystem(bytes32 modelKey, bytes4 selector)
        private
        view
        returns (SystemVersion storage version)
    {
        version = _systems[modelKey][selector];
        if (version.verifier == address(0)) revert SystemUnknown(modelKey, selector);
    }

    function _checkRegistration(bytes32 modelKey, SystemRegistration calldata registration) private view {
        if (bytes(registration.system).length == 0) revert SystemIdEmpty();
        _checkText(bytes(registration.system).length);
        _checkText(bytes(registration.uri).length);
        if (registration.recordDigest == 0 || registration.program == 0 || registration.key == 0) {
            revert ZeroDigest();
        }
        if (registration.proofLayout.length > MAXIMUM_LAYOUT) {
            revert LayoutTooLong(registration.proofLayout.length, MAXIMUM_LAYOUT);
        }
        if (registration.verifier.code.length == 0) revert VerifierWithoutCode(registration.verifier);
        bytes32 found = registration.verifier.codehash;
        if (found != registration.verifierCodehash) {
            revert VerifierCodeDiffers(registration.verifier, registration.verifierCodehash, found);
        }
        uint16 scheme = registration.inputScheme;
        if (scheme < CommitmentScheme.PUBLIC || scheme > CommitmentScheme.PUBLIC_TREE) {
            revert InputSchemeUnknown(scheme);
        }
        if (CommitmentScheme.isPublic(scheme)) {
            uint16 expected = CommitmentScheme.ofInputs(_models[modelKey].inputs);
            if (scheme != expected) revert InputSchemeDiffers(expected, scheme);
        }
        TensorLib.byteLength(registration.outputs);
    }

    function _checkText(uint256 length) private pure {
        if (length > MAXIMUM_TEXT) revert TextTooLong(length, MAXIMUM_TEXT);
    }
}
