// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Claim, ClaimState, ModelClaimTerms, Turn} from "../../src/interfaces/IClaims.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {DisputeActor} from "./DisputeActor.sol";

/// @notice Whatever everybody does in disputes, the money adds up and the honest keep theirs.
contract DisputeInvariantTest is DisputeWorld {
    DisputeActor private _actor;

    function setUp() public {
        setUpDisputes();
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(0, true));
        vm.warp(START + 1 hours);
        address[] memory providers = new address[](2);
        address[] memory challengers = new address[](3);
        (providers[0], providers[1]) = (PROVIDER, STRANGER);
        // The second provider also challenges, itself and others.
        (challengers[0], challengers[1], challengers[2]) = (RIVAL, VALIDATOR, STRANGER);
        _actor = new DisputeActor(market, claims, modelKey, REQUESTER, providers, challengers);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_actor);
    }

    /// @dev One function: each would walk the same walks from the same seed, again.
    function invariant_theMoneyAddsUpAndTheHonestKeepTheirBonds() external view {
        _checkMoney();
        _checkEnds();
    }

    /// @dev The random actor really reaches every state: invariants over idle claims would prove nothing.
    function test_aRandomWalkEndsClaimsInEveryWay() public {
        // Twelve hundred steps, each of which builds whole traces, are more than a test's gas.
        vm.pauseGasMetering();
        uint256 dice = uint256(keccak256("disputes"));
        for (uint256 i; i < 1_200; ++i) {
            dice = uint256(keccak256(abi.encode(dice)));
            uint256 a = dice >> 8;
            uint256 b = dice >> 72;
            uint256 face = dice % 16;
            if (face < 2) _actor.claim(a, b, dice >> 136);
            else if (face < 5) _actor.open(a, b);
            else if (face < 9) _actor.play(a, b, dice >> 136, uint8(dice >> 200));
            else if (face == 9) _actor.refute(a, b, uint32(dice >> 136), uint32(dice >> 168));
            else if (face == 10) _actor.timeout(a, b);
            else if (face == 11) b % 4 == 0 ? _actor.prove(a, b % 8 == 0) : _actor.finish(a);
            else if (face == 12) _actor.reclaim(a, b);
            else if (face == 13) _actor.withdraw(a);
            else _actor.passTime(a);
            if (i % 50 == 0) _checkMoney();
        }
        _checkMoney();
        _checkEnds();
        for (uint8 turn = uint8(Turn.Trace); turn <= uint8(Turn.Ended); ++turn) {
            assertTrue(_actor.reached(Turn(turn)) > 0, vm.toString(turn));
        }
        assertTrue(_actor.ended(ClaimState.Upheld) > 5, "upheld");
        assertTrue(_actor.ended(ClaimState.Overturned) > 5, "overturned");
        assertTrue(_actor.freedByProofs() > 0, "challengers of a claim that was proven");
        assertTrue(_actor.lateAtProofs() > 0, "challengers that were late then");
    }

    function _checkMoney() private view {
        uint256 owed = claims.creditOf(BURNED);
        for (uint256 i; i < _actor.challengerCount(); ++i) {
            owed += claims.creditOf(_actor.challengers(i));
        }
        owed += claims.creditOf(PROVIDER);
        for (uint256 i; i < _actor.claimCount(); ++i) {
            bytes32 claimId = _actor.claimIds(i);
            Claim memory stored = claims.claimOf(claimId);
            if (stored.state == ClaimState.Standing) owed += CLAIM_BOND;
            uint256 open;
            for (uint256 j; j < _actor.challengerCount(); ++j) {
                Turn turn = claims.challengeOf(claimId, _actor.challengers(j)).turn;
                if (turn != Turn.None && turn != Turn.Ended) ++open;
            }
            bool overturned = stored.state == ClaimState.Overturned;
            assertEq(stored.open, overturned ? 0 : open, "open challenges");
            uint256 time = claims.overturnedAt(claimId);
            assertTrue(overturned == (time != 0) && time <= block.timestamp, "when it was overturned");
            owed += open * CHALLENGE_BOND;
        }
        assertEq(token.balanceOf(address(claims)), owed, "bonds and credits");
        uint256 burned = claims.creditOf(BURNED) + token.balanceOf(BURNED);
        assertEq(burned, _actor.overturned() * (CLAIM_BOND - REWARD), "half of each slash is burned");
    }

    function _checkEnds() private view {
        assertEq(_actor.unlawful(), 0, "unlawful steps");
        assertEq(_actor.honestLost(), 0, "honest providers that answered in time");
        assertEq(_actor.unjust(), 0, "challenge bonds that went to the wrong account");
        for (uint256 i; i < _actor.claimCount(); ++i) {
            bytes32 claimId = _actor.claimIds(i);
            (,,,, ClaimState state, uint256 ends) = _actor.historyOf(claimId);
            bool terminal = state == ClaimState.Upheld || state == ClaimState.Overturned;
            assertEq(ends, terminal ? 1 : 0, "one end");
            assertTrue(!(claims.isFinal(claimId) && claims.isOverturned(claimId)), "never both");
        }
    }
}
