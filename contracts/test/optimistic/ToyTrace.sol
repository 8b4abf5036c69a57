// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ToyProgram, ToyRefutation} from "../mocks/MockReferee.sol";

/// @notice How a trace differs from the honest one.
/// @dev Data: a byte of a chunk is flipped. Tail: the last chunk is filled up with something else than zeros.
/// Beyond: a leaf beyond a tensor's chunks is not zero. BeyondTensors: the same in the trace. Hole: a chunk's leaf
/// is zero. Gap: a node inside a tensor's tree is zero. Root: a leaf of the trace is of no tensor.
enum Lie {
    None,
    Data,
    Tail,
    Beyond,
    BeyondTensors,
    Hole,
    Gap,
    Root
}

/// @notice A trace with all its nodes: levels from the leaves to the root.
struct Trace {
    uint32[] lengths;
    bytes32 root;
    bytes32[][] nodes;
    bytes32[][][] tensors;
    bytes[][] data;
}

/// @notice Builds traces of the toy program, and what providers and challengers say of them.
library ToyTrace {
    /// @notice Chunks: 1, 2, 17, 40, 3; the last tensors' leaves stand beside padding.
    function lengths() internal pure returns (uint32[] memory found) {
        found = new uint32[](21);
        for (uint256 i; i < found.length; ++i) {
            found[i] = uint32(1 + 97 * i % 300);
        }
        (found[1], found[2], found[3], found[4]) = (512, 4_351, 10_240, 700);
    }

    function build(uint32[] memory sizes, bytes32 statementRoot, Lie lie, uint32 tensor, uint32 chunk)
        internal
        pure
        returns (Trace memory trace)
    {
        uint256 count = sizes.length;
        trace.lengths = sizes;
        trace.tensors = new bytes32[][][](count);
        trace.data = new bytes[][](count);
        bytes32[] memory roots = new bytes32[](count);
        for (uint32 t; t < count; ++t) {
            _tensor(trace, t, t == tensor ? lie : Lie.None, chunk);
            bytes32[][] memory levels = trace.tensors[t];
            bytes32 root = levels[levels.length - 1][0];
            roots[t] = keccak256(abi.encodePacked(uint8(0), statementRoot, t, root));
        }
        if (lie == Lie.Root) roots[tensor] = keccak256("of no tensor");
        bytes32[] memory leaves = _padded(roots);
        if (lie == Lie.BeyondTensors) leaves[leaves.length - 1] = keccak256("of no tensor");
        trace.nodes = _levels(leaves, false);
        trace.root = trace.nodes[trace.nodes.length - 1][0];
    }

    /// @notice The descendants of a node, at most four levels below.
    function children(bytes32[][] memory levels, uint256 height, uint256 position)
        internal
        pure
        returns (bytes32[] memory found)
    {
        uint256 step = height < 4 ? height : 4;
        found = new bytes32[](1 << step);
        for (uint256 i; i < found.length; ++i) {
            found[i] = levels[height - step][(position << step) + i];
        }
    }

    /// @notice The way up `step` levels.
    function siblings(bytes32[][] memory levels, uint256 height, uint256 position, uint256 step)
        internal
        pure
        returns (bytes32[] memory found)
    {
        found = new bytes32[](step);
        for (uint256 i; i < step; ++i) {
            found[i] = levels[height + i][(position >> i) ^ 1];
        }
    }

    /// @notice A refutation of a chunk as the trace has it.
    function refutation(Trace memory trace, uint32 tensor, uint32 chunk)
        internal
        pure
        returns (bytes memory)
    {
        bytes32[][] memory levels = trace.tensors[tensor];
        return abi.encode(
            ToyRefutation({
                lengths: trace.lengths,
                tensor: tensor,
                chunk: chunk,
                data: trace.data[tensor][chunk],
                chunkSiblings: siblings(levels, 0, chunk, levels.length - 1),
                traceSiblings: siblings(trace.nodes, 0, tensor, trace.nodes.length - 1)
            })
        );
    }

    function _tensor(Trace memory trace, uint32 tensor, Lie lie, uint32 chunk) private pure {
        uint256 count = (uint256(trace.lengths[tensor]) + 255) / 256;
        bytes32[] memory leaves = new bytes32[](count);
        trace.data[tensor] = new bytes[](count);
        for (uint32 c; c < count; ++c) {
            bytes memory data = ToyProgram.chunk(trace.lengths, tensor, c);
            if (lie == Lie.Data && c == chunk) data[data.length / 2] ^= 0x10;
            trace.data[tensor][c] = data;
            bytes memory padded = bytes.concat(data, new bytes(256 - data.length));
            if (lie == Lie.Tail && c == count - 1) padded[255] = 0x01;
            leaves[c] = keccak256(bytes.concat(hex"00", padded));
        }
        if (lie == Lie.Hole) leaves[chunk] = 0;
        leaves = _padded(leaves);
        if (lie == Lie.Beyond) leaves[leaves.length - 1] = keccak256("beyond");
        trace.tensors[tensor] = _levels(leaves, lie == Lie.Gap);
    }

    function _padded(bytes32[] memory leaves) private pure returns (bytes32[] memory padded) {
        uint256 size = 1;
        while (size < leaves.length) {
            size *= 2;
        }
        padded = new bytes32[](size);
        for (uint256 i; i < leaves.length; ++i) {
            padded[i] = leaves[i];
        }
    }

    /// @dev With `gap`, the first node four levels below the root is zero.
    function _levels(bytes32[] memory leaves, bool gap) private pure returns (bytes32[][] memory levels) {
        uint256 depth;
        while (1 << depth < leaves.length) {
            ++depth;
        }
        levels = new bytes32[][](depth + 1);
        levels[0] = leaves;
        for (uint256 height = 1; height <= depth; ++height) {
            if (gap && height == depth - 3) levels[height - 1][0] = 0;
            bytes32[] memory below = levels[height - 1];
            levels[height] = new bytes32[](below.length / 2);
            for (uint256 i; i < below.length / 2; ++i) {
                levels[height][i] = keccak256(abi.encodePacked(uint8(1), below[2 * i], below[2 * i + 1]));
            }
        }
    }
}
