// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EzklSegment, EzklSegmentKind} from "../../src/adapters/EzklLayout.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IProofAdapter} from "../../src/interfaces/IProofAdapter.sol";
import {RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {MarketParameters} from "../../src/market/MarketParameters.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {CallbackState, LegState, OrderRequest} from "../../src/types/Order.sol";
import {Statement} from "../../src/types/Statement.sol";
import {ElementType, TensorLib, TensorSchema} from "../../src/types/Tensor.sol";
import {MarketWorld} from "../base/MarketWorld.sol";
import {GasBurner, MockReceiver} from "../mocks/CallbackAttackers.sol";

/// @notice Accepts everything, after using up nearly all the gas that it was given.
contract BurningAdapter is IProofAdapter {
    function verify(bytes32, Statement calldata, bytes32, bytes calldata) external view returns (bool) {
        while (gasleft() > 2_000) {}
        return true;
    }
}

/// @notice Accepts when it was given the whole of three million gas.
contract MeasuringAdapter is IProofAdapter {
    function verify(bytes32, Statement calldata, bytes32, bytes calldata) external view returns (bool) {
        return gasleft() > 2_990_000;
    }
}

/// @notice A provider that did its work must be able to settle: a leg that no transaction can settle would
/// cost it its bond.
contract SettlementGasTest is MarketWorld {
    /// @dev What `avow contracts deploy` gives the ezkl adapter.
    uint256 private constant DEPLOYED_CAP = 5_000_000;
    /// @dev The most gas of one transaction (EIP-7825).
    uint256 private constant TRANSACTION_CAP = 2 ** 24;

    function setUp() public {
        setUpWorld();
    }

    function test_aColourImageOfWideIntegersIsDecodedWithinTheDeployedGas() public {
        (bytes32 key, SystemRegistration memory system) = _registerWide(3_072, 10);
        Statement memory statement = Statement({
            model: keccak256("wide"),
            system: "ezkl/v1",
            program: system.program,
            key: system.key,
            input: _zeros(3_072),
            output: _zeros(10),
            order: 0,
            provider: PROVIDER,
            nonce: 1
        });
        uint256[] memory instances = new uint256[](16 + 3_072 + 10);
        bytes memory body = abi.encode(halo2.proofOf(instances), instances);
        // A real verifier of that many instances needs the rest.
        assertTrue(
            adapter.verify{gas: DEPLOYED_CAP * 3 / 5}(key, statement, 0, body),
            "within three fifths of the cap"
        );
    }

    function test_aLegAtEveryGasCapFitsOneTransaction() public {
        address burner = address(new BurningAdapter());
        uint32 cap = uint32(router.MAXIMUM_GAS_CAP());
        vm.prank(GOVERNOR);
        router.addEntry(RouterEntryConfig("burn/v1", burner, burner.codehash, 0, cap));
        vm.prank(OWNER);
        registry.addSystem(modelKey, systemRegistration("burn/v1"));
        MarketParameters memory highest = defaultParameters();
        highest.callbackGasCap = 2_000_000;
        vm.prank(GOVERNOR);
        market.setParameters(highest);

        OrderRequest memory order = callbackTerms(address(new GasBurner()), 2_000_000);
        order.legs[0].selectors = bytes4(keccak256("burn/v1"));
        bytes32 id = openAndDeliver(order);
        // As long as the longest ezkl seal that anybody has seen, with no zero byte in it.
        bytes memory seal = new bytes(65_536);
        for (uint256 i; i < seal.length; ++i) {
            seal[i] = 0xff;
        }
        bytes4 selector = bytes4(order.legs[0].selectors);
        for (uint256 i; i < 4; ++i) {
            seal[i] = selector[i];
        }
        bytes memory data = abi.encodeCall(market.settle, (id, 0, outputBytes(), singlePath(), seal));
        uint256 available = TRANSACTION_CAP - 21_000 - 16 * data.length;
        vm.prank(VALIDATOR);
        (bool success,) = address(market).call{gas: available}(data);
        assertTrue(success, "settled in one transaction");
        assertState(id, 0, LegState.Settled);
    }

    /// @dev Whatever gas a settler sends, the outcome is the right one or none.
    function test_noAmountOfGasMakesAGoodProofRefusedOrAGoodCallbackFail() public {
        MockReceiver receiver = new MockReceiver();
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), 300_000));
        bytes memory data =
            abi.encodeCall(market.settle, (id, 0, outputBytes(), singlePath(), sealFor(id, 0)));
        uint256 settled;
        uint256 reverted;
        for (uint256 available = 50_000; available < 3_600_000; available += 35_500) {
            uint256 before = vm.snapshotState();
            vm.prank(VALIDATOR);
            (bool success,) = address(market).call{gas: available}(data);
            if (success) {
                ++settled;
                assertState(id, 0, LegState.Settled);
                assertTrue(market.legOf(id, 0).callbackState == CallbackState.Done, "called back");
                assertEq(receiver.calls(), 1, "once");
            } else {
                ++reverted;
                assertState(id, 0, LegState.Delivered);
                assertEq(receiver.calls(), 0, "not called");
            }
            vm.revertToState(before);
        }
        assertTrue(settled > 5 && reverted > 5, "both outcomes were met");
    }

    /// @dev EIP-150 would give less than the cap to an adapter that is called with little more than it left.
    function test_anAdapterIsGivenItsWholeGasOrIsNotCalled() public {
        address measuring = address(new MeasuringAdapter());
        vm.prank(GOVERNOR);
        router.addEntry(RouterEntryConfig("measure/v1", measuring, measuring.codehash, 0, 3_000_000));
        Statement memory statement;
        statement.system = "measure/v1";
        bytes memory data = abi.encodeCall(
            router.verify, (0, statement, 0, abi.encodePacked(bytes4(keccak256("measure/v1"))))
        );
        uint256 called;
        for (uint256 available = 3_000_000; available < 3_120_000; available += 1_000) {
            (bool success, bytes memory answer) = address(router).staticcall{gas: available}(data);
            if (!success) continue;
            ++called;
            (bool accepted,) = abi.decode(answer, (bool, bytes));
            assertTrue(accepted, "the whole gas");
        }
        assertTrue(called > 5 && called < 115, "both outcomes were met");
    }

    function _registerWide(uint32 inputs, uint32 outputs)
        private
        returns (bytes32 key, SystemRegistration memory system)
    {
        EzklSegment[] memory segments = new EzklSegment[](3);
        uint256[] memory none = new uint256[](0);
        segments[0] = EzklSegment(EzklSegmentKind.Binding, 16, none);
        segments[1] = EzklSegment(EzklSegmentKind.Input, inputs, none);
        segments[2] = EzklSegment(EzklSegmentKind.Output, outputs, none);
        system = systemRegistration("ezkl/v1");
        system.outputs = _wide(outputs);
        system.proofLayout = abi.encode(segments);
        vm.startPrank(OWNER);
        key = registry.registerModel(ModelRegistration(keccak256("wide"), ROYALTY, 500, _wide(inputs), ""));
        registry.addSystem(key, system);
        vm.stopPrank();
    }

    function _zeros(uint32 count) private pure returns (Commitment memory) {
        return
            Commitment(CommitmentScheme.PUBLIC, TensorLib.digest(_wide(count), new bytes(8 * uint256(count))));
    }

    function _wide(uint32 count) private pure returns (TensorSchema[] memory schemas) {
        schemas = new TensorSchema[](1);
        schemas[0].elementType = ElementType.Int64;
        schemas[0].shape = new uint32[](1);
        schemas[0].shape[0] = count;
    }
}
