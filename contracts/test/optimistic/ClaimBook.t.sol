// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OptimisticAdapter} from "../../src/adapters/OptimisticAdapter.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {Claim, ClaimState, IClaims, ModelClaimTerms, Turn} from "../../src/interfaces/IClaims.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IProofRouter} from "../../src/interfaces/IProofRouter.sol";
import {IReferee} from "../../src/interfaces/IReferee.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {TensorSchema} from "../../src/types/Tensor.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";
import {Lie, Trace} from "./ToyTrace.sol";

/// @notice Claims: who may make one, when it is final, and that the market pays then and not before.
contract ClaimBookTest is DisputeWorld {
    bytes32 private constant ROOT = keccak256("trace root");

    function setUp() public {
        setUpDisputes();
    }

    function test_aClaimIsStoredLoggedAndBonded() public {
        bytes32 id = delivered();
        bytes32 claimId = statementRoot(id);
        uint256 before = token.balanceOf(PROVIDER);
        vm.expectEmit(true, true, true, true);
        emit IClaims.Claimed(
            claimId, id, PROVIDER, 0, modelKey, tracedOf(id, ROOT), outputBytes(), uint40(START + WINDOW), 0
        );
        assertEq(claimWith(id, ROOT), claimId, "id");
        Claim memory made = claims.claimOf(claimId);
        assertEq(made.provider, PROVIDER, "provider");
        assertEq(made.windowEnd, START + WINDOW, "window");
        assertEq(made.digest, keccak256(abi.encode(tracedOf(id, ROOT))), "digest");
        assertTrue(!made.lazy && made.open == 0 && made.version == 0, "rest");
        assertEq(before - token.balanceOf(PROVIDER), CLAIM_BOND, "bond");
        assertEq(token.balanceOf(address(claims)), CLAIM_BOND, "held");
    }

    function test_aLegIsClaimedOnce() public {
        bytes32 id = delivered();
        claimWith(id, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IClaims.AlreadyClaimed.selector, statementRoot(id)));
        claimWith(id, ~ROOT);
    }

    function test_onlyTheProviderClaimsADeliveredLegOfThisSystem() public {
        bytes memory answer = outputBytes();
        bytes32 id = open(optimisticTerms());
        lock(id);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotClaimable.selector, id, 0));
        claimWith(id, ROOT);
        deliver(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotProvider.selector, id, RIVAL));
        vm.prank(RIVAL);
        claims.claim(id, 0, answer, ROOT);
        vm.expectPartialRevert(IAvowMarket.LegUnknown.selector);
        vm.prank(PROVIDER);
        claims.claim(id, 1, answer, ROOT);
        bytes32 other = openAndDeliver(terms());
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotClaimable.selector, other, 0));
        claimWith(other, ROOT);
    }

    function test_aClaimNeedsTheOutputAndATraceRoot() public {
        bytes32 id = delivered();
        bytes memory answer = outputBytes();
        answer[0] ^= 0x01;
        vm.expectPartialRevert(IClaims.OutputDiffers.selector);
        vm.prank(PROVIDER);
        claims.claim(id, 0, answer, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IClaims.TraceRootMissing.selector, statementRoot(id)));
        claimWith(id, 0);
    }

    function test_anInputThatIsCommittedToByItsRootIsClaimed() public {
        bytes32 id = _deliveredByUri(CommitmentScheme.PUBLIC_TREE);
        bytes32 claimId = claimWith(id, ROOT);
        assertTrue(claims.claimOf(claimId).state == ClaimState.Standing, "claimed");
    }

    function test_anInputThatIsHiddenCannotBeClaimed() public {
        bytes32 id = _deliveredByUri(CommitmentScheme.SALTED);
        vm.expectRevert(
            abi.encodeWithSelector(IClaims.InputSchemeNotPublic.selector, CommitmentScheme.SALTED)
        );
        claimWith(id, ROOT);
    }

    /// @dev 12 hours to settle; the longest dispute takes 2 h + 2 * 1 h + 22 * 10 min, and the margin 30 min.
    function test_aClaimThatADisputeCouldMakeLateIsRefused() public {
        uint256 longest = 2 hours + 2 hours + 220 minutes + 30 minutes;
        bytes32 id = delivered();
        vm.warp(START + 12 hours - longest + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IClaims.SettlementWindowTooShort.selector, START + 12 hours + 1, START + 12 hours
            )
        );
        claimWith(id, ROOT);
        vm.warp(START + 12 hours - longest);
        claimWith(id, ROOT);
    }

    function test_theMarketPaysWhenTheWindowIsOverNotBefore() public {
        (bytes32 id,) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        vm.warp(START + WINDOW);
        assertTrue(!claims.isFinal(claimId), "at the window's last second");
        vm.expectRevert(_refused(claimId));
        settleClaim(id);
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClaimNotFinal.selector, claimId));
        claims.finish(claimId);
        vm.warp(START + WINDOW + 1);
        settleClaim(id);
        assertState(id, 0, LegState.Settled);
        vm.prank(STRANGER);
        claims.finish(claimId);
        assertClaim(claimId, ClaimState.Upheld);
        assertEq(claims.creditOf(PROVIDER), CLAIM_BOND, "bond");
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClaimNotStanding.selector, claimId, ClaimState.Upheld));
        claims.finish(claimId);
        assertTrue(claims.isFinal(claimId), "stays final");
    }

    function test_theMarketDoesNotPayWhileAChallengeIsOpen() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        vm.warp(START + WINDOW);
        challenge(RIVAL, id, trace.root);
        vm.warp(START + WINDOW + 1);
        vm.expectRevert(_refused(claimId));
        settleClaim(id);
        bytes memory seal = proofOf(id);
        claims.prove(id, 0, seal);
        settleClaim(id);
    }

    function test_theMarketNeverPaysAnOverturnedOrUnclaimedLeg() public {
        bytes32 unclaimed = delivered();
        vm.expectRevert(_refused(statementRoot(unclaimed)));
        settleClaim(unclaimed);
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        challenge(RIVAL, id, trace.root);
        vm.warp(START + 4 hours);
        claims.timeout(statementRoot(id), RIVAL);
        vm.expectRevert(_refused(statementRoot(id)));
        vm.warp(START + 5 hours);
        settleClaim(id);
    }

    function test_aProofEndsEveryChallengeAtOnce() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, trace.root);
        challenge(STRANGER, id, trace.root);
        bytes memory seal = proofOf(id);
        vm.prank(PROVIDER);
        claims.prove(id, 0, seal);
        assertClaim(claimId, ClaimState.Upheld);
        settleClaim(id);
        claims.reclaim(claimId, RIVAL);
        claims.reclaim(claimId, STRANGER);
        assertEq(claims.creditOf(PROVIDER), CLAIM_BOND, "its own bond");
        assertEq(claims.creditOf(RIVAL), CHALLENGE_BOND, "nobody has shown a challenger to be wrong");
        assertEq(claims.creditOf(STRANGER), CHALLENGE_BOND, "nor the other one");
        vm.expectRevert(abi.encodeWithSelector(IClaims.NothingToReclaim.selector, claimId, RIVAL));
        claims.reclaim(claimId, RIVAL);
    }

    function test_aProofOfSomethingElseEndsNothing() public {
        (bytes32 id,) = claimed(Lie.None, 0, 0);
        bytes memory foreign = proofOf(delivered());
        vm.expectPartialRevert(IClaims.ProofRefused.selector);
        claims.prove(id, 0, foreign);
        vm.expectPartialRevert(IProofRouter.SelectorMismatch.selector);
        claims.prove(id, 0, bytes.concat(OPTIMISTIC));
        bytes32 other = openAndDeliver(terms());
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotClaimable.selector, other, 0));
        claims.prove(other, 0, foreign);
        bytes32 unclaimed = delivered();
        bytes memory seal = proofOf(unclaimed);
        vm.expectRevert(
            abi.encodeWithSelector(
                IClaims.ClaimNotStanding.selector, statementRoot(unclaimed), ClaimState.None
            )
        );
        claims.prove(unclaimed, 0, seal);
    }

    function test_aProofOfAnotherProgramIsNone() public {
        modelKey = registerModel(OWNER, "two programs");
        addToySystem("optimistic/v1", ToyProgram.PROGRAM);
        addToySystem("sumcheck/v1", keccak256("another program"));
        learn();
        bytes32 id = delivered();
        claimWith(id, ROOT);
        bytes memory seal = proofOf(id);
        vm.expectPartialRevert(IClaims.ProgramDiffers.selector);
        claims.prove(id, 0, seal);
    }

    function test_aProofIsTooLateOnceTheClaimHasEnded() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, trace.root);
        vm.warp(START + 1 hours + 1);
        claims.timeout(claimId, RIVAL);
        bytes memory seal = proofOf(id);
        vm.expectRevert(
            abi.encodeWithSelector(IClaims.ClaimNotStanding.selector, claimId, ClaimState.Overturned)
        );
        claims.prove(id, 0, seal);
        (bytes32 second,) = claimed(Lie.None, 0, 0);
        vm.warp(START + 1 hours + 2 + WINDOW);
        seal = proofOf(second);
        vm.expectRevert(abi.encodeWithSelector(IClaims.ClaimIsFinal.selector, statementRoot(second)));
        claims.prove(second, 0, seal);
    }

    function test_aLazyClaimPostsItsRootWhenItIsChallenged() public {
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(0, true));
        vm.warp(START + 1 hours);
        bytes32 id = delivered();
        claimWith(id, 0);
        Trace memory trace = honest(id);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, 0);
        challenge(STRANGER, id, 0);
        assertTurn(claimId, RIVAL, Turn.Trace);
        vm.expectEmit(true, true, true, true);
        emit IClaims.TraceRootPosted(claimId, trace.root);
        _reply(claimId, RIVAL, trace);
        // Another challenger gets the same root and no other.
        Trace memory second = traceOf(id, Lie.Data, 3, 3);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NodeDiffers.selector, trace.root, second.root));
        _reply(claimId, STRANGER, second);
        _reply(claimId, STRANGER, trace);
        assertTurn(claimId, STRANGER, Turn.Pick);
        // From now on the claim has this root for everybody, and may be named with it or without.
        challengeFails(
            VALIDATOR, id, second.root, abi.encodeWithSelector(IClaims.ClaimDiffers.selector, claimId)
        );
        assertEq(claims.postedRootOf(claimId), trace.root, "posted");
        challenge(VALIDATOR, id, trace.root);
        challenge(PROVIDER, id, 0);
        for (uint256 i; i < 2; ++i) {
            address late = i == 0 ? VALIDATOR : PROVIDER;
            assertTurn(claimId, late, Turn.Children);
            assertEq(claims.challengeOf(claimId, late).contested, trace.root, "contested");
        }
    }

    function test_aLazyClaimThatIsNotChallengedIsFinalWithoutARoot() public {
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(150 minutes, true));
        vm.warp(START + 1 hours);
        bytes32 id = delivered();
        claimWith(id, 0);
        vm.warp(START + 210 minutes + 1);
        settleClaim(id);
        assertState(id, 0, LegState.Settled);
    }

    function _reply(bytes32 claimId, address challenger, Trace memory trace) private {
        bytes32[] memory children = new bytes32[](16);
        for (uint256 i; i < 16; ++i) {
            children[i] = trace.nodes[1][i];
        }
        vm.prank(PROVIDER);
        claims.reveal(claimId, challenger, children);
    }

    function _refused(bytes32 claimId) private pure returns (bytes memory) {
        bytes memory reason = abi.encodeWithSelector(OptimisticAdapter.NotFinal.selector, claimId);
        return abi.encodeWithSelector(IAvowMarket.ProofRefused.selector, reason);
    }

    /// @dev A delivered order of a model whose inputs are committed to by this scheme.
    function _deliveredByUri(uint16 scheme) private returns (bytes32) {
        vm.prank(OWNER);
        bool large = scheme == CommitmentScheme.PUBLIC_TREE;
        TensorSchema[] memory given = large ? EzklFixture.largeInputs() : EzklFixture.inputs();
        bytes32 key =
            registry.registerModel(ModelRegistration(keccak256("by uri"), ROYALTY, 0, given, "ipfs://model"));
        SystemRegistration memory registration = systemRegistration("optimistic/v1");
        registration.inputScheme = scheme;
        (registration.program, registration.key) = (ToyProgram.PROGRAM, toyKey);
        vm.prank(OWNER);
        registry.addSystem(key, registration);
        (bytes[] memory inputs, bytes[] memory outputs) = publicPlaces();
        bytes memory asked = abi.encodeCall(
            IReferee.schemaOf, (toyKey, bytes.concat(ToyProgram.PROGRAM, inputs[0]), false, 0)
        );
        vm.mockCall(address(referee), asked, abi.encode(given[0], 1, 21, true));
        claims.learn(key, inputs, outputs);
        OrderRequest memory order = optimisticTerms();
        order.modelKey = key;
        order.input = Commitment(scheme, keccak256("an input"));
        order.inputData = "";
        order.inputUri = "https://example.org/input";
        return openAndDeliver(order);
    }
}
