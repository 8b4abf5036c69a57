// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIGHTH, Field, OMEGA, R} from "./Field.sol";
import {Dialogue, Label, Transcript} from "./Transcript.sol";

/// @notice The stack's value at one point: the fold of its rows, and one opening of all that was sent.
/// @dev `verifier/argument/opening.py`.
library Opening {
    using Transcript for Dialogue;

    error NodesCoincide();
    error FoldsDoNotEndInTheLast();
    error FoldsDoNotEndInTheClaim();

    /// @notice What was sent, and what the fold leaves to be done with points. Lists are addresses of memory.
    /// @param order r, here because code that pushes a constant is 32 bytes longer than code that copies a variable.
    /// @param point the variables inside a row, the first one first.
    /// @param left how many of them are not folded: 1, 2 or 3.
    /// @param count how many folds of three variables there are.
    /// @param folds f_1, ..., f_(count - 1), then W1, then W2.
    /// @param values f_i at beta's multiples, eight for each i.
    /// @param derived f_i(beta^8), from f_0, which was sent, to the last.
    /// @param free memory that nobody uses.
    /// @param inverse 1 / beta.
    /// @param end beta^8.
    /// @param batch weighs f_i with batch^i.
    /// @param zeta where F is opened.
    /// @param interpolated I(zeta).
    /// @param vanishing Z(zeta).
    struct Opened {
        uint256 order;
        uint256 point;
        uint256 left;
        uint256 count;
        uint256 folds;
        uint256 values;
        uint256 derived;
        uint256 free;
        uint256 beta;
        uint256 inverse;
        uint256 end;
        uint256 batch;
        uint256 zeta;
        uint256 interpolated;
        uint256 vanishing;
    }

    /// @notice Reads the folds and checks that they end in `claim`.
    /// @param point the last `columns` variables of the point, those inside a row.
    /// @param scratch memory that nobody uses: 4 columns + 40 words, of which k folds take 11 k + 44.
    function fold(Dialogue memory dialogue, uint256 point, uint256 columns, uint256 claim, uint256 scratch)
        internal
        view
        returns (Opened memory opened)
    {
        unchecked {
            opened.order = R;
            opened.point = point;
            opened.count = (columns - 2) / 3;
            opened.left = columns - 3 * opened.count;
            opened.folds = scratch;
            opened.values = scratch + 64 * (opened.count + 1);
        }
        _send(opened, dialogue);
        _batch(opened, dialogue);
        uint256 inverse = _inverse(opened);
        _derive(opened, claim);
        _interpolate(opened, inverse);
        unchecked {
            dialogue.words(Label.QUOTIENT, opened.folds + 64 * opened.count, 2);
        }
    }

    /// @dev a. The f_i are fixed before the point at which they are compared. The last f is left behind `derived`.
    function _send(Opened memory opened, Dialogue memory dialogue) private pure {
        unchecked {
            uint256 count = opened.count;
            dialogue.words(Label.FOLDS, opened.folds, 2 * (count - 1));
            opened.derived = opened.values + 256 * count;
            opened.free = opened.derived + 32 * (count + 1);
            dialogue.scalars(Label.LAST, opened.free, 1 << opened.left);
            uint256 beta = dialogue.challenge(Label.BETA);
            opened.beta = beta;
            uint256 end = _eighth(beta, opened.order);
            if (end < 2) revert NodesCoincide();
            opened.end = end;
            // The last value sent, f_0(beta^8), stands where the derived ones begin.
            dialogue.scalars(Label.FOLD_VALUES, opened.values, 8 * count + 1);
        }
    }

    /// @dev b. f_(i+1)(beta^8) follows from f_i at beta's multiples; the last one is known in clear.
    function _derive(Opened memory opened, uint256 claim) private pure {
        uint256 r = opened.order;
        unchecked {
            uint256 ends = 1 << opened.left;
            uint256 last = opened.free;
            uint256 inverses = last + 32 * ends;
            _inverses(inverses, opened.inverse, r);
            uint256 point = opened.point + 32 * (opened.left + 3 * opened.count);
            uint256 values = opened.values;
            uint256 derived = opened.derived;
            for (uint256 stop = derived + 32 * opened.count; derived < stop;) {
                point -= 96;
                derived += 32;
                Field.store(derived, _fold(values, inverses, point));
                values += 256;
            }
            uint256 total;
            for (uint256 k = 32 * ends; k != 0;) {
                k -= 32;
                total = addmod(mulmod(total, opened.end, r), Field.load(last + k), r);
            }
            if (Field.load(derived) != total) revert FoldsDoNotEndInTheLast();
            if (_extension(last, ends, opened.point, r) != claim) revert FoldsDoNotEndInTheClaim();
        }
    }

    /// @dev c. All f_i at once: F = sum q^i f_i equals I at nine points, W1 is the quotient.
    function _batch(Opened memory opened, Dialogue memory dialogue) private pure {
        unchecked {
            opened.batch = dialogue.challenge(Label.BATCH);
            dialogue.words(Label.QUOTIENT, opened.folds + 64 * (opened.count - 1), 2);
            opened.zeta = dialogue.challenge(Label.ZETA);
        }
    }

    /// @dev I(zeta) by Lagrange's formula. Z(X) = (X^8 - beta^8)(X - beta^8), whose derivative is
    /// 8 y^7 (y - beta^8) = 8 beta^8 (y - beta^8) / y at y = omega^j beta, and beta^64 - beta^8 at beta^8. The nine
    /// denominators, each times zeta less its node, are inverted together.
    function _interpolate(Opened memory opened, uint256 inverse) private pure {
        uint256 r = opened.order;
        unchecked {
            uint256 end = opened.end;
            uint256 bottoms = _bottoms(opened);
            uint256 total = mulmod(inverse, Field.load(bottoms + 544), r);
            inverse = mulmod(inverse, Field.load(bottoms + 512), r);
            total = mulmod(total, _combined(opened, opened.derived, 32), r);
            uint256 node = opened.beta;
            // From the last of the eight to the first: omega^7 is omega^-1, and omega^8 is 1.
            uint256 back = r - mulmod(OMEGA, mulmod(OMEGA, OMEGA, r), r);
            for (uint256 j = 8; j != 0;) {
                --j;
                node = mulmod(node, back, r);
                uint256 share = mulmod(inverse, Field.load(bottoms + 64 * j + 32), r);
                inverse = mulmod(inverse, Field.load(bottoms + 64 * j), r);
                share = mulmod(share, node, r);
                total = addmod(total, mulmod(share, _combined(opened, opened.values + 32 * j, 256), r), r);
            }
            uint256 zeta = opened.zeta;
            uint256 vanishing = mulmod(_eighth(zeta, r) + r - end, zeta + r - end, r);
            opened.vanishing = vanishing;
            opened.interpolated = mulmod(total, vanishing, r);
        }
    }

    /// @dev Of each node: the denominator, then the product of those before.
    function _bottoms(Opened memory opened) private pure returns (uint256) {
        unchecked {
            return opened.free + 32 * ((1 << opened.left) + 7);
        }
    }

    /// @dev One inversion for all: 1 / beta is kept, 1 / the product of the denominators returned.
    function _inverse(Opened memory opened) private view returns (uint256 inverse) {
        uint256 r = opened.order;
        uint256 product = _denominators(opened, _bottoms(opened));
        inverse = Field.inverse(mulmod(product, opened.beta, r));
        opened.inverse = mulmod(inverse, product, r);
        inverse = mulmod(inverse, opened.beta, r);
    }

    function _denominators(Opened memory opened, uint256 bottoms) private pure returns (uint256 product) {
        uint256 r = opened.order;
        unchecked {
            uint256 end = opened.end;
            uint256 zeta = opened.zeta;
            uint256 node = opened.beta;
            uint256 eight = mulmod(8, end, r);
            product = 1;
            for (uint256 stop = bottoms + 512; bottoms < stop; bottoms += 64) {
                uint256 bottom = mulmod(mulmod(node + r - end, eight, r), zeta + r - node, r);
                Field.store(bottoms, bottom);
                Field.store(bottoms + 32, product);
                product = mulmod(product, bottom, r);
                node = mulmod(node, OMEGA, r);
            }
            uint256 last = mulmod(_eighth(end, r) + r - end, zeta + r - end, r);
            Field.store(bottoms, last);
            Field.store(bottoms + 32, product);
            product = mulmod(product, last, r);
        }
    }

    /// @dev beta^-1 omega^-j for j < 4, then their squares for j < 2, then beta^-4.
    function _inverses(uint256 inverses, uint256 inverse, uint256 r) private pure {
        unchecked {
            // omega^-1 is -omega^3.
            uint256 turn = r - mulmod(OMEGA, mulmod(OMEGA, OMEGA, r), r);
            uint256 square = mulmod(inverse, inverse, r);
            Field.store(inverses + 128, square);
            Field.store(inverses + 160, mulmod(square, mulmod(turn, turn, r), r));
            Field.store(inverses + 192, mulmod(square, square, r));
            for (uint256 j; j < 128; j += 32) {
                Field.store(inverses + j, inverse);
                inverse = mulmod(inverse, turn, r);
            }
        }
    }

    /// @dev sum_j value_j (1/8) prod_b ((1 - x_b) + x_b y_j^(-2^b)), variable by variable: from values at y and -y
    /// to twice the value at y^2 of what x_0 folds, and so on. `point` has x_2, x_1, x_0.
    function _fold(uint256 values, uint256 inverses, uint256 point) private pure returns (uint256 total) {
        assembly ("memory-safe") {
            let folded := mload(0x40) // Beyond what is in use; nothing else is made meanwhile.
            let x := add(point, 64)
            for { let half := 128 } gt(half, 16) { half := shr(1, half) } {
                for { let j := 0 } lt(j, half) { j := add(j, 32) } {
                    let plus := mload(add(values, j))
                    let minus := mload(add(values, add(j, half)))
                    let even := add(plus, minus)
                    let odd := mulmod(add(plus, sub(R, minus)), mload(add(inverses, j)), R)
                    odd := mulmod(mload(x), sub(add(odd, add(R, R)), even), R)
                    mstore(add(folded, j), addmod(even, odd, R))
                }
                values := folded
                inverses := add(inverses, half)
                x := sub(x, 32)
            }
            total := mulmod(mload(folded), EIGHTH, R)
        }
    }

    /// @dev The multilinear extension of 2, 4 or 8 values at a point, which is left folded.
    function _extension(uint256 values, uint256 count, uint256 point, uint256 r)
        private
        pure
        returns (uint256)
    {
        unchecked {
            while (true) {
                if (count == 1) return Field.load(values);
                count /= 2;
                uint256 x = Field.load(point);
                for (uint256 k; k < 32 * count; k += 32) {
                    uint256 low = Field.load(values + k);
                    uint256 more = mulmod(Field.load(values + 32 * count + k) + r - low, x, r);
                    Field.store(values + k, addmod(low, more, r));
                }
                point += 32;
            }
            return 0;
        }
    }

    /// @dev x^8.
    function _eighth(uint256 x, uint256 r) private pure returns (uint256 power) {
        power = mulmod(x, x, r);
        power = mulmod(power, power, r);
        power = mulmod(power, power, r);
    }

    /// @dev sum_i batch^i of the values of f_i at one node, which stand `step` bytes apart; below 2 r.
    function _combined(Opened memory opened, uint256 values, uint256 step)
        private
        pure
        returns (uint256 total)
    {
        uint256 batch = opened.batch;
        uint256 count = opened.count;
        assembly ("memory-safe") {
            for { let value := add(values, mul(step, count)) } gt(value, values) {} {
                value := sub(value, step)
                total := add(mulmod(total, batch, R), mload(value))
            }
        }
    }
}
