// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Where a statement stands in the Merkle tree whose root a proof binds.
/// @param index position of the leaf, from zero; below 2 ** siblings.length.
/// @param siblings the other child at each level, from the leaf upwards; none for a single statement.
struct StatementPath {
    uint256 index;
    bytes32[] siblings;
}

/// @notice The Merkle tree of statements; leaves and nodes are hashed under different prefixes.
library StatementTree {
    uint256 internal constant MAXIMUM_DEPTH = 16;

    error PathTooDeep(uint256 depth, uint256 maximum);
    error IndexOutsideTree(uint256 index, uint256 depth);

    /// @notice The leaf of a statement digest.
    function leaf(bytes32 statementDigest) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), statementDigest));
    }

    /// @notice The parent of two nodes.
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(1), left, right));
    }

    /// @notice The root under which the statement stands at the path.
    function root(bytes32 statementDigest, StatementPath memory path) internal pure returns (bytes32) {
        uint256 depth = path.siblings.length;
        if (depth > MAXIMUM_DEPTH) revert PathTooDeep(depth, MAXIMUM_DEPTH);
        if (path.index >> depth != 0) revert IndexOutsideTree(path.index, depth);
        return _climb(statementDigest, path);
    }

    /// @notice Whether the path is one of a tree and leads the statement to `expected`.
    function stands(bytes32 statementDigest, StatementPath memory path, bytes32 expected)
        internal
        pure
        returns (bool)
    {
        uint256 depth = path.siblings.length;
        if (depth > MAXIMUM_DEPTH || path.index >> depth != 0) return false;
        return _climb(statementDigest, path) == expected;
    }

    function _climb(bytes32 statementDigest, StatementPath memory path)
        private
        pure
        returns (bytes32 current)
    {
        uint256 depth = path.siblings.length;
        current = leaf(statementDigest);
        for (uint256 level; level < depth; ++level) {
            bytes32 sibling = path.siblings[level];
            bool right = (path.index >> level) & 1 == 1;
            current = right ? node(sibling, current) : node(current, sibling);
        }
    }
}
