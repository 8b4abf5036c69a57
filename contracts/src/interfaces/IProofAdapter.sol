// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Statement} from "../types/Statement.sol";

/// @title The on-chain half of one proof system
interface IProofAdapter {
    /// @notice Whether `body` proves `statement` of the registered model `modelKey`, bound to `root`.
    /// @dev Establishes by itself that the proof's public values carry the statement: nothing that the
    /// prover says about them is believed. Reverts with a typed error, or returns false, when it does not.
    /// @param modelKey the version in the registry, whose system record gives verifier and layout.
    /// @param statement the claim.
    /// @param root Merkle root of statements that the proof must bind; the caller has checked the path.
    /// @param body the seal without its selector.
    function verify(bytes32 modelKey, Statement calldata statement, bytes32 root, bytes calldata body)
        external
        view
        returns (bool);
}
