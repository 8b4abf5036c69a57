// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";
import {Dialogue, Label, Transcript} from "./Transcript.sol";

/// @notice The stack's value at one point: the fold of its rows, and one opening of all that was sent.
/// @dev `verifier/systems/sumcheck/opening.py`.
library Opening {
    using Transcript for Dialogue;

    error NodesCoincide();
    error FoldsDoNotEndInTheLast();
    error FoldsDoNotEndInTheClaim();

    /// @notice What the fold leaves to be done with points.
    /// @param folds memory of f_1, ..., f_(count - 1), then W1, then W2.
    /// @param count how many folds of three variables there are.
    /// @param batch weighs f_i with batch^i.
    /// @param interpolated I(zeta).
    /// @param vanishing Z(zeta).
    /// @param zeta where F is opened.
    struct Opened {
        uint256 folds;
        uint256 count;
        uint256 batch;
        uint256 interpolated;
        uint256 vanishing;
        uint256 zeta;
    }

    /// @notice Reads the folds and checks that they end in `claim`.
    /// @param point the last `columns` variables of the point, those inside a row, of which the first comes first.
    /// @param scratch memory that nobody uses: 8 columns + 64 words.
    function fold(Dialogue memory dialogue, uint256 point, uint256 columns, uint256 claim, uint256 scratch)
        internal
        view
        returns (Opened memory opened)
    {
        unchecked {
            uint256 count = (columns - 1) / 3;
            opened.count = count;
            opened.folds = scratch;

            // a. The f_i are fixed before the point at which they are compared.
            dialogue.words(Label.FOLDS, scratch, 2 * (count - 1));
            uint256 values = scratch + 64 * (count + 1);
            uint256 last = values + 32 * (8 * count + 1);
            uint256 ends = 1 << (columns - 3 * count);
            dialogue.scalars(Label.LAST, last, ends);
            uint256 beta = dialogue.challenge(Label.BETA);
            uint256 eighthPower = _eighth(beta);
            if (eighthPower < 2) revert NodesCoincide();
            dialogue.scalars(Label.FOLD_VALUES, values, 8 * count + 1);

            // b. f_(i+1)(beta^8) follows from f_i at beta's multiples; the last one is known in clear.
            uint256 derived = last + 32 * ends; // The derived values, from that of f_0 on, which was sent.
            Field.store(derived, Field.load(values + 256 * count));
            uint256 inverses = derived + 32 * (count + 1);
            _powers(inverses, Field.inverse(beta));
            for (uint256 i; i < count; ++i) {
                uint256 next = _fold(values + 256 * i, inverses, point + 32 * (columns - 3 * i - 3));
                Field.store(derived + 32 * (i + 1), next);
            }
            uint256 total;
            for (uint256 k = ends; k != 0;) {
                --k;
                total = addmod(mulmod(total, eighthPower, Field.R), Field.load(last + 32 * k), Field.R);
            }
            if (Field.load(derived + 32 * count) != total) revert FoldsDoNotEndInTheLast();
            if (_extension(last, ends, point) != claim) revert FoldsDoNotEndInTheClaim();

            // c. All f_i at once: F = sum q^i f_i equals I at these nine points, W1 is the quotient.
            uint256 batch = dialogue.challenge(Label.BATCH);
            dialogue.words(Label.QUOTIENT, scratch + 64 * (count - 1), 2);
            uint256 zeta = dialogue.challenge(Label.ZETA);
            opened.batch = batch;
            opened.zeta = zeta;
            _interpolate(opened, values, derived, beta, eighthPower);
            dialogue.words(Label.QUOTIENT, scratch + 64 * count, 2);
        }
    }

    /// @dev beta^-1 omega^-j for j < 8, omega^-j being omega^(8 - j).
    function _powers(uint256 inverses, uint256 inverse) private pure {
        unchecked {
            for (uint256 j = 8; j != 0;) {
                --j;
                inverse = mulmod(inverse, Field.OMEGA, Field.R);
                Field.store(inverses + 32 * j, inverse);
            }
        }
    }

    /// @dev sum_j value_j (1/8) prod_b ((1 - x_b) + x_b y_j^(-2^b)); `point` has x_2, x_1, x_0.
    function _fold(uint256 values, uint256 inverses, uint256 point) private pure returns (uint256 total) {
        unchecked {
            uint256 x0 = Field.load(point + 64);
            uint256 x1 = Field.load(point + 32);
            uint256 x2 = Field.load(point);
            for (uint256 j; j < 256; j += 32) {
                uint256 y = Field.load(inverses + j);
                uint256 weight = mulmod(x0, y, Field.R) + Field.R + 1 - x0;
                y = mulmod(y, y, Field.R);
                weight = mulmod(weight, mulmod(x1, y, Field.R) + Field.R + 1 - x1, Field.R);
                y = mulmod(y, y, Field.R);
                weight = mulmod(weight, mulmod(x2, y, Field.R) + Field.R + 1 - x2, Field.R);
                total = addmod(total, mulmod(weight, Field.load(values + j), Field.R), Field.R);
            }
            total = mulmod(total, Field.EIGHTH, Field.R);
        }
    }

    /// @dev The multilinear extension of 2, 4 or 8 values at a point, which is left folded.
    function _extension(uint256 values, uint256 count, uint256 point) private pure returns (uint256) {
        unchecked {
            while (count != 1) {
                count /= 2;
                uint256 x = Field.load(point);
                for (uint256 k; k < 32 * count; k += 32) {
                    uint256 low = Field.load(values + k);
                    uint256 more = mulmod(Field.load(values + 32 * count + k) + Field.R - low, x, Field.R);
                    Field.store(values + k, addmod(low, more, Field.R));
                }
                point += 32;
            }
            return Field.load(values);
        }
    }

    /// @dev I(zeta) by Lagrange's formula. Z(X) = (X^8 - beta^8)(X - beta^8), whose derivative is
    /// 8 y^7 (y - beta^8) = 8 beta^8 (y - beta^8) / y at y = omega^j beta, and beta^64 - beta^8 at beta^8. The nine
    /// denominators, each times zeta less its node, are inverted together.
    function _interpolate(Opened memory opened, uint256 values, uint256 derived, uint256 beta, uint256 end)
        private
        view
    {
        unchecked {
            uint256 zeta = opened.zeta;
            uint256 nodes = derived + 32 * (opened.count + 1);
            uint256 bottoms = nodes + 288;
            uint256 running = bottoms + 288; // Products of the denominators before each.
            uint256 product = 1;
            for (uint256 j; j < 288; j += 32) {
                uint256 node = j < 256 ? beta : end;
                uint256 bottom = node + Field.R - end;
                if (j < 256) bottom = mulmod(bottom, mulmod(8, end, Field.R), Field.R);
                else bottom = _eighth(end) + Field.R - end;
                bottom = mulmod(bottom, zeta + Field.R - node, Field.R);
                Field.store(nodes + j, node);
                Field.store(bottoms + j, bottom);
                Field.store(running + j, product);
                product = mulmod(product, bottom, Field.R);
                beta = mulmod(beta, Field.OMEGA, Field.R);
            }
            uint256 inverse = Field.inverse(product);
            uint256 total;
            for (uint256 j = 288; j != 0;) {
                j -= 32;
                uint256 share = mulmod(inverse, Field.load(running + j), Field.R);
                inverse = mulmod(inverse, Field.load(bottoms + j), Field.R);
                if (j < 256) {
                    share = mulmod(share, Field.load(nodes + j), Field.R);
                    share = mulmod(share, _combined(values + j, 256, opened), Field.R);
                } else {
                    share = mulmod(share, _combined(derived, 32, opened), Field.R);
                }
                total = addmod(total, share, Field.R);
            }
            opened.vanishing = mulmod(_eighth(zeta) + Field.R - end, zeta + Field.R - end, Field.R);
            opened.interpolated = mulmod(total, opened.vanishing, Field.R);
        }
    }

    /// @dev x^8.
    function _eighth(uint256 x) private pure returns (uint256 power) {
        power = mulmod(x, x, Field.R);
        power = mulmod(power, power, Field.R);
        power = mulmod(power, power, Field.R);
    }

    /// @dev sum_i batch^i of the values of f_i at one node, which stand `step` bytes apart.
    function _combined(uint256 values, uint256 step, Opened memory opened)
        private
        pure
        returns (uint256 total)
    {
        unchecked {
            uint256 batch = opened.batch;
            for (uint256 i = opened.count; i != 0;) {
                --i;
                total = addmod(mulmod(total, batch, Field.R), Field.load(values + step * i), Field.R);
            }
        }
    }
}
