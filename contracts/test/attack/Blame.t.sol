// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {MarketWorld} from "../base/MarketWorld.sol";
import {Vm} from "../base/Vm.sol";

/// @notice Nobody is blamed, charged or locked out for what another did.
contract BlameTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    /// @dev No validator can settle an answer that has no proof.
    function test_anAnswerWithoutAProofIsNoMissedDuty() public {
        bytes32 id = openAndDeliver(terms());
        vm.warp(START + 1 hours + 1);
        _expireWithoutBlame(id, LegState.Slashed);
    }

    /// @dev No validator can settle while the router is stopped.
    function test_aStoppedRouterIsNoMissedDuty() public {
        bytes32 id = openAndDeliver(terms());
        vm.prank(GUARDIAN);
        router.pause();
        vm.warp(START + 1 hours + 1);
        _expireWithoutBlame(id, LegState.Refunded);
    }

    /// @dev Without a validator nobody has the duty, and its share goes to the treasury, not to nowhere.
    function test_withoutAValidatorTheTreasuryTakesTheShare() public {
        vm.prank(VALIDATOR);
        validators.exit();
        bytes32 id = openAndDeliver(terms());
        settle(id, 0);
        assertEq(market.creditOf(address(0)), 0, "nobody");
        assertEq(
            market.creditOf(TREASURY), uint256(PRICE) * 300 / 10_000 + uint256(PRICE) * 700 / 10_000, "both"
        );
    }

    /// @dev A part of the price that rounds to nothing still ends, and the other part stays whole.
    function test_aLegWorthNothingEndsLikeAnyOther() public {
        OrderRequest memory order = twoLegTerms();
        order.legs[0].shareBps = 1;
        order.legs[1].shareBps = 9_999;
        order.price = 1;
        order.bond = 0;
        bytes32 settled = open(order);
        bytes32 expired = open(order);
        lock(settled);
        deliver(settled, 0);
        deliver(settled, 1);
        settle(settled, 0);
        assertEq(market.creditOf(PROVIDER), 0, "nothing for nothing");
        settle(settled, 1);
        assertEq(market.creditOf(PROVIDER), 1, "the whole price");

        vm.warp(START + 1 hours + 1);
        market.expire(expired, 1);
        assertEq(market.creditOf(REQUESTER), 1, "refund");
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.OrderNotOpen.selector, expired));
        vm.prank(REQUESTER);
        market.cancel(expired);
        market.expire(expired, 0);
        assertState(expired, 0, LegState.Refunded);
        assertEq(token.balanceOf(address(market)), 2, "two credits");
    }

    /// @dev Whoever pays out another's credit cannot keep it from locking: its tokens serve as well.
    function test_aCreditPaidOutByAStrangerStillServesAsBond() public {
        bytes32 id = open();
        vm.prank(REQUESTER);
        market.cancel(id);
        vm.prank(STRANGER);
        market.withdrawFor(REQUESTER);
        assertEq(market.creditOf(REQUESTER), 0, "paid out");
        bytes32 again = open();
        vm.prank(REQUESTER);
        market.lock(again);
        assertState(again, 0, LegState.Locked);
    }

    /// @dev The market calls a target that the requester chose: none of its own parts does anything then.
    function test_theMarketsOwnPartsAreHarmlessAsCallbackTargets() public {
        address[6] memory targets = [
            address(market),
            address(token),
            address(registry),
            address(router),
            address(validators),
            address(adapter)
        ];
        for (uint256 i; i < targets.length; ++i) {
            bytes32 id = openAndDeliver(callbackTerms(targets[i], 500_000));
            settle(id, 0);
            assertState(id, 0, LegState.Settled);
            uint256 credits = market.creditOf(PROVIDER) + market.creditOf(VALIDATOR)
                + market.creditOf(ROYALTY) + market.creditOf(TREASURY);
            assertEq(token.balanceOf(address(market)), credits, "nothing moved");
        }
        assertEq(validators.count(), 1, "the rotation is as it was");
    }

    function _expireWithoutBlame(bytes32 id, LegState ending) private {
        vm.recordLogs();
        market.expire(id, 0);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertTrue(logs.length != 0, "events");
        for (uint256 i; i < logs.length; ++i) {
            assertTrue(logs[i].topics[0] != IAvowMarket.DutyMissed.selector, "blamed");
        }
        assertState(id, 0, ending);
    }
}
