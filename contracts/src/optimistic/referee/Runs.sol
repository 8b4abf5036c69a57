// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Opening, Openings} from "./Opening.sol";

/// @notice Sums over elements that lie equally far apart.
/// @dev Elements have at most 64 bits and there are at most 2^28, so that nothing here overflows.
library Runs {
    using Openings for Opening;

    /// @dev Bit 7 of every byte; bits 0 to 7 and bit 0 of every four bytes.
    uint256 private constant SIGNS = 0x8080808080808080808080808080808080808080808080808080808080808080;
    uint256 private constant LANES = 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff;
    uint256 private constant ONES = 0x0000000100000001000000010000000100000001000000010000000100000001;
    /// @dev The lower half of every eight and sixteen bytes.
    uint256 private constant LOW4 = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant LOW8 = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;

    /// @notice The sum of products of elements of two openings.
    /// @param a where the first element of `left` is stored.
    /// @param stepA how many elements further on the next one is.
    function dot(
        Opening memory left,
        uint256 a,
        uint256 stepA,
        Opening memory right,
        uint256 b,
        uint256 stepB,
        uint256 count
    ) internal pure returns (int256 total) {
        uint256 widthA = left.width;
        uint256 widthB = right.width;
        unchecked {
            // In bytes from here on.
            a *= widthA;
            b *= widthB;
            stepA *= widthA;
            stepB *= widthB;
            bool octets = stepA == 1 && stepB == 1;
            while (count != 0) {
                (uint256 atA, uint256 piece) = left.locate(a);
                uint256 atB;
                piece = _fitting(piece, stepA, count);
                {
                    uint256 available;
                    (atB, available) = right.locate(b);
                    piece = _fitting(available, stepB, piece);
                }
                total += octets
                    ? _octets(atA, atB, piece)
                    : _products(atA, stepA, widthA, atB, stepB, widthB, piece);
                a += stepA * piece;
                b += stepB * piece;
                count -= piece;
            }
        }
    }

    /// @notice The sum of elements of an opening.
    function sum(Opening memory opening, uint256 a, uint256 step, uint256 count)
        internal
        pure
        returns (int256 total)
    {
        uint256 width = opening.width;
        unchecked {
            a *= width;
            step *= width;
            while (count != 0) {
                (uint256 spot, uint256 piece) = opening.locate(a);
                piece = _fitting(piece, step, count);
                total += _sum(spot, step, width, piece);
                a += step * piece;
                count -= piece;
            }
        }
    }

    /// @dev How many elements begin within `available` bytes, at most `most`.
    function _fitting(uint256 available, uint256 step, uint256 most) private pure returns (uint256 count) {
        unchecked {
            count = step == 0 ? most : (available + step - 1) / step;
            if (count > most) count = most;
        }
    }

    /// @dev Elements of any width, any distance apart.
    function _products(
        uint256 a,
        uint256 stepA,
        uint256 widthA,
        uint256 b,
        uint256 stepB,
        uint256 widthB,
        uint256 count
    ) private pure returns (int256 total) {
        assembly ("memory-safe") {
            let dropA := sub(256, shl(3, widthA))
            let dropB := sub(256, shl(3, widthB))
            for {} gt(count, 3) { count := sub(count, 4) } {
                total := add(total, mul(sar(dropA, calldataload(a)), sar(dropB, calldataload(b))))
                a := add(a, stepA)
                b := add(b, stepB)
                total := add(total, mul(sar(dropA, calldataload(a)), sar(dropB, calldataload(b))))
                a := add(a, stepA)
                b := add(b, stepB)
                total := add(total, mul(sar(dropA, calldataload(a)), sar(dropB, calldataload(b))))
                a := add(a, stepA)
                b := add(b, stepB)
                total := add(total, mul(sar(dropA, calldataload(a)), sar(dropB, calldataload(b))))
                a := add(a, stepA)
                b := add(b, stepB)
            }
            for {} count { count := sub(count, 1) } {
                total := add(total, mul(sar(dropA, calldataload(a)), sar(dropB, calldataload(b))))
                a := add(a, stepA)
                b := add(b, stepB)
            }
        }
    }

    /// @dev Neighbouring bytes, 32 at a time. With 128 added to each byte none is negative:
    /// sum a b = sum (a + 128) (b + 128) - 128 sum (a + 128) - 128 sum (b + 128) + 128^2 n.
    /// Every fourth byte makes eight numbers of 32 bits; the top 32 bits of such a word's product with another in
    /// which the eight stand in reverse are the sum of products, since no sum below exceeds 32 bits.
    function _octets(uint256 a, uint256 b, uint256 count) private pure returns (int256 total) {
        assembly ("memory-safe") {
            total := shl(14, count)
            let sums := 0
            for {} count {} {
                let x := xor(calldataload(a), SIGNS)
                let y := xor(calldataload(b), SIGNS)
                a := add(a, 32)
                b := add(b, 32)
                switch lt(count, 32)
                case 1 {
                    let drop := sub(256, shl(3, count))
                    x := shl(drop, shr(drop, x))
                    y := shl(drop, shr(drop, y))
                    count := 0
                }
                default { count := sub(count, 32) }
                // Groups of four bytes in reverse order.
                y := or(shl(128, y), shr(128, y))
                y := or(shl(64, and(y, LOW8)), and(shr(64, y), LOW8))
                y := or(shl(32, and(y, LOW4)), and(shr(32, y), LOW4))
                let u := and(x, LANES)
                let v := and(y, LANES)
                let products := mul(u, v)
                sums := add(sums, add(u, v))
                u := and(shr(8, x), LANES)
                v := and(shr(8, y), LANES)
                products := add(products, mul(u, v))
                sums := add(sums, add(u, v))
                u := and(shr(16, x), LANES)
                v := and(shr(16, y), LANES)
                products := add(products, mul(u, v))
                sums := add(sums, add(u, v))
                u := and(shr(24, x), LANES)
                v := and(shr(24, y), LANES)
                products := add(products, mul(u, v))
                sums := add(sums, add(u, v))
                total := add(total, shr(224, products))
            }
            // A word adds less than 2^14 to the sum of the eight: below 2^32 for any calldata a block could hold.
            total := sub(total, shl(7, shr(224, mul(sums, ONES))))
        }
    }

    function _sum(uint256 a, uint256 step, uint256 width, uint256 count) private pure returns (int256 total) {
        assembly ("memory-safe") {
            let drop := sub(256, shl(3, width))
            for {} count { count := sub(count, 1) } {
                total := add(total, sar(drop, calldataload(a)))
                a := add(a, step)
            }
        }
    }
}
