// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";
import {Tape, Views} from "./Tape.sol";

/// @notice What the two sumchecks sum up, at the points where they end.
/// @dev `verifier/systems/sumcheck/equations.py`. A sum is u8 terms, each u16 word and u16 coefficient's word.
library Equations {
    using Views for Tape;

    /// @notice sum_j gamma^j eq(rho, r) Z_j(r) + sum_T gamma^(J + T) S_T(r).
    /// @dev In the blob: u8 tables, each u16 helper, live, multiplicity and share, u8 components, their sums;
    /// u16 lookups, each u8 table, u16 helper, live and share, u8 components, their sums; u16 products, each u8
    /// factors (0 or 2), their sums, the rest's sum. A share is 2^-(n - m), m being the variables of `live`.
    function identities(Tape memory tape, uint256 alpha, uint256 fingerprint, uint256 gamma, uint256 eqRho)
        internal
        pure
        returns (uint256 total)
    {
        unchecked {
            uint256 power = 1;
            uint256 tables = _u8(tape);
            uint256 sums = tape.top; // One word for each table, which no step of the blob keeps.
            for (uint256 table; table < tables; ++table) {
                uint256 helper = _word(tape);
                uint256 live = _word(tape);
                uint256 count = _word(tape);
                uint256 share = _word(tape);
                uint256 zero = mulmod(helper, _row(tape, alpha, fingerprint), Field.R);
                zero = addmod(zero, Field.R - mulmod(live, count, Field.R), Field.R);
                total = addmod(total, mulmod(power, zero, Field.R), Field.R);
                power = mulmod(power, gamma, Field.R);
                Field.store(sums + 32 * table, Field.R - mulmod(helper, share, Field.R));
            }
            for (uint256 lookups = _u16(tape); lookups != 0; --lookups) {
                uint256 sum = sums + 32 * _u8(tape);
                uint256 helper = _word(tape);
                uint256 live = _word(tape);
                uint256 share = mulmod(helper, _word(tape), Field.R);
                Field.store(sum, addmod(Field.load(sum), share, Field.R));
                uint256 zero = mulmod(helper, _row(tape, alpha, fingerprint), Field.R);
                total = addmod(total, mulmod(power, zero + Field.R - live, Field.R), Field.R);
                power = mulmod(power, gamma, Field.R);
            }
            for (uint256 products = _u16(tape); products != 0; --products) {
                uint256 zero;
                if (_u8(tape) != 0) zero = mulmod(_sum(tape), _sum(tape), Field.R);
                total = addmod(total, mulmod(power, zero + _sum(tape), Field.R), Field.R);
                power = mulmod(power, gamma, Field.R);
            }
            total = mulmod(total, eqRho, Field.R);
            for (uint256 table; table < tables; ++table) {
                total = addmod(total, mulmod(power, Field.load(sums + 32 * table), Field.R), Field.R);
                power = mulmod(power, gamma, Field.R);
            }
        }
    }

    /// @notice sum_j theta^j (result~(r) - bias~(r)): u16 bilinears, each u16 result, the bias's sum.
    function bilinearClaim(Tape memory tape, uint256 theta) internal pure returns (uint256 total) {
        unchecked {
            uint256 power = 1;
            for (uint256 bilinears = _u16(tape); bilinears != 0; --bilinears) {
                uint256 result = _word(tape);
                total = addmod(total, mulmod(power, result + Field.R - _sum(tape), Field.R), Field.R);
                power = mulmod(power, theta, Field.R);
            }
        }
    }

    /// @notice sum_j theta^j 2^-(K - k_j) prod eq(shared axes) left~ right~: u16 bilinears, each u16 share (the
    /// power of two), u16 eq of the shared axes, the sums of both sides.
    function bilinearAt(Tape memory tape, uint256 theta) internal pure returns (uint256 total) {
        unchecked {
            uint256 power = 1;
            for (uint256 bilinears = _u16(tape); bilinears != 0; --bilinears) {
                uint256 term = mulmod(_word(tape), _word(tape), Field.R);
                term = mulmod(term, mulmod(_sum(tape), _sum(tape), Field.R), Field.R);
                total = addmod(total, mulmod(power, term, Field.R), Field.R);
                power = mulmod(power, theta, Field.R);
            }
        }
    }

    /// @notice sum_j eta^j times the value of claim j, which the prover sent.
    function claimed(uint256 values, uint256 count, uint256 eta) internal pure returns (uint256 total) {
        unchecked {
            for (uint256 value = values + 32 * count; value > values;) {
                value -= 32;
                total = addmod(mulmod(total, eta, Field.R), Field.load(value), Field.R);
            }
        }
    }

    /// @notice sum_j eta^j L_j~(z): four words for each claim, whose product it is.
    /// @dev The view's coefficient, and eq of the column's place and z in up to three parts.
    function forms(Tape memory tape, uint256 count, uint256 eta) internal pure returns (uint256 total) {
        unchecked {
            uint256 base = tape.base;
            uint256 claim = tape.code;
            uint256 first = claim;
            claim += 8 * count;
            tape.code = claim;
            while (claim > first) {
                claim -= 8;
                uint256 word = Field.load(claim);
                uint256 form = mulmod(
                    mulmod(
                        Field.load(base + 32 * (word >> 240)),
                        Field.load(base + 32 * ((word >> 224) & 0xffff)),
                        Field.R
                    ),
                    mulmod(
                        Field.load(base + 32 * ((word >> 208) & 0xffff)),
                        Field.load(base + 32 * ((word >> 192) & 0xffff)),
                        Field.R
                    ),
                    Field.R
                );
                total = addmod(mulmod(total, eta, Field.R), form, Field.R);
            }
        }
    }

    /// @dev alpha + sum lambda^i component_i.
    function _row(Tape memory tape, uint256 alpha, uint256 fingerprint) private pure returns (uint256 row) {
        unchecked {
            row = alpha;
            uint256 power = 1;
            for (uint256 components = _u8(tape); components != 0; --components) {
                row = addmod(row, mulmod(power, _sum(tape), Field.R), Field.R);
                power = mulmod(power, fingerprint, Field.R);
            }
        }
    }

    function _sum(Tape memory tape) private pure returns (uint256 sum) {
        unchecked {
            uint256 base = tape.base;
            uint256 code = tape.code;
            uint256 terms = Field.load(code) >> 248;
            code += 1;
            for (uint256 end = code + 4 * terms; code < end; code += 4) {
                uint256 term = Field.load(code);
                sum = addmod(
                    sum,
                    mulmod(
                        Field.load(base + 32 * (term >> 240)),
                        Field.load(base + 32 * ((term >> 224) & 0xffff)),
                        Field.R
                    ),
                    Field.R
                );
            }
            tape.code = code;
        }
    }

    function _word(Tape memory tape) private pure returns (uint256) {
        return tape.known(_u16(tape));
    }

    function _u8(Tape memory tape) private pure returns (uint256) {
        unchecked {
            uint256 code = tape.code;
            tape.code = code + 1;
            return Field.load(code) >> 248;
        }
    }

    function _u16(Tape memory tape) private pure returns (uint256) {
        unchecked {
            uint256 code = tape.code;
            tape.code = code + 2;
            return Field.load(code) >> 240;
        }
    }
}
