// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ClaimState, IClaims, Turn} from "../../src/interfaces/IClaims.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";
import {Lie, ToyTrace, Trace} from "./ToyTrace.sol";

/// @notice What a proof of the claimed statement decides: for which orders it counts, and who loses a bond by it.
contract ProofsTest is DisputeWorld {
    function setUp() public {
        setUpDisputes();
    }

    function test_aProofSystemCountsForOrdersRequestedAfterItsNotice() public {
        modelKey = registerModel(OWNER, "proofs to come");
        addToySystem("optimistic/v1", ToyProgram.PROGRAM);
        learn();
        uint256 added = START + 1 hours;
        bytes32[3] memory ids;
        ids[0] = _deliveredAt(added - 1);
        vm.warp(added);
        addToySystem("sumcheck/v1", ToyProgram.PROGRAM);
        assertEq(registry.addedAt(modelKey, SUMCHECK), added, "noted");
        ids[1] = _deliveredAt(added + 10 minutes);
        ids[2] = _deliveredAt(added + 10 minutes + 1);
        for (uint256 i; i < 3; ++i) {
            claimWith(ids[i], honest(ids[i]).root);
            bytes memory seal = proofOf(ids[i]);
            if (i != 2) {
                vm.expectRevert(
                    abi.encodeWithSelector(IClaims.ProofSystemTooNew.selector, modelKey, added + 10 minutes)
                );
            }
            claims.prove(ids[i], 0, seal);
            assertClaim(statementRoot(ids[i]), i == 2 ? ClaimState.Upheld : ClaimState.Standing);
        }
    }

    /// @dev When it is locked does not matter: its requester was promised what was there before.
    function test_aLateLockMakesNoProofSystemOlder() public {
        modelKey = registerModel(OWNER, "proofs to come");
        addToySystem("optimistic/v1", ToyProgram.PROGRAM);
        learn();
        bytes32 id = open(optimisticTerms());
        addToySystem("sumcheck/v1", ToyProgram.PROGRAM);
        vm.warp(START + 30 minutes);
        lock(id);
        deliver(id, 0);
        claimWith(id, honest(id).root);
        bytes memory seal = proofOf(id);
        vm.expectPartialRevert(IClaims.ProofSystemTooNew.selector);
        claims.prove(id, 0, seal);
    }

    function test_aModelWithoutTheProofSystemHasNoProofs() public {
        modelKey = registerModel(OWNER, "without proofs");
        addToySystem("optimistic/v1", ToyProgram.PROGRAM);
        learn();
        bytes32 id = delivered();
        claimWith(id, honest(id).root);
        bytes memory seal = proofOf(id);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, modelKey, SUMCHECK));
        claims.prove(id, 0, seal);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, modelKey, SUMCHECK));
        registry.addedAt(modelKey, SUMCHECK);
    }

    /// @dev Whose clock had run out had lost already; nobody had only said so yet. That the provider's own had run
    /// out, too, takes nothing from a challenger.
    function test_whoWasLateWhenTheProofCameLosesItsBond() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        address[3] memory rivals = [RIVAL, STRANGER, VALIDATOR];
        for (uint256 i; i < 3; ++i) {
            challenge(rivals[i], id, trace.root);
        }
        _answer(claimId, RIVAL, trace);
        vm.warp(START + 1);
        _answer(claimId, STRANGER, trace);
        vm.warp(START + 1 + CLOCK);
        assertEq(claims.deadlineOf(claimId, RIVAL), START + CLOCK, "late by a second");
        assertEq(claims.deadlineOf(claimId, STRANGER), START + 1 + CLOCK, "its last second");
        assertEq(claims.deadlineOf(claimId, VALIDATOR), START + CLOCK, "the provider is late");
        bytes memory seal = proofOf(id);
        claims.prove(id, 0, seal);
        assertEq(claims.claimOf(claimId).windowEnd, block.timestamp, "when it was proven");
        // When the bonds are asked for does not matter any more.
        vm.warp(START + 30 days);
        vm.expectEmit(true, true, true, true);
        emit IClaims.ChallengeLost(claimId, RIVAL, CHALLENGE_BOND);
        claims.reclaim(claimId, RIVAL);
        vm.expectEmit(true, true, true, true);
        emit IClaims.ChallengeBondReturned(claimId, STRANGER, CHALLENGE_BOND);
        claims.reclaim(claimId, STRANGER);
        claims.reclaim(claimId, VALIDATOR);
        assertEq(claims.creditOf(PROVIDER), CLAIM_BOND + uint256(CHALLENGE_BOND), "provider");
        assertEq(claims.creditOf(RIVAL), 0, "who was late");
        assertEq(claims.creditOf(STRANGER), CHALLENGE_BOND, "who was in time");
        assertEq(claims.creditOf(VALIDATOR), CHALLENGE_BOND, "who waited for the provider");
        assertEq(claims.claimOf(claimId).open, 0, "open");
        vm.expectRevert(abi.encodeWithSelector(IClaims.NothingToReclaim.selector, claimId, RIVAL));
        claims.reclaim(claimId, RIVAL);
    }

    /// @dev An overturned claim was wrong, so that nobody was wrong to challenge it, however slow.
    function test_whoWasLateBesideAnOverturnedClaimKeepsItsBond() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 21);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, trace.root);
        challenge(STRANGER, id, trace.root);
        _answer(claimId, RIVAL, trace);
        vm.warp(START + CLOCK + 1);
        claims.timeout(claimId, STRANGER);
        assertTurn(claimId, RIVAL, Turn.Pick);
        claims.reclaim(claimId, RIVAL);
        assertEq(claims.creditOf(RIVAL), CHALLENGE_BOND, "bond");
    }

    function _deliveredAt(uint256 moment) private returns (bytes32) {
        vm.warp(moment);
        return delivered();
    }

    function _answer(bytes32 claimId, address challenger, Trace memory trace) private {
        bytes32[] memory children = ToyTrace.children(trace.nodes, 5, 0);
        vm.prank(PROVIDER);
        claims.reveal(claimId, challenger, children);
    }
}
