// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClaims} from "../interfaces/IClaims.sol";
import {IModelRegistry, SystemClaim} from "../interfaces/IModelRegistry.sol";
import {IReferee} from "../interfaces/IReferee.sol";
import {CommitmentScheme} from "../types/Commitment.sol";
import {TensorSchema} from "../types/Tensor.sol";

/// @title Whether a model's registered inputs and outputs are those of its registered key
/// @notice Digests of inputs and outputs are made with what the registry has, refutations with what stands under
/// the key. Where the two differ no input and no output could be shown to be wrong.
/// @dev A contract beside the claims, made with them: what it holds needs no room in their code.
contract KeySchemas {
    bytes4 private constant SELECTOR = bytes4(keccak256("optimistic/v1"));
    uint256 private constant MAXIMUM_TENSORS = 1 << 20;

    IModelRegistry public immutable registry;
    IReferee public immutable referee;

    constructor(IModelRegistry registry_, IReferee referee_) {
        registry = registry_;
        referee = referee_;
    }

    /// @notice Reverts unless number, types and shapes agree and games over the key's traces can be played.
    /// @param inputs the place of every input, in order, without the program's digest.
    /// @param outputs the place of every output, in order.
    /// @return key the model's registered key.
    /// @return tensors how many tensors the key's program has.
    function check(bytes32 modelKey, bytes[] calldata inputs, bytes[] calldata outputs)
        external
        view
        returns (bytes32 key, uint32 tensors)
    {
        SystemClaim memory system = registry.claimOf(modelKey, SELECTOR);
        key = system.key;
        // A root that orders commit to is compared with the trace's, which must be made in the same way.
        bool rooted = registry.systemTermsOf(modelKey, SELECTOR).inputScheme == CommitmentScheme.PUBLIC_TREE;
        tensors = _compare(system, inputs, registry.modelTermsOf(modelKey).inputs, false, rooted);
        _compare(system, outputs, system.outputs, true, false);
        if (tensors > MAXIMUM_TENSORS) revert IClaims.TreeTooLarge(tensors, MAXIMUM_TENSORS);
    }

    function _compare(
        SystemClaim memory system,
        bytes[] calldata places,
        TensorSchema[] memory registered,
        bool output,
        bool rooted
    ) private view returns (uint32 tensors) {
        if (places.length != registered.length) {
            revert IClaims.CountDiffers(registered.length, places.length);
        }
        for (uint256 i; i < registered.length; ++i) {
            // The registered program, not one that the caller names: refutations are made of that one.
            bytes memory place = bytes.concat(system.program, places[i]);
            TensorSchema memory schema;
            uint256 count;
            bool rowMajor;
            (schema, count, tensors, rowMajor) = referee.schemaOf(system.key, place, output, i);
            if (count != registered.length) revert IClaims.CountDiffers(count, registered.length);
            if (keccak256(abi.encode(schema)) != keccak256(abi.encode(registered[i]))) {
                revert IClaims.SchemaDiffers(output, i);
            }
            if (rooted && !rowMajor) revert IClaims.InputNotRowMajor(i);
        }
    }
}
