// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BatchClaim} from "../types/Statement.sol";

/// @title The on-chain half of a proof system whose one proof speaks of many statements
interface IBatchProofAdapter {
    /// @notice Whether `body`, with the part of each claim, proves every one of `claims`, bound to `root`.
    /// @dev A proof may speak of more statements than are given here; nothing is established of the others.
    /// Establishes by itself that the proof's values carry each statement. Reverts with a typed error, or
    /// returns false, when it does not.
    /// @param modelKey the version in the registry, whose system record gives the verifiers.
    /// @param claims at least one statement, each with its place and its part.
    /// @param root Merkle root of statements that the proof must bind; the caller has checked the paths.
    /// @param body the seal without its selector: what all the statements share.
    function verifyBatch(bytes32 modelKey, BatchClaim[] calldata claims, bytes32 root, bytes calldata body)
        external
        view
        returns (bool);
}
