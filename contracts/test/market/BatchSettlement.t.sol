// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {BatchItem, CallbackState, LegRequest, LegState, OrderRequest} from "../../src/types/Order.sol";
import {TensorLib} from "../../src/types/Tensor.sol";
import {BatchWorld, Packed} from "../base/BatchWorld.sol";
import {Vm} from "../base/Vm.sol";
import {MockReceiver} from "../mocks/CallbackAttackers.sol";
import {MockBatchAdapter} from "../mocks/MockBatchAdapter.sol";

/// @notice Many orders settled by one proof: each as alone, none held up by another.
contract BatchSettlementTest is BatchWorld {
    bytes32[] private _ids;

    function setUp() public {
        setUpBatches();
        _ids = deliverMany(5);
    }

    function test_everyOrderIsPaidAsIfItWereSettledAlone() public {
        Packed memory packed = pack(_ids);
        uint256 before = vm.snapshotState();
        for (uint256 i; i < _ids.length; ++i) {
            Packed memory single = pack(_only(_ids[i]));
            vm.prank(VALIDATOR);
            bytes memory seal = bytes.concat(BATCH, single.items[0].part);
            market.settle(_ids[i], 0, outputBytes(), single.items[0].path, seal);
        }
        uint256[4] memory alone = _credits();
        vm.revertToState(before);

        assertEq(settleBatch(packed), 5, "settled");
        uint256[4] memory together = _credits();
        for (uint256 i; i < 4; ++i) {
            assertEq(together[i], alone[i], "credit");
        }
        assertEq(together[0] + together[1] + together[2] + together[3], 5 * (uint256(PRICE) + BOND), "sum");
        for (uint256 i; i < _ids.length; ++i) {
            assertState(_ids[i], 0, LegState.Settled);
        }
    }

    function test_everyOrderHasTheEventsOfASettlement() public {
        Packed memory packed = pack(_ids);
        (, bytes32 digest) = market.statementFor(_ids[3], 0, PROVIDER, outputCommitment());
        uint256 duty = uint256(PRICE) * 700 / 10_000;
        uint256 royalty = uint256(PRICE) * 500 / 10_000;
        uint256 toTreasury = uint256(PRICE) * 300 / 10_000;
        IAvowMarket.Payout memory payout =
            IAvowMarket.Payout(PRICE - duty - royalty - toTreasury, duty, royalty, toTreasury);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.LegSettled(_ids[3], PROVIDER, VALIDATOR, 0, digest, outputBytes(), payout);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.BondReturned(_ids[3], 0, PROVIDER, BOND);
        settleBatch(packed);
    }

    function test_afterTheGracePeriodAnyoneSettlesABatchAndTheDutyGoesToTheTreasury() public {
        Packed memory packed = pack(_ids);
        vm.warp(START + 10 minutes + 1);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.DutyMissed(_ids[4], 0, VALIDATOR);
        vm.prank(STRANGER);
        market.settleBatch(modelKey, packed.root, packed.items, packed.seal);
        assertEq(market.creditOf(VALIDATOR), 0, "late");
        assertEq(market.creditOf(STRANGER), 0, "the caller gains nothing");
        uint256 each = uint256(PRICE) * 300 / 10_000 + uint256(PRICE) * 700 / 10_000;
        assertEq(market.creditOf(TREASURY), 5 * each, "treasury");
    }

    function test_theLateOrdersOfABatchDoNotKeepThePunctualOnes() public {
        vm.warp(START + 5 minutes);
        bytes32[] memory ids = new bytes32[](2);
        (ids[0], ids[1]) = (_ids[0], openAndDeliver(batchTerms()));
        vm.warp(START + 12 minutes);
        settleBatch(pack(ids));
        assertEq(market.creditOf(VALIDATOR), uint256(PRICE) * 700 / 10_000, "one duty in time");
    }

    function test_itemsInAnotherStateAreSkipped() public {
        Packed memory packed = pack(_ids);
        bytes memory alone = bytes.concat(BATCH, pack(_only(_ids[2])).items[0].part);
        vm.prank(VALIDATOR);
        market.settle(_ids[2], 0, outputBytes(), singlePath(), alone);
        uint256 paid = market.creditOf(PROVIDER);
        bytes memory why =
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, _ids[2], uint8(0), LegState.Settled);
        _expectSkip(_ids[2], 0, why);
        assertEq(settleBatch(packed), 4, "the others");
        assertEq(market.creditOf(PROVIDER), 5 * paid, "nobody is paid twice");
    }

    function test_anItemOutOfItsTimeIsSkipped() public {
        vm.warp(START + 30 minutes);
        bytes32[] memory ids = new bytes32[](2);
        (ids[0], ids[1]) = (_ids[0], openAndDeliver(batchTerms()));
        vm.warp(START + 1 hours + 1);
        Packed memory packed = pack(ids);
        bytes memory why = abi.encodeWithSelector(
            IAvowMarket.SettlementDeadlinePassed.selector, _ids[0], uint8(0), START + 1 hours
        );
        _expectSkip(_ids[0], 0, why);
        assertEq(settleBatch(packed), 1, "the other");
        market.expire(_ids[0], 0);
        assertState(_ids[0], 0, LegState.Slashed);
    }

    function test_anItemOfAnotherValidatorIsSkipped() public {
        enrich(address(0xB0B));
        join(address(0xB0B));
        bytes32[] memory ids = deliverMany(4);
        Packed memory packed = pack(ids);
        uint256 mine;
        for (uint256 i; i < ids.length; ++i) {
            if (market.orderOf(ids[i]).validator == VALIDATOR) ++mine;
        }
        assertTrue(mine > 0 && mine < 4, "both have duties");
        assertEq(settleBatch(packed), mine, "one's own");
        vm.prank(address(0xB0B));
        assertEq(
            market.settleBatch(modelKey, packed.root, packed.items, packed.seal), 4 - mine, "the other's own"
        );
    }

    function test_wrongOutputBytesAreSkipped() public {
        Packed memory packed = pack(_ids);
        packed.items[1].output[5] ^= 0x01;
        packed.items[3].output = new bytes(5);
        vm.expectEmit(true, false, false, true);
        emit IAvowMarket.BatchItemSkipped(
            _ids[3], 0, abi.encodeWithSelector(TensorLib.DataLengthDiffers.selector, 6, 5)
        );
        assertEq(settleBatch(packed), 3, "the others");
        assertState(_ids[1], 0, LegState.Delivered);
        assertState(_ids[3], 0, LegState.Delivered);
    }

    function test_aDuplicateIsSkippedAndPaidOnce() public {
        Packed memory packed = pack(_ids);
        packed.items[4] = packed.items[0];
        bytes memory why =
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, _ids[0], uint8(0), LegState.Settled);
        _expectSkip(_ids[0], 0, why);
        assertEq(settleBatch(packed), 4, "once each");
        uint256[4] memory credits = _credits();
        assertEq(
            credits[0] + credits[1] + credits[2] + credits[3], 4 * (uint256(PRICE) + BOND), "money of four"
        );
        assertState(_ids[4], 0, LegState.Delivered);
    }

    function test_unknownOrdersLegsModelsAndSystemsAreSkipped() public {
        bytes32 unknown = keccak256("nobody's order");
        bytes32 ezkl = openAndDeliver(terms());
        bytes32 otherKey = registerModel(OWNER, "another model");
        vm.prank(OWNER);
        registry.addSystem(otherKey, systemRegistration("batch/v1"));
        OrderRequest memory foreign = batchTerms();
        foreign.modelKey = otherKey;
        bytes32 other = openAndDeliver(foreign);
        Packed memory packed = pack(_ids);
        packed.items[0].orderId = unknown;
        packed.items[1].leg = 1;
        packed.items[2].orderId = ezkl;
        packed.items[3].orderId = other;
        vm.recordLogs();
        assertEq(settleBatch(packed), 1, "the last");
        _assertSkips(
            [unknown, _ids[1], ezkl, other],
            [
                abi.encodeWithSelector(IAvowMarket.LegUnknown.selector, unknown, 0),
                abi.encodeWithSelector(IAvowMarket.LegUnknown.selector, _ids[1], 1),
                abi.encodeWithSelector(IAvowMarket.NotOfThisBatch.selector, ezkl, 0),
                abi.encodeWithSelector(IAvowMarket.NotOfThisBatch.selector, other, 0)
            ]
        );
    }

    function test_aPathThatLeadsElsewhereIsSkipped() public {
        Packed memory packed = pack(_ids);
        packed.items[0].path.index = 1;
        packed.items[1].path.siblings[2] = keccak256("other");
        packed.items[2].path.index = 8;
        packed.items[3].path.siblings = new bytes32[](17);
        vm.expectEmit(true, false, false, true);
        emit IAvowMarket.BatchItemSkipped(
            _ids[3],
            0,
            abi.encodeWithSelector(IAvowMarket.StatementNotUnderRoot.selector, _ids[3], uint8(0), packed.root)
        );
        assertEq(settleBatch(packed), 1, "the last");
        assertState(_ids[4], 0, LegState.Settled);
    }

    function test_aWrongProofUndoesEverything() public {
        Packed memory packed = pack(_ids);
        packed.seal[10] ^= 0x01;
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.ProofRefused.selector, abi.encodePacked(MockBatchAdapter.BodyDiffers.selector)
            )
        );
        settleBatch(packed);
        packed = pack(_ids);
        packed.items[2].part[0] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.ProofRefused.selector, bytes("")));
        settleBatch(packed);
        for (uint256 i; i < _ids.length; ++i) {
            assertState(_ids[i], 0, LegState.Delivered);
        }
        assertEq(market.creditOf(PROVIDER), 0, "nobody is paid");
    }

    /// @dev The part of a skipped item is nobody's concern, so one that is wrong holds nobody up.
    function test_whatIsSkippedIsNotProven() public {
        Packed memory packed = pack(_ids);
        packed.items[2].output[0] ^= 0x01;
        packed.items[2].part = "junk";
        assertEq(settleBatch(packed), 4, "the others");
    }

    function test_aBatchOfWhichNothingIsLeftRevertsWithTheReason() public {
        Packed memory packed = pack(_ids);
        settleBatch(packed);
        bytes memory why =
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, _ids[4], uint8(0), LegState.Settled);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NothingToSettle.selector, why));
        settleBatch(packed);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NothingToSettle.selector, bytes("")));
        market.settleBatch(modelKey, packed.root, new BatchItem[](0), packed.seal);
    }

    function test_aBatchOfAnUnknownSystemOrModelIsRefused() public {
        Packed memory packed = pack(_ids);
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, modelKey, bytes4(0x01020300))
        );
        market.settleBatch(modelKey, packed.root, packed.items, hex"010203");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, bytes32(0), BATCH));
        market.settleBatch(0, packed.root, packed.items, packed.seal);
    }

    function test_theSecondLegsOfOrdersSettleTogether() public {
        bytes32[] memory ids = new bytes32[](3);
        uint8[] memory legs = new uint8[](3);
        OrderRequest memory order = terms();
        order.legs = new LegRequest[](2);
        order.legs[0] = LegRequest(EZKL, uint64(block.timestamp + 1 days), 3_333);
        order.legs[1] = LegRequest(BATCH, uint64(block.timestamp + 2 days), 6_667);
        for (uint256 i; i < 2; ++i) {
            ids[i] = open(order);
            lock(ids[i]);
            deliver(ids[i], 1);
            legs[i] = 1;
        }
        ids[2] = _ids[0];
        assertEq(settleBatch(pack(ids, legs)), 3, "settled");
        assertState(ids[0], 0, LegState.Locked);
        assertState(ids[0], 1, LegState.Settled);
    }

    function test_everybodyIsPaidBeforeAnybodyIsCalledBack() public {
        LookingReceiver looking = new LookingReceiver(market, PROVIDER);
        MockReceiver failing = new MockReceiver();
        failing.setFailing(true);
        bytes32[] memory ids = new bytes32[](3);
        OrderRequest memory order = batchTerms();
        order.callback.gasLimit = 100_000;
        order.callback.target = address(looking);
        ids[0] = openAndDeliver(order);
        order.callback.target = address(failing);
        ids[1] = openAndDeliver(order);
        ids[2] = _ids[0];
        settleBatch(pack(ids));
        assertEq(looking.seen(), market.creditOf(PROVIDER), "all was paid when it was called");
        assertTrue(market.legOf(ids[0], 0).callbackState == CallbackState.Done, "called back");
        assertTrue(market.legOf(ids[1], 0).callbackState == CallbackState.Failed, "to be retried");
        failing.setFailing(false);
        market.retryCallback(ids[1], 0, outputBytes());
        assertEq(failing.lastOrder(), ids[1], "retried");
    }

    /// @dev Whatever is wrong with whichever items, the others are settled and the money adds up.
    function testFuzz_badItemsHoldNobodyUp(uint256 dice, uint8 size) public {
        bytes32[] memory ids = deliverMany(bound(size, 1, 12));
        Packed memory packed = pack(ids);
        uint256 good;
        for (uint256 i; i < ids.length; ++i) {
            uint256 face = (dice >> (8 * i)) % 8;
            if (face == 0) packed.items[i].output[0] ^= 0x01;
            else if (face == 1) packed.items[i].output = "";
            else if (face == 2) packed.items[i].path.index ^= 1;
            else if (face == 3) packed.items[i].orderId = keccak256("unknown");
            else if (face == 4) packed.items[i].leg = 3;
            else ++good;
        }
        if (good == 0) {
            vm.expectPartialRevert(IAvowMarket.NothingToSettle.selector);
            settleBatch(packed);
            return;
        }
        assertEq(settleBatch(packed), good, "all the good ones");
        uint256[4] memory credits = _credits();
        assertEq(
            credits[0] + credits[1] + credits[2] + credits[3], good * (uint256(PRICE) + BOND), "their money"
        );
        for (uint256 i; i < ids.length; ++i) {
            bool settled = (dice >> (8 * i)) % 8 >= 5;
            assertState(ids[i], 0, settled ? LegState.Settled : LegState.Delivered);
        }
    }

    function testFuzz_everyPriceOfABatchIsPaidOutWhole(uint128[4] memory prices, uint128[4] memory bonds)
        public
    {
        bytes32[] memory ids = new bytes32[](4);
        uint256 total;
        for (uint256 i; i < 4; ++i) {
            OrderRequest memory order = batchTerms();
            order.price = uint128(bound(prices[i], 1, 1e24));
            order.bond = uint128(bound(bonds[i], order.price, 1e24));
            total += uint256(order.price) + order.bond;
            ids[i] = openAndDeliver(order);
        }
        assertEq(settleBatch(pack(ids)), 4, "settled");
        uint256[4] memory credits = _credits();
        assertEq(credits[0] + credits[1] + credits[2] + credits[3], total, "sum of payouts");
    }

    function _only(bytes32 id) private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](1);
        ids[0] = id;
    }

    function _credits() private view returns (uint256[4] memory) {
        return [
            market.creditOf(PROVIDER),
            market.creditOf(VALIDATOR),
            market.creditOf(ROYALTY),
            market.creditOf(TREASURY)
        ];
    }

    function _expectSkip(bytes32 id, uint8 leg, bytes memory why) private {
        vm.expectEmit(true, false, false, true);
        emit IAvowMarket.BatchItemSkipped(id, leg, why);
    }

    /// @dev The recorded skips are those of these items, for these reasons.
    function _assertSkips(bytes32[4] memory ids, bytes[4] memory reasons) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 found;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IAvowMarket.BatchItemSkipped.selector) continue;
            assertEq(logs[i].topics[1], ids[found], "order");
            (, bytes memory reason) = abi.decode(logs[i].data, (uint8, bytes));
            assertEq(reason, reasons[found++], "reason");
        }
        assertEq(found, 4, "skips");
    }
}

/// @notice Remembers what an account was credited when it was called.
contract LookingReceiver {
    IAvowMarket private immutable _market;
    address private immutable _account;
    uint256 public seen;

    constructor(IAvowMarket market, address account) {
        (_market, _account) = (market, account);
    }

    function onAvowResult(bytes32, uint8, bytes calldata) external {
        seen = _market.creditOf(_account);
    }
}
