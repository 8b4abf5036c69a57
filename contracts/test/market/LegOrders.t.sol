// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {BatchWorld} from "../base/BatchWorld.sol";

/// @notice Two legs of one order, in every order of events: what becomes of one neither blocks, pays nor changes
/// the other, whichever comes first.
contract LegOrdersTest is BatchWorld {
    /// @dev What becomes of a locked leg.
    enum End {
        Settled,
        SettledAlone,
        Silent,
        Unproven,
        Interrupted
    }

    uint16 private constant SHARE = 3_333;
    uint256 private constant ENDS = 5;

    struct Gains {
        uint256 requester;
        uint256 provider;
        uint256 validator;
        uint256 royalty;
        uint256 treasury;
    }

    function setUp() public {
        setUpBatches();
    }

    function test_everyPairOfEndsInBothOrdersPaysEachLegAsIfAlone() public {
        for (uint256 pair; pair < ENDS * ENDS; ++pair) {
            End[2] memory ends = [End(pair / ENDS), End(pair % ENDS)];
            for (uint256 way; way < 4; ++way) {
                uint256 snapshot = vm.snapshotState();
                _check(ends, uint8(way % 2), way > 1);
                vm.revertToState(snapshot);
            }
        }
    }

    function test_aLegThatIsOpenWhenAnotherEndsStaysAsItWas() public {
        bytes32 id = open(_terms());
        lock(id);
        deliver(id, 0, EZKL);
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
        assertState(id, 1, LegState.Locked);
        deliver(id, 1, OTHER);
        settle(id, 1);
        assertState(id, 1, LegState.Settled);
    }

    /// @dev The money of both together is that of each alone: parts of price and bond, to the last unit. The leg
    /// `early` ends first; the other is delivered right before that moment, or after it.
    function _check(End[2] memory ends, uint8 early, bool overlap) private {
        uint8 late = 1 - early;
        bytes32 id = _locked(early, late);
        uint256 moment = START + 10;
        _deliverAt(id, early, ends[early], moment);
        uint256 end = _due(ends[early], moment, START + 1 days);
        moment = overlap ? end - 1 : end + 1;
        if (overlap) _deliverAt(id, late, ends[late], moment);
        _endAt(id, early, ends[early], end);
        assertTrue(stateOf(id, late) <= LegState.Delivered, "the other goes on");
        if (!overlap) _deliverAt(id, late, ends[late], moment);
        _endAt(id, late, ends[late], _due(ends[late], moment, START + 2 days));

        uint256 price = uint256(PRICE) * SHARE / 10_000;
        uint256 bond = uint256(BOND) * SHARE / 10_000;
        Gains memory expected;
        _add(expected, ends[0], price, bond);
        _add(expected, ends[1], PRICE - price, BOND - bond);
        _assertGains(expected);
        _assertEnd(id, 0, ends[0]);
        _assertEnd(id, 1, ends[1]);
    }

    /// @dev The first leg by either of two systems, the second by a third.
    function _locked(uint8 early, uint8 late) private returns (bytes32 id) {
        OrderRequest memory order = _terms();
        order.legs[early].deadline = uint64(START + 1 days);
        order.legs[late].deadline = uint64(START + 2 days);
        id = open(order);
        lock(id);
    }

    function _terms() private view returns (OrderRequest memory order) {
        order = twoLegTerms();
        order.legs[0].selectors = either(BATCH, EZKL);
        order.legs[0].shareBps = SHARE;
        order.legs[1].shareBps = 10_000 - SHARE;
    }

    function _deliverAt(bytes32 id, uint8 leg, End end, uint256 moment) private {
        vm.warp(moment);
        if (end != End.Silent) deliver(id, leg, leg == 0 ? EZKL : OTHER);
    }

    function _due(End end, uint256 delivered, uint256 deadline) private pure returns (uint256) {
        if (end == End.Settled) return delivered + 5 minutes;
        if (end == End.SettledAlone) return delivered + 30 minutes;
        if (end == End.Silent) return deadline + 1;
        return delivered + 1 hours + 1;
    }

    function _endAt(bytes32 id, uint8 leg, End end, uint256 moment) private {
        vm.warp(moment);
        if (end == End.Settled || end == End.SettledAlone) {
            bytes memory seal = sealFor(id, leg);
            bytes memory answer = outputBytes();
            vm.prank(end == End.Settled ? VALIDATOR : PROVIDER);
            market.settle(id, leg, answer, singlePath(), seal);
            return;
        }
        if (end == End.Interrupted) {
            vm.prank(GOVERNOR);
            router.tombstoneEntry(leg == 0 ? EZKL : OTHER);
        }
        market.expire(id, leg);
    }

    function _assertGains(Gains memory expected) private view {
        assertEq(market.creditOf(REQUESTER), expected.requester, "requester");
        assertEq(market.creditOf(PROVIDER), expected.provider, "provider");
        assertEq(market.creditOf(VALIDATOR), expected.validator, "validator");
        assertEq(market.creditOf(ROYALTY), expected.royalty, "royalty");
        assertEq(market.creditOf(TREASURY), expected.treasury, "treasury");
        assertEq(token.balanceOf(address(market)), uint256(PRICE) + BOND, "nothing left, nothing made");
    }

    function _add(Gains memory gains, End end, uint256 price, uint256 bond) private pure {
        if (end == End.Settled || end == End.SettledAlone) {
            uint256 duty = price * 700 / 10_000;
            uint256 royalty = price * 500 / 10_000;
            uint256 treasury = price * 300 / 10_000;
            gains.provider += price - duty - royalty - treasury + bond;
            gains.royalty += royalty;
            gains.treasury += treasury;
            if (end == End.Settled) gains.validator += duty;
            else gains.treasury += duty;
        } else if (end == End.Interrupted) {
            gains.requester += price;
            gains.provider += bond;
        } else {
            gains.requester += price + bond * 6_000 / 10_000;
            gains.treasury += bond - bond * 6_000 / 10_000;
        }
    }

    function _assertEnd(bytes32 id, uint8 leg, End end) private view {
        LegState expected = LegState.Slashed;
        if (end == End.Settled || end == End.SettledAlone) expected = LegState.Settled;
        else if (end == End.Interrupted) expected = LegState.Refunded;
        assertState(id, leg, expected);
    }
}
