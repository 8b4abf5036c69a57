// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

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

    /// @notice Whether anybody who holds the inputs recomputes the value.
    function isPublic(uint16 scheme) internal pure returns (bool) {
        return scheme == PUBLIC || scheme == PUBLIC_TREE;
    }
}
