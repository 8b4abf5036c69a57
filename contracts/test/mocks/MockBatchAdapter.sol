// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBatchProofAdapter} from "../../src/interfaces/IBatchProofAdapter.sol";
import {IProofAdapter} from "../../src/interfaces/IProofAdapter.sol";
import {BatchClaim, Statement, StatementLib} from "../../src/types/Statement.sol";

/// @notice What stands for proofs in tests of batches: hashes that prove nothing.
library MockBatchProof {
    /// @notice The part of one statement; with index 0 also the body of a proof of it alone.
    function part(Statement memory statement, uint256 index, bytes32 root)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encode(keccak256(abi.encode(StatementLib.hash(statement), index, root)));
    }

    /// @notice What all the statements of a batch share.
    function body(bytes32 root) internal pure returns (bytes memory) {
        return abi.encode("a batch under", root);
    }
}

/// @notice Stands in for a proof system with batches in tests of router and market.
contract MockBatchAdapter is IProofAdapter, IBatchProofAdapter {
    error BodyDiffers();

    function verify(bytes32, Statement calldata statement, bytes32 root, bytes calldata body)
        external
        pure
        returns (bool)
    {
        return keccak256(body) == keccak256(MockBatchProof.part(statement, 0, root));
    }

    function verifyBatch(bytes32, BatchClaim[] calldata claims, bytes32 root, bytes calldata body)
        external
        pure
        returns (bool)
    {
        if (keccak256(body) != keccak256(MockBatchProof.body(root))) revert BodyDiffers();
        for (uint256 i; i < claims.length; ++i) {
            bytes memory expected = MockBatchProof.part(claims[i].statement, claims[i].index, root);
            if (keccak256(claims[i].part) != keccak256(expected)) return false;
        }
        return true;
    }
}
