// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Where a statement stands in the Merkle tree whose root a proof binds.
/// @param index position of the leaf, from zero; below 2 ** siblings.length.
/// @param siblings the other child at each level, from the leaf upwards; none for a single statement.
struct StatementPath {
    uint256 index;
    bytes32[] siblings;
}
