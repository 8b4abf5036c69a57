// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TensorReader} from "../../src/consumer/TensorReader.sol";
import {ElementType} from "../../src/types/Tensor.sol";
import {TestBase} from "../base/TestBase.sol";

/// @notice Reading the integers of an answer.
contract TensorReaderTest is TestBase {
    function element(bytes memory data, ElementType elementType, uint256 index)
        external
        pure
        returns (int256)
    {
        return TensorReader.element(data, elementType, index);
    }

    function testFuzz_elementsKeepTheirSign(int8 a, int16 b, int32 c, int64 d) public pure {
        assertTrue(TensorReader.element(abi.encodePacked(int8(1), a), ElementType.Int8, 1) == a, "int8");
        assertTrue(TensorReader.element(abi.encodePacked(b, b), ElementType.Int16, 1) == b, "int16");
        assertTrue(TensorReader.element(abi.encodePacked(c), ElementType.Int32, 0) == c, "int32");
        assertTrue(TensorReader.element(abi.encodePacked(d, d), ElementType.Int64, 1) == d, "int64");
    }

    function test_theFirstOfTheLargestWins() public pure {
        assertEq(
            TensorReader.argmax(abi.encodePacked(int16(-5), int16(7), int16(7)), ElementType.Int16),
            1,
            "argmax"
        );
        assertEq(TensorReader.argmax(abi.encodePacked(int8(-5), int8(-7)), ElementType.Int8), 0, "negative");
    }

    function test_whatIsNotWholeOrOutsideIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(TensorReader.DataNotWhole.selector, 3, 2));
        this.element(hex"000102", ElementType.Int16, 0);
        vm.expectRevert(abi.encodeWithSelector(TensorReader.DataNotWhole.selector, 0, 2));
        this.element("", ElementType.Int16, 0);
        vm.expectRevert(abi.encodeWithSelector(TensorReader.IndexOutside.selector, 2, 2));
        this.element(hex"00010002", ElementType.Int16, 2);
    }
}
