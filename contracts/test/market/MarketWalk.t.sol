// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LegState} from "../../src/types/Order.sol";
import {BatchWorld} from "../base/BatchWorld.sol";
import {MarketActor} from "./MarketActor.sol";

/// @notice The random actor really reaches every state: invariants over an idle market would prove nothing.
contract MarketWalkTest is BatchWorld {
    function setUp() public {
        setUpBatches();
    }

    function test_aRandomWalkEndsLegsInEveryWay() public {
        address[] memory accounts = new address[](5);
        (accounts[0], accounts[1], accounts[2]) = (REQUESTER, PROVIDER, RIVAL);
        (accounts[3], accounts[4]) = (VALIDATOR, STRANGER);
        MarketActor actor = new MarketActor(market, router, validators, modelKey, accounts, new address[](1));
        uint256 dice = uint256(keccak256("walk"));
        for (uint256 i; i < 600; ++i) {
            dice = uint256(keccak256(abi.encode(dice)));
            uint256 a = dice >> 8;
            uint256 b = dice >> 72;
            uint256 face = dice % 16;
            if (face < 2) actor.request(a, uint128(b), uint128(dice >> 120), uint16(dice >> 200), a >> 9);
            else if (face < 4) actor.lock(a, b);
            else if (face < 6) actor.deliver(a, uint8(b), b >> 8, b % 7 == 0);
            else if (face < 8) actor.settle(a, uint8(b), b, b % 2 == 0, b % 5 == 0);
            else if (face == 8) actor.expire(a, uint8(b));
            else if (face == 9) b % 4 == 0 ? actor.cancel(a) : actor.release(a);
            else if (face == 10 && b % 2 == 0) actor.withdraw(a);
            else if (face == 10) actor.settleByAnother(a, uint8(b), b >> 8);
            else if (face == 11) actor.settleBatch(a, b, b >> 16, dice >> 40);
            else if (face < 14) actor.passTime(a);
            else actor.advance(a, b, uint8(b));
        }
        for (uint8 state = uint8(LegState.Open); state <= uint8(LegState.Cancelled); ++state) {
            assertTrue(actor.reached(LegState(state)) > 0, vm.toString(state));
        }
        assertEq(actor.unlawfulSteps(), 0, "unlawful steps");
        assertTrue(actor.paidOut() > 0 && actor.slashedOut() > 0 && actor.refundedOut() > 0, "money moved");
        assertTrue(actor.choices() > 0 && actor.foreignSeals() > 0, "alternatives");
        assertTrue(actor.batchesSettled() > 0 && actor.itemsSkipped() > 0, "batches");
    }
}
