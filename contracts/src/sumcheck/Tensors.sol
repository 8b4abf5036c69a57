// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";
import {Tape} from "./Tape.sol";

/// @notice A statement's tensors: digests, ranges, and evaluations of views of them.
/// @dev `verifier/tensor.py`, `TensorSpec.check`, and `evaluate` of `verifier/relation/publics.py`. In the blob a
/// tensor is u32 elements, i64 least and i64 largest value, u8 type, u8 rank, u32 dimensions. In memory it is a
/// record of words: where its data begin, their number, bytes of an element, least value.
library Tensors {
    uint256 internal constant RECORD = 128;
    bytes32 private constant TENSOR_TAG = keccak256("avow.tensor.v1");
    bytes32 private constant TENSORS_TAG = keccak256("avow.tensors.v1");

    error TensorBytesDiffer(uint256 expected, uint256 found);
    error OutsideRange(uint256 tensor);
    error SameTensorDiffers(uint256 first, uint256 second);

    /// @notice Reads `count` tensors whose data stand one after the other in `data`; leaves a record of each at
    /// `records`, their digests at `digests`, and returns the commitment to the list.
    function read(Tape memory tape, bytes calldata data, uint256 count, uint256 records, uint256 digests)
        internal
        pure
        returns (bytes32 commitment)
    {
        unchecked {
            uint256 offset;
            for (uint256 number; number < count; ++number) {
                uint256 word = Field.load(tape.code);
                uint256 elements = word >> 224;
                uint256 header = 2 + 4 * ((word >> 80) & 0xff);
                uint256 width = 1 << (((word >> 88) & 0xff) - 1);
                uint256 size = elements * width;
                if (offset + size > data.length) revert TensorBytesDiffer(offset + size, data.length);
                uint256 start = _place(tape.code + 20, header, data, offset, size);
                Field.store(digests, uint256(_hash(start, 32 + header + size)));
                start += 32 + header;
                if (!_inRange(start, size, width, word)) revert OutsideRange(number);
                Field.store(records, start);
                Field.store(records + 32, elements);
                Field.store(records + 64, width);
                Field.store(records + 96, (word >> 160) & 0xffffffffffffffff);
                records += RECORD;
                digests += 32;
                offset += size;
                tape.code += 20 + header;
            }
            if (offset != data.length) revert TensorBytesDiffer(offset, data.length);
            digests -= 32 * count;
            commitment = count == 1 ? bytes32(Field.load(digests)) : _list(digests, count);
        }
    }

    /// @notice Two tensors of the statement that are one of the program hold the same integers.
    function requireSame(uint256 records, uint256 first, uint256 second) internal pure {
        unchecked {
            uint256 left = records + RECORD * first;
            uint256 right = records + RECORD * second;
            uint256 count = Field.load(left + 32);
            for (uint256 k; k < count; ++k) {
                if (_element(left, k) != _element(right, k)) revert SameTensorDiffers(first, second);
            }
        }
    }

    /// @notice A view of a tensor at a point: u8 operation, u8 tensor, u8 groups of axes, for each u16 vector of
    /// weights, u16 cells, u32 stride. Appends sum of weight_1[i_1] weight_2[i_2] ... tensor[sum of i_k stride_k].
    function evaluate(Tape memory tape, uint256 records) internal pure {
        unchecked {
            uint256 word = Field.load(tape.code);
            uint256 record = records + RECORD * ((word >> 240) & 0xff);
            uint256 groups = (word >> 232) & 0xff;
            uint256 top = tape.top;
            Field.store(top, _nested(tape.base, tape.code + 3, groups, record, 0));
            tape.top = top + 32;
            tape.code += 3 + 8 * groups;
        }
    }

    function _nested(uint256 base, uint256 group, uint256 groups, uint256 record, uint256 element)
        private
        pure
        returns (uint256 value)
    {
        unchecked {
            if (groups == 0) return _element(record, element);
            uint256 word = Field.load(group);
            uint256 weight = base + 32 * (word >> 240);
            uint256 end = weight + 32 * ((word >> 224) & 0xffff);
            uint256 stride = (word >> 192) & 0xffffffff;
            if (groups == 1 && stride == 1) return _dot(weight, end, record, element);
            for (; weight < end; weight += 32) {
                uint256 inner = _nested(base, group + 8, groups - 1, record, element);
                value = addmod(value, mulmod(Field.load(weight), inner, Field.R), Field.R);
                element += stride;
            }
        }
    }

    /// @dev Weights times successive elements, word by word; a word of zeros adds nothing.
    function _dot(uint256 weight, uint256 end, uint256 record, uint256 element)
        private
        pure
        returns (uint256 value)
    {
        unchecked {
            uint256 bits = 8 * Field.load(record + 64);
            uint256 data = Field.load(record) + element * (bits >> 3);
            uint256 order = Field.R;
            uint256 whole = 32 * (256 / bits);
            // Only where an element may be negative is a sign to be looked at.
            uint256 sign = Field.load(record + 96) >> 63 == 0 ? 0 : order;
            for (; weight < end; weight += whole) {
                uint256 word = Field.load(data);
                data += 32;
                if (word == 0) continue;
                uint256 next = weight + whole < end ? weight + whole : end;
                assembly ("memory-safe") {
                    let rest := sub(256, bits)
                    switch sign
                    case 0 {
                        for { let cell := weight } lt(cell, next) { cell := add(cell, 32) } {
                            value := addmod(value, mulmod(mload(cell), shr(rest, word), order), order)
                            word := shl(bits, word)
                        }
                    }
                    default {
                        for { let cell := weight } lt(cell, next) { cell := add(cell, 32) } {
                            let x := sar(rest, word)
                            x := add(x, and(sar(255, x), order))
                            value := addmod(value, mulmod(mload(cell), x, order), order)
                            word := shl(bits, word)
                        }
                    }
                }
            }
        }
    }

    /// @dev An element as an integer modulo the order.
    function _element(uint256 record, uint256 number) private pure returns (uint256 value) {
        unchecked {
            uint256 width = Field.load(record + 64);
            uint256 word = Field.load(Field.load(record) + number * width);
            uint256 order = Field.R;
            assembly ("memory-safe") {
                value := sar(sub(256, shl(3, width)), word)
                value := add(value, and(sar(255, value), order))
            }
        }
    }

    /// @dev Tag, header and data, as the digest has them; returns where the tag is. A word of zeros follows.
    function _place(uint256 header, uint256 headerSize, bytes calldata data, uint256 offset, uint256 size)
        private
        pure
        returns (uint256 start)
    {
        bytes32 tag = TENSOR_TAG;
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(start, tag)
            mcopy(add(start, 32), header, headerSize)
            let target := add(add(start, 32), headerSize)
            calldatacopy(target, add(data.offset, offset), size)
            mstore(add(target, size), 0)
            mstore(0x40, add(add(target, size), 32))
        }
    }

    function _hash(uint256 start, uint256 size) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(start, size)
        }
    }

    function _list(uint256 digests, uint256 count) private pure returns (bytes32 digest) {
        bytes32 tag = TENSORS_TAG;
        assembly ("memory-safe") {
            let list := mload(0x40)
            mstore(list, tag)
            mstore8(add(list, 32), count)
            mcopy(add(list, 33), digests, shl(5, count))
            digest := keccak256(list, add(33, shl(5, count)))
        }
    }

    /// @dev Whether every element lies between the two bounds, half of a word's elements at a time: in a lane of
    /// twice an element's width, (element - least) and (largest - element) set the bit above it exactly if they
    /// are not negative. Bounds and elements are shifted by half their range, so that order is unsigned.
    function _inRange(uint256 data, uint256 size, uint256 width, uint256 schema)
        private
        pure
        returns (bool holds)
    {
        unchecked {
            uint256 bits = 8 * width;
            uint256 unit = type(uint256).max / ((1 << (2 * bits)) - 1);
            uint256 half = 1 << (bits - 1);
            uint256 mask = (1 << bits) - 1;
            uint256 least = unit * (((schema >> 160) + half) & mask);
            uint256 largest = unit * (((schema >> 96) + half) & mask);
            uint256 carry = unit << bits;
            uint256 lanes = unit * mask;
            uint256 shift = (unit | (unit << bits)) * half;
            uint256 fill = least | (least << bits);
            holds = true;
            for (uint256 left = size; left != 0; data += 32) {
                uint256 word = Field.load(data) ^ shift;
                if (left < 32) {
                    uint256 beyond = type(uint256).max >> (8 * left);
                    word = (word & ~beyond) | (fill & beyond);
                    left = 32;
                }
                left -= 32;
                uint256 odd = word & lanes;
                uint256 even = (word >> bits) & lanes;
                uint256 signs = (odd + carry - least) & (largest + carry - odd);
                signs &= (even + carry - least) & (largest + carry - even);
                if (signs & carry != carry) return false;
            }
        }
    }
}
