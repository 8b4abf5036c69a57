// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field, R} from "./Field.sol";
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

    /// @notice Passes over the schemas of `count` tensors.
    function skip(Tape memory tape, uint256 count) internal pure {
        unchecked {
            for (; count != 0; --count) {
                tape.code += 22 + 4 * ((Field.load(tape.code) >> 80) & 0xff);
            }
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

    /// @notice A view of a tensor at a point: u8 step, u8 tensor, u8 groups of axes, for each u16 vector of
    /// weights, u16 cells, u32 stride; the last one's stride is 1. Appends the sum of
    /// weight_1[i_1] weight_2[i_2] ... tensor[sum of i_k stride_k].
    function evaluate(Tape memory tape, uint256 records) internal pure {
        unchecked {
            uint256 code = tape.code;
            uint256 word = Field.load(code);
            uint256 last = code + 8 * ((word >> 232) & 0xff) - 5;
            uint256 list;
            assembly ("memory-safe") {
                list := mload(0x40) // Beyond what is in use; nothing else is made meanwhile.
                mstore(list, 1)
                mstore(add(list, 32), 0)
            }
            // Where the last group begins, with what weight: all combinations of the others.
            uint256 end = list + 64;
            for (code += 3; code < last; code += 8) {
                (list, end) = _expand(tape.base, Field.load(code), list, end);
            }
            uint256 value =
                _dots(tape.base, Field.load(code), records + RECORD * ((word >> 240) & 0xff), list, end);
            tape.code = code + 8;
            word = tape.top;
            Field.store(word, value);
            tape.top = word + 32;
        }
    }

    /// @dev Entries of a list are weight and element; every one times every weight of a group.
    function _expand(uint256 base, uint256 group, uint256 list, uint256 listEnd)
        private
        pure
        returns (uint256 next, uint256 end)
    {
        assembly ("memory-safe") {
            next := listEnd
            end := next
            let first := add(base, shl(5, shr(240, group)))
            let last := add(first, shl(5, and(shr(224, group), 0xffff)))
            let stride := and(shr(192, group), 0xffffffff)
            for {} lt(list, next) { list := add(list, 64) } {
                let weight := mload(list)
                let element := mload(add(list, 32))
                for { let cell := first } lt(cell, last) { cell := add(cell, 32) } {
                    mstore(end, mulmod(weight, mload(cell), R))
                    mstore(add(end, 32), element)
                    element := add(element, stride)
                    end := add(end, 64)
                }
            }
        }
    }

    /// @dev Every weight of the list times the last group's weights with successive elements.
    function _dots(uint256 base, uint256 group, uint256 record, uint256 list, uint256 end)
        private
        pure
        returns (uint256 value)
    {
        uint256 first = base + 32 * (group >> 240);
        uint256 size = 32 * uint256(uint16(group >> 224));
        // Most inputs are of 16 bits and not negative.
        if (Field.load(record + 64) == 2 && Field.load(record + 96) >> 63 == 0) {
            return _short(first, size, Field.load(record), list, end);
        }
        unchecked {
            for (; list < end; list += 64) {
                uint256 inner = _dot(first, first + size, record, Field.load(list + 32));
                value = addmod(value, mulmod(Field.load(list), inner, R), R);
            }
        }
    }

    /// @dev The same for elements of two bytes that are not negative, four at a time; four zeros add nothing.
    function _short(uint256 first, uint256 size, uint256 data, uint256 list, uint256 end)
        private
        pure
        returns (uint256 value)
    {
        assembly ("memory-safe") {
            for {} lt(list, end) { list := add(list, 64) } {
                let source := add(data, shl(1, mload(add(list, 32))))
                let inner := 0
                let weight := first
                for { let last_ := add(first, and(size, not(127))) } lt(weight, last_) {
                    weight := add(weight, 128)
                } {
                    let word := shr(192, mload(source))
                    if word {
                        // Products are below r, and five of them fit a word.
                        inner := add(inner, mulmod(mload(weight), shr(48, word), R))
                        inner := add(inner, mulmod(mload(add(weight, 32)), and(shr(32, word), 0xffff), R))
                        inner := add(inner, mulmod(mload(add(weight, 64)), and(shr(16, word), 0xffff), R))
                        inner := addmod(inner, mulmod(mload(add(weight, 96)), and(word, 0xffff), R), R)
                    }
                    source := add(source, 8)
                }
                for { let last_ := add(first, size) } lt(weight, last_) { weight := add(weight, 32) } {
                    inner := addmod(inner, mulmod(mload(weight), shr(240, mload(source)), R), R)
                    source := add(source, 2)
                }
                value := addmod(value, mulmod(mload(list), inner, R), R)
            }
        }
    }

    /// @dev Weights times successive elements of either sign.
    function _dot(uint256 weight, uint256 end, uint256 record, uint256 element)
        private
        pure
        returns (uint256 value)
    {
        uint256 width = Field.load(record + 64);
        uint256 data = Field.load(record);
        assembly ("memory-safe") {
            data := add(data, mul(width, element))
            let rest := sub(256, shl(3, width))
            for {} lt(weight, end) { weight := add(weight, 32) } {
                let x := sar(rest, mload(data))
                x := add(x, and(sar(255, x), R))
                value := addmod(value, mulmod(mload(weight), x, R), R)
                data := add(data, width)
            }
        }
    }

    /// @dev An element as an integer modulo the order.
    function _element(uint256 record, uint256 number) private pure returns (uint256 value) {
        unchecked {
            uint256 width = Field.load(record + 64);
            uint256 word = Field.load(Field.load(record) + number * width);
            assembly ("memory-safe") {
                value := sar(sub(256, shl(3, width)), word)
                value := add(value, and(sar(255, value), R))
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
            uint256 carry = unit << bits;
            uint256 least = unit * (((schema >> 160) + half) & mask);
            uint256 below = carry - least;
            uint256 above = carry + unit * (((schema >> 96) + half) & mask);
            uint256 shift = (unit | carry) * half;
            uint256 last = size & 31;
            if (last != 0) {
                // What is behind the last element, zero so far, becomes the least value, and zero again.
                uint256 beyond = ((least | (least << bits)) ^ shift) & (type(uint256).max >> (8 * last));
                uint256 end = data + size - last;
                uint256 word = Field.load(end);
                Field.store(end, word | beyond);
                holds = _lanes(data, end + 32, unit * mask, bits, below, above, shift);
                Field.store(end, word);
            } else {
                holds = _lanes(data, data + size, unit * mask, bits, below, above, shift);
            }
        }
    }

    function _lanes(
        uint256 data,
        uint256 end,
        uint256 lanes,
        uint256 bits,
        uint256 below,
        uint256 above,
        uint256 shift
    ) private pure returns (bool holds) {
        assembly ("memory-safe") {
            let all := not(0)
            for {} lt(data, end) { data := add(data, 32) } {
                let word := xor(mload(data), shift)
                let odd := and(word, lanes)
                let even := and(shr(bits, word), lanes)
                all := and(
                    all,
                    and(and(add(odd, below), sub(above, odd)), and(add(even, below), sub(above, even)))
                )
            }
            // The bit above every lane's element.
            let carry := shl(bits, div(not(0), sub(shl(shl(1, bits), 1), 1)))
            holds := eq(and(all, carry), carry)
        }
    }
}
