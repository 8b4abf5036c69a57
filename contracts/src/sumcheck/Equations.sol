// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field, R} from "./Field.sol";
import {Tape, Views} from "./Tape.sol";

/// @notice What the two sumchecks sum up, at the points where they end.
/// @dev `verifier/systems/sumcheck/equations.py`. A sum is u8 plain terms and u8 terms with a coefficient, then
/// the plain terms, each u16 word, then the others, each u16 word and u16 coefficient's word.
library Equations {
    /// @notice sum_j gamma^j Z_j(r), Z_j being helper * (alpha + row) - live * count for tables and lookups,
    /// then the products; `power` is gamma to their number.
    /// @dev In the blob: u16 identities, each u8 kind and words, u16 each; live is for a table live *
    /// multiplicity:
    /// 0: helper, live, w, a, b: helper (alpha + live w + a - b) - live.
    /// 1: a, b, c, d: (a - b) (c - d).
    /// 2: helper, live, w, a, b, factor, c, d, e:
    ///    helper (alpha + live w + a - b + factor (c - d - e)) - live.
    /// 3: helper, live, the sum that helper is multiplied with.
    /// 4: the two sums of a product, the sum that is added to it.
    function identities(Tape memory tape, uint256 gamma)
        internal
        pure
        returns (uint256 total, uint256 power)
    {
        unchecked {
            uint256 base = tape.base;
            uint256 code = tape.code;
            power = 1;
            uint256 left = Field.load(code) >> 240;
            code += 2;
            for (; left != 0; --left) {
                uint256 value;
                uint256 record = Field.load(code);
                if (record >> 248 < 3) (value, code) = _identity(base, record, code);
                else (value, code) = _longIdentity(base, record, code);
                total = addmod(total, mulmod(power, value, R), R);
                power = mulmod(power, gamma, R);
            }
            tape.code = code;
        }
    }

    /// @dev Words are below r; sums and differences are kept from being negative, and are at most 4 r.
    function _identity(uint256 base, uint256 record, uint256 code)
        private
        pure
        returns (uint256 value, uint256 next)
    {
        assembly ("memory-safe") {
            let a := mload(add(base, and(shr(227, record), 0x1fffe0)))
            let b := mload(add(base, and(shr(211, record), 0x1fffe0)))
            let c := mload(add(base, and(shr(195, record), 0x1fffe0)))
            let d := mload(add(base, and(shr(179, record), 0x1fffe0)))
            switch byte(0, record)
            case 1 {
                value := mulmod(add(a, sub(R, b)), add(c, sub(R, d)), R)
                next := add(code, 9)
            }
            default {
                value := sub(add(R, d), mload(add(base, and(shr(163, record), 0x1fffe0))))
                value := add(value, addmod(mulmod(b, c, R), mload(add(base, 64)), R))
                next := add(code, 11)
                if byte(0, record) {
                    c := add(add(R, R), mload(add(base, and(shr(131, record), 0x1fffe0))))
                    c := sub(c, mload(add(base, and(shr(115, record), 0x1fffe0))))
                    c := sub(c, mload(add(base, and(shr(99, record), 0x1fffe0))))
                    value := add(value, mulmod(c, mload(add(base, and(shr(147, record), 0x1fffe0))), R))
                    next := add(code, 19)
                }
                value := add(mulmod(a, value, R), sub(R, b))
            }
        }
    }

    function _longIdentity(uint256 base, uint256 record, uint256 code)
        private
        pure
        returns (uint256 value, uint256 next)
    {
        unchecked {
            uint256 more;
            if (record >> 248 == 3) {
                (value, next) = Views.sum(base, code + 5);
                value = mulmod(value, _word(base, record, 232), R);
                more = R - _word(base, record, 216);
            } else {
                (value, next) = _product(base, code + 1);
                (more, next) = Views.sum(base, next);
            }
            value += more;
        }
    }

    /// @notice sum_T gamma^(J + T) S_T(r), `power` being gamma^J: u8 tables, for each u16 runs of helpers, with
    /// 2^-(n - m), or the table's own less that, for factors: u16 factor, u16 first helper, u16 helpers.
    function sums(Tape memory tape, uint256 gamma, uint256 power) internal pure returns (uint256 total) {
        uint256 base = tape.base;
        uint256 code = tape.code;
        assembly ("memory-safe") {
            let tables := byte(0, mload(code))
            code := add(code, 1)
            for {} tables { tables := sub(tables, 1) } {
                let end := add(add(code, 2), mul(6, shr(240, mload(code))))
                for { code := add(code, 2) } lt(code, end) { code := add(code, 6) } {
                    let run := mload(code)
                    let helper := add(base, and(shr(219, run), 0x1fffe0))
                    let last := add(helper, and(shr(203, run), 0x1fffe0))
                    let sum := 0
                    for {} lt(helper, last) { helper := add(helper, 32) } {
                        sum := addmod(sum, mload(helper), R)
                    }
                    sum := mulmod(sum, mload(add(base, shl(5, shr(240, run)))), R)
                    total := addmod(total, mulmod(power, sum, R), R)
                }
                power := mulmod(power, gamma, R)
            }
        }
        tape.code = code;
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
                (bias, code) = Views.sum(base, code + 2);
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

    /// @notice sum_j eta^j times the value of claim j, which the prover sent and which is below r.
    /// @dev Between steps the sum is below 2 r, which mulmod reduces.
    function claimed(uint256 values, uint256 count, uint256 eta) internal pure returns (uint256 total) {
        assembly ("memory-safe") {
            let value := add(values, shl(5, count))
            if and(count, 1) {
                value := sub(value, 32)
                total := mload(value)
            }
            for {} gt(value, values) {} {
                total := add(mulmod(total, eta, R), mload(sub(value, 32)))
                value := sub(value, 64)
                total := add(mulmod(total, eta, R), mload(value))
            }
            total := mod(total, R)
        }
    }

    /// @notice sum_j eta^j L_j~(z), below 2 r: two words for each claim, whose product it is.
    /// @dev The view's coefficient, and eq of the column's place and z. Two products below r fit a word.
    function forms(Tape memory tape, uint256 count, uint256 eta) internal pure returns (uint256 total) {
        uint256 base = tape.base;
        uint256 code = tape.code;
        unchecked {
            tape.code = code + 4 * count;
        }
        assembly ("memory-safe") {
            // A claim is the last four bytes of the word that ends with it.
            let claim := add(code, shl(2, count))
            if and(count, 1) {
                let word := mload(sub(claim, 32))
                total := mulmod(
                    mload(add(base, and(shr(11, word), 0x1fffe0))),
                    mload(add(base, and(shl(5, word), 0x1fffe0))),
                    R
                )
                claim := sub(claim, 4)
            }
            for {} gt(claim, code) { claim := sub(claim, 8) } {
                let word := mload(sub(claim, 32))
                let product :=
                    mulmod(
                        mload(add(base, and(shr(11, word), 0x1fffe0))),
                        mload(add(base, and(shl(5, word), 0x1fffe0))),
                        R
                    )
                total := add(mulmod(total, eta, R), product)
                product := mulmod(
                    mload(add(base, and(shr(43, word), 0x1fffe0))),
                    mload(add(base, and(shr(27, word), 0x1fffe0))),
                    R
                )
                total := add(mulmod(total, eta, R), product)
            }
        }
    }

    /// @dev The product of two sums.
    function _product(uint256 base, uint256 code) private pure returns (uint256 product, uint256 next) {
        uint256 right;
        (product, next) = Views.sum(base, code);
        (right, next) = Views.sum(base, next);
        product = mulmod(product, right, R);
    }

    /// @dev The word that a u16 of a record names.
    function _word(uint256 base, uint256 record, uint256 shift) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(base, shl(5, and(shr(shift, record), 0xffff))))
        }
    }
}
