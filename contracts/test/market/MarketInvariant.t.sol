// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order, LegState} from "../../src/types/Order.sol";
import {BatchWorld} from "../base/BatchWorld.sol";
import {GasBurner, MegabyteReturner, MockReceiver, Reenterer} from "../mocks/CallbackAttackers.sol";
import {LegHistory, MarketActor} from "./MarketActor.sol";

/// @notice Defect 13: whatever everybody does in whatever order, the money adds up.
contract MarketInvariantTest is BatchWorld {
    MarketActor private _actor;

    function setUp() public {
        setUpBatches();
        address[] memory accounts = new address[](8);
        (accounts[0], accounts[1], accounts[2]) = (REQUESTER, PROVIDER, RIVAL);
        (accounts[3], accounts[4]) = (VALIDATOR, STRANGER);
        (accounts[5], accounts[6]) = (TREASURY, ROYALTY);
        address[] memory receivers = new address[](6);
        receivers[1] = address(new MockReceiver());
        receivers[2] = address(new GasBurner());
        receivers[3] = address(new MegabyteReturner(true));
        receivers[4] = address(new Reenterer(market));
        receivers[5] = STRANGER;
        accounts[7] = receivers[4];
        _actor = new MarketActor(market, router, validators, modelKey, accounts, receivers);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_actor);
    }

    /// @dev One function: each would walk the same walks from the same seed, again.
    function invariant_theMoneyAddsUpAndEveryLegHasOneEnd() external view {
        _checkBalances();
        _checkStakes();
        _checkEnds();
        _checkBonds();
        _checkDuties();
    }

    function _checkBalances() private view {
        uint256 owed;
        for (uint256 i; i < _actor.accountCount(); ++i) {
            owed += market.creditOf(_actor.accounts(i));
        }
        for (uint256 i; i < _actor.orderCount(); ++i) {
            bytes32 id = _actor.orders(i);
            Order memory order = market.orderOf(id);
            for (uint8 leg; leg < order.legCount; ++leg) {
                LegState state = market.legOf(id, leg).state;
                if (state == LegState.Open || state == LegState.Locked || state == LegState.Delivered) {
                    owed += _part(id, order.price, leg);
                }
                if (state == LegState.Locked || state == LegState.Delivered) {
                    owed += _part(id, order.bond, leg);
                }
            }
        }
        assertEq(token.balanceOf(address(market)), owed, "escrow, bonds and credits");
    }

    function _checkStakes() private view {
        uint256 staked;
        for (uint256 i; i < _actor.accountCount(); ++i) {
            staked += validators.stakeOf(_actor.accounts(i));
        }
        assertEq(token.balanceOf(address(validators)), staked, "stakes");
    }

    function _checkEnds() private view {
        assertEq(_actor.unlawfulSteps(), 0, "unlawful steps");
        for (uint256 i; i < _actor.orderCount(); ++i) {
            bytes32 id = _actor.orders(i);
            uint8 count = market.orderOf(id).legCount;
            for (uint8 leg; leg < count; ++leg) {
                LegHistory memory history = _actor.historyOf(id, leg);
                assertAtMost(history.terminalSteps, 1, "one end");
                assertTrue(!(history.paid && history.refunded), "refund xor pay");
            }
        }
    }

    function _checkBonds() private view {
        assertAtMost(_actor.slashedOut(), _actor.bondsPosted(), "slashed");
        assertAtMost(_actor.bondsReleased(), _actor.bondsPosted(), "returned and slashed");
    }

    function _checkDuties() private view {
        for (uint256 i; i < _actor.orderCount(); ++i) {
            Order memory order = market.orderOf(_actor.orders(i));
            assertTrue(order.provider == address(0) || order.provider != order.validator, "duty");
        }
    }

    function _part(bytes32 id, uint256 total, uint8 leg) private view returns (uint256) {
        uint256 first = total * market.legOf(id, 0).shareBps / 10_000;
        return leg == 0 ? first : total - first;
    }
}
