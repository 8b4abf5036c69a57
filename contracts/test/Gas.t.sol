// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EzklSegment, EzklSegmentKind} from "../src/adapters/EzklLayout.sol";
import {ModelRegistration, SystemRegistration} from "../src/interfaces/IModelRegistry.sol";
import {Commitment, CommitmentScheme} from "../src/types/Commitment.sol";
import {OrderRequest} from "../src/types/Order.sol";
import {StatementTree} from "../src/types/StatementTree.sol";
import {ElementType, TensorLib, TensorSchema} from "../src/types/Tensor.sol";
import {BatchWorld, Packed} from "./base/BatchWorld.sol";

/// @notice Gas of every step of an order for a digit (64 int16 in, 10 int32 out), as whole transactions. The
/// Halo2 verifier is the mock, so a real settlement costs its verification on top.
/// forge-config: default.isolate = true
/// forge-config: campaign.isolate = true
contract GasTest is BatchWorld {
    bytes32 private _digitModel;
    bytes private _pixels = new bytes(128);
    bytes private _logits = new bytes(40);

    function setUp() public {
        setUpBatches();
        for (uint256 i; i < 64; ++i) {
            _pixels[2 * i + 1] = bytes1(uint8(i % 17));
        }
        for (uint256 i; i < 10; ++i) {
            _logits[4 * i + 3] = bytes1(uint8(i));
        }
        EzklSegment[] memory segments = new EzklSegment[](3);
        uint256[] memory none = new uint256[](0);
        segments[0] = EzklSegment(EzklSegmentKind.Input, 64, none);
        segments[1] = EzklSegment(EzklSegmentKind.Binding, 16, none);
        segments[2] = EzklSegment(EzklSegmentKind.Output, 10, none);
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.outputs = _schemas(ElementType.Int32, 10);
        system.proofLayout = abi.encode(segments);
        vm.prank(OWNER);
        _digitModel = registry.registerModel(
            ModelRegistration(
                keccak256("digit"), ROYALTY, 500, _schemas(ElementType.Int16, 64), "ipfs://model"
            )
        );
        vm.prank(OWNER);
        registry.addSystem(_digitModel, system);
    }

    function test_gasOfEveryStepIsTheRecordedOne() public {
        // The first order of an account pays for fresh storage; what is recorded is the next one.
        bytes32 id = _request();
        _take(id);
        Commitment memory answer =
            Commitment(CommitmentScheme.PUBLIC, TensorLib.digest(_schemas(ElementType.Int32, 10), _logits));
        _deliver(id, answer);
        _settle(id, answer);

        id = _request();
        vm.snapshotGasLastCall("gas", "request an inference with 128 bytes of inline input");
        _take(id);
        vm.snapshotGasLastCall("gas", "lock an order");
        _deliver(id, answer);
        vm.snapshotGasLastCall("gas", "deliver an answer");
        _settle(id, answer);
        vm.snapshotGasLastCall("gas", "settle a digit's answer (64 inputs, 10 outputs, mock verifier)");
        vm.prank(PROVIDER);
        market.withdraw();
        vm.snapshotGasLastCall("gas", "withdraw a credit");

        id = _request();
        vm.prank(REQUESTER);
        market.cancel(id);
        vm.snapshotGasLastCall("gas", "cancel an open order");

        id = _request();
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        vm.snapshotGasLastCall("gas", "refund an order that nobody locked");

        id = _request();
        _take(id);
        vm.warp(START + 3 days);
        market.expire(id, 0);
        vm.snapshotGasLastCall("gas", "refund an order and slash its silent provider");
    }

    /// @dev The proof system is the mock, so what is recorded is what the market and the router cost.
    function test_gasOfABatchIsTheRecordedOne() public {
        settleBatch(pack(deliverMany(1)));
        uint256[4] memory sizes = [uint256(1), 4, 16, 64];
        for (uint256 i; i < sizes.length; ++i) {
            Packed memory packed = pack(deliverMany(sizes[i]));
            settleBatch(packed);
            vm.snapshotGasLastCall(
                "gas", string.concat("settle a batch of ", vm.toString(sizes[i]), ", mock proof")
            );
        }
    }

    function _request() private returns (bytes32 id) {
        OrderRequest memory order = terms();
        order.modelKey = _digitModel;
        order.inputData = _pixels;
        order.input.value = TensorLib.digest(_schemas(ElementType.Int16, 64), _pixels);
        vm.prank(REQUESTER);
        id = market.request(order);
    }

    function _take(bytes32 id) private {
        vm.prank(PROVIDER);
        market.lock(id);
    }

    function _deliver(bytes32 id, Commitment memory answer) private {
        vm.prank(PROVIDER);
        market.deliver(id, 0, EZKL, answer, keccak256("bundle"), "https://example.org/bundle.avow.json");
    }

    function _settle(bytes32 id, Commitment memory answer) private {
        (, bytes32 digest) = market.statementFor(id, 0, PROVIDER, answer);
        bytes32 root = StatementTree.root(digest, singlePath());
        uint256[] memory instances = new uint256[](90);
        for (uint256 i; i < 64; ++i) {
            instances[i] = i % 17;
        }
        for (uint256 i; i < 16; ++i) {
            instances[64 + i] = uint16(bytes2(root << (16 * i)));
        }
        for (uint256 i; i < 10; ++i) {
            instances[80 + i] = i;
        }
        bytes memory seal = bytes.concat(EZKL, abi.encode(halo2.proofOf(instances), instances));
        vm.prank(VALIDATOR);
        market.settle(id, 0, _logits, singlePath(), seal);
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
