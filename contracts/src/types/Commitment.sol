// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TensorLib, TensorSchema} from "./Tensor.sol";

/// @notice What stands for a tensor in a statement: how it was committed to, and the 32-byte result.
/// @param scheme 1 public digest, 2 salted digest, 3 Poseidon hash computed inside an ezkl circuit, 4 public digest
/// over the roots of inputs that are too large to be shown.
/// @param value the commitment; under schemes 1 and 4 as `docs/formats.md` defines it.
struct Commitment {
    uint16 scheme;
    bytes32 value;
}

/// @notice The numbers of the commitment schemes.
library CommitmentScheme {
    uint16 internal constant PUBLIC = 1;
    uint16 internal constant SALTED = 2;
    uint16 internal constant EZKL_POSEIDON = 3;
    uint16 internal constant PUBLIC_TREE = 4;
    /// @dev Bytes of the largest input that a transaction can show whole; nodes pass on transactions of 128 KiB.
    uint256 internal constant LARGEST_SHOWN = (1 << 17) - (1 << 12);

    /// @notice Whether anybody who holds the inputs recomputes the value.
    function isPublic(uint16 scheme) internal pure returns (bool) {
        return scheme == PUBLIC || scheme == PUBLIC_TREE;
    }

    /// @notice How public inputs of these types and shapes are committed to, by whatever system they are answered:
    /// an answer under another scheme would be one that no proof and no claim contradicts.
    function ofInputs(TensorSchema[] memory inputs) internal pure returns (uint16) {
        for (uint256 i; i < inputs.length; ++i) {
            uint256 size = TensorLib.elements(inputs[i]) * TensorLib.width(inputs[i].elementType);
            if (size > LARGEST_SHOWN) return PUBLIC_TREE;
        }
        return PUBLIC;
    }
}
