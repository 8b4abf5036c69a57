// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, ModelVersion, SystemVersion} from "../interfaces/IModelRegistry.sol";
import {IProofAdapter} from "../interfaces/IProofAdapter.sol";
import {BoundedCall} from "../types/BoundedCall.sol";
import {CommitmentScheme} from "../types/Commitment.sol";
import {FieldElement} from "../types/FieldElement.sol";
import {Statement} from "../types/Statement.sol";
import {ElementType, TensorLib, TensorSchema} from "../types/Tensor.sol";
import {EzklLayout, EzklSegment, EzklSegmentKind} from "./EzklLayout.sol";
import {EzklSeal} from "./EzklSeal.sol";

/// @title Adapter of "ezkl/v1"
/// @notice Decodes the proof's public instances into the statement, then asks the model's Halo2 verifier.
/// @dev The verifier is the one that `ezkl create-evm-verifier` writes: verifyProof(bytes,uint256[]), true
/// for a valid proof, a revert with no data for an invalid one.
contract EzklAdapter is IProofAdapter {
    bytes4 private constant VERIFY_PROOF = bytes4(keccak256("verifyProof(bytes,uint256[])"));

    IModelRegistry public immutable registry;

    error StatementDiffers(string field);
    error VerifierCodeDiffers(address verifier, bytes32 expected, bytes32 found);
    error InstanceCountDiffers(uint256 expected, uint256 found);
    error BindingDiffers(uint256 limb, uint256 expected, uint256 found);
    error ConstantDiffers(uint256 index, uint256 expected, uint256 found);
    error InputDiffers(bytes32 expected, bytes32 found);
    error OutputDiffers(bytes32 expected, bytes32 found);
    error InputSchemeNotProvable(uint16 scheme);
    error OutputSchemeNotPublic(uint16 scheme);

    constructor(IModelRegistry registry_) {
        registry = registry_;
    }

    /// @inheritdoc IProofAdapter
    function verify(bytes32 modelKey, Statement calldata statement, bytes32 root, bytes calldata body)
        external
        view
        returns (bool)
    {
        ModelVersion memory model = registry.modelOf(modelKey);
        SystemVersion memory system = registry.systemOf(modelKey, bytes4(keccak256(bytes(statement.system))));
        _checkRecords(model, system, statement);
        _checkInstances(model, system, statement, root, EzklSeal.parse(body));

        bytes32 found = system.verifier.codehash;
        if (found != system.verifierCodehash) {
            revert VerifierCodeDiffers(system.verifier, system.verifierCodehash, found);
        }
        (bool accepted,) =
            BoundedCall.staticTrue(system.verifier, gasleft(), abi.encodePacked(VERIFY_PROOF, body));
        return accepted;
    }

    function _checkRecords(
        ModelVersion memory model,
        SystemVersion memory system,
        Statement calldata statement
    ) private pure {
        if (statement.model != model.digest) revert StatementDiffers("model");
        if (keccak256(bytes(statement.system)) != keccak256(bytes(system.system))) {
            revert StatementDiffers("system");
        }
        if (statement.program != system.program) revert StatementDiffers("program");
        if (statement.key != system.key) revert StatementDiffers("key");
        if (statement.input.scheme != system.inputScheme) revert StatementDiffers("input.scheme");
        if (statement.output.scheme != CommitmentScheme.PUBLIC) {
            revert OutputSchemeNotPublic(statement.output.scheme);
        }
    }

    /// @dev Walks the instances once, segment by segment, and leaves none unchecked.
    function _checkInstances(
        ModelVersion memory model,
        SystemVersion memory system,
        Statement calldata statement,
        bytes32 root,
        uint256[] calldata instances
    ) private pure {
        bool publicInput = statement.input.scheme == CommitmentScheme.PUBLIC;
        if (!publicInput && statement.input.scheme != CommitmentScheme.EZKL_POSEIDON) {
            revert InputSchemeNotProvable(statement.input.scheme);
        }
        uint256 inputCount = publicInput ? _elements(model.inputs) : 1;
        uint256 outputCount = _elements(system.outputs);
        (EzklSegment[] memory segments, uint256 total) =
            EzklLayout.parse(system.proofLayout, inputCount, outputCount);
        if (instances.length != total) revert InstanceCountDiffers(total, instances.length);
        for (uint256 i; i < total; ++i) {
            if (instances[i] >= FieldElement.ORDER) revert FieldElement.NotInField(i, instances[i]);
        }

        uint256[] memory inputs = _gather(segments, EzklSegmentKind.Input, inputCount, instances);
        uint256[] memory outputs = _gather(segments, EzklSegmentKind.Output, outputCount, instances);
        _checkBinding(root, _gather(segments, EzklSegmentKind.Binding, 16, instances));
        _checkConstants(segments, instances);

        bytes32 input = publicInput ? _digest(model.inputs, inputs) : bytes32(inputs[0]);
        if (input != statement.input.value) revert InputDiffers(statement.input.value, input);
        bytes32 output = _digest(system.outputs, outputs);
        if (output != statement.output.value) revert OutputDiffers(statement.output.value, output);
    }

    /// @dev The instances of one kind, in their order. The layout was found to have `count` of them.
    function _gather(
        EzklSegment[] memory segments,
        EzklSegmentKind kind,
        uint256 count,
        uint256[] calldata instances
    ) private pure returns (uint256[] memory found) {
        found = new uint256[](count);
        uint256 written = 32;
        uint256 read;
        for (uint256 i; i < segments.length; ++i) {
            uint256 size = 32 * uint256(segments[i].count);
            if (segments[i].kind == kind) {
                assembly ("memory-safe") {
                    calldatacopy(add(found, written), add(instances.offset, read), size)
                }
                written += size;
            }
            read += size;
        }
    }

    /// @dev Sixteen limbs of sixteen bits, most significant first.
    function _checkBinding(bytes32 root, uint256[] memory limbs) private pure {
        for (uint256 limb; limb < EzklLayout.BINDING_LIMBS; ++limb) {
            uint256 expected = (uint256(root) >> (16 * (15 - limb))) & 0xffff;
            if (limbs[limb] != expected) revert BindingDiffers(limb, expected, limbs[limb]);
        }
    }

    function _checkConstants(EzklSegment[] memory segments, uint256[] calldata instances) private pure {
        uint256 position;
        for (uint256 i; i < segments.length; ++i) {
            EzklSegment memory segment = segments[i];
            for (uint256 j; j < segment.values.length; ++j) {
                uint256 found = instances[position + j];
                if (found != segment.values[j]) {
                    revert ConstantDiffers(position + j, segment.values[j], found);
                }
            }
            position += segment.count;
        }
    }

    /// @dev Commitment of the tensors that the field elements stand for. Each integer is written as a whole
    /// word whose top bytes it fills; the next one overwrites what follows them.
    function _digest(TensorSchema[] memory schemas, uint256[] memory values) private pure returns (bytes32) {
        uint256 length = TensorLib.byteLength(schemas);
        bytes memory data = new bytes(length + 32);
        uint256 next;
        uint256 offset = 32;
        for (uint256 i; i < schemas.length; ++i) {
            ElementType elementType = schemas[i].elementType;
            uint256 width = TensorLib.width(elementType);
            uint256 end = next + TensorLib.elements(schemas[i]);
            for (; next < end; ++next) {
                int256 integer = FieldElement.toSigned(values[next], next, elementType, width);
                assembly ("memory-safe") {
                    mstore(add(data, offset), shl(sub(256, mul(8, width)), integer))
                }
                offset += width;
            }
        }
        assembly ("memory-safe") {
            mstore(data, length)
        }
        return TensorLib.digest(schemas, data);
    }

    function _elements(TensorSchema[] memory schemas) private pure returns (uint256 count) {
        for (uint256 i; i < schemas.length; ++i) {
            count += TensorLib.elements(schemas[i]);
        }
    }
}
