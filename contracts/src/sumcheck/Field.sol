// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev r, the order of the groups: a file's constant, as assembly reads no library's.
uint256 constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

/// @dev 1/2, 1/6 and 1/8 modulo r.
uint256 constant HALF = 10944121435919637611123202872628637544274182200208017171849102093287904247809;
uint256 constant SIXTH = 18240202393199396018538671454381062573790303667013361953081836822146507079681;
uint256 constant EIGHTH = 19152212512859365819465605027100115702479818850364030050735928663253832433665;

/// @dev A root of one of order 8: 5^((r - 1) / 8).
uint256 constant OMEGA = 19540430494807482326159819597004422086093766032135589407132600596362845576832;

/// @notice The scalar field of BN254, and words of memory.
library Field {
    /// @notice p, over which coordinates are.
    uint256 internal constant P =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;

    error InverseOfZero();

    /// @notice A word of memory.
    function load(uint256 address_) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(address_)
        }
    }

    /// @notice Sets a word of memory that the caller has reserved.
    function store(uint256 address_, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(address_, value)
        }
    }

    /// @notice 1/x, by the modular exponentiation of EIP-198.
    function inverse(uint256 x) internal view returns (uint256 y) {
        uint256 order = R;
        bool success;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, 32)
            mstore(add(at, 32), 32)
            mstore(add(at, 64), 32)
            mstore(add(at, 96), x)
            mstore(add(at, 128), sub(order, 2))
            mstore(add(at, 160), order)
            success := staticcall(100000, 5, at, 192, 0, 32)
            // Where a chain lacks the precompile, a call to it succeeds and returns nothing.
            success := and(success, eq(returndatasize(), 32))
            y := mload(0)
        }
        if (!success || y == 0) revert InverseOfZero();
    }
}
