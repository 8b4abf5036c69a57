// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAttestationKeys, Service, Standing, Tier} from "../interfaces/IAttestationKeys.sol";
import {IBatchProofAdapter} from "../interfaces/IBatchProofAdapter.sol";
import {IModelRegistry, SystemBinding} from "../interfaces/IModelRegistry.sol";
import {IProofAdapter} from "../interfaces/IProofAdapter.sol";
import {IRefutableAdapter} from "../interfaces/IRefutableAdapter.sol";
import {CommitmentScheme} from "../types/Commitment.sol";
import {BatchClaim, Statement, StatementLib} from "../types/Statement.sol";
import {StatementTree} from "../types/StatementTree.sol";

/// @notice What a model's owner asks of the keys that answer for it.
/// @param minimum least tier.
/// @param provable whether a proof by the model's "sumcheck/v1" must be able to cost a key its stake.
struct TeeTerms {
    Tier minimum;
    bool provable;
}

/// @title Adapter of "tee/v1": a registered key signed the root over the statement
/// @notice A seal's body is the time, 8 bytes, and a signature, 65 bytes. One serves every statement under its
/// root. Who signed is asked of the contract of keys; the model's terms are set before its system is registered,
/// so no order ever meets others than it was made under.
contract TeeAdapter is IProofAdapter, IBatchProofAdapter, IRefutableAdapter {
    bytes32 private constant SYSTEM = keccak256("tee/v1");
    bytes4 private constant SELECTOR = bytes4(SYSTEM);
    uint256 private constant BODY = 73;
    Tier public constant DEFAULT_MINIMUM = Tier.Registrar;

    IModelRegistry public immutable registry;
    IAttestationKeys public immutable keys;
    mapping(bytes32 modelKey => TeeTerms) private _terms;

    event TermsSet(bytes32 indexed modelKey, Tier minimum, bool provable);
    /// @notice The owner of this model accepts answers for which no hardware speaks at all.
    event SimulatedKeysAllowed(bytes32 indexed modelKey);

    error NotModelOwner(bytes32 modelKey, address caller);
    error TermsAreFixed(bytes32 modelKey);
    error MinimumMissing();
    error SimulatedNotNamed();
    error StatementDiffers(string field);
    error BodyLengthDiffers(uint256 expected, uint256 found);
    error PartNotEmpty(uint256 index);
    error NoClaims();
    error TierTooLow(Tier tier, Tier minimum);
    error ModelNotServed(address key, bytes32 modelKey);
    error ModelNotProvable(address key, bytes32 modelKey);

    constructor(IModelRegistry registry_, IAttestationKeys keys_) {
        registry = registry_;
        keys = keys_;
    }

    /// @notice Sets what keys must be to answer for the caller's model, before its "tee/v1" is registered.
    function setTerms(bytes32 modelKey, Tier minimum, bool provable) external {
        if (minimum == Tier.None) revert MinimumMissing();
        if (minimum == Tier.Simulated) revert SimulatedNotNamed();
        _setTerms(modelKey, TeeTerms(minimum, provable));
    }

    /// @notice Accepts simulated keys, too, for the caller's model, before its "tee/v1" is registered.
    function allowSimulatedKeys(bytes32 modelKey, bool provable) external {
        _setTerms(modelKey, TeeTerms(Tier.Simulated, provable));
        emit SimulatedKeysAllowed(modelKey);
    }

    /// @inheritdoc IProofAdapter
    function verify(bytes32 modelKey, Statement calldata statement, bytes32 root, bytes calldata body)
        external
        view
        returns (bool)
    {
        SystemBinding memory binding = registry.bindingOf(modelKey, SELECTOR);
        _checkRecords(binding, statement);
        _checkSignature(modelKey, binding.program, root, body);
        return true;
    }

    /// @inheritdoc IBatchProofAdapter
    function verifyBatch(bytes32 modelKey, BatchClaim[] calldata claims, bytes32 root, bytes calldata body)
        external
        view
        returns (bool)
    {
        if (claims.length == 0) revert NoClaims();
        SystemBinding memory binding = registry.bindingOf(modelKey, SELECTOR);
        for (uint256 i; i < claims.length; ++i) {
            if (claims[i].part.length != 0) revert PartNotEmpty(i);
            _checkRecords(binding, claims[i].statement);
        }
        _checkSignature(modelKey, binding.program, root, body);
        return true;
    }

    /// @inheritdoc IRefutableAdapter
    function refuted(bytes32 modelKey, Statement calldata statement) external view returns (bool) {
        if (keccak256(bytes(statement.system)) != SYSTEM) revert StatementDiffers("system");
        bytes32 leaf = StatementTree.leaf(StatementLib.digest(statement, keys.statementDomain()));
        return keys.isContradicted(modelKey, leaf);
    }

    /// @notice What a key must be to answer for the model.
    function termsOf(bytes32 modelKey) public view returns (TeeTerms memory terms) {
        terms = _terms[modelKey];
        if (terms.minimum == Tier.None) terms.minimum = DEFAULT_MINIMUM;
    }

    function _setTerms(bytes32 modelKey, TeeTerms memory terms) private {
        if (msg.sender != registry.modelOf(modelKey).owner) revert NotModelOwner(modelKey, msg.sender);
        try registry.bindingOf(modelKey, SELECTOR) returns (SystemBinding memory) {
            revert TermsAreFixed(modelKey);
        } catch (bytes memory reason) {
            // Only this answer says that there is none: a call that ran out of gas says nothing.
            if (bytes4(reason) != IModelRegistry.SystemUnknown.selector) revert TermsAreFixed(modelKey);
        }
        _terms[modelKey] = terms;
        emit TermsSet(modelKey, terms.minimum, terms.provable);
    }

    function _checkSignature(bytes32 modelKey, bytes32 program, bytes32 root, bytes calldata body)
        private
        view
    {
        if (body.length != BODY) revert BodyLengthDiffers(BODY, body.length);
        Standing memory found = keys.standing(modelKey, root, uint64(bytes8(body[:8])), body[8:]);
        if (found.program != program) revert StatementDiffers("program");
        TeeTerms memory terms = termsOf(modelKey);
        if (found.tier < terms.minimum) revert TierTooLow(found.tier, terms.minimum);
        if (found.service == Service.None) revert ModelNotServed(found.key, modelKey);
        if (terms.provable && found.service != Service.Provable) {
            revert ModelNotProvable(found.key, modelKey);
        }
    }

    function _checkRecords(SystemBinding memory binding, Statement calldata statement) private view {
        if (keccak256(bytes(statement.system)) != SYSTEM) revert StatementDiffers("system");
        if (statement.model != binding.model) revert StatementDiffers("model");
        if (statement.program != binding.program) revert StatementDiffers("program");
        if (statement.key != binding.key) revert StatementDiffers("key");
        // The model's owner names the contract of keys; this adapter knows one.
        if (binding.verifier != address(keys)) revert StatementDiffers("verifier");
        // Nothing is hidden, or nobody could say what is right.
        uint16 scheme = statement.input.scheme;
        if (scheme != binding.inputScheme || !CommitmentScheme.isPublic(scheme)) {
            revert StatementDiffers("input.scheme");
        }
        if (statement.output.scheme != CommitmentScheme.PUBLIC) revert StatementDiffers("output.scheme");
    }
}
