// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {Refutation, RefereeWorld} from "./RefereeWorld.sol";

/// @notice A dense layer of bytes with 256 outputs in a program of 64 tensors, one output of which is wrong. Every byte
/// of weights and of the input is taken as one that is not zero, which costs most.
abstract contract DenseLayer is RefereeWorld {
    uint32 private constant OUTPUTS = 256;
    uint32 private constant INPUT = 20;
    uint32 private constant RESULT = 21;

    /// @dev Output 100, `wrong` added to it; every weight and input is one of -128, ..., -1, 1, ..., 127.
    function dense(uint32 inner, int256 wrong) internal returns (TracedClaim memory, bytes memory) {
        bytes memory weight = _octets(uint256(inner) * OUTPUTS, 1);
        bytes memory bias = _octets(4 * uint256(OUTPUTS), 2);
        bytes memory x = _octets(inner, 3);
        bytes memory result = _octets(4 * uint256(OUTPUTS), 4);
        uint32 element = 100;
        int256 total = _signed(bias, 4 * element, 4) + wrong;
        for (uint256 k; k < inner; ++k) {
            total += _signed(weight, uint256(element) * inner + k, 1) * _signed(x, k, 1);
        }
        for (uint256 i; i < 4; ++i) {
            result[4 * element + i] = bytes1(uint8(uint256(total) >> (24 - 8 * i)));
        }
        _commit(inner, weight, bias, x, result);
        uint32 row = element * inner / 256;
        uint16 wide = uint16(inner / 256);
        bytes memory openings = bytes.concat(
            open(result, element / 64, 1),
            open(x, 0, wide),
            open(weight, row, wide),
            open(bias, element / 64, 1)
        );
        Refutation memory made = refutation(0, RESULT, element, openings, INPUT, 2);
        return (claim(), encode(made));
    }

    function _commit(
        uint32 inner,
        bytes memory weight,
        bytes memory bias,
        bytes memory x,
        bytes memory result
    ) private {
        delete descriptors;
        delete tensors;
        keyPart = abi.encodePacked(uint32(1), uint32(64), uint8(1), uint32(63));
        for (uint256 i; i < 64; ++i) {
            descriptors.push(abi.encodePacked("descriptor", i));
            tensors.push(abi.encodePacked("tensor", i));
        }
        tensors[INPUT] = x;
        tensors[RESULT] = result;
        descriptors[RESULT] = abi.encodePacked(
            abi.encodePacked(uint8(2), uint8(4), uint8(1), OUTPUTS, uint32(1)),
            abi.encodePacked(uint8(1), INPUT, uint8(1), uint8(1), inner, uint32(1)),
            abi.encodePacked(uint8(2), root(weight), uint8(1), uint8(2), OUTPUTS, inner, inner, uint32(1)),
            abi.encodePacked(root(bias), uint8(4), uint8(1), OUTPUTS, uint32(1))
        );
    }

    /// @dev Bytes that are not zero.
    function _octets(uint256 count, uint256 seed) private pure returns (bytes memory data) {
        data = new bytes(count);
        for (uint256 i; i < count; i += 32) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            uint256 zeros;
            for (uint256 shift; shift < 256; shift += 8) {
                if ((word >> shift) & 0xff == 0) zeros |= 1 << shift;
            }
            word |= zeros;
            assembly ("memory-safe") {
                mstore(add(add(data, 32), i), word)
            }
        }
    }

    function _signed(bytes memory data, uint256 first, uint256 width) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(sub(256, mul(8, width)), mload(add(add(data, 32), first)))
        }
    }
}
