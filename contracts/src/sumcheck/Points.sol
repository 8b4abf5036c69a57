// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";

/// @notice Sums of points of BN254's first group, and the pairing that ends a proof.
/// @dev The precompiles refuse what is not canonical or not on the curve (EIP-196), also where the scalar is 0.
library Points {
    error PointRefused();
    error PairingRefused();

    /// @notice Room for a sum, (x, y), at its start the identity; behind it 96 bytes for a point and a scalar.
    function begin() internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            sum := mload(0x40)
            mstore(0x40, add(sum, 160))
            mstore(sum, 0)
            mstore(add(sum, 32), 0)
        }
    }

    /// @notice sum += scalar * point.
    function add(uint256 sum, uint256 point, uint256 scalar) internal view {
        bool success;
        assembly ("memory-safe") {
            let product := add(sum, 64)
            mcopy(product, point, 64)
            mstore(add(sum, 128), scalar)
            success := staticcall(60000, 7, product, 96, product, 64)
            success := and(staticcall(6000, 6, sum, 128, sum, 64), success)
        }
        if (!success) revert PointRefused();
    }

    /// @notice sum += the points of a list, each times its scalar of another.
    function addAll(uint256 sum, uint256 points, uint256 scalars, uint256 count) internal view {
        bool success = true;
        assembly ("memory-safe") {
            let product := add(sum, 64)
            for { let end := add(scalars, shl(5, count)) } lt(scalars, end) { scalars := add(scalars, 32) } {
                mcopy(product, points, 64)
                mstore(add(sum, 128), mload(scalars))
                success := and(success, staticcall(60000, 7, product, 96, product, 64))
                success := and(success, staticcall(6000, 6, sum, 128, sum, 64))
                points := add(points, 64)
            }
        }
        if (!success) revert PointRefused();
    }

    /// @notice Whether e(left, G2) = e(right, tau G2); tau G2 as x.c1, x.c0, y.c1, y.c0 in memory.
    function pairingHolds(uint256 left, uint256 right, uint256 tauG2) internal view returns (bool holds) {
        uint256 modulus = Field.P;
        bool success;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mcopy(at, left, 64)
            mstore(add(at, 64), 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2)
            mstore(add(at, 96), 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed)
            mstore(add(at, 128), 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b)
            mstore(add(at, 160), 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa)
            mstore(add(at, 192), mload(right))
            // Its negative; the identity's stays (0, 0).
            mstore(add(at, 224), mod(sub(modulus, mload(add(right, 32))), modulus))
            mcopy(add(at, 256), tauG2, 128)
            success := staticcall(1000000, 8, at, 384, 0, 32)
            // Where a chain lacks the precompile, a call to it succeeds and returns nothing.
            success := and(success, eq(returndatasize(), 32))
            holds := mload(0)
        }
        if (!success) revert PairingRefused();
    }
}
