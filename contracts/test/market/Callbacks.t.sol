// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {BoundedCall} from "../../src/types/BoundedCall.sol";
import {CallbackState, LegState, OrderRequest} from "../../src/types/Order.sol";
import {MarketWorld} from "../base/MarketWorld.sol";
import {GasBurner, MegabyteReturner, MockReceiver, Reenterer} from "../mocks/CallbackAttackers.sol";
import {Vm} from "../base/Vm.sol";

/// @notice A callback comes after the payment, once, and can harm nobody.
contract CallbacksTest is MarketWorld {
    uint32 private constant GAS = 200_000;

    function setUp() public {
        setUpWorld();
    }

    function test_theAnswerReachesTheReceiverOnceWithExactlyItsGas() public {
        MockReceiver receiver = new MockReceiver();
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), GAS));
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.CallbackSucceeded(id, 0, address(receiver));
        settle(id, 0);
        assertEq(receiver.calls(), 1, "calls");
        assertEq(receiver.lastOrder(), id, "order");
        assertEq(receiver.lastOutput(), outputBytes(), "output");
        assertAtMost(receiver.gasGiven(), GAS, "no more gas");
        assertAtMost(GAS - 1_000, receiver.gasGiven(), "no less gas");
        assertEq(uint256(market.legOf(id, 0).callbackState), uint256(CallbackState.Done), "done");
        bytes memory answer = outputBytes();
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.CallbackNotFailed.selector, id, uint8(0)));
        market.retryCallback(id, 0, answer);
    }

    function test_withoutATargetNobodyIsCalled() public {
        bytes32 id = openAndDeliver(terms());
        settle(id, 0);
        assertEq(uint256(market.legOf(id, 0).callbackState), uint256(CallbackState.None), "none");
    }

    function test_aRevertingReceiverIsPaidForAndCanBeRetriedByAnyone() public {
        MockReceiver receiver = new MockReceiver();
        receiver.setFailing(true);
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), GAS));
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.CallbackFailed(
            id, 0, address(receiver), abi.encodeWithSelector(MockReceiver.NotNow.selector, "told to fail")
        );
        settle(id, 0);
        _assertPaid(id);
        bytes memory answer = outputBytes();
        vm.prank(STRANGER);
        market.retryCallback(id, 0, answer);
        assertEq(uint256(market.legOf(id, 0).callbackState), uint256(CallbackState.Failed), "still failing");
        receiver.setFailing(false);
        vm.prank(STRANGER);
        market.retryCallback(id, 0, answer);
        assertEq(receiver.calls(), 1, "delivered");
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.CallbackNotFailed.selector, id, uint8(0)));
        market.retryCallback(id, 0, answer);
    }

    function test_aRetryCarriesTheSameBytes() public {
        MockReceiver receiver = new MockReceiver();
        receiver.setFailing(true);
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), GAS));
        settle(id, 0);
        receiver.setFailing(false);
        bytes memory other = outputBytes();
        bytes32 expected = keccak256(other);
        other[0] ^= 0x01;
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.CallbackBytesDiffer.selector, expected, keccak256(other))
        );
        market.retryCallback(id, 0, other);
    }

    function test_aRetryBeforeSettlementIsRefused() public {
        bytes32 id = openAndDeliver(callbackTerms(address(new MockReceiver()), GAS));
        bytes memory answer = outputBytes();
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.CallbackNotFailed.selector, id, uint8(0)));
        market.retryCallback(id, 0, answer);
    }

    function test_aReceiverThatBurnsItsGasHarmsNobody() public {
        _failsHarmlessly(address(new GasBurner()));
    }

    function test_aReceiverThatRevertsWithAMegabyteHarmsNobody() public {
        _failsHarmlessly(address(new MegabyteReturner(true)));
    }

    function test_aReceiverThatReturnsAMegabyteHarmsNobody() public {
        bytes32 id = openAndDeliver(callbackTerms(address(new MegabyteReturner(false)), 500_000));
        _settleWithin(id, 2_500_000 + 3_000_000);
        _assertPaid(id);
    }

    function test_aReceiverWithoutCodeHarmsNobody() public {
        _failsHarmlessly(STRANGER);
    }

    function test_theTokenAndTheMarketItselfAreHarmlessReceivers() public {
        uint256 held = token.balanceOf(address(market));
        _failsHarmlessly(address(token));
        _failsHarmlessly(address(market));
        assertEq(
            token.balanceOf(address(market)) - held, 2 * uint256(PRICE) + BOND, "the money stays credited"
        );
    }

    function test_aReceiverThatReentersFindsEveryDoorShut() public {
        Reenterer receiver = new Reenterer(market);
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), 500_000));
        settle(id, 0);
        assertEq(receiver.tried(), 11, "doors tried");
        assertEq(receiver.guarded(), 11, "doors kept shut by the guard");
        _assertPaid(id);
    }

    function test_aReceiverWithCreditCannotTakeItInItsCallback() public {
        Reenterer receiver = new Reenterer(market);
        bytes32 first = _orderOf(address(receiver));
        vm.warp(START + 1 hours + 1);
        market.expire(first, 0);
        assertEq(market.creditOf(address(receiver)), PRICE, "credit");
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), 500_000));
        settle(id, 0);
        assertEq(receiver.opened(), 0, "doors opened");
        assertEq(market.creditOf(address(receiver)), PRICE, "credit untouched");
    }

    function test_aSettlerCannotStarveTheReceiver() public {
        MockReceiver receiver = new MockReceiver();
        OrderRequest memory order = callbackTerms(address(receiver), 500_000);
        order.legs[0].selectors = OTHER;
        bytes32 id = openAndDeliver(order);
        bytes memory seal = sealFor(id, 0);
        bytes memory answer = outputBytes();
        uint256 succeeded;
        uint256 refused;
        uint256 starved;
        // The twin's gas cap is below the callback's gas, so the router's own check does not hide the market's.
        for (uint256 amount = 550_000; amount <= 1_250_000; amount += 10_000) {
            uint256 before = vm.snapshotState();
            vm.prank(VALIDATOR);
            (bool success,) = address(market).call{gas: amount}(
                abi.encodeCall(IAvowMarket.settle, (id, 0, answer, singlePath(), seal))
            );
            if (success) {
                ++succeeded;
                if (receiver.calls() != 1) ++starved;
            } else {
                ++refused;
            }
            vm.revertToState(before);
        }
        assertTrue(succeeded > 0 && refused > 0, "the amounts stand on both sides of enough");
        assertEq(starved, 0, "no settlement without its callback");
    }

    function test_aRetrierCannotStarveTheReceiver() public {
        MockReceiver receiver = new MockReceiver();
        receiver.setFailing(true);
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), 500_000));
        settle(id, 0);
        receiver.setFailing(false);
        bytes memory answer = outputBytes();
        vm.expectPartialRevert(BoundedCall.GasTooLow.selector);
        market.retryCallback{gas: 540_000}(id, 0, answer);
        market.retryCallback{gas: 640_000}(id, 0, answer);
        assertEq(receiver.calls(), 1, "called");
    }

    function _failsHarmlessly(address receiver) private {
        bytes32 id = openAndDeliver(callbackTerms(receiver, 500_000));
        vm.recordLogs();
        _settleWithin(id, 2_500_000 + 3_000_000);
        bool failed;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == IAvowMarket.CallbackFailed.selector) {
                failed = true;
                (, bytes memory reason) = abi.decode(logs[i].data, (uint8, bytes));
                assertAtMost(reason.length, 132, "reason");
            }
        }
        assertTrue(failed, "CallbackFailed is emitted");
        _assertPaid(id);
        assertEq(uint256(market.legOf(id, 0).callbackState), uint256(CallbackState.Failed), "failed");
    }

    function _settleWithin(bytes32 id, uint256 gasLimit) private {
        bytes memory seal = sealFor(id, 0);
        bytes memory answer = outputBytes();
        vm.prank(VALIDATOR);
        market.settle{gas: gasLimit}(id, 0, answer, singlePath(), seal);
    }

    function _assertPaid(bytes32 id) private view {
        assertState(id, 0, LegState.Settled);
        assertTrue(market.creditOf(PROVIDER) >= BOND + uint256(PRICE) / 2, "provider paid");
        assertTrue(market.creditOf(VALIDATOR) > 0, "validator paid");
    }

    function _orderOf(address requester) private returns (bytes32) {
        enrich(requester);
        OrderRequest memory order = terms();
        vm.prank(requester);
        return market.request(order);
    }
}
