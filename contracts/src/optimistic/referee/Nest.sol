// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Opening} from "./Opening.sol";
import {Runs} from "./Runs.sol";

/// @notice Loops within loops over elements of one opening or two, the outermost first.
/// @param depth how many loops there are.
/// @param counts how often each is run.
/// @param stepsA how many elements of the first opening one turn goes on.
/// @param stepsB how many of the second.
struct Nest {
    uint256 depth;
    uint256[8] counts;
    uint256[8] stepsA;
    uint256[8] stepsB;
}

/// @notice Sums over nested loops, the innermost as one run.
library Nests {
    /// @notice Puts one more loop inside all others. One that goes on where the one around it would is made part of
    /// that, so that a run is as long as it can be.
    function add(Nest memory nest, uint256 count, uint256 stepA, uint256 stepB) internal pure {
        if (count == 1) return;
        uint256 depth = nest.depth;
        unchecked {
            if (
                depth != 0 && nest.stepsA[depth - 1] == count * stepA
                    && nest.stepsB[depth - 1] == count * stepB
            ) {
                --depth;
                count *= nest.counts[depth];
            }
            nest.counts[depth] = count;
            nest.stepsA[depth] = stepA;
            nest.stepsB[depth] = stepB;
            nest.depth = depth + 1;
        }
    }

    /// @notice The sum of products of elements, from places a and b on.
    function dot(Nest memory nest, Opening memory left, uint256 a, Opening memory right, uint256 b)
        internal
        pure
        returns (int256 total)
    {
        (uint256 count, uint256 stepA, uint256 stepB) = _innermost(nest);
        uint256[8] memory turns;
        bool more = true;
        unchecked {
            while (more) {
                total += Runs.dot(left, a, stepA, right, b, stepB, count);
                (more, a, b) = _next(nest, turns, a, b);
            }
        }
    }

    /// @notice The sum of elements of one opening, from place a on.
    function sum(Nest memory nest, Opening memory opening, uint256 a) internal pure returns (int256 total) {
        (uint256 count, uint256 step,) = _innermost(nest);
        uint256[8] memory turns;
        bool more = true;
        unchecked {
            while (more) {
                total += Runs.sum(opening, a, step, count);
                (more, a,) = _next(nest, turns, a, 0);
            }
        }
    }

    function _innermost(Nest memory nest) private pure returns (uint256 count, uint256 stepA, uint256 stepB) {
        uint256 depth = nest.depth;
        if (depth == 0) return (1, 0, 0);
        unchecked {
            return (nest.counts[depth - 1], nest.stepsA[depth - 1], nest.stepsB[depth - 1]);
        }
    }

    /// @dev One more turn of the loops around the innermost: whether there is one, and where it begins.
    function _next(Nest memory nest, uint256[8] memory turns, uint256 a, uint256 b)
        private
        pure
        returns (bool, uint256, uint256)
    {
        unchecked {
            for (uint256 loop = nest.depth; loop > 1;) {
                loop -= 1;
                uint256 spot = loop - 1;
                a += nest.stepsA[spot];
                b += nest.stepsB[spot];
                if (++turns[spot] < nest.counts[spot]) return (true, a, b);
                turns[spot] = 0;
                a -= nest.stepsA[spot] * nest.counts[spot];
                b -= nest.stepsB[spot] * nest.counts[spot];
            }
        }
        return (false, a, b);
    }
}
