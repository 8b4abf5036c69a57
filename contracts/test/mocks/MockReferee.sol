// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReferee, TracedClaim} from "../../src/interfaces/IReferee.sol";
import {TensorSchema} from "../../src/types/Tensor.sol";
import {EzklFixture} from "../base/EzklFixture.sol";

/// @notice A program for tests: its tensors have fixed lengths and, in an honest trace, fixed bytes. The first one is
/// its input and the last one its output.
library ToyProgram {
    bytes32 internal constant PROGRAM = keccak256("toy program");
    /// @dev What stands for the schemas of its outputs in keys of enclaves.
    bytes32 internal constant OUTPUTS = keccak256("toy outputs");

    function key(uint32[] memory lengths) internal pure returns (bytes32) {
        return keccak256(abi.encode("toy key", lengths));
    }

    function place(uint32[] memory lengths, uint32 tensor) internal pure returns (bytes memory) {
        return abi.encode(tensor, lengths);
    }

    /// @notice The same behind the program's digest, as the referee reads it.
    function placeInProgram(uint32[] memory lengths, uint32 tensor) internal pure returns (bytes memory) {
        return bytes.concat(PROGRAM, place(lengths, tensor));
    }

    /// @notice The bytes of a chunk of a tensor, cut at the tensor's length.
    function chunk(uint32[] memory lengths, uint32 tensor, uint32 number)
        internal
        pure
        returns (bytes memory data)
    {
        uint256 rest = lengths[tensor] - 256 * uint256(number);
        data = new bytes(256);
        for (uint256 i; i < 8; ++i) {
            bytes32 word = keccak256(abi.encode(tensor, number, i));
            assembly ("memory-safe") {
                mstore(add(add(data, 32), mul(32, i)), word)
            }
        }
        if (rest >= 256) return data;
        assembly ("memory-safe") {
            mstore(data, rest)
        }
    }
}

/// @notice What a refutation of the mock consists of: a chunk that stands under the claim's root and is not the
/// program's.
struct ToyRefutation {
    uint32[] lengths;
    uint32 tensor;
    uint32 chunk;
    bytes data;
    bytes32[] chunkSiblings;
    bytes32[] traceSiblings;
}

/// @notice Stands in for the referee in tests of claims and challenges. It recomputes nothing: what is right was
/// fixed beforehand.
contract MockReferee is IReferee {
    error OtherKey();
    error OtherTensor();
    error NotUnderTheRoot();

    function refutes(TracedClaim calldata claim, bytes calldata refutation) external pure returns (bool) {
        ToyRefutation memory shown = abi.decode(refutation, (ToyRefutation));
        if (ToyProgram.key(shown.lengths) != claim.key || claim.program != ToyProgram.PROGRAM) {
            revert OtherKey();
        }
        bytes memory padded = bytes.concat(shown.data, new bytes(256 - shown.data.length));
        bytes32 node = keccak256(bytes.concat(hex"00", padded));
        node = _climb(node, shown.chunk, shown.chunkSiblings);
        node = keccak256(abi.encodePacked(uint8(0), claim.statementRoot, shown.tensor, node));
        if (_climb(node, shown.tensor, shown.traceSiblings) != claim.traceRoot) revert NotUnderTheRoot();
        bytes memory right = ToyProgram.chunk(shown.lengths, shown.tensor, shown.chunk);
        return keccak256(right) != keccak256(shown.data);
    }

    function depthOf(bytes32 key, bytes calldata place)
        external
        pure
        returns (uint32 tensor, uint8 traceDepth, uint8 tensorDepth, uint32 tensors, uint64 octets)
    {
        uint32[] memory lengths;
        (tensor, lengths) = _place(key, place);
        tensors = uint32(lengths.length);
        octets = lengths[tensor];
        traceDepth = _depth(tensors);
        tensorDepth = _depth((octets + 255) / 256);
    }

    function schemaOf(bytes32 key, bytes calldata place, bool output, uint256 number)
        external
        pure
        returns (TensorSchema memory schema, uint256 count, uint32 tensors, bool rowMajor)
    {
        rowMajor = true;
        (uint32 tensor, uint32[] memory lengths) = _place(key, place);
        tensors = uint32(lengths.length);
        if (number != 0 || tensor != (output ? tensors - 1 : 0)) revert OtherTensor();
        schema = output ? EzklFixture.outputs()[0] : EzklFixture.inputs()[0];
        count = 1;
    }

    function _place(bytes32 key, bytes calldata place)
        private
        pure
        returns (uint32 tensor, uint32[] memory lengths)
    {
        if (bytes32(place) != ToyProgram.PROGRAM) revert OtherKey();
        (tensor, lengths) = abi.decode(place[32:], (uint32, uint32[]));
        if (ToyProgram.key(lengths) != key || tensor >= lengths.length) revert OtherKey();
    }

    function _climb(bytes32 node, uint256 index, bytes32[] memory siblings) private pure returns (bytes32) {
        for (uint256 i; i < siblings.length; ++i) {
            (bytes32 left, bytes32 right) = (index >> i) & 1 == 1 ? (siblings[i], node) : (node, siblings[i]);
            node = keccak256(abi.encodePacked(uint8(1), left, right));
        }
        return node;
    }

    function _depth(uint256 count) private pure returns (uint8 depth) {
        while (1 << depth < count) {
            ++depth;
        }
    }
}
