// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The contract that checks proofs of "sumcheck/v1", for every model
/// @notice What is particular to a model, a verifying key and a batch size, is a blob: the code of an account,
/// which is data and never run.
interface ISumcheckVerifier {
    /// @notice What a proof was found to establish.
    /// @param program digest of the program that was run.
    /// @param key digest of the verifying key.
    /// @param input commitment to the input tensors.
    /// @param output commitment to the output tensors.
    struct Established {
        bytes32 program;
        bytes32 key;
        bytes32 input;
        bytes32 output;
    }

    /// @notice One run of a batch.
    /// @param index its number among the runs of the proof.
    /// @param inputs the data of its input tensors, one after the other, as in their digests.
    /// @param outputs the data of its output tensors.
    /// @param opening 64 bytes, x || y: what opens the proof's shared polynomial at this run.
    struct Sample {
        uint256 index;
        bytes inputs;
        bytes outputs;
        bytes opening;
    }

    /// @notice Checks that the blob's program gives the outputs for the inputs, in a proof bound to `root`.
    /// @dev Reverts with a typed error when the proof does not establish it. The blob is believed: whoever asks
    /// must know by its code hash that it belongs to the key.
    /// @param blob the account whose code is the blob of a key for single runs.
    /// @param root Merkle root of the statements.
    /// @param inputs the data of the input tensors, one after the other, as in their digests.
    /// @param outputs the data of the output tensors.
    /// @param proof the proof's bytes.
    function verify(
        address blob,
        bytes32 root,
        bytes calldata inputs,
        bytes calldata outputs,
        bytes calldata proof
    ) external view returns (Established memory);

    /// @notice Checks some runs of a proof of many: that the program gives each one's outputs for its inputs.
    /// @dev Nothing is established of the others, and `root` must bind the tensors: a prover who could choose
    /// them after the proof could choose what it opens.
    /// @param blob the account whose code is the blob of the key for the proof's number of runs.
    /// @param samples at least one.
    function verifyBatch(address blob, bytes32 root, Sample[] calldata samples, bytes calldata proof)
        external
        view
        returns (Established[] memory);
}
