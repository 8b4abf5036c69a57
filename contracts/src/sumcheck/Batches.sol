// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";

/// @notice What makes every sample of a batch a proof of its own: E, one polynomial for all of them.
/// @dev `verifier/argument/batch.py`. The order r is an argument: a constant would make the code longer.
library Batches {
    /// @dev omega of order 2^10: no batch is larger.
    uint256 private constant OMEGA_10 =
        3161067157621608152362653341354432744960400845131437947728257924963983317266;

    /// @notice omega of order 2^variables, at most 2^10.
    function rootOfUnity(uint256 variables, uint256 r) internal pure returns (uint256 omega) {
        unchecked {
            omega = OMEGA_10;
            for (uint256 k = variables; k < 10; ++k) {
                omega = mulmod(omega, omega, r);
            }
        }
    }

    /// @notice omega^index, omega being of order 2^variables.
    function power(uint256 variables, uint256 index, uint256 r) internal pure returns (uint256 result) {
        unchecked {
            uint256 omega = rootOfUnity(variables, r);
            result = 1;
            for (; index != 0; index >>= 1) {
                if (index & 1 == 1) result = mulmod(result, omega, r);
                omega = mulmod(omega, omega, r);
            }
        }
    }

    /// @notice sum_k eq(z, k) sum_b eq(head, b) omega^(b k), for points of `variables` at two addresses: from
    /// E's row to its values, extended, at head.
    /// @param room memory for 2^variables words.
    function spread(uint256 head, uint256 z, uint256 variables, uint256 room, uint256 r)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            // prod_j (1 - x_j + x_j omega_j^k) for every k below omega_j's order, which doubles with j; half an
            // order on, the power is the negative one.
            Field.store(room, 1);
            for (uint256 j; j < variables; ++j) {
                uint256 x = Field.load(head + 32 * j);
                uint256 omega = rootOfUnity(j + 1, r);
                uint256 turn = x;
                uint256 half = 32 << j;
                for (uint256 k = room; k < room + half; k += 32) {
                    uint256 value = Field.load(k);
                    Field.store(k, mulmod(value, r + 1 - x + turn, r));
                    Field.store(k + half, mulmod(value, 2 * r + 1 - x - turn, r));
                    turn = mulmod(turn, omega, r);
                }
            }
            // The extension of these at z, from its first variable on.
            for (uint256 half = 16 << variables; half != 16; half >>= 1) {
                uint256 x = Field.load(z);
                z += 32;
                for (uint256 k = room; k < room + half; k += 32) {
                    uint256 low = Field.load(k);
                    uint256 more = mulmod(x, Field.load(k + half) + r - low, r);
                    Field.store(k, addmod(low, more, r));
                }
            }
            return Field.load(room);
        }
    }
}
