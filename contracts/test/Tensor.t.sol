// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementType, TensorLib, TensorSchema} from "../src/types/Tensor.sol";
import {TestBase} from "./base/TestBase.sol";

/// @notice Limits of tensors, and that nothing of a tensor is left out of its digest.
contract TensorTest is TestBase {
    function digest(TensorSchema memory schema, bytes memory data) external pure returns (bytes32) {
        return TensorLib.digest(schema, data);
    }

    function digestList(TensorSchema[] memory schemas, bytes memory data) external pure returns (bytes32) {
        return TensorLib.digest(schemas, data);
    }

    function test_aTypeIsNeeded() public {
        vm.expectRevert(TensorLib.ElementTypeMissing.selector);
        this.digest(_schema(ElementType.None, 1, 1), hex"00");
    }

    function test_aRankAboveEightIsRefused() public {
        TensorSchema memory schema = _schema(ElementType.Int8, 8, 1);
        this.digest(schema, hex"00");
        schema.shape = _schema(ElementType.Int8, 9, 1).shape;
        vm.expectRevert(abi.encodeWithSelector(TensorLib.RankTooHigh.selector, 9, 8));
        this.digest(schema, hex"00");
    }

    function test_aDimensionOfZeroIsRefused() public {
        TensorSchema memory schema = _schema(ElementType.Int8, 2, 1);
        schema.shape[1] = 0;
        vm.expectRevert(abi.encodeWithSelector(TensorLib.DimensionZero.selector, 1));
        this.digest(schema, "");
    }

    function test_moreThan16777216ElementsAreRefused() public {
        TensorSchema memory schema = _schema(ElementType.Int8, 2, 4096);
        TensorSchema[] memory schemas = new TensorSchema[](1);
        schemas[0] = schema;
        assertEq(TensorLib.byteLength(schemas), 2 ** 24, "the largest tensor");
        schema.shape[1] = 4097;
        vm.expectRevert(abi.encodeWithSelector(TensorLib.TooManyElements.selector, 4096 * 4097, 2 ** 24));
        this.digest(schema, "");
    }

    function test_hugeDimensionsDoNotOverflow() public {
        TensorSchema memory schema = _schema(ElementType.Int64, 8, type(uint32).max);
        vm.expectPartialRevert(TensorLib.TooManyElements.selector);
        this.digest(schema, "");
    }

    function test_theDataMustHaveExactlyTheSchemasLength() public {
        TensorSchema memory schema = _schema(ElementType.Int16, 1, 2);
        vm.expectRevert(abi.encodeWithSelector(TensorLib.DataLengthDiffers.selector, 4, 3));
        this.digest(schema, hex"000000");
        vm.expectRevert(abi.encodeWithSelector(TensorLib.DataLengthDiffers.selector, 4, 5));
        this.digest(schema, hex"0000000000");
    }

    function test_aListHasOneToSixteenTensorsAndWholeData() public {
        vm.expectRevert(abi.encodeWithSelector(TensorLib.TensorCountOutOfBounds.selector, 0, 16));
        this.digestList(new TensorSchema[](0), "");
        TensorSchema[] memory schemas = new TensorSchema[](17);
        for (uint256 i; i < 17; ++i) {
            schemas[i] = _schema(ElementType.Int8, 1, 1);
        }
        vm.expectRevert(abi.encodeWithSelector(TensorLib.TensorCountOutOfBounds.selector, 17, 16));
        this.digestList(schemas, new bytes(17));
        TensorSchema[] memory two = new TensorSchema[](2);
        two[0] = two[1] = schemas[0];
        vm.expectRevert(abi.encodeWithSelector(TensorLib.DataLengthDiffers.selector, 2, 3));
        this.digestList(two, hex"010203");
    }

    function testFuzz_typeShapeAndEveryByteEnterTheDigest(bytes calldata data, uint256 position, uint8 flip)
        public
        pure
    {
        vm.assume(data.length > 0 && flip != 0);
        TensorSchema memory schema = _schema(ElementType.Int8, 1, uint32(data.length));
        bytes32 before = TensorLib.digest(schema, data);
        bytes memory altered = data;
        altered[position % data.length] ^= bytes1(flip);
        assertTrue(TensorLib.digest(schema, altered) != before, "data");
        TensorSchema memory other = _schema(ElementType.Int8, 2, uint32(data.length));
        other.shape[0] = 1;
        assertTrue(TensorLib.digest(other, data) != before, "shape");
        if (data.length % 2 == 0) {
            assertTrue(
                TensorLib.digest(_schema(ElementType.Int16, 1, uint32(data.length / 2)), data) != before,
                "type"
            );
        }
    }

    function _schema(ElementType elementType, uint256 rank, uint32 dimension)
        private
        pure
        returns (TensorSchema memory schema)
    {
        schema.elementType = elementType;
        schema.shape = new uint32[](rank);
        for (uint256 axis; axis < rank; ++axis) {
            schema.shape[axis] = dimension;
        }
    }
}
