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
            uint256 record = records + RECORD * ((word >> 240) & 0xff);
            uint256 last = code + 8 * ((word >> 232) & 0xff) - 5;
            // Most inputs are of 16 bits and not negative: their rows, the last two groups, are taken together.
            bool short = last > code + 3 && Field.load(record + 64) == 2 && Field.load(record + 96) >> 63 == 0;
            uint256 list;
            assembly ("memory-safe") {
                list := mload(0x40) // Beyond what is in use; nothing else is made meanwhile.
                mstore(list, 1)
                mstore(add(list, 32), 0)
            }
            // Where the groups that are left begin, with what weight: all combinations of the others.
            uint256 end = list + 64;
            for (code += 3; code < (short ? last - 8 : last); code += 8) {
                (list, end) = _expand(tape.base, Field.load(code), list, end);
            }
            word = tape.top;
            tape.top = word + 32;
            tape.code = last + 8;
            Field.store(
                word,
                short ? _short(tape.base, code, record, list, end) : _dots(tape.base, code, record, list, end)
            );
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
    function _dots(uint256 base, uint256 code, uint256 record, uint256 list, uint256 end)
        private
        pure
        returns (uint256 value)
    {
        unchecked {
            (uint256 first, uint256 last,) = _group(base, code);
            for (; list < end; list += 64) {
                uint256 inner = _dot(first, last, record, Field.load(list + 32));
                value = addmod(value, mulmod(Field.load(list), inner, R), R);
            }
        }
    }

    /// @dev The same for the last two groups of a tensor of two bytes whose elements are not negative. Both groups'
    /// weights are copied, with zeros up to a multiple of four, and those inside a row made weights of prefixes:
    /// with p_k = x_0 2^(16 k) + ... + x_k, which a shift gives, x_k is p_k - 2^16 p_(k-1), so that
    /// sum w_k x_k = sum (w_k - 2^16 w_(k+1)) p_k over each four elements, and none is cut out.
    function _short(uint256 base, uint256 code, uint256 record, uint256 list, uint256 end)
        private
        pure
        returns (uint256 value)
    {
        (uint256 rows, uint256 inner, uint256 stride) = _group(base, code);
        (rows, inner) = _padded(rows, inner, end, 96);
        uint256 last;
        {
            (uint256 first, uint256 behind,) = _group(base, code + 8);
            (first, last) = _padded(first, behind, inner, 128);
        }
        assembly ("memory-safe") {
            // Each below 2 r, which mulmod reduces.
            for { let weight := inner } lt(weight, last) { weight := add(weight, 128) } {
                let second := mload(add(weight, 32))
                let third := mload(add(weight, 64))
                mstore(weight, add(mload(weight), mulmod(second, sub(R, 0x10000), R)))
                mstore(add(weight, 32), add(second, mulmod(third, sub(R, 0x10000), R)))
                mstore(add(weight, 64), add(third, mulmod(mload(add(weight, 96)), sub(R, 0x10000), R)))
            }
        }
        unchecked {
            uint256 data = Field.load(record);
            for (; list < end; list += 64) {
                uint256 sum = _rows(data + 2 * Field.load(list + 32), 2 * stride, rows, inner, last);
                value = addmod(value, mulmod(Field.load(list), sum, R), R);
            }
        }
    }

    /// @dev sum over rows and columns of weight times element, four of each at a time; the weights of columns begin
    /// where those of the rows end.
    function _rows(uint256 data, uint256 step, uint256 row, uint256 columns, uint256 end)
        private
        pure
        returns (uint256 value)
    {
        while (row < columns) {
            (uint256 a, uint256 b, uint256 c) = _four(data, step, columns, end);
            assembly ("memory-safe") {
                a := add(mulmod(mload(row), a, R), mulmod(mload(add(row, 32)), b, R))
                c := mulmod(mload(add(row, 64)), c, R)
                value := addmod(value, add(a, c), R)
                data := add(data, mul(3, step))
                row := add(row, 96)
            }
        }
    }

    /// @dev sum over columns of weight times element, of four rows. Four columns that are zero in all of them add
    /// nothing.
    function _four(uint256 source, uint256 step, uint256 weights, uint256 end)
        private
        pure
        returns (uint256 a, uint256 b, uint256 c)
    {
        if (weights == end) return (0, 0, 0); // Keeps this a function of its own, whose variables fit the stack.
        assembly ("memory-safe") {
            for {} lt(weights, end) { weights := add(weights, 128) } {
                let x := mload(source)
                let y := mload(add(source, step))
                let z := mload(add(source, shl(1, step)))
                source := add(source, 8)
                if shr(192, or(or(x, y), z)) {
                    // Sums are below r; three more products, each below r, fit the word.
                    let weight := mload(weights)
                    a := add(a, mulmod(shr(240, x), weight, R))
                    b := add(b, mulmod(shr(240, y), weight, R))
                    c := add(c, mulmod(shr(240, z), weight, R))
                    weight := mload(add(weights, 32))
                    a := add(a, mulmod(shr(224, x), weight, R))
                    b := add(b, mulmod(shr(224, y), weight, R))
                    c := add(c, mulmod(shr(224, z), weight, R))
                    weight := mload(add(weights, 64))
                    a := add(a, mulmod(shr(208, x), weight, R))
                    b := add(b, mulmod(shr(208, y), weight, R))
                    c := add(c, mulmod(shr(208, z), weight, R))
                    weight := mload(add(weights, 96))
                    a := addmod(a, mulmod(shr(192, x), weight, R), R)
                    b := addmod(b, mulmod(shr(192, y), weight, R), R)
                    c := addmod(c, mulmod(shr(192, z), weight, R), R)
                }
            }
        }
    }

    /// @dev Where a group's weights begin and end, and its stride.
    function _group(uint256 base, uint256 code)
        private
        pure
        returns (uint256 first, uint256 end, uint256 stride)
    {
        assembly ("memory-safe") {
            let word := mload(code)
            first := add(base, shl(5, shr(240, word)))
            end := add(first, shl(5, and(shr(224, word), 0xffff)))
            stride := and(shr(192, word), 0xffffffff)
        }
    }

    /// @dev Copies weights, and zeros behind them up to a multiple of `unit` bytes.
    function _padded(uint256 first, uint256 last, uint256 target, uint256 unit)
        private
        pure
        returns (uint256 start, uint256 end)
    {
        assembly ("memory-safe") {
            let size := sub(last, first)
            start := target
            end := add(target, mul(unit, add(div(sub(size, 1), unit), 1)))
            calldatacopy(sub(end, unit), calldatasize(), unit)
            mcopy(target, first, size)
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
        if (size == 0) return true; // Keeps this a function of its own, whose variables fit the stack.
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
            uint256 end = data + size;
            uint256 word;
            if (last != 0) {
                // What is behind the last element, zero so far, becomes the least value, and zero again.
                end += 32 - last;
                word = Field.load(end - 32);
                uint256 beyond = (least | (least << bits)) ^ shift;
                Field.store(end - 32, word | (beyond & (type(uint256).max >> (8 * last))));
            }
            if (schema >> 223 & 1 == 0) {
                carry |= unit;
                holds = _natural(
                    data,
                    end,
                    shift,
                    carry * (half - 1 - ((schema >> 96) & mask)),
                    carry * ((schema >> 160) & mask)
                );
            } else {
                holds = _lanes(data, end, unit * mask, bits, below, above, shift);
            }
            if (last != 0) Field.store(end - 32, word);
        }
    }

    /// @dev The same where the least value is not negative: an element x without its highest bit sets that bit in
    /// x + (2^(bits - 1) - 1 - largest) exactly if it is too large, and keeps it in x + 2^(bits - 1) - least exactly
    /// if it is not too small; neither goes beyond the element's own bits. One with its highest bit is refused as
    /// it stands, whatever its neighbours become.
    function _natural(uint256 data, uint256 end, uint256 high, uint256 more, uint256 least)
        private
        pure
        returns (bool holds)
    {
        assembly ("memory-safe") {
            let large := 0
            let enough := high
            if and(sub(end, data), 32) {
                let word := mload(data)
                large := or(word, add(word, more))
                enough := and(enough, sub(or(word, high), least))
                data := add(data, 32)
            }
            for {} lt(data, end) { data := add(data, 64) } {
                let word := mload(data)
                large := or(large, or(word, add(word, more)))
                enough := and(enough, sub(or(word, high), least))
                word := mload(add(data, 32))
                large := or(large, or(word, add(word, more)))
                enough := and(enough, sub(or(word, high), least))
            }
            holds := and(iszero(and(large, high)), eq(enough, high))
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
