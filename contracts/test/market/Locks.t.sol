// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {MarketGovernance} from "../../src/market/MarketGovernance.sol";
import {LegState, Order} from "../../src/types/Order.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice How a provider takes an order, and hands it back unharmed when its input cannot be had.
contract LocksTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_aLockTakesTheBondAndAssignsAValidator() public {
        bytes32 id = open(twoLegTerms());
        uint256 before = token.balanceOf(PROVIDER);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.OrderLocked(id, PROVIDER, VALIDATOR, BOND, uint64(START));
        lock(id);
        assertEq(before - token.balanceOf(PROVIDER), BOND, "bond");
        Order memory order = market.orderOf(id);
        assertEq(order.provider, PROVIDER, "provider");
        assertEq(order.validator, VALIDATOR, "validator");
        assertEq(order.lockedAt, START, "time");
        assertState(id, 0, LegState.Locked);
        assertState(id, 1, LegState.Locked);
    }

    function test_theBondComesFromCreditFirst() public {
        settle(openAndDeliver(terms()), 0);
        uint256 credit = market.creditOf(PROVIDER);
        uint256 before = token.balanceOf(PROVIDER);
        lock(open());
        assertEq(market.creditOf(PROVIDER), credit - BOND, "credit used");
        assertEq(token.balanceOf(PROVIDER), before, "no tokens taken");
    }

    function test_anOrderIsLockedOnce() public {
        bytes32 id = open();
        lock(id);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.OrderNotOpen.selector, id));
        vm.prank(RIVAL);
        market.lock(id);
    }

    function test_aCancelledOrderIsNotLocked() public {
        bytes32 id = open();
        vm.prank(REQUESTER);
        market.cancel(id);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.OrderNotOpen.selector, id));
        lock(id);
    }

    function test_lockingEndsWithTheLockDeadline() public {
        bytes32 id = open();
        bytes32 other = open();
        vm.warp(START + 1 hours);
        lock(id);
        vm.warp(START + 1 hours + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.LockDeadlinePassed.selector, other, uint64(START + 1 hours))
        );
        lock(other);
    }

    function test_nobodyLocksWhatTheRouterDoesNotVerify() public {
        bytes32 id = open();
        vm.prank(GUARDIAN);
        router.pause();
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, EZKL));
        lock(id);
    }

    function test_whilePausedNobodyLocks() public {
        bytes32 id = open();
        vm.prank(GUARDIAN);
        market.pause();
        vm.expectRevert(MarketGovernance.NewOrdersArePaused.selector);
        lock(id);
    }

    function test_anUnavailableInputReleasesTheProviderUnharmed() public {
        bytes32 id = open(uriTerms());
        lock(id);
        vm.warp(START + 5 minutes);
        vm.prank(PROVIDER);
        market.release(id);
        assertEq(market.creditOf(PROVIDER), BOND, "bond back");
        assertState(id, 0, LegState.Open);
        Order memory order = market.orderOf(id);
        assertEq(order.provider, address(0), "no provider");
        assertEq(order.validator, address(0), "no validator");
        vm.prank(RIVAL);
        market.lock(id);
        assertEq(market.orderOf(id).provider, RIVAL, "another provider");
    }

    function test_whoReleasedAnOrderNeverLocksItAgain() public {
        bytes32 id = open(uriTerms());
        lock(id);
        vm.prank(PROVIDER);
        market.release(id);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.ReleasedBefore.selector, id, PROVIDER));
        lock(id);
    }

    function test_onlyTheProviderReleases() public {
        bytes32 id = open(uriTerms());
        lock(id);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotProvider.selector, id, RIVAL));
        vm.prank(RIVAL);
        market.release(id);
    }

    function test_anInlineInputIsNoReasonToRelease() public {
        bytes32 id = open();
        lock(id);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotReleasable.selector, id));
        vm.prank(PROVIDER);
        market.release(id);
    }

    function test_theReleaseWindowCloses() public {
        bytes32 id = open(uriTerms());
        lock(id);
        vm.warp(START + 5 minutes + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.ReleaseWindowPassed.selector, id, START + 5 minutes)
        );
        vm.prank(PROVIDER);
        market.release(id);
    }

    function test_afterADeliveryThereIsNoRelease() public {
        bytes32 id = openAndDeliver(uriTerms());
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, id, uint8(0), LegState.Delivered)
        );
        vm.prank(PROVIDER);
        market.release(id);
    }
}
