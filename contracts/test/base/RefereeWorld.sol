// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReferee, TracedClaim} from "../../src/interfaces/IReferee.sol";
import {TensorLib} from "../../src/types/Tensor.sol";
import {Deployment} from "./Deployment.sol";

/// @notice A refutation in its parts, in the order in which they stand.
struct Refutation {
    uint8 kind;
    bytes keyPart;
    uint32 tensor;
    bytes descriptor;
    bytes path;
    uint32 element;
    bytes openings;
    bytes siblings;
    bytes rest;
}

/// @notice A program and a committed run of it, from which refutations are put together.
abstract contract RefereeWorld is Deployment {
    bytes32 internal constant PROGRAM = keccak256("program");

    IReferee internal referee;
    bytes32 internal statementRoot = keccak256("statement");
    bytes internal keyPart;
    bytes[] internal descriptors;
    bytes[] internal tensors;
    bytes32 internal inputDigest;
    bytes32 internal outputDigest;

    /// @dev What the run claims, as it is committed to now.
    function claim() internal view returns (TracedClaim memory) {
        (bytes32 programRoot,) = lead(programLeaves(), 0, 1);
        (bytes32 traceRoot,) = lead(traceLeaves(), 0, 1);
        bytes32 key = keccak256(bytes.concat(keccak256("avow.referee.v1"), PROGRAM, keyPart, programRoot));
        return TracedClaim(key, PROGRAM, statementRoot, traceRoot, inputDigest, outputDigest);
    }

    /// @dev A refutation for which tensors [first, first + count) are opened.
    function refutation(
        uint8 kind,
        uint32 tensor,
        uint32 element,
        bytes memory openings,
        uint256 first,
        uint256 count
    ) internal view returns (Refutation memory made) {
        (made.kind, made.keyPart, made.tensor, made.element) = (kind, keyPart, tensor, element);
        made.descriptor = descriptors[tensor];
        made.openings = openings;
        (, made.path) = lead(programLeaves(), tensor, 1);
        (, made.siblings) = lead(traceLeaves(), first, count);
    }

    function encode(Refutation memory made) internal pure returns (bytes memory) {
        bytes memory head =
            abi.encodePacked(made.kind, made.keyPart, made.tensor, made.descriptor, made.path, made.element);
        return bytes.concat(head, made.openings, made.siblings, made.rest);
    }

    function ask(Refutation memory made) internal view returns (bool) {
        return referee.refutes(claim(), encode(made));
    }

    /// @dev An opening of chunks [first, first + count).
    function open(bytes memory data, uint32 first, uint16 count) internal pure returns (bytes memory) {
        (, bytes memory siblings) = lead(chunks(data), first, count);
        uint256 end = 256 * (uint256(first) + count);
        bytes memory shown = slice(data, 256 * uint256(first), end < data.length ? end : data.length);
        return bytes.concat(abi.encodePacked(uint16(1), first, count), shown, siblings);
    }

    function root(bytes memory data) internal pure returns (bytes32 found) {
        (found,) = lead(chunks(data), 0, 1);
    }

    function digest(uint8 code, bytes memory dimensions, bytes memory data) internal pure returns (bytes32) {
        uint8 rank = uint8(dimensions.length / 4);
        return keccak256(bytes.concat(TensorLib.TENSOR_TAG, abi.encodePacked(code, rank), dimensions, data));
    }

    /// @dev The root of a tree, and the siblings of neighbouring leaves.
    function lead(bytes32[] memory leaves, uint256 first, uint256 count)
        internal
        pure
        returns (bytes32, bytes memory siblings)
    {
        uint256 length = 1;
        while (length < leaves.length) length *= 2;
        bytes32[] memory level = new bytes32[](length);
        for (uint256 i; i < leaves.length; ++i) {
            level[i] = leaves[i];
        }
        uint256 last = first + count - 1;
        for (; length > 1; length /= 2) {
            if (first % 2 == 1) siblings = bytes.concat(siblings, level[first - 1]);
            if (last % 2 == 0) siblings = bytes.concat(siblings, level[last + 1]);
            (first, last) = (first / 2, last / 2);
            for (uint256 i; i < length / 2; ++i) {
                level[i] = keccak256(bytes.concat(hex"01", level[2 * i], level[2 * i + 1]));
            }
        }
        return (level[0], siblings);
    }

    function chunks(bytes memory data) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[]((data.length + 255) / 256);
        bytes memory leaf = new bytes(257);
        for (uint256 i; i < leaves.length; ++i) {
            uint256 end = 256 * i + 256;
            bytes memory chunk = slice(data, 256 * i, end < data.length ? end : data.length);
            if (chunk.length < 256) leaf = new bytes(257);
            assembly ("memory-safe") {
                mcopy(add(leaf, 33), add(chunk, 32), mload(chunk))
            }
            leaves[i] = keccak256(leaf);
        }
    }

    function programLeaves() internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](descriptors.length);
        for (uint256 i; i < leaves.length; ++i) {
            leaves[i] = keccak256(bytes.concat(hex"00", descriptors[i]));
        }
    }

    function traceLeaves() internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](tensors.length);
        for (uint256 i; i < leaves.length; ++i) {
            bytes32 found = root(tensors[i]);
            leaves[i] = keccak256(bytes.concat(hex"00", statementRoot, bytes4(uint32(i)), found));
        }
    }

    function slice(bytes memory data, uint256 from, uint256 to) internal pure returns (bytes memory part) {
        part = new bytes(to - from);
        assembly ("memory-safe") {
            mcopy(add(part, 32), add(add(data, 32), from), sub(to, from))
        }
    }
}
