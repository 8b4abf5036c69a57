// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {MarketParameters} from "../../src/market/MarketParameters.sol";
import {BatchItem, CallbackState, LegState, OrderRequest} from "../../src/types/Order.sol";
import {BatchClaim} from "../../src/types/Statement.sol";
import {StatementPath} from "../../src/types/StatementTree.sol";
import {BatchWorld, Packed} from "../base/BatchWorld.sol";
import {GasBurner, MegabyteReturner, MockReceiver, Reenterer} from "../mocks/CallbackAttackers.sol";
import {MockBatchProof} from "../mocks/MockBatchAdapter.sol";

/// @notice Accepts every batch, after using up nearly all the gas that it was given.
contract BurningBatchAdapter {
    function verifyBatch(bytes32, BatchClaim[] calldata, bytes32, bytes calldata)
        external
        view
        returns (bool)
    {
        while (gasleft() > 2_000) {}
        return true;
    }
}

/// @notice What somebody could try with batches.
contract BatchAttacksTest is BatchWorld {
    /// @dev The most gas of one transaction (EIP-7825).
    uint256 private constant TRANSACTION_CAP = 2 ** 24;

    function setUp() public {
        setUpBatches();
    }

    function test_hostileReceiversHoldNobodyUp() public {
        Reenterer reenterer = new Reenterer(market);
        MockReceiver honest = new MockReceiver();
        address[5] memory receivers = [
            address(new GasBurner()),
            address(new MegabyteReturner(true)),
            address(reenterer),
            address(new MegabyteReturner(false)),
            address(honest)
        ];
        bytes32[] memory ids = new bytes32[](5);
        for (uint256 i; i < 5; ++i) {
            OrderRequest memory order = batchTerms();
            order.callback.target = receivers[i];
            order.callback.gasLimit = 400_000;
            ids[i] = openAndDeliver(order);
        }
        assertEq(settleBatch(pack(ids)), 5, "all settled");
        assertEq(honest.calls(), 1, "the last is called");
        assertEq(reenterer.opened(), 0, "no door opens");
        assertEq(reenterer.guarded(), reenterer.tried(), "the guard kept them shut");
        assertTrue(market.legOf(ids[0], 0).callbackState == CallbackState.Failed, "burnt");
    }

    /// @dev Nobody is paid twice by any two ways of settling.
    function test_noTwoWaysPayTheSameOrder() public {
        bytes32[] memory ids = deliverMany(2);
        Packed memory both = pack(ids);
        settleBatch(both);
        uint256 paid = market.creditOf(PROVIDER);
        bytes32[] memory one = new bytes32[](1);
        one[0] = ids[0];
        Packed memory single = pack(one);
        vm.expectPartialRevert(IAvowMarket.NothingToSettle.selector);
        settleBatch(single);
        bytes memory seal = bytes.concat(BATCH, single.items[0].part);
        bytes memory answer = outputBytes();
        vm.expectPartialRevert(IAvowMarket.WrongLegState.selector);
        vm.prank(VALIDATOR);
        market.settle(ids[0], 0, answer, singlePath(), seal);
        vm.warp(START + 2 hours);
        vm.expectPartialRevert(IAvowMarket.WrongLegState.selector);
        market.expire(ids[0], 0);
        assertEq(market.creditOf(PROVIDER), paid, "paid once");
    }

    /// @dev A path that belongs to no tree leads nowhere, not to the root that is zero.
    function test_theRootZeroIsNoWayAround() public {
        bytes32[] memory ids = deliverMany(1);
        Packed memory packed = pack(ids);
        packed.root = 0;
        packed.seal = bytes.concat(BATCH, MockBatchProof.body(0));
        StatementPath[3] memory paths =
            [singlePath(), StatementPath(1, new bytes32[](0)), StatementPath(0, new bytes32[](17))];
        for (uint256 i; i < paths.length; ++i) {
            packed.items[0].path = paths[i];
            vm.expectPartialRevert(IAvowMarket.NothingToSettle.selector);
            settleBatch(packed);
        }
    }

    /// @dev The statement of an order names its order and its provider: another's proof pays nobody.
    function test_anotherOrdersProofPaysNobody() public {
        bytes32[] memory ids = deliverMany(2);
        Packed memory packed = pack(ids);
        bytes32 other = openAndDeliver(batchTerms());
        packed.items[0].orderId = other;
        assertEq(settleBatch(packed), 1, "the proven one");
        assertState(other, 0, LegState.Delivered);
        // The part of one statement does not prove another one.
        ids = deliverMany(2);
        packed = pack(ids);
        (packed.items[0].part, packed.items[1].part) = (packed.items[1].part, packed.items[0].part);
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        settleBatch(packed);
    }

    function test_aSystemWithoutBatchesSettlesNone() public {
        bytes32 id = openAndDeliver(terms());
        BatchItem[] memory items = new BatchItem[](1);
        items[0] = BatchItem(id, 0, outputBytes(), singlePath(), "");
        bytes memory seal = sealFor(id, 0);
        bytes32 root = rootOf(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.ProofRefused.selector, bytes("")));
        vm.prank(VALIDATOR);
        market.settleBatch(modelKey, root, items, seal);
    }

    function test_whileVerificationIsStoppedNoBatchIsSettled() public {
        Packed memory packed = pack(deliverMany(2));
        vm.prank(GUARDIAN);
        router.pause();
        vm.expectRevert();
        settleBatch(packed);
        vm.prank(GUARDIAN);
        router.resume();
        assertEq(settleBatch(packed), 2, "later");
    }

    /// @dev Whatever gas a settler sends, the outcome is the right one or none.
    function test_noAmountOfGasMakesAGoodBatchRefusedOrAGoodCallbackFail() public {
        MockReceiver receiver = new MockReceiver();
        bytes32[] memory ids = new bytes32[](3);
        for (uint256 i; i < 3; ++i) {
            OrderRequest memory order = batchTerms();
            if (i != 1) (order.callback.target, order.callback.gasLimit) = (address(receiver), 200_000);
            ids[i] = openAndDeliver(order);
        }
        Packed memory packed = pack(ids);
        bytes memory data =
            abi.encodeCall(market.settleBatch, (modelKey, packed.root, packed.items, packed.seal));
        uint256 settled;
        uint256 reverted;
        for (uint256 available = 50_000; available < 2_500_000; available += 24_500) {
            uint256 before = vm.snapshotState();
            vm.prank(VALIDATOR);
            (bool success,) = address(market).call{gas: available}(data);
            success ? ++settled : ++reverted;
            for (uint256 i; i < 3; ++i) {
                assertState(ids[i], 0, success ? LegState.Settled : LegState.Delivered);
            }
            assertEq(receiver.calls(), success ? 2 : 0, "called back");
            vm.revertToState(before);
        }
        assertTrue(settled > 5 && reverted > 5, "both outcomes were met");
    }

    /// @dev A batch of 64 whose verification uses all the gas that any can have fits one transaction.
    function test_sixtyFourOrdersAtTheHighestGasFitOneTransaction() public {
        address burner = address(new BurningBatchAdapter());
        uint32 cap = uint32(router.MAXIMUM_GAS_CAP());
        vm.prank(GOVERNOR);
        router.addEntry(RouterEntryConfig("burn/v1", burner, burner.codehash, 0, cap));
        vm.prank(OWNER);
        registry.addSystem(modelKey, systemRegistration("burn/v1"));
        bytes4 selector = bytes4(keccak256("burn/v1"));
        bytes32[] memory ids = new bytes32[](64);
        OrderRequest memory order = batchTerms();
        order.legs[0].selectors = selector;
        for (uint256 i; i < 64; ++i) {
            ids[i] = openAndDeliver(order);
        }
        Packed memory packed = pack(ids);
        // 784 bytes of input each, as for a handwritten digit of 28 by 28, and an opening.
        for (uint256 i; i < 64; ++i) {
            packed.items[i].part = new bytes(1_024);
        }
        packed.seal = bytes.concat(selector, new bytes(8_192));
        _assertFits(packed, 64);
    }

    /// @dev One order with every cap at its highest, whatever else is in the batch, can still be settled.
    function test_aLegAtEveryGasCapFitsABatchOfItsOwn() public {
        MarketParameters memory highest = defaultParameters();
        highest.callbackGasCap = 2_000_000;
        vm.prank(GOVERNOR);
        market.setParameters(highest);
        OrderRequest memory order = batchTerms();
        (order.callback.target, order.callback.gasLimit) = (address(new GasBurner()), 2_000_000);
        bytes32[] memory ids = new bytes32[](4);
        for (uint256 i; i < 4; ++i) {
            ids[i] = openAndDeliver(order);
        }
        _assertFits(pack(ids), 4);
    }

    function _assertFits(Packed memory packed, uint256 count) private {
        bytes memory data =
            abi.encodeCall(market.settleBatch, (modelKey, packed.root, packed.items, packed.seal));
        uint256 tokens;
        for (uint256 i; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        vm.prank(VALIDATOR);
        (bool success, bytes memory answer) =
            address(market).call{gas: TRANSACTION_CAP - 21_000 - 4 * tokens}(data);
        assertTrue(success, "settled in one transaction");
        assertEq(abi.decode(answer, (uint256)), count, "all of them");
    }
}
