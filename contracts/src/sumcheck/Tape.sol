// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field, R} from "./Field.sol";

/// @notice Everything that is known so far, word by word: constants, challenges, what the prover evaluated,
/// and what the steps of a blob made of these. A blob names a word by its number.
/// @param base address of word 0.
/// @param top address of the next word that a step makes.
/// @param code address of the blob's next byte.
struct Tape {
    uint256 base;
    uint256 top;
    uint256 code;
}

/// @notice Evaluations of views: each step appends one word to the tape, or a vector of them.
/// @dev `verifier/relation/views.py`. There a view is a product of links, and a link a sum over the cells that
/// it joins; a blob says in which closed form, if it has one. A point is the words from one number on, its
/// first variable being the most significant bit of an index. Below, x and y are points, k is an index. Every
/// step is a u8 that names it and its operands; one without a vector in it fits a word.
library Views {
    uint256 private constant EQ = 1;
    uint256 private constant SAME = 2;
    uint256 private constant CORNER = 3;
    uint256 private constant LESS = 4;
    uint256 private constant RAMP = 5;
    uint256 private constant RANGE = 6;
    uint256 private constant PRODUCT = 7;
    uint256 private constant BRANCH = 8;
    uint256 private constant TABLE = 9;
    uint256 private constant FORM = 10;
    uint256 private constant DOT = 11;
    uint256 private constant COPY = 13;
    uint256 private constant SUM = 14;
    uint256 private constant CONVOLVE = 15;

    error StepUnknown(uint256 operation);

    /// @notice Runs the next steps, up to the first that is none of these; their number is what is left.
    function run(Tape memory tape, uint256 steps) internal pure returns (uint256 left, uint256 other) {
        if (steps == 0) return (0, 0);
        unchecked {
            uint256 base = tape.base;
            uint256 top = tape.top;
            uint256 code = tape.code;
            for (left = steps; left != 0; --left) {
                uint256 word = Field.load(code);
                uint256 step = word >> 248;
                uint256 value;
                // The frequent ones first.
                if (step < LESS) {
                    if (step == EQ) {
                        value = Field.load(_word(base, word, 192));
                        value =
                            eq(_word(base, word, 232), _word(base, word, 216), (word >> 208) & 0xff, value);
                        code += 8;
                    } else if (step == CORNER) {
                        value = Field.load(_word(base, word, 176));
                        value = _corner(_word(base, word, 232), word, value);
                        code += 10;
                    } else if (step == SAME) {
                        value = _same(_word(base, word, 232), _word(base, word, 216), word);
                        code += 10;
                    } else {
                        other = word;
                        break;
                    }
                } else if (step == PRODUCT) {
                    (value, code) = _product(base, code);
                } else if (step == LESS) {
                    value = _less(_word(base, word, 232), word);
                    code += 8;
                } else if (step == SUM) {
                    (value, code) = sum(base, code + 1);
                } else if (step == TABLE) {
                    top =
                        _table(_word(base, word, 232), (word >> 224) & 0xff, (word >> 192) & 0xffffffff, top);
                    code += 8;
                    continue;
                } else if (step == FORM) {
                    (top, code) = _form(base, top, code);
                    continue;
                } else if (step == CONVOLVE) {
                    top = _convolve(base, word, top);
                    code += 11;
                    continue;
                } else if (step == DOT) {
                    value = _dot(_word(base, word, 232), _word(base, word, 216), (word >> 200) & 0xffff);
                    code += 7;
                } else if (step == BRANCH) {
                    (top, code) = _branch(base, code, top);
                    continue;
                } else if (step == RANGE) {
                    (value, word) = _range(_word(base, word, 232), (word >> 224) & 0xff);
                    Field.store(top, value);
                    top += 32;
                    value = word;
                    code += 4;
                } else if (step == RAMP) {
                    value = _ramp(_word(base, word, 232), word);
                    code += 8;
                } else if (step == COPY) {
                    (top, code) = (_copy(_word(base, word, 232), (word >> 224) & 0xff, top), code + 4);
                    continue;
                } else {
                    other = word;
                    break;
                }
                Field.store(top, value);
                top += 32;
            }
            tape.top = top;
            tape.code = code;
        }
    }

    /// @notice earlier * prod (1 - x_i - y_i + 2 x_i y_i), of points at two addresses.
    function eq(uint256 x, uint256 y, uint256 variables, uint256 earlier)
        internal
        pure
        returns (uint256 value)
    {
        assembly ("memory-safe") {
            value := earlier
            let distance := sub(y, x)
            let end := add(x, shl(5, variables))
            if and(variables, 1) {
                let left := mload(x)
                let right := mload(y)
                x := add(x, 32)
                // With 2 r added it is not negative, and below 5 r it fits.
                left := sub(add(add(R, R), add(1, shl(1, mulmod(left, right, R)))), add(left, right))
                value := mulmod(value, left, R)
            }
            for {} lt(x, end) { x := add(x, 64) } {
                let left := mload(x)
                let right := mload(add(x, distance))
                let one := sub(add(add(R, R), add(1, shl(1, mulmod(left, right, R)))), add(left, right))
                left := mload(add(x, 32))
                right := mload(add(add(x, distance), 32))
                let two := sub(add(add(R, R), add(1, shl(1, mulmod(left, right, R)))), add(left, right))
                value := mulmod(mulmod(value, one, R), two, R)
            }
        }
    }

    /// @notice u8 plain terms and u8 others, then u16 word for each of the first, u16 word and u16 factor's word
    /// for each of the others.
    function sum(uint256 base, uint256 code) internal pure returns (uint256 total, uint256 next) {
        assembly ("memory-safe") {
            let counts := mload(code)
            next := add(code, 2)
            switch shr(240, counts)
            case 0x100 {
                // One plain term, the usual case of a sum that is a factor.
                total := mload(add(base, and(shr(219, counts), 0x1fffe0)))
                next := add(code, 4)
            }
            default {
                let end := add(next, shl(1, byte(0, counts)))
                for {} lt(next, end) { next := add(next, 2) } {
                    total := addmod(total, mload(add(base, shl(5, shr(240, mload(next))))), R)
                }
                end := add(end, shl(2, byte(1, counts)))
                for {} lt(next, end) { next := add(next, 4) } {
                    let term := mload(next)
                    let word := mload(add(base, shl(5, shr(240, term))))
                    total := addmod(
                        total,
                        mulmod(word, mload(add(base, and(shr(219, term), 0x1fffe0))), R),
                        R
                    )
                }
            }
        }
    }

    /// @dev The address of the word that a u16 of a step names.
    function _word(uint256 base, uint256 step, uint256 shift) private pure returns (uint256 address_) {
        assembly ("memory-safe") {
            address_ := add(base, shl(5, and(shr(shift, step), 0xffff)))
        }
    }

    /// @dev EQ: prod eq(x_i, y_i) times an earlier word: u16 x, u16 y, u8 variables, u16 earlier; see `run`.
    /// PRODUCT: a product of two earlier words or more: u8 count, u16 each.
    function _product(uint256 base, uint256 code) private pure returns (uint256 value, uint256 next) {
        assembly ("memory-safe") {
            let word := mload(code)
            value := mulmod(
                mload(add(base, and(shr(219, word), 0x1fffe0))),
                mload(add(base, and(shr(203, word), 0x1fffe0))),
                R
            )
            next := add(code, 6)
            for { let end := add(add(code, 2), shl(1, byte(1, word))) } lt(next, end) { next := add(next, 2) }
            {
                value := mulmod(value, mload(add(base, shl(5, shr(240, mload(next))))), R)
            }
        }
    }

    /// @dev SAME: sum over k < n of eq(x, k) eq(y, k): u16 x, u16 y, u8 variables, u32 n.
    function _same(uint256 x, uint256 y, uint256 step) private pure returns (uint256 below) {
        assembly ("memory-safe") {
            let n := and(shr(176, step), 0xffffffff)
            let distance := sub(y, x)
            // Of the variables so far, from the last: the sum over all k, and over those below n's last bits.
            let all := 1
            for { let at_ := add(x, shl(5, byte(5, step))) } lt(x, at_) {} {
                at_ := sub(at_, 32)
                let first := mload(at_)
                let second := mload(add(at_, distance))
                let both := mulmod(first, second, R)
                let neither := sub(add(add(add(R, R), 1), both), add(first, second))
                switch and(n, 1)
                case 0 { below := mulmod(neither, below, R) }
                default { below := addmod(mulmod(neither, all, R), mulmod(both, below, R), R) }
                all := mulmod(all, add(neither, both), R)
                n := shr(1, n)
            }
            if n { below := all }
        }
    }

    /// @dev CORNER: eq(x, k) times an earlier word: u16 x, u8 variables, u32 k, u16 earlier.
    function _corner(uint256 x, uint256 step, uint256 earlier) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := earlier
            let k := and(shr(192, step), 0xffffffff)
            for { let at_ := add(x, shl(5, byte(3, step))) } lt(x, at_) {} {
                at_ := sub(at_, 32)
                let one := mload(at_)
                if iszero(and(k, 1)) { one := sub(add(R, 1), one) }
                value := mulmod(value, one, R)
                k := shr(1, k)
            }
        }
    }

    /// @dev LESS: sum over k < n of eq(x, k): u16 x, u8 variables, u32 n.
    function _less(uint256 x, uint256 step) private pure returns (uint256 below) {
        assembly ("memory-safe") {
            let n := and(shr(192, step), 0xffffffff)
            for { let at_ := add(x, shl(5, byte(3, step))) } lt(x, at_) {} {
                at_ := sub(at_, 32)
                let one := mload(at_)
                let share := mulmod(one, below, R)
                switch and(n, 1)
                case 0 { below := addmod(below, sub(R, share), R) }
                default { below := addmod(share, sub(add(R, 1), one), R) }
                n := shr(1, n)
            }
            if n { below := 1 }
        }
    }

    /// @dev RAMP: sum over k < n of k eq(x, k): u16 x, u8 variables, u32 n.
    function _ramp(uint256 x, uint256 step) private pure returns (uint256) {
        unchecked {
            uint256 variables = (step >> 224) & 0xff;
            uint256 n = (step >> 192) & 0xffffffff;
            // Of the variables so far, from the last: the sum over all k; over those below n's last bits the
            // sum, and how many these are.
            uint256 all;
            uint256 below;
            uint256 count;
            uint256 unit = 1;
            while (variables != 0) {
                --variables;
                uint256 one = Field.load(x + 32 * variables);
                uint256 zero = R + 1 - one;
                uint256 above = addmod(below, mulmod(unit, count, R), R);
                if (n & 1 == 1) {
                    below = addmod(mulmod(zero, all, R), mulmod(one, above, R), R);
                    count = addmod(zero, mulmod(one, count, R), R);
                } else {
                    below = mulmod(zero, below, R);
                    count = mulmod(zero, count, R);
                }
                all = addmod(all, mulmod(unit, one, R), R);
                unit *= 2;
                n >>= 1;
            }
            return n == 0 ? below : all;
        }
    }

    /// @dev RANGE: the two columns of the range table: row 2^j + v holds v and j: u16 x, u8 variables.
    function _range(uint256 x, uint256 variables) private pure returns (uint256 values, uint256 tops) {
        assembly ("memory-safe") {
            let low := 0 // The row, of which the variables passed are taken off.
            let end := add(x, shl(5, variables))
            for { let at_ := x } lt(at_, end) { at_ := add(at_, 32) } {
                low := addmod(add(low, low), mload(at_), R)
            }
            let rest := 1
            for { let j := variables } j {} {
                j := sub(j, 1)
                let one := mload(x)
                let first := mulmod(rest, one, R)
                rest := addmod(rest, sub(R, first), R)
                low := addmod(low, sub(R, mulmod(shl(j, 1), one, R)), R)
                values := addmod(values, mulmod(first, low, R), R)
                tops := addmod(tops, mulmod(first, j, R), R)
                x := add(x, 32)
            }
        }
    }

    /// @dev BRANCH: two words for each of earlier words: times 1 - x and times x, variable by variable: u16 x,
    /// u8 variables, for each u16 words, these words.
    function _branch(uint256 base, uint256 code, uint256 top)
        private
        pure
        returns (uint256 end, uint256 next)
    {
        // Functions that return early stay functions of their own, whose variables fit the stack.
        assembly ("memory-safe") {
            let word := mload(code)
            let x := add(base, and(shr(227, word), 0x1fffe0))
            end := top
            next := add(code, 4)
            for { let last := add(x, shl(5, byte(3, word))) } lt(x, last) { x := add(x, 32) } {
                let one := mload(x)
                let zero := sub(add(R, 1), one)
                let done := add(end, shl(6, shr(240, mload(next))))
                next := add(next, 2)
                for {} lt(end, done) { end := add(end, 64) } {
                    let whole := mload(add(base, shl(5, shr(240, mload(next)))))
                    next := add(next, 2)
                    mstore(end, mulmod(whole, zero, R))
                    mstore(add(end, 32), mulmod(whole, one, R))
                }
            }
        }
    }

    /// @dev TABLE: eq(x, k) for k < n, n above 2^(variables - 1): u16 x, u8 variables, u32 n. From the last
    /// variable on, two entries at a time; one may be written behind the last.
    function _table(uint256 x, uint256 variables, uint256 n, uint256 top) private pure returns (uint256 end) {
        assembly ("memory-safe") {
            let at_ := add(x, shl(5, sub(variables, 1)))
            let one := mload(at_)
            mstore(top, addmod(1, sub(R, one), R))
            mstore(add(top, 32), one)
            end := add(top, shl(5, n))
            for { let half := 64 } lt(x, at_) { half := shl(1, half) } {
                at_ := sub(at_, 32)
                one := mload(at_)
                // All of them twice, with the last variable as far as is wanted; the rest of them once.
                let lower := add(top, half)
                let both := sub(end, half)
                if gt(both, lower) { both := lower }
                let node := top
                for {} lt(node, both) { node := add(node, 64) } {
                    let whole := mload(node)
                    let right := mulmod(whole, one, R)
                    mstore(add(node, half), right)
                    mstore(node, addmod(whole, sub(R, right), R))
                    whole := mload(add(node, 32))
                    right := mulmod(whole, one, R)
                    mstore(add(add(node, half), 32), right)
                    mstore(add(node, 32), addmod(whole, sub(R, right), R))
                }
                one := sub(add(R, 1), one)
                for {} lt(node, lower) { node := add(node, 32) } {
                    mstore(node, mulmod(mload(node), one, R))
                }
            }
        }
    }

    /// @dev FORM: for every cell of a source the sum of what is joined to it: u16 cells, u16 runs; a run adds
    /// factor * word to `count` cells: u16 factor, u16 word, u16 cell, i16 and i16 steps of both, u16 count.
    function _form(uint256 base, uint256 top, uint256 code) private pure returns (uint256 end, uint256 next) {
        unchecked {
            uint256 word = Field.load(code);
            end = _zeros(top, (word >> 232) & 0xffff);
            next = code + 5;
            for (uint256 last = next + 12 * ((word >> 216) & 0xffff); next < last; next += 12) {
                word = Field.load(next);
                uint256 factor = Field.load(base + 32 * (word >> 240));
                uint256 source = _word(base, word, 224);
                uint256 cell = _word(top, word, 208);
                // Both in steps of one word is the usual case.
                if (uint32(word >> 176) == 0x10001) _addRun(factor, source, cell, uint16(word >> 160));
                else _addSteps(factor, source, cell, word);
            }
        }
    }

    /// @dev CONVOLVE: word i of a second vector times word k of a first one is added to cell i + k * shift:
    /// u16 first, u16 n, u16 second, u16 m, u16 shift; (n - 1) * shift + m cells.
    function _convolve(uint256 base, uint256 word, uint256 top) private pure returns (uint256 end) {
        unchecked {
            uint256 factor = _word(base, word, 232);
            uint256 last = factor + 32 * uint16(word >> 216);
            uint256 source = _word(base, word, 200);
            uint256 count = uint16(word >> 184);
            uint256 shift = uint16(word >> 168);
            end = _zeros(top, (uint16(word >> 216) - 1) * shift + count);
            for (; factor < last; factor += 32) {
                _addRun(Field.load(factor), source, top, count);
                top += 32 * shift;
            }
        }
    }

    function _zeros(uint256 top, uint256 cells) private pure returns (uint256 end) {
        assembly ("memory-safe") {
            calldatacopy(top, calldatasize(), shl(5, cells))
            end := add(top, shl(5, cells))
        }
    }

    /// @dev Adds factor times successive words to successive cells, four at a time.
    function _addRun(uint256 factor, uint256 source, uint256 cell, uint256 count) private pure {
        assembly ("memory-safe") {
            source := sub(source, cell)
            for { let last := add(cell, shl(7, shr(2, count))) } lt(cell, last) { cell := add(cell, 128) } {
                let from := add(cell, source)
                mstore(cell, addmod(mload(cell), mulmod(factor, mload(from), R), R))
                let next := add(cell, 32)
                mstore(next, addmod(mload(next), mulmod(factor, mload(add(from, 32)), R), R))
                next := add(cell, 64)
                mstore(next, addmod(mload(next), mulmod(factor, mload(add(from, 64)), R), R))
                next := add(cell, 96)
                mstore(next, addmod(mload(next), mulmod(factor, mload(add(from, 96)), R), R))
            }
            for { count := and(count, 3) } count { count := sub(count, 1) } {
                mstore(cell, addmod(mload(cell), mulmod(factor, mload(add(cell, source)), R), R))
                cell := add(cell, 32)
            }
        }
    }

    function _addSteps(uint256 factor, uint256 source, uint256 cell, uint256 run_) private pure {
        assembly ("memory-safe") {
            let sourceStep := shl(5, signextend(1, shr(192, run_)))
            let cellStep := shl(5, signextend(1, shr(176, run_)))
            for { let count := and(shr(160, run_), 0xffff) } count { count := sub(count, 1) } {
                mstore(cell, addmod(mload(cell), mulmod(factor, mload(source), R), R))
                source := add(source, sourceStep)
                cell := add(cell, cellStep)
            }
        }
    }

    /// @dev DOT: sum over n of the products of two vectors: u16 first, u16 second, u16 n.
    function _dot(uint256 first, uint256 second, uint256 n) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            let distance := sub(second, first)
            for { let end := add(first, shl(5, n)) } lt(first, end) { first := add(first, 32) } {
                value := addmod(value, mulmod(mload(first), mload(add(first, distance)), R), R)
            }
        }
    }

    /// @dev COPY: words once more, where they stand next to others: u16 x, u8 variables.
    function _copy(uint256 x, uint256 variables, uint256 top) private pure returns (uint256 end) {
        assembly ("memory-safe") {
            mcopy(top, x, shl(5, variables))
            end := add(top, shl(5, variables))
        }
    }
}
