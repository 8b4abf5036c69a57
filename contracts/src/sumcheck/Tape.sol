// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";

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
/// first variable being the most significant bit of an index. Below, (x) is a point, k an index.
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

    error StepUnknown(uint256 operation);

    /// @notice A word of the tape.
    function known(Tape memory tape, uint256 number) internal pure returns (uint256) {
        unchecked {
            return Field.load(tape.base + 32 * number);
        }
    }

    /// @notice prod (1 - x_i - y_i + 2 x_i y_i), of points at two addresses.
    function eq(uint256 x, uint256 y, uint256 variables) internal pure returns (uint256 value) {
        unchecked {
            value = 1;
            for (uint256 end = x + 32 * variables; x < end; x += 32) {
                uint256 left = Field.load(x);
                uint256 right = Field.load(y);
                uint256 one = 2 * mulmod(left, right, Field.R) + 2 * Field.R + 1 - left - right;
                value = mulmod(value, one, Field.R);
                y += 32;
            }
        }
    }

    /// @notice Runs the next steps, up to the first that is none of these; their number is what is left.
    function run(Tape memory tape, uint256 steps) internal pure returns (uint256 left, uint256 other) {
        unchecked {
            for (left = steps; left != 0; --left) {
                uint256 word = Field.load(tape.code);
                uint256 operation = word >> 248;
                if (operation == EQ) _eq(tape, word);
                else if (operation == PRODUCT) _product(tape, word);
                else if (operation == SAME) _same(tape, word);
                else if (operation == LESS) _less(tape, word);
                else if (operation == CORNER) _corner(tape, word);
                else if (operation == TABLE) _table(tape, word);
                else if (operation == FORM) _form(tape, word);
                else if (operation == DOT) _dot(tape, word);
                else if (operation == TREE) _tree(tape, word);
                else if (operation == RANGE) _range(tape, word);
                else if (operation == RAMP) _ramp(tape, word);
                else return (left, word);
            }
        }
    }

    /// @dev prod eq(x_i, y_i) times an earlier word: u16 x, u16 y, u8 variables, u16 earlier.
    function _eq(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 y = tape.base + 32 * ((word >> 216) & 0xffff);
            uint256 value = eq(x, y, (word >> 208) & 0xff);
            _append(tape, mulmod(value, known(tape, (word >> 192) & 0xffff), Field.R), 8);
        }
    }

    /// @dev sum over k < n of eq(x, k) eq(y, k): u16 x, u16 y, u8 variables, u32 n.
    function _same(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 y = tape.base + 32 * ((word >> 216) & 0xffff);
            uint256 variables = (word >> 208) & 0xff;
            uint256 n = (word >> 176) & 0xffffffff;
            // Of the variables so far, from the last: the sum over all k, and over those below n's last bits.
            uint256 all = 1;
            uint256 below;
            while (variables != 0) {
                --variables;
                uint256 first = Field.load(x + 32 * variables);
                uint256 second = Field.load(y + 32 * variables);
                uint256 both = mulmod(first, second, Field.R);
                uint256 neither = both + 2 * Field.R + 1 - first - second;
                if (n & 1 == 1) {
                    below = addmod(mulmod(neither, all, Field.R), mulmod(both, below, Field.R), Field.R);
                } else {
                    below = mulmod(neither, below, Field.R);
                }
                all = mulmod(all, neither + both, Field.R);
                n >>= 1;
            }
            _append(tape, n == 0 ? below : all, 10);
        }
    }

    /// @dev eq(x, k) times an earlier word: u16 x, u8 variables, u32 k, u16 earlier.
    function _corner(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 variables = (word >> 224) & 0xff;
            uint256 k = (word >> 192) & 0xffffffff;
            uint256 value = known(tape, (word >> 176) & 0xffff);
            while (variables != 0) {
                --variables;
                uint256 one = Field.load(x + 32 * variables);
                value = mulmod(value, k & 1 == 1 ? one : Field.R + 1 - one, Field.R);
                k >>= 1;
            }
            _append(tape, value, 10);
        }
    }

    /// @dev sum over k < n of eq(x, k): u16 x, u8 variables, u32 n.
    function _less(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 variables = (word >> 224) & 0xff;
            uint256 n = (word >> 192) & 0xffffffff;
            uint256 below;
            while (variables != 0) {
                --variables;
                uint256 one = Field.load(x + 32 * variables);
                uint256 share = mulmod(one, below, Field.R);
                below = addmod(n & 1 == 1 ? Field.R + 1 - one + share : below + Field.R - share, 0, Field.R);
                n >>= 1;
            }
            _append(tape, n == 0 ? below : 1, 8);
        }
    }

    /// @dev sum over k < n of k eq(x, k): u16 x, u8 variables, u32 n.
    function _ramp(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 variables = (word >> 224) & 0xff;
            uint256 n = (word >> 192) & 0xffffffff;
            uint256 all;
            uint256 below;
            uint256 count;
            uint256 unit = 1;
            while (variables != 0) {
                --variables;
                uint256 one = Field.load(x + 32 * variables);
                uint256 zero = Field.R + 1 - one;
                uint256 above = addmod(below, mulmod(unit, count, Field.R), Field.R);
                if (n & 1 == 1) {
                    below = addmod(mulmod(zero, all, Field.R), mulmod(one, above, Field.R), Field.R);
                    count = addmod(zero, mulmod(one, count, Field.R), Field.R);
                } else {
                    below = mulmod(zero, below, Field.R);
                    count = mulmod(zero, count, Field.R);
                }
                all = addmod(all, mulmod(unit, one, Field.R), Field.R);
                unit *= 2;
                n >>= 1;
            }
            _append(tape, n == 0 ? below : all, 8);
        }
    }

    /// @dev The two columns of the range table: row 2^j + v holds v and j: u16 x, u8 variables.
    function _range(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 j = (word >> 224) & 0xff;
            uint256 top = tape.top;
            uint256 low; // The row, of which the variables passed are taken off.
            for (uint256 k; k < j; ++k) {
                low = addmod(2 * low, Field.load(x + 32 * k), Field.R);
            }
            uint256 rest = 1;
            uint256 values;
            uint256 tops;
            while (j != 0) {
                --j;
                uint256 one = Field.load(x);
                uint256 first = mulmod(rest, one, Field.R);
                rest = addmod(rest, Field.R - first, Field.R);
                low = addmod(low, Field.R - mulmod(1 << j, one, Field.R), Field.R);
                values = addmod(values, mulmod(first, low, Field.R), Field.R);
                tops = addmod(tops, mulmod(first, j, Field.R), Field.R);
                x += 32;
            }
            Field.store(top, values);
            tape.top = top + 32;
            _append(tape, tops, 4);
        }
    }

    /// @dev A product of earlier words: u8 count, u16 each.
    function _product(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 code = tape.code + 2;
            uint256 value = 1;
            uint256 count = (word >> 240) & 0xff;
            for (uint256 end = code + 2 * count; code < end; code += 2) {
                value = mulmod(value, known(tape, Field.load(code) >> 240), Field.R);
            }
            _append(tape, value, 2 + 2 * count);
        }
    }

    /// @dev eq of the first d variables and k at word 2^d + k, for every d; of the whole for k < n only:
    /// u16 x, u8 variables, u32 n. Word 0 is 0.
    function _tree(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 variables = (word >> 224) & 0xff;
            uint256 last = (1 << variables) + ((word >> 192) & 0xffffffff);
            uint256 top = tape.top;
            Field.store(top, 0);
            Field.store(top + 32, 1);
            uint256 one;
            for (uint256 node = 1; 2 * node < last; ++node) {
                if (node & (node - 1) == 0) {
                    one = Field.load(x);
                    x += 32;
                }
                uint256 whole = Field.load(top + 32 * node);
                uint256 right = mulmod(whole, one, Field.R);
                Field.store(top + 64 * node, addmod(whole, Field.R - right, Field.R));
                Field.store(top + 64 * node + 32, right);
            }
            tape.top = top + 32 * last;
            tape.code += 8;
        }
    }

    /// @dev eq(x, k) for k < n: u16 x, u8 variables, u32 n.
    function _table(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 x = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 variables = (word >> 224) & 0xff;
            uint256 n = (word >> 192) & 0xffffffff;
            uint256 top = tape.top;
            Field.store(top, 1);
            while (variables != 0) {
                --variables;
                uint256 one = Field.load(x);
                x += 32;
                // From the last, so that none is written before it is read.
                for (uint256 j = ((n - 1) >> (variables + 1)) + 1; j != 0;) {
                    --j;
                    uint256 whole = Field.load(top + 32 * j);
                    uint256 right = mulmod(whole, one, Field.R);
                    Field.store(top + 64 * j, addmod(whole, Field.R - right, Field.R));
                    Field.store(top + 64 * j + 32, right);
                }
            }
            tape.top = top + 32 * n;
            tape.code += 8;
        }
    }

    /// @dev For every cell of a source the sum of what is joined to it: u16 cells, u16 runs; a run adds
    /// factor * word to `count` cells: u16 factor, u16 word, u16 cell, i16 and i16 steps of both, u16 count.
    function _form(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 top = tape.top;
            uint256 cells = (word >> 232) & 0xffff;
            uint256 runs = (word >> 216) & 0xffff;
            assembly ("memory-safe") {
                calldatacopy(top, calldatasize(), shl(5, cells))
            }
            uint256 code = tape.code + 5;
            for (; runs != 0; --runs) {
                word = Field.load(code);
                uint256 factor = known(tape, word >> 240);
                uint256 source = tape.base + 32 * ((word >> 224) & 0xffff);
                uint256 cell = top + 32 * ((word >> 208) & 0xffff);
                uint256 sourceStep;
                uint256 cellStep;
                assembly ("memory-safe") {
                    sourceStep := shl(5, signextend(1, shr(192, word)))
                    cellStep := shl(5, signextend(1, shr(176, word)))
                }
                for (uint256 count = (word >> 160) & 0xffff; count != 0; --count) {
                    uint256 more = mulmod(factor, Field.load(source), Field.R);
                    Field.store(cell, addmod(Field.load(cell), more, Field.R));
                    source += sourceStep;
                    cell += cellStep;
                }
                code += 12;
            }
            tape.top = top + 32 * cells;
            tape.code = code;
        }
    }

    /// @dev sum over n of the products of two vectors: u16 first, u16 second, u16 n.
    function _dot(Tape memory tape, uint256 word) private pure {
        unchecked {
            uint256 first = tape.base + 32 * ((word >> 232) & 0xffff);
            uint256 second = tape.base + 32 * ((word >> 216) & 0xffff);
            uint256 value;
            for (uint256 end = first + 32 * ((word >> 200) & 0xffff); first < end; first += 32) {
                value = addmod(value, mulmod(Field.load(first), Field.load(second), Field.R), Field.R);
                second += 32;
            }
            _append(tape, value, 7);
        }
    }

    function _append(Tape memory tape, uint256 value, uint256 read) private pure {
        unchecked {
            uint256 top = tape.top;
            Field.store(top, value);
            tape.top = top + 32;
            tape.code += read;
        }
    }
}
