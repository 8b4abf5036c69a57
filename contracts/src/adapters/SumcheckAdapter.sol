// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBatchProofAdapter} from "../interfaces/IBatchProofAdapter.sol";
import {IModelRegistry, SystemBinding} from "../interfaces/IModelRegistry.sol";
import {IProofAdapter} from "../interfaces/IProofAdapter.sol";
import {ISumcheckVerifier} from "../interfaces/ISumcheckVerifier.sol";
import {CommitmentScheme} from "../types/Commitment.sol";
import {BatchClaim, Statement} from "../types/Statement.sol";
import {SumcheckSeal} from "./SumcheckSeal.sol";

/// @notice What the proofs of one key that speak of so many statements are checked against. The registered layout of
/// a system is abi.encode(SumcheckBatchKey[]), by ascending batch sizes above 1.
/// @param data the account whose code it is.
struct SumcheckBatchKey {
    uint32 batch;
    address data;
    bytes32 codehash;
}

/// @title Adapter of "sumcheck/v1"
/// @notice Finds the model's data in the registry, asks the one verifier what a proof establishes under them, and
/// compares that with the statement. It believes nothing that the seal says: the tensors are hashed by the verifier.
contract SumcheckAdapter is IProofAdapter, IBatchProofAdapter {
    bytes32 private constant SYSTEM = keccak256("sumcheck/v1");
    bytes4 private constant SELECTOR = bytes4(SYSTEM);

    IModelRegistry public immutable registry;
    ISumcheckVerifier public immutable verifier;

    error StatementDiffers(string field);
    error BatchNotRegistered(uint256 batch);
    error AnswersMissing(uint256 expected, uint256 found);
    error VerifierCodeDiffers(address verifier, bytes32 expected, bytes32 found);

    constructor(IModelRegistry registry_, ISumcheckVerifier verifier_) {
        registry = registry_;
        verifier = verifier_;
    }

    /// @inheritdoc IProofAdapter
    function verify(bytes32 modelKey, Statement calldata statement, bytes32 root, bytes calldata body)
        external
        view
        returns (bool)
    {
        SystemBinding memory binding = registry.bindingOf(modelKey, SELECTOR);
        _checkRecords(binding, statement);
        _checkCode(binding.verifier, binding.verifierCodehash);
        (bytes calldata inputs, bytes calldata outputs, bytes calldata proof) = SumcheckSeal.parse(body);
        ISumcheckVerifier.Established memory found =
            verifier.verify(binding.verifier, root, inputs, outputs, proof);
        _checkEstablished(found, statement);
        return true;
    }

    /// @inheritdoc IBatchProofAdapter
    function verifyBatch(bytes32 modelKey, BatchClaim[] calldata claims, bytes32 root, bytes calldata body)
        external
        view
        returns (bool)
    {
        SystemBinding memory binding = registry.bindingOf(modelKey, SELECTOR);
        ISumcheckVerifier.Sample[] memory samples = new ISumcheckVerifier.Sample[](claims.length);
        for (uint256 i; i < claims.length; ++i) {
            _checkRecords(binding, claims[i].statement);
            samples[i] = _sample(claims[i]);
        }
        (uint256 batch, bytes calldata proof) = SumcheckSeal.parseShared(body);
        ISumcheckVerifier.Established[] memory found =
            verifier.verifyBatch(_dataFor(modelKey, batch), root, samples, proof);
        if (claims.length == 0 || found.length != claims.length) {
            revert AnswersMissing(claims.length, found.length);
        }
        for (uint256 i; i < claims.length; ++i) {
            _checkEstablished(found[i], claims[i].statement);
        }
        return true;
    }

    function _sample(BatchClaim calldata claim) private pure returns (ISumcheckVerifier.Sample memory) {
        (bytes calldata inputs, bytes calldata outputs, bytes calldata opening) =
            SumcheckSeal.parse(claim.part);
        return ISumcheckVerifier.Sample(claim.index, inputs, outputs, opening);
    }

    /// @dev The registered data for proofs of so many statements, with the code that was registered.
    function _dataFor(bytes32 modelKey, uint256 batch) private view returns (address) {
        SumcheckBatchKey[] memory keys =
            abi.decode(registry.layoutOf(modelKey, SELECTOR), (SumcheckBatchKey[]));
        for (uint256 i; i < keys.length; ++i) {
            if (keys[i].batch != batch) continue;
            _checkCode(keys[i].data, keys[i].codehash);
            return keys[i].data;
        }
        revert BatchNotRegistered(batch);
    }

    function _checkRecords(SystemBinding memory binding, Statement calldata statement) private pure {
        if (keccak256(bytes(statement.system)) != SYSTEM) revert StatementDiffers("system");
        if (statement.model != binding.model) revert StatementDiffers("model");
        if (statement.program != binding.program) revert StatementDiffers("program");
        if (statement.key != binding.key) revert StatementDiffers("key");
        // Nothing is hidden: the verifier needs the tensors themselves.
        if (
            binding.inputScheme != CommitmentScheme.PUBLIC
                || statement.input.scheme != CommitmentScheme.PUBLIC
        ) revert StatementDiffers("input.scheme");
        if (statement.output.scheme != CommitmentScheme.PUBLIC) revert StatementDiffers("output.scheme");
    }

    /// @dev The verifier believes its data: that they are the registered ones is established here.
    function _checkCode(address data, bytes32 expected) private view {
        bytes32 found = data.codehash;
        if (found != expected) revert VerifierCodeDiffers(data, expected, found);
    }

    function _checkEstablished(ISumcheckVerifier.Established memory found, Statement calldata statement)
        private
        pure
    {
        if (found.program != statement.program) revert StatementDiffers("program");
        if (found.key != statement.key) revert StatementDiffers("key");
        if (found.input != statement.input.value) revert StatementDiffers("input");
        if (found.output != statement.output.value) revert StatementDiffers("output");
    }
}
