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
    uint256 private constant TREE = 8;
    uint256 private constant TABLE = 9;
    uint256 private constant FORM = 10;
    uint256 private constant DOT = 11;
    uint256 private constant COPY = 13;

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
                if (step == EQ) {
                    value = eq(_word(base, word, 232), _word(base, word, 216), (word >> 208) & 0xff);
                    value = mulmod(value, Field.load(_word(base, word, 192)), R);
                    code += 8;
                } else if (step == PRODUCT) {
                    (value, code) = _product(base, code);
                } else if (step == FORM) {
                    (top, code) = _form(base, top, code);
                    continue;
                } else if (step == TABLE) {
                    top =
                        _table(_word(base, word, 232), (word >> 224) & 0xff, (word >> 192) & 0xffffffff, top);
                    code += 8;
                    continue;
                } else if (step == SAME) {
                    value = _same(_word(base, word, 232), _word(base, word, 216), word);
                    code += 10;
                } else if (step == CORNER) {
                    value = Field.load(_word(base, word, 176));
                    value = _corner(_word(base, word, 232), word, value);
                    code += 10;
                } else if (step == LESS) {
                    value = _less(_word(base, word, 232), word);
                    code += 8;
                } else if (step == DOT) {
                    value = _dot(_word(base, word, 232), _word(base, word, 216), (word >> 200) & 0xffff);
                    code += 7;
                } else if (step == TREE) {
                    top = _tree(_word(base, word, 232), (word >> 224) & 0xff, (word >> 192) & 0xffffffff, top);
                    code += 8;
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

    /// @notice prod (1 - x_i - y_i + 2 x_i y_i), of points at two addresses.
    function eq(uint256 x, uint256 y, uint256 variables) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := 1
            let distance := sub(y, x)
            for { let end := add(x, shl(5, variables)) } lt(x, end) { x := add(x, 32) } {
                let left := mload(x)
                let right := mload(add(x, distance))
                // With 2 r added it is not negative, and below 5 r it fits.
                let one := sub(add(add(R, R), add(1, shl(1, mulmod(left, right, R)))), add(left, right))
                value := mulmod(value, one, R)
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
    /// PRODUCT: a product of earlier words: u8 count, u16 each.
    function _product(uint256 base, uint256 code) private pure returns (uint256 value, uint256 next) {
        assembly ("memory-safe") {
            value := 1
            let end := add(add(code, 2), shl(1, byte(1, mload(code))))
            for { next := add(code, 2) } lt(next, end) { next := add(next, 2) } {
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

    /// @dev TREE: eq of the first d variables and k at word 2^d + k, for every d; of the whole for k < n only:
    /// u16 x, u8 variables, u32 n. Word 0 is 0.
    function _tree(uint256 x, uint256 variables, uint256 n, uint256 top) private pure returns (uint256 end) {
        assembly ("memory-safe") {
            mstore(top, 0)
            mstore(add(top, 32), 1)
            let node := add(top, 32)
            let child := add(top, 64)
            end := add(child, shl(5, sub(add(shl(variables, 1), n), 2)))
            for { let level := child } lt(child, end) { level := child } {
                let one := mload(x)
                x := add(x, 32)
                // All of one level, or what is wanted of the last.
                let last := add(top, shr(1, sub(end, top)))
                if lt(level, last) { last := level }
                for {} lt(node, last) { node := add(node, 32) } {
                    let whole := mload(node)
                    let right := mulmod(whole, one, R)
                    mstore(child, addmod(whole, sub(R, right), R))
                    mstore(add(child, 32), right)
                    child := add(child, 64)
                }
            }
        }
    }

    /// @dev TABLE: eq(x, k) for k < n: u16 x, u8 variables, u32 n.
    function _table(uint256 x, uint256 variables, uint256 n, uint256 top) private pure returns (uint256 end) {
        assembly ("memory-safe") {
            mstore(top, 1)
            for {} variables {} {
                let one := mload(x)
                x := add(x, 32)
                // From the last entry, so that none is written before it is read.
                let child := add(top, shl(6, shr(variables, sub(n, 1))))
                variables := sub(variables, 1)
                for { let node := add(top, shr(1, sub(child, top))) } iszero(lt(node, top)) {} {
                    let whole := mload(node)
                    let right := mulmod(whole, one, R)
                    mstore(child, addmod(whole, sub(R, right), R))
                    mstore(add(child, 32), right)
                    child := sub(child, 64)
                    node := sub(node, 32)
                }
            }
            end := add(top, shl(5, n))
        }
    }

    /// @dev FORM: for every cell of a source the sum of what is joined to it: u16 cells, u16 runs; a run adds
    /// factor * word to `count` cells: u16 factor, u16 word, u16 cell, i16 and i16 steps of both, u16 count.
    function _form(uint256 base, uint256 top, uint256 code) private pure returns (uint256 end, uint256 next) {
        assembly ("memory-safe") {
            let word := mload(code)
            let size := shl(5, and(shr(232, word), 0xffff))
            end := add(top, size)
            calldatacopy(top, calldatasize(), size)
            next := add(code, 5)
            for { let last := add(next, mul(12, and(shr(216, word), 0xffff))) } lt(next, last) {
                next := add(next, 12)
            } {
                word := mload(next)
                let factor := mload(add(base, shl(5, shr(240, word))))
                let source := add(base, shl(5, and(shr(224, word), 0xffff)))
                let cell := add(top, shl(5, and(shr(208, word), 0xffff)))
                let sourceStep := shl(5, signextend(1, shr(192, word)))
                let cellStep := shl(5, signextend(1, shr(176, word)))
                let count := and(shr(160, word), 0xffff)
                // Both in steps of one word, the usual case, four at a time.
                if and(eq(sourceStep, 32), eq(cellStep, 32)) {
                    for { let last_ := add(cell, shl(7, shr(2, count))) } lt(cell, last_) {
                        cell := add(cell, 128)
                    } {
                        mstore(cell, addmod(mload(cell), mulmod(factor, mload(source), R), R))
                        let next_ := add(cell, 32)
                        mstore(next_, addmod(mload(next_), mulmod(factor, mload(add(source, 32)), R), R))
                        next_ := add(cell, 64)
                        mstore(next_, addmod(mload(next_), mulmod(factor, mload(add(source, 64)), R), R))
                        next_ := add(cell, 96)
                        mstore(next_, addmod(mload(next_), mulmod(factor, mload(add(source, 96)), R), R))
                        source := add(source, 128)
                    }
                    count := and(count, 3)
                }
                for {} count { count := sub(count, 1) } {
                    mstore(cell, addmod(mload(cell), mulmod(factor, mload(source), R), R))
                    source := add(source, sourceStep)
                    cell := add(cell, cellStep)
                }
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
