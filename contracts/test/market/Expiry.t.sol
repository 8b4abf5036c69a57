// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Who is at fault when time passes.
contract ExpiryTest is MarketWorld {
    uint256 private constant TO_REQUESTER = uint256(BOND) * 6_000 / 10_000;

    function setUp() public {
        setUpWorld();
    }

    function test_anOrderNobodyLockedIsRefundedByAnyone() public {
        bytes32 id = open();
        vm.warp(START + 1 hours);
        vm.expectRevert(_notYet(id, START + 1 hours));
        market.expire(id, 0);
        vm.warp(START + 1 hours + 1);
        vm.prank(STRANGER);
        market.expire(id, 0);
        assertState(id, 0, LegState.Refunded);
        assertEq(market.creditOf(REQUESTER), PRICE, "refund");
        assertEq(market.creditOf(TREASURY), 0, "nobody is slashed");
    }

    function test_aSilentProviderIsSlashedAfterItsDeadlineNotBefore() public {
        bytes32 id = open();
        lock(id);
        vm.warp(START + 1 days);
        vm.expectRevert(_notYet(id, START + 1 days));
        market.expire(id, 0);
        vm.warp(START + 1 days + 1);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.BondSlashed(id, 0, PROVIDER, TO_REQUESTER, BOND - TO_REQUESTER);
        vm.prank(STRANGER);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
        assertEq(market.creditOf(REQUESTER), PRICE + TO_REQUESTER, "refund and compensation");
        assertEq(market.creditOf(TREASURY), BOND - TO_REQUESTER, "the rest of the bond");
        assertEq(market.creditOf(PROVIDER), 0, "provider");
    }

    function test_aDeliveryThatIsNeverProvenIsSlashed() public {
        bytes32 id = openAndDeliver(terms());
        vm.warp(START + 1 hours);
        vm.expectRevert(_notYet(id, START + 1 hours));
        market.expire(id, 0);
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
        assertEq(market.creditOf(REQUESTER), PRICE + TO_REQUESTER, "requester");
    }

    function test_aPauseOfTheRouterInTheWindowSlashesNobody() public {
        bytes32 id = openAndDeliver(terms());
        vm.warp(START + 30 minutes);
        vm.prank(GUARDIAN);
        router.pause();
        vm.warp(START + 40 minutes);
        vm.prank(GUARDIAN);
        router.resume();
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Refunded);
        assertEq(market.creditOf(REQUESTER), PRICE, "the requester is refunded all the same");
        assertEq(market.creditOf(PROVIDER), BOND, "the bond goes back");
    }

    function test_aPauseThatLastsSlashesNobodyAndDelaysNoRefund() public {
        bytes32 id = openAndDeliver(terms());
        vm.prank(GUARDIAN);
        router.pause();
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Refunded);
    }

    function test_aPauseBeforeTheDeliveryExcusesNothing() public {
        bytes32 id = open();
        lock(id);
        vm.prank(GUARDIAN);
        router.pause();
        vm.prank(GUARDIAN);
        router.resume();
        vm.warp(START + 10);
        deliver(id, 0);
        vm.warp(START + 10 + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
    }

    function test_aSystemWithdrawnAfterDeliverySlashesNobody() public {
        bytes32 id = openAndDeliver(terms());
        vm.prank(GOVERNOR);
        router.tombstoneEntry(EZKL);
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Refunded);
        assertEq(market.creditOf(PROVIDER), BOND, "the bond goes back");
    }

    function test_aPausedMarketStillRefundsSettlesAndPaysOut() public {
        bytes32 unlocked = open();
        bytes32 delivered = openAndDeliver(terms());
        vm.prank(GUARDIAN);
        market.pause();
        settle(delivered, 0);
        vm.warp(START + 1 hours + 1);
        market.expire(unlocked, 0);
        vm.prank(REQUESTER);
        market.withdraw();
        assertState(delivered, 0, LegState.Settled);
        assertState(unlocked, 0, LegState.Refunded);
    }

    function test_eachLegEndsForItself() public {
        bytes32 id = openAndDeliver(twoLegTerms());
        settle(id, 0);
        vm.warp(START + 2 days + 1);
        market.expire(id, 1);
        assertState(id, 0, LegState.Settled);
        assertState(id, 1, LegState.Slashed);
        uint256 secondPrice = PRICE - uint256(PRICE) * 3_333 / 10_000;
        uint256 secondBond = BOND - uint256(BOND) * 3_333 / 10_000;
        assertEq(
            market.creditOf(REQUESTER), secondPrice + secondBond * 6_000 / 10_000, "the second leg's parts"
        );
    }

    function test_terminalStatesAbsorb() public {
        bytes32 settled = openAndDeliver(terms());
        settle(settled, 0);
        bytes32 cancelled = open();
        vm.prank(REQUESTER);
        market.cancel(cancelled);
        bytes32 refunded = open();
        bytes32 slashed = open();
        lock(slashed);
        vm.warp(START + 29 days);
        market.expire(refunded, 0);
        market.expire(slashed, 0);
        bytes32[4] memory ended = [settled, refunded, slashed, cancelled];
        LegState[4] memory states =
            [LegState.Settled, LegState.Refunded, LegState.Slashed, LegState.Cancelled];
        for (uint256 i; i < 4; ++i) {
            bytes memory expected =
                abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, ended[i], uint8(0), states[i]);
            vm.expectRevert(expected);
            market.expire(ended[i], 0);
            vm.expectRevert(expected);
            deliver(ended[i], 0, EZKL);
            vm.expectRevert(expected);
            vm.prank(VALIDATOR);
            market.settle(ended[i], 0, "", singlePath(), "");
        }
    }

    function testFuzz_aSlashNeverExceedsTheBond(uint128 bond, uint16 share) public {
        bond = uint128(bound(bond, PRICE / 5, 1e24));
        OrderRequest memory order = twoLegTerms();
        order.bond = bond;
        order.legs[0].shareBps = uint16(bound(share, 1, 9_999));
        order.legs[1].shareBps = 10_000 - order.legs[0].shareBps;
        bytes32 id = open(order);
        lock(id);
        vm.warp(START + 2 days + 1);
        market.expire(id, 0);
        market.expire(id, 1);
        assertEq(
            market.creditOf(REQUESTER) + market.creditOf(TREASURY), uint256(PRICE) + bond, "price and bond"
        );
    }

    function _notYet(bytes32 id, uint256 deadline) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IAvowMarket.NotYetExpired.selector, id, uint8(0), deadline);
    }
}
