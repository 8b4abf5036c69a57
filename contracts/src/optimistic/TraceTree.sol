// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The trees of a trace: leaves and nodes are hashed under different prefixes, what is beyond the last
/// leaf is the zero word.
library TraceTree {
    uint256 internal constant CHUNK = 256;

    /// @notice The leaf of a tensor in the trace of a statement.
    function tensorLeaf(bytes32 statementRoot, uint32 tensor, bytes32 tensorRoot)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(uint8(0), statementRoot, tensor, tensorRoot));
    }

    /// @notice The leaf of a chunk in its tensor; a short chunk is filled up with zeros.
    function chunkLeaf(bytes calldata data) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), data, new bytes(CHUNK - data.length)));
    }

    /// @notice The node above 2 ** n descendants.
    function fold(bytes32[] calldata children) internal pure returns (bytes32) {
        bytes32[] memory level = children;
        for (uint256 size = level.length; size > 1; size >>= 1) {
            for (uint256 i; i < size >> 1; ++i) {
                level[i] = _node(level[2 * i], level[2 * i + 1]);
            }
        }
        return level[0];
    }

    /// @notice The node that a path leads to, its siblings from below upwards.
    function climb(bytes32 current, uint256 index, bytes32[] calldata siblings)
        internal
        pure
        returns (bytes32)
    {
        for (uint256 i; i < siblings.length; ++i) {
            bytes32 sibling = siblings[i];
            current = (index >> i) & 1 == 1 ? _node(sibling, current) : _node(current, sibling);
        }
        return current;
    }

    /// @notice Levels of the tree over `count` leaves.
    function depth(uint256 count) internal pure returns (uint8 levels) {
        while (uint256(1) << levels < count) {
            ++levels;
        }
    }

    /// @notice Chunks of a tensor of `length` bytes.
    function chunks(uint256 length) internal pure returns (uint256) {
        return (length + CHUNK - 1) / CHUNK;
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(1), left, right));
    }
}
