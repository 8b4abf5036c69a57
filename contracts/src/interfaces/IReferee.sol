// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TensorSchema} from "../types/Tensor.sol";

/// @notice What a provider claims of one run, and the root of the trace that is to bear it out.
/// @param key digest of the program as a referee knows it.
/// @param program digest of the program.
/// @param statementRoot leaf of the statement's digest, which names order and provider.
/// @param traceRoot root over all tensors of the run.
/// @param input value of a public commitment to the inputs. Which scheme it has is not said: none has another's
/// values.
/// @param output public commitment to the outputs.
struct TracedClaim {
    bytes32 key;
    bytes32 program;
    bytes32 statementRoot;
    bytes32 traceRoot;
    bytes32 input;
    bytes32 output;
}

/// @title The contract that recomputes one element of a run of "optimistic/v1"
/// @notice It holds nothing and belongs to nobody. `docs/reference/optimistic.md` has every byte that it reads.
interface IReferee {
    /// @notice Whether one element of the trace is shown to be wrong.
    /// @dev Reverts with a typed error where the refutation is malformed, does not belong to the claim, or asks
    /// for an operation without a meaning. Nothing refutes the trace of an honest run.
    function refutes(TracedClaim calldata claim, bytes calldata refutation) external pure returns (bool);

    /// @notice Sizes of one tensor of the program with that key.
    /// @param place program digest, key part, tensor number, descriptor and its path in the program tree.
    /// @return tensor its number.
    /// @return traceDepth levels between the trace's root and its leaf.
    /// @return tensorDepth levels between its root and its chunks.
    /// @return tensors how many leaves of a trace are no padding.
    /// @return octets bytes of the tensor; its last chunk is padded with zeros.
    function depthOf(bytes32 key, bytes calldata place)
        external
        pure
        returns (uint32 tensor, uint8 traceDepth, uint8 tensorDepth, uint32 tensors, uint64 octets);

    /// @notice What an input or output of the program with that key is, as digests of statements have it.
    /// @dev Reverts unless the place is that of the input, or the output, with this number.
    /// @param place as for `depthOf`.
    /// @param number counts the program's inputs or outputs from zero.
    /// @return schema its element type and shape.
    /// @return count how many inputs, or outputs, the program has.
    /// @return tensors how many leaves of a trace are no padding.
    /// @return rowMajor whether traces hold it in row-major order, in which inputs are committed to by their roots.
    function schemaOf(bytes32 key, bytes calldata place, bool output, uint256 number)
        external
        pure
        returns (TensorSchema memory schema, uint256 count, uint32 tensors, bool rowMajor);
}
