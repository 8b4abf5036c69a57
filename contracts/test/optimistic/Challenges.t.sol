// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenge, ClaimState, IClaims, Turn} from "../../src/interfaces/IClaims.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Lie, ToyTrace, Trace} from "./ToyTrace.sol";

/// @notice How challenges begin and end: windows, clocks, bonds, several at once.
contract ChallengesTest is DisputeWorld {
    bytes32 private _id;
    bytes32 private _claimId;
    bytes32 private _root;
    bytes32[][] private _nodes;

    function setUp() public {
        setUpDisputes();
        Trace memory trace;
        (_id, trace) = claimed(Lie.None, 0, 0);
        _claimId = statementRoot(_id);
        (_root, _nodes) = (trace.root, trace.nodes);
    }

    function test_aChallengeIsStoredAndBonded() public {
        uint256 before = token.balanceOf(RIVAL);
        vm.expectEmit(true, true, true, true);
        emit IClaims.ChallengeOpened(_claimId, RIVAL, _root, 5);
        challenge(RIVAL, _id, _root);
        Challenge memory state = claims.challengeOf(_claimId, RIVAL);
        assertTurn(_claimId, RIVAL, Turn.Children);
        assertEq(state.contested, _root, "contested");
        assertEq(state.levels, 5, "levels of 21 tensors");
        assertEq(before - token.balanceOf(RIVAL), CHALLENGE_BOND, "bond");
        assertEq(claims.claimOf(_claimId).open, 1, "open");
    }

    function test_aChallengeIsOpenedInTheWindowOnceByEach() public {
        vm.warp(START + WINDOW);
        challenge(RIVAL, _id, _root);
        challengeFails(
            RIVAL, _id, _root, abi.encodeWithSelector(IClaims.AlreadyChallenged.selector, _claimId, RIVAL)
        );
        vm.warp(START + WINDOW + 1);
        // One that is open keeps the claim from being final, and nobody may join any more.
        challengeFails(
            STRANGER,
            _id,
            _root,
            abi.encodeWithSelector(IClaims.WindowPassed.selector, _claimId, START + WINDOW)
        );
        vm.warp(START + WINDOW + CLOCK);
        _answer(RIVAL);
        vm.warp(START + WINDOW + 2 * CLOCK + 1);
        claims.timeout(_claimId, RIVAL);
        challengeFails(STRANGER, _id, _root, abi.encodeWithSelector(IClaims.ClaimIsFinal.selector, _claimId));
    }

    function test_whoLostDoesNotChallengeAgain() public {
        challenge(RIVAL, _id, _root);
        _answer(RIVAL);
        vm.warp(START + 1 hours + 1);
        claims.timeout(_claimId, RIVAL);
        challengeFails(
            RIVAL, _id, _root, abi.encodeWithSelector(IClaims.AlreadyChallenged.selector, _claimId, RIVAL)
        );
    }

    function test_aChallengeNamesTheClaimAsItIs() public {
        for (uint256 i; i < 5; ++i) {
            TracedClaim memory traced = tracedOf(_id, _root);
            if (i == 0) traced.key = ~traced.key;
            else if (i == 1) traced.program = ~traced.program;
            else if (i == 2) traced.traceRoot = ~traced.traceRoot;
            else if (i == 3) traced.input = ~traced.input;
            else traced.output = ~traced.output;
            vm.expectRevert(abi.encodeWithSelector(IClaims.ClaimDiffers.selector, _claimId));
            vm.prank(RIVAL);
            claims.open(traced);
        }
        TracedClaim memory foreign = tracedOf(_id, _root);
        foreign.statementRoot = ~_claimId;
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClaimNotStanding.selector, ~_claimId, ClaimState.None));
        vm.prank(RIVAL);
        claims.open(foreign);
    }

    function test_aSilentProviderLosesAfterItsClockNotBefore() public {
        vm.warp(START + 100);
        challenge(RIVAL, _id, _root);
        uint256 deadline = START + 100 + CLOCK;
        assertEq(claims.deadlineOf(_claimId, RIVAL), deadline, "deadline");
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClockStillRuns.selector, _claimId, RIVAL, deadline));
        claims.timeout(_claimId, RIVAL);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClockRanOut.selector, _claimId, RIVAL, deadline));
        _answer(RIVAL);
        vm.expectEmit(true, true, true, true);
        emit IClaims.ClaimOverturned(_claimId, RIVAL, REWARD, CLAIM_BOND - REWARD);
        vm.prank(STRANGER);
        claims.timeout(_claimId, RIVAL);
        assertEq(claims.creditOf(RIVAL), REWARD + CHALLENGE_BOND, "challenger");
        assertEq(claims.creditOf(BURNED), CLAIM_BOND - REWARD, "burned");
        assertEq(claims.creditOf(PROVIDER) + claims.creditOf(STRANGER), 0, "nobody else");
        claims.withdrawFor(BURNED);
        assertEq(token.balanceOf(BURNED), CLAIM_BOND - REWARD, "where nobody has a key");
        assertEq(claims.deadlineOf(_claimId, RIVAL), 0, "nobody has the turn");
    }

    function test_anAnswerInTheLastSecondCounts() public {
        challenge(RIVAL, _id, _root);
        vm.warp(START + CLOCK);
        _answer(RIVAL);
        assertTurn(_claimId, RIVAL, Turn.Pick);
    }

    function test_aSilentChallengerLosesItsBondToTheProvider() public {
        challenge(RIVAL, _id, _root);
        _answer(RIVAL);
        vm.warp(START + CLOCK);
        vm.expectPartialRevert(IClaims.ClockStillRuns.selector);
        claims.timeout(_claimId, RIVAL);
        vm.warp(START + CLOCK + 1);
        bytes32[] memory siblings = ToyTrace.siblings(_nodes, 1, 3, 4);
        bytes32 node = _nodes[1][3];
        vm.expectPartialRevert(IClaims.ClockRanOut.selector);
        vm.prank(RIVAL);
        claims.pick(_claimId, 3, node, siblings);
        vm.expectEmit(true, true, true, true);
        emit IClaims.ChallengeLost(_claimId, RIVAL, CHALLENGE_BOND);
        claims.timeout(_claimId, RIVAL);
        assertClaim(_claimId, ClaimState.Standing);
        assertEq(claims.creditOf(PROVIDER), CHALLENGE_BOND, "provider");
        assertEq(claims.claimOf(_claimId).open, 0, "open");
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotTheTurn.selector, _claimId, RIVAL, Turn.Ended));
        claims.timeout(_claimId, RIVAL);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotTheTurn.selector, _claimId, STRANGER, Turn.None));
        claims.timeout(_claimId, STRANGER);
    }

    /// @dev Each side's clock runs in its own turns only; a move has its extension when the clock is used up.
    function test_clocksAddUpAndEveryMoveHasItsExtension() public {
        challenge(RIVAL, _id, _root);
        vm.warp(START + 3_590);
        _answer(RIVAL);
        assertEq(claims.deadlineOf(_claimId, RIVAL), START + 3_590 + CLOCK, "the challenger's whole clock");
        vm.warp(START + 3_600);
        bytes32[] memory siblings = ToyTrace.siblings(_nodes, 1, 3, 4);
        vm.prank(RIVAL);
        claims.pick(_claimId, 3, _nodes[1][3], siblings);
        Challenge memory state = claims.challengeOf(_claimId, RIVAL);
        assertEq(state.providerLeft, 10, "provider");
        assertEq(state.challengerLeft, CLOCK - 10, "challenger");
        uint256 deadline = START + 3_600 + EXTENSION;
        assertEq(claims.deadlineOf(_claimId, RIVAL), deadline, "the extension");
        vm.warp(deadline);
        bytes32[] memory children = ToyTrace.children(_nodes, 1, 3);
        vm.prank(PROVIDER);
        claims.reveal(_claimId, RIVAL, children);
        assertEq(claims.challengeOf(_claimId, RIVAL).providerLeft, 0, "used up");
    }

    function test_theFirstSuccessEndsTheClaimAndTheOthersGetTheirBondsBack() public {
        challenge(RIVAL, _id, _root);
        challenge(STRANGER, _id, _root);
        challenge(VALIDATOR, _id, _root);
        _answer(VALIDATOR);
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClaimNotFinal.selector, _claimId));
        claims.reclaim(_claimId, STRANGER);
        vm.warp(START + CLOCK + 1);
        claims.timeout(_claimId, STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(IClaims.ClaimNotStanding.selector, _claimId, ClaimState.Overturned)
        );
        claims.timeout(_claimId, RIVAL);
        vm.expectRevert(
            abi.encodeWithSelector(IClaims.ClaimNotStanding.selector, _claimId, ClaimState.Overturned)
        );
        _answer(RIVAL);
        claims.reclaim(_claimId, RIVAL);
        claims.reclaim(_claimId, VALIDATOR);
        assertEq(claims.creditOf(STRANGER), REWARD + CHALLENGE_BOND, "the first");
        assertEq(claims.creditOf(RIVAL), CHALLENGE_BOND, "the others");
        assertEq(claims.creditOf(VALIDATOR), CHALLENGE_BOND, "the others");
        vm.expectRevert(abi.encodeWithSelector(IClaims.NothingToReclaim.selector, _claimId, STRANGER));
        claims.reclaim(_claimId, STRANGER);
        assertEq(claims.claimOf(_claimId).open, 0, "open");
    }

    function test_whoChallengesItselfLosesAtLeastHalfItsBond() public {
        uint256 before = _wealth(PROVIDER) + _wealth(RIVAL);
        challenge(RIVAL, _id, _root);
        vm.warp(START + CLOCK + 1);
        claims.timeout(_claimId, RIVAL);
        assertEq(_wealth(PROVIDER) + _wealth(RIVAL), before - CHALLENGE_BOND + _won(), "together");
        assertAtMost(_wealth(PROVIDER) + _wealth(RIVAL) - before, CLAIM_BOND / 2, "less than the bond");
    }

    function test_manyChallengersLengthenADisputeNoMoreThanOne() public {
        for (uint160 i; i < 40; ++i) {
            address rival = address(0xD000 + i);
            assertTrue(token.transfer(rival, CHALLENGE_BOND), "transfer");
            vm.prank(rival);
            token.approve(address(claims), CHALLENGE_BOND);
            vm.warp(START + WINDOW);
            challenge(rival, _id, _root);
        }
        vm.warp(START + WINDOW + CLOCK);
        for (uint160 i; i < 40; ++i) {
            _answer(address(0xD000 + i));
        }
        vm.warp(START + WINDOW + 2 * CLOCK + 1);
        for (uint160 i; i < 40; ++i) {
            claims.timeout(_claimId, address(0xD000 + i));
        }
        assertTrue(claims.isFinal(_claimId), "final");
        assertEq(claims.creditOf(PROVIDER), 40 * uint256(CHALLENGE_BOND), "every bond is the provider's");
        settleClaim(_id);
    }

    function test_aStoppedRouterStopsNoClock() public {
        challenge(RIVAL, _id, _root);
        vm.prank(GUARDIAN);
        router.pause();
        _answer(RIVAL);
        vm.warp(START + CLOCK + 1);
        claims.timeout(_claimId, RIVAL);
        assertEq(claims.creditOf(PROVIDER), CHALLENGE_BOND, "decided");
    }

    /// @dev Both accounts' tokens and credits, without the claim bond that was paid in before.
    function _wealth(address account) private view returns (uint256) {
        return token.balanceOf(account) + claims.creditOf(account);
    }

    function _won() private pure returns (uint256) {
        return uint256(CHALLENGE_BOND) + REWARD;
    }

    function _answer(address challenger) private {
        bytes32[] memory children = ToyTrace.children(_nodes, 5, 0);
        vm.prank(PROVIDER);
        claims.reveal(_claimId, challenger, children);
    }
}
