// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EzklSegment, EzklSegmentKind} from "../../src/adapters/EzklLayout.sol";
import {FieldElement} from "../../src/types/FieldElement.sol";
import {ElementType, TensorLib, TensorSchema} from "../../src/types/Tensor.sol";
import {MockHalo2Verifier} from "../mocks/MockHalo2Verifier.sol";

/// @notice A small model for tests: four int8 in, three int16 out; instances are binding, input, one
/// constant, output.
library EzklFixture {
    uint256 internal constant CONSTANT = 0xc0ffee;

    function inputs() internal pure returns (TensorSchema[] memory schemas) {
        return _schemas(ElementType.Int8, 4);
    }

    /// @notice One input of two bytes more than a transaction can show.
    function largeInputs() internal pure returns (TensorSchema[] memory schemas) {
        return _schemas(ElementType.Int16, 63_489);
    }

    function outputs() internal pure returns (TensorSchema[] memory schemas) {
        return _schemas(ElementType.Int16, 3);
    }

    function proofLayout() internal pure returns (bytes memory) {
        EzklSegment[] memory segments = new EzklSegment[](4);
        uint256[] memory none = new uint256[](0);
        uint256[] memory values = new uint256[](1);
        values[0] = CONSTANT;
        segments[0] = EzklSegment(EzklSegmentKind.Binding, 16, none);
        segments[1] = EzklSegment(EzklSegmentKind.Input, 4, none);
        segments[2] = EzklSegment(EzklSegmentKind.Constant, 1, values);
        segments[3] = EzklSegment(EzklSegmentKind.Output, 3, none);
        return abi.encode(segments);
    }

    function instances(bytes32 root, int8[4] memory input, int16[3] memory output)
        internal
        pure
        returns (uint256[] memory values)
    {
        values = new uint256[](24);
        for (uint256 i; i < 16; ++i) {
            values[i] = uint16(bytes2(root << (16 * i)));
        }
        for (uint256 i; i < 4; ++i) {
            values[16 + i] = element(input[i]);
        }
        values[20] = CONSTANT;
        for (uint256 i; i < 3; ++i) {
            values[21 + i] = element(output[i]);
        }
    }

    function inputBytes(int8[4] memory input) internal pure returns (bytes memory) {
        return abi.encodePacked(input[0], input[1], input[2], input[3]);
    }

    function outputBytes(int16[3] memory output) internal pure returns (bytes memory) {
        return abi.encodePacked(output[0], output[1], output[2]);
    }

    function inputDigest(int8[4] memory input) internal pure returns (bytes32) {
        return TensorLib.digest(inputs(), inputBytes(input));
    }

    function outputDigest(int16[3] memory output) internal pure returns (bytes32) {
        return TensorLib.digest(outputs(), outputBytes(output));
    }

    function element(int256 value) internal pure returns (uint256) {
        return value < 0 ? FieldElement.ORDER - uint256(-value) : uint256(value);
    }

    function body(uint256[] memory values) internal pure returns (bytes memory) {
        return abi.encode(abi.encodePacked(keccak256(abi.encodePacked(values)), bytes3("mok")), values);
    }

    function _schemas(ElementType elementType, uint32 count)
        private
        pure
        returns (TensorSchema[] memory schemas)
    {
        schemas = new TensorSchema[](1);
        schemas[0].elementType = elementType;
        schemas[0].shape = new uint32[](2);
        schemas[0].shape[0] = 1;
        schemas[0].shape[1] = count;
    }
}
