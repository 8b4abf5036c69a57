// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field, R} from "./Field.sol";
import {Tape} from "./Tape.sol";

/// @notice What the two sumchecks sum up, at the points where they end.
/// @dev `verifier/systems/sumcheck/equations.py`. A sum is u8 plain terms and u8 terms with a coefficient, then
/// the plain terms, each u16 word, then the others, each u16 word and u16 coefficient's word.
library Equations {
    /// @notice sum_j gamma^j Z_j(r), Z_j being helper * (alpha + row) - live * count for tables and lookups,
    /// then the products; `power` is gamma to their number.
    /// @dev In the blob: u16 tables and lookups, each u16 helper, u16 live (for a table live * multiplicity), the
    /// sum of the row without alpha; u16 products, each u8 factors (0 or 2), their sums, the rest's sum.
    function identities(Tape memory tape, uint256 alpha, uint256 gamma)
        internal
        pure
        returns (uint256 total, uint256 power)
    {
        uint256 base = tape.base;
        uint256 code = tape.code;
        assembly ("memory-safe") {
            power := 1
            let left := shr(240, mload(code))
            code := add(code, 2)
            for {} left { left := sub(left, 1) } {
                let record := mload(code)
                let row := alpha
                code := add(code, 6)
                let end := add(code, shl(1, byte(4, record)))
                for {} lt(code, end) { code := add(code, 2) } {
                    row := addmod(row, mload(add(base, shl(5, shr(240, mload(code))))), R)
                }
                end := add(end, shl(2, byte(5, record)))
                for {} lt(code, end) { code := add(code, 4) } {
                    let term := mload(code)
                    let word := mload(add(base, shl(5, shr(240, term))))
                    row := addmod(row, mulmod(word, mload(add(base, and(shr(219, term), 0x1fffe0))), R), R)
                }
                row := mulmod(row, mload(add(base, shl(5, shr(240, record)))), R)
                row := add(row, sub(R, mload(add(base, and(shr(219, record), 0x1fffe0)))))
                total := addmod(total, mulmod(power, row, R), R)
                power := mulmod(power, gamma, R)
            }
        }
        unchecked {
            uint256 products = Field.load(code) >> 240;
            code += 2;
            for (; products != 0; --products) {
                uint256 zero;
                uint256 rest = Field.load(code) >> 248;
                code += 1;
                if (rest != 0) (zero, code) = _product(base, code);
                (rest, code) = _sum(base, code);
                total = addmod(total, mulmod(power, zero + rest, R), R);
                power = mulmod(power, gamma, R);
            }
        }
        tape.code = code;
    }

    /// @notice sum_T gamma^(J + T) S_T(r), `power` being gamma^J: u8 tables, each the sum of its lookups' helpers
    /// less its own, with 2^-(n - m) for coefficients.
    function sums(Tape memory tape, uint256 gamma, uint256 power) internal pure returns (uint256 total) {
        unchecked {
            uint256 base = tape.base;
            uint256 code = tape.code;
            uint256 tables = Field.load(code) >> 248;
            code += 1;
            for (; tables != 0; --tables) {
                uint256 sum;
                (sum, code) = _sum(base, code);
                total = addmod(total, mulmod(power, sum, R), R);
                power = mulmod(power, gamma, R);
            }
            tape.code = code;
        }
    }

    /// @notice sum_j theta^j (result~(r) - bias~(r)): u16 bilinears, each u16 result, the bias's sum.
    function bilinearClaim(Tape memory tape, uint256 theta) internal pure returns (uint256 total) {
        unchecked {
            uint256 base = tape.base;
            uint256 code = tape.code;
            uint256 power = 1;
            uint256 left = Field.load(code) >> 240;
            code += 2;
            for (; left != 0; --left) {
                uint256 result = _word(base, Field.load(code), 240);
                uint256 bias;
                (bias, code) = _sum(base, code + 2);
                total = addmod(total, mulmod(power, result + R - bias, R), R);
                power = mulmod(power, theta, R);
            }
            tape.code = code;
        }
    }

    /// @notice sum_j theta^j 2^-(K - k_j) prod eq(shared axes) left~ right~: u16 bilinears, each u16 share (the
    /// power of two), u16 eq of the shared axes, the sums of both sides.
    function bilinearAt(Tape memory tape, uint256 theta) internal pure returns (uint256 total) {
        unchecked {
            uint256 base = tape.base;
            uint256 code = tape.code;
            uint256 power = 1;
            uint256 left = Field.load(code) >> 240;
            code += 2;
            for (; left != 0; --left) {
                uint256 record = Field.load(code);
                uint256 share = mulmod(_word(base, record, 240), _word(base, record, 224), R);
                uint256 product;
                (product, code) = _product(base, code + 4);
                total = addmod(total, mulmod(power, mulmod(share, product, R), R), R);
                power = mulmod(power, theta, R);
            }
            tape.code = code;
        }
    }

    /// @notice sum_j eta^j times the value of claim j, which the prover sent.
    function claimed(uint256 values, uint256 count, uint256 eta) internal pure returns (uint256 total) {
        assembly ("memory-safe") {
            for { let value := add(values, shl(5, count)) } gt(value, values) {} {
                value := sub(value, 32)
                total := addmod(mulmod(total, eta, R), mload(value), R)
            }
        }
    }

    /// @notice sum_j eta^j L_j~(z): five words for each claim, whose product it is.
    /// @dev The view's coefficient, and eq of the column's place and z in up to four parts.
    function forms(Tape memory tape, uint256 count, uint256 eta) internal pure returns (uint256 total) {
        uint256 base = tape.base;
        uint256 code = tape.code;
        assembly ("memory-safe") {
            for { let claim := add(code, mul(10, count)) } gt(claim, code) {} {
                claim := sub(claim, 10)
                let word := mload(claim)
                let form :=
                    mulmod(
                        mload(add(base, shl(5, shr(240, word)))),
                        mload(add(base, and(shr(219, word), 0x1fffe0))),
                        R
                    )
                form := mulmod(form, mload(add(base, and(shr(203, word), 0x1fffe0))), R)
                // Word 0 is 1: a column of at least 2^4 or 2^8 blocks has fewer parts.
                word := and(shr(176, word), 0xffffffff)
                if word {
                    form := mulmod(form, mload(add(base, shl(5, shr(16, word)))), R)
                    form := mulmod(form, mload(add(base, shl(5, and(word, 0xffff)))), R)
                }
                total := addmod(mulmod(total, eta, R), form, R)
            }
            code := add(code, mul(10, count))
        }
        tape.code = code;
    }

    /// @dev The product of two sums.
    function _product(uint256 base, uint256 code) private pure returns (uint256 product, uint256 next) {
        uint256 right;
        (product, next) = _sum(base, code);
        (right, next) = _sum(base, next);
        product = mulmod(product, right, R);
    }

    function _sum(uint256 base, uint256 code) private pure returns (uint256 sum, uint256 next) {
        assembly ("memory-safe") {
            let counts := mload(code)
            next := add(code, 2)
            let end := add(next, shl(1, byte(0, counts)))
            for {} lt(next, end) { next := add(next, 2) } {
                sum := addmod(sum, mload(add(base, shl(5, shr(240, mload(next))))), R)
            }
            end := add(end, shl(2, byte(1, counts)))
            for {} lt(next, end) { next := add(next, 4) } {
                let term := mload(next)
                let word := mload(add(base, shl(5, shr(240, term))))
                sum := addmod(sum, mulmod(word, mload(add(base, and(shr(219, term), 0x1fffe0))), R), R)
            }
        }
    }

    /// @dev The word that a u16 of a record names.
    function _word(uint256 base, uint256 record, uint256 shift) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(base, shl(5, and(shr(shift, record), 0xffff))))
        }
    }
}
