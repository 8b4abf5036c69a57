// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EzklSegment, EzklSegmentKind} from "../../src/adapters/EzklLayout.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {Statement} from "../../src/types/Statement.sol";
import {ElementType, TensorLib, TensorSchema} from "../../src/types/Tensor.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Outputs of several types, torn into segments that stand apart, still decode to their own bytes.
contract MixedTensorsTest is MarketWorld {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private _model;

    function setUp() public {
        setUpWorld();
        uint256[] memory none = new uint256[](0);
        uint256[] memory values = new uint256[](2);
        (values[0], values[1]) = (77, 78);
        EzklSegment[] memory segments = new EzklSegment[](7);
        segments[0] = EzklSegment(EzklSegmentKind.Output, 2, none);
        segments[1] = EzklSegment(EzklSegmentKind.Binding, 5, none);
        segments[2] = EzklSegment(EzklSegmentKind.Input, 4, none);
        segments[3] = EzklSegment(EzklSegmentKind.Constant, 2, values);
        segments[4] = EzklSegment(EzklSegmentKind.Output, 3, none);
        segments[5] = EzklSegment(EzklSegmentKind.Binding, 11, none);
        segments[6] = EzklSegment(EzklSegmentKind.Output, 2, none);
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.outputs = _outputs();
        system.proofLayout = abi.encode(segments);
        vm.startPrank(OWNER);
        _model = registry.registerModel(
            ModelRegistration(keccak256("mixed"), ROYALTY, 500, EzklFixture.inputs(), "")
        );
        registry.addSystem(_model, system);
        vm.stopPrank();
    }

    function testFuzz_mixedTensorsDecodeToTheirOwnBytes(
        int8[3] memory a,
        int64[2] memory b,
        int16[2] memory c
    ) public view {
        bytes memory data = abi.encodePacked(a[0], a[1], a[2], b[0], b[1], c[0], c[1]);
        Statement memory statement = _statement(TensorLib.digest(_outputs(), data));
        uint256[] memory instances = _instances(a, b, c);
        assertTrue(adapter.verify(_model, statement, ROOT, EzklFixture.body(instances)), "passes");

        uint8[7] memory outputs = [0, 1, 13, 14, 15, 27, 28];
        for (uint256 i; i < outputs.length; ++i) {
            uint256 kept = instances[outputs[i]];
            instances[outputs[i]] = kept == 0 ? 1 : 0;
            bytes memory body = EzklFixture.body(instances);
            (bool success,) =
                address(adapter).staticcall(abi.encodeCall(adapter.verify, (_model, statement, ROOT, body)));
            assertTrue(!success, "altered");
            instances[outputs[i]] = kept;
        }
    }

    function _instances(int8[3] memory a, int64[2] memory b, int16[2] memory c)
        private
        view
        returns (uint256[] memory values)
    {
        values = new uint256[](29);
        values[0] = EzklFixture.element(a[0]);
        values[1] = EzklFixture.element(a[1]);
        for (uint256 i; i < 16; ++i) {
            values[i < 5 ? 2 + i : 11 + i] = uint16(bytes2(ROOT << (16 * i)));
        }
        for (uint256 i; i < 4; ++i) {
            values[7 + i] = EzklFixture.element(input[i]);
        }
        (values[11], values[12]) = (77, 78);
        values[13] = EzklFixture.element(a[2]);
        values[14] = EzklFixture.element(b[0]);
        values[15] = EzklFixture.element(b[1]);
        values[27] = EzklFixture.element(c[0]);
        values[28] = EzklFixture.element(c[1]);
    }

    function _statement(bytes32 output) private view returns (Statement memory) {
        return Statement({
            model: keccak256("mixed"),
            system: "ezkl/v1",
            program: keccak256(abi.encode("program", "ezkl/v1")),
            key: keccak256("key"),
            input: Commitment(CommitmentScheme.PUBLIC, EzklFixture.inputDigest(input)),
            output: Commitment(CommitmentScheme.PUBLIC, output),
            order: 0,
            provider: PROVIDER,
            nonce: 1
        });
    }

    function _outputs() private pure returns (TensorSchema[] memory schemas) {
        schemas = new TensorSchema[](3);
        schemas[0] = _vector(ElementType.Int8, 3);
        schemas[1] = _vector(ElementType.Int64, 2);
        schemas[2] = _vector(ElementType.Int16, 2);
    }

    function _vector(ElementType elementType, uint32 count)
        private
        pure
        returns (TensorSchema memory schema)
    {
        schema.elementType = elementType;
        schema.shape = new uint32[](1);
        schema.shape[0] = count;
    }
}
