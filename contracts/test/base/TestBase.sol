// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "./Vm.sol";

/// @notice The few assertions that the tests share; a failed one reverts with what was expected and found.
abstract contract TestBase {
    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    error NotTrue(string what);
    error NotEqual(string what, uint256 found, uint256 expected);
    error NotEqualWords(string what, bytes32 found, bytes32 expected);
    error NotEqualBytes(string what, bytes found, bytes expected);
    error NotAtMost(string what, uint256 found, uint256 maximum);

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function assertEq(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert NotEqual(what, found, expected);
    }

    function assertEq(address found, address expected, string memory what) internal pure {
        if (found != expected) revert NotEqual(what, uint160(found), uint160(expected));
    }

    function assertEq(bytes32 found, bytes32 expected, string memory what) internal pure {
        if (found != expected) revert NotEqualWords(what, found, expected);
    }

    function assertEq(bytes memory found, bytes memory expected, string memory what) internal pure {
        if (keccak256(found) != keccak256(expected)) revert NotEqualBytes(what, found, expected);
    }

    function assertAtMost(uint256 found, uint256 maximum, string memory what) internal pure {
        if (found > maximum) revert NotAtMost(what, found, maximum);
    }

    function bound(uint256 value, uint256 minimum, uint256 maximum) internal pure returns (uint256) {
        return minimum + value % (maximum - minimum + 1);
    }
}
