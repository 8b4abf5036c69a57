// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {ElementType, TensorLib, TensorSchema} from "../../src/types/Tensor.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice What lies exactly on a limit is still within it.
contract EdgesTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_theLongestInlineInputAndTheLongestOutputAreTaken() public {
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.outputs = _vector(ElementType.Int8, 4_096);
        vm.startPrank(OWNER);
        bytes32 key = registry.registerModel(
            ModelRegistration(keccak256("longest"), ROYALTY, 500, _vector(ElementType.Int64, 3_072), "")
        );
        registry.addSystem(key, system);
        vm.stopPrank();

        OrderRequest memory order = terms();
        order.modelKey = key;
        order.inputData = new bytes(24_576);
        order.input = Commitment(
            CommitmentScheme.PUBLIC, TensorLib.digest(_vector(ElementType.Int64, 3_072), order.inputData)
        );
        bytes32 id = open(order);
        assertEq(market.orderOf(id).inputValue, order.input.value, "taken");
    }

    function test_theHighestRoyaltyIsTaken() public {
        vm.startPrank(OWNER);
        bytes32 key = registry.registerModel(
            ModelRegistration(keccak256("dear"), ROYALTY, 2_000, EzklFixture.inputs(), "")
        );
        registry.addSystem(key, systemRegistration("ezkl/v1"));
        vm.stopPrank();
        OrderRequest memory order = terms();
        order.modelKey = key;
        assertEq(market.orderOf(open(order)).royaltyBps, 2_000, "royalty");
    }

    function test_theLongestBundleUriIsTaken() public {
        bytes32 id = open();
        lock(id);
        vm.prank(PROVIDER);
        market.deliver(id, 0, EZKL, outputCommitment(), keccak256("bundle"), string(new bytes(1_024)));
        assertState(id, 0, LegState.Delivered);
    }

    function _vector(ElementType elementType, uint32 count)
        private
        pure
        returns (TensorSchema[] memory schemas)
    {
        schemas = new TensorSchema[](1);
        schemas[0].elementType = elementType;
        schemas[0].shape = new uint32[](1);
        schemas[0].shape[0] = count;
    }
}
