// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ClaimState, IClaims, ModelClaimTerms} from "../../src/interfaces/IClaims.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {MockReferee} from "../mocks/MockReferee.sol";
import {Lie, ToyTrace, Trace} from "./ToyTrace.sol";

/// @notice One refutation overturns a claim, and pays who found it and not who copied it.
contract RefutationsTest is DisputeWorld {
    bytes32 private constant SALT = keccak256("salt");

    bytes32 private _id;
    bytes32 private _claimId;
    bytes32 private _root;
    bytes private _refutation;

    function setUp() public {
        setUpDisputes();
        Trace memory trace;
        (_id, trace) = claimed(Lie.Data, 3, 21);
        _claimId = statementRoot(_id);
        _root = trace.root;
        _refutation = ToyTrace.refutation(trace, 3, 21);
    }

    function test_whoCommittedOverturnsAClaimWithoutABond() public {
        _commit(RIVAL);
        nextBlock();
        vm.expectEmit(true, true, true, true);
        emit IClaims.ClaimOverturned(_claimId, RIVAL, REWARD, CLAIM_BOND - REWARD);
        _refute(RIVAL);
        assertClaim(_claimId, ClaimState.Overturned);
        assertTrue(claims.isOverturned(_claimId) && !claims.isFinal(_claimId), "overturned");
        assertEq(claims.creditOf(RIVAL), REWARD, "half of the bond");
        assertEq(claims.creditOf(BURNED), CLAIM_BOND - REWARD, "the other half is burned");
        assertEq(claims.creditOf(PROVIDER), 0, "provider");
        nextBlock();
        _refuteFails(
            RIVAL, abi.encodeWithSelector(IClaims.ClaimNotStanding.selector, _claimId, ClaimState.Overturned)
        );
    }

    function test_aCommitmentOfTheSameBlockIsTooYoung() public {
        _commit(RIVAL);
        _refuteFails(RIVAL, _notCommitted(RIVAL));
    }

    function test_aRefutationCopiedFromAnothersTransactionIsOfNoUse() public {
        _commit(RIVAL);
        nextBlock();
        // The copier sees the refutation before it is mined, commits and challenges in the same block.
        _refuteFails(STRANGER, _notCommitted(STRANGER));
        _commit(STRANGER);
        challenge(STRANGER, _id, _root);
        _refuteFails(STRANGER, _notCommitted(STRANGER));
        _refute(RIVAL);
        assertEq(claims.creditOf(RIVAL), REWARD, "who found it");
        // The copier's challenge was of a wrong claim, so its bond is not lost either.
        claims.reclaim(_claimId, STRANGER);
        assertEq(claims.creditOf(STRANGER), CHALLENGE_BOND, "copier");
    }

    function test_aCommitmentIsToThisRefutationClaimAndSalt() public {
        _commit(RIVAL);
        nextBlock();
        TracedClaim memory traced = tracedOf(_id, _root);
        vm.expectRevert(_notCommitted(RIVAL));
        vm.prank(RIVAL);
        claims.refute(traced, _refutation, ~SALT);
        bytes memory other = bytes.concat(_refutation, hex"00");
        vm.expectRevert(_notCommitted(RIVAL));
        vm.prank(RIVAL);
        claims.refute(traced, other, SALT);
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 21);
        traced = tracedOf(id, trace.root);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotCommitted.selector, statementRoot(id), RIVAL));
        vm.prank(RIVAL);
        claims.refute(traced, _refutation, SALT);
    }

    function test_nobodyMakesAnothersCommitmentYounger() public {
        _commit(RIVAL);
        nextBlock();
        bytes32 commitment = _commitment(RIVAL);
        vm.prank(STRANGER);
        claims.commit(commitment);
        _refute(RIVAL);
        assertClaim(_claimId, ClaimState.Overturned);
    }

    /// @dev Its challenge may be older than another's commitment, and says nothing of what it knew.
    function test_aChallengerNeedsACommitmentLikeEverybody() public {
        challenge(RIVAL, _id, _root);
        nextBlock();
        _refuteFails(RIVAL, _notCommitted(RIVAL));
        _commit(RIVAL);
        _refuteFails(RIVAL, _notCommitted(RIVAL));
        nextBlock();
        _refute(RIVAL);
        assertEq(claims.creditOf(RIVAL), REWARD + CHALLENGE_BOND, "reward and bond");
        assertEq(claims.claimOf(_claimId).open, 0, "open");
    }

    function test_whoLostItsChallengeMayStillRefute() public {
        challenge(RIVAL, _id, _root);
        Trace memory trace = traceOf(_id, Lie.Data, 3, 21);
        bytes32[] memory children = ToyTrace.children(trace.nodes, 5, 0);
        vm.prank(PROVIDER);
        claims.reveal(_claimId, RIVAL, children);
        vm.warp(START + CLOCK + 1);
        claims.timeout(_claimId, RIVAL);
        _commit(RIVAL);
        nextBlock();
        _refute(RIVAL);
        assertEq(claims.creditOf(RIVAL), REWARD, "the reward alone");
    }

    function test_anHonestElementRefutesNothing() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        _refutation = ToyTrace.refutation(trace, 3, 21);
        commitTo(RIVAL, statementRoot(id), _refutation);
        TracedClaim memory traced = tracedOf(id, trace.root);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotRefuted.selector, statementRoot(id)));
        vm.prank(RIVAL);
        claims.refute(traced, _refutation, 0);
    }

    function test_aRefutationOfAnotherTraceIsRefused() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        commitTo(RIVAL, statementRoot(id), _refutation);
        TracedClaim memory traced = tracedOf(id, _root);
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClaimDiffers.selector, statementRoot(id)));
        vm.prank(RIVAL);
        claims.refute(traced, _refutation, 0);
        traced = tracedOf(id, trace.root);
        vm.expectRevert(MockReferee.NotUnderTheRoot.selector);
        vm.prank(RIVAL);
        claims.refute(traced, _refutation, 0);
    }

    function test_aRefutationIsInTimeUntilTheClaimIsFinal() public {
        _commit(RIVAL);
        nextBlock();
        vm.warp(START + WINDOW + 1);
        _refuteFails(RIVAL, abi.encodeWithSelector(IClaims.ClaimIsFinal.selector, _claimId));
        vm.warp(START + WINDOW);
        _refute(RIVAL);
        assertClaim(_claimId, ClaimState.Overturned);
    }

    function test_anotherChallengeKeepsTheClaimRefutable() public {
        _commit(RIVAL);
        challenge(STRANGER, _id, _root);
        nextBlock();
        vm.warp(START + WINDOW + 1);
        _refute(RIVAL);
        assertEq(claims.creditOf(RIVAL), REWARD, "reward");
    }

    function test_aLazyClaimIsNotRefutedBeforeItsRootIsThere() public {
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(0, true));
        vm.warp(START + 1 hours);
        bytes32 id = delivered();
        claimWith(id, 0);
        challenge(RIVAL, id, 0);
        commitTo(RIVAL, statementRoot(id), _refutation);
        TracedClaim memory traced = tracedOf(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IClaims.TraceRootMissing.selector, statementRoot(id)));
        vm.prank(RIVAL);
        claims.refute(traced, _refutation, 0);
    }

    function _commitment(address who) private view returns (bytes32) {
        return keccak256(abi.encode(who, _claimId, keccak256(_refutation), SALT));
    }

    function _commit(address who) private {
        bytes32 commitment = _commitment(who);
        vm.prank(who);
        claims.commit(commitment);
    }

    function _refute(address who) private {
        TracedClaim memory traced = tracedOf(_id, _root);
        vm.prank(who);
        claims.refute(traced, _refutation, SALT);
    }

    function _refuteFails(address who, bytes memory reason) private {
        TracedClaim memory traced = tracedOf(_id, _root);
        vm.expectRevert(reason);
        vm.prank(who);
        claims.refute(traced, _refutation, SALT);
    }

    function _notCommitted(address who) private view returns (bytes memory) {
        return abi.encodeWithSelector(IClaims.NotCommitted.selector, _claimId, who);
    }
}
