// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    Claim,
    ClaimParameters,
    ClaimState,
    IClaims,
    ModelClaimTerms,
    Turn
} from "../../src/interfaces/IClaims.sol";
import {SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {Statement} from "../../src/types/Statement.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Players} from "../base/Players.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";
import {Lie, ToyTrace, Trace} from "../optimistic/ToyTrace.sol";

/// @notice Liars around claims who should get nothing: each test says what must hold.
contract OptimismTest is DisputeWorld {
    function setUp() public {
        setUpDisputes();
    }

    /// @dev Verifier data, program, key and string of a proof system are all the model owner's choice. If it may add
    /// the system when challenges are open, nobody can know before it challenges what "a proof" will mean.
    function test_attack_aProofSystemAddedAfterTheChallengeSavesALie() public {
        modelKey = registerModel(OWNER, "without proofs");
        addToySystem("optimistic/v1", ToyProgram.PROGRAM);
        learn();
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 21);
        challenge(RIVAL, id, trace.root);
        nextBlock();
        addToySystem("sumcheck/v1", ToyProgram.PROGRAM);
        bytes memory seal = proofOf(id);
        vm.prank(PROVIDER);
        (bool success,) = address(claims).call(abi.encodeCall(IClaims.prove, (id, 0, seal)));
        assertTrue(!success, "a system that was not there when the claim was made decides it");
        assertClaim(statementRoot(id), ClaimState.Standing);
    }

    /// @dev STRANGER is the liar's own second account: it lost nothing by its challenge, whoever wins.
    function test_attack_whoHasAChallengeCopiesACommittedRefutation() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 21);
        challenge(STRANGER, id, trace.root);
        bytes memory refutation = ToyTrace.refutation(trace, 3, 21);
        bytes32 salt = keccak256("salt");
        vm.prank(RIVAL);
        claims.commit(keccak256(abi.encode(RIVAL, statementRoot(id), keccak256(refutation), salt)));
        nextBlock();
        // RIVAL's transaction waits; its bytes are sent first by the account that never committed to them.
        TracedClaim memory traced = tracedOf(id, trace.root);
        vm.prank(STRANGER);
        (bool success,) = address(claims).call(abi.encodeCall(IClaims.refute, (traced, refutation, 0)));
        assertTrue(!success, "the copier is paid");
        vm.prank(RIVAL);
        claims.refute(traced, refutation, salt);
        assertEq(claims.creditOf(RIVAL), REWARD, "who found it");
    }

    /// @dev The liar keeps its first reply until somebody else's challenge waits to be mined at the window's end.
    function test_attack_aLateRootShutsOutTheLastChallenger() public {
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(0, true));
        vm.warp(START + 1 hours);
        bytes32 id = delivered();
        Trace memory trace = traceOf(id, Lie.Data, 3, 21);
        claimWith(id, 0);
        uint256 end = block.timestamp + WINDOW;
        vm.warp(end - 30 minutes);
        challenge(STRANGER, id, 0);
        nextBlock();
        vm.warp(end);
        TracedClaim memory asSeen = tracedOf(id, 0);
        bytes32[] memory children = ToyTrace.children(trace.nodes, 5, 0);
        bytes32 claimId = statementRoot(id);
        vm.prank(PROVIDER);
        claims.reveal(claimId, STRANGER, children);
        vm.prank(RIVAL);
        (bool success,) = address(claims).call(abi.encodeCall(IClaims.open, (asSeen)));
        assertTrue(success, "a challenge in the window, of the claim as it was made, is refused");
    }

    /// @dev The requester's escrow was taken under a window of two hours.
    function test_attack_aModelOwnerShortensTheWindowOfAnOrderThatIsOpen() public {
        bytes32 id = open(optimisticTerms());
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(10 minutes, false));
        vm.warp(START + 11 minutes);
        lock(id);
        deliver(id, 0);
        bytes32 claimId = claimWith(id, keccak256("of no run"));
        Claim memory made = claims.claimOf(claimId);
        assertTrue(made.windowEnd >= block.timestamp + WINDOW, "the window of the request");
    }

    /// @dev As the other adapters do, this one has to find that the statement is of the model that is asked about.
    function test_attack_aStandingClaimCountsForEveryModel() public {
        bytes32 asked = modelKey;
        modelKey = registerModel(STRANGER, "nobody checked this one");
        SystemRegistration memory registration = systemRegistration("optimistic/v1");
        (registration.program, registration.key) = (ToyProgram.PROGRAM, toyKey);
        vm.prank(STRANGER);
        registry.addSystem(modelKey, registration);
        learn();
        bytes32 id = delivered();
        claimWith(id, keccak256("of no run"));
        vm.warp(START + WINDOW + 1);
        (Statement memory statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        bytes32 root = statementRoot(id);
        (bool own,) = router.verify(modelKey, statement, root, bytes.concat(OPTIMISTIC));
        assertTrue(own, "of its own model");
        (bool accepted,) = router.verify(asked, statement, root, bytes.concat(OPTIMISTIC));
        assertTrue(!accepted, "of the model that was asked about");
    }

    /// @dev The answer is right, its trace is not: whoever compares traces challenges, with every right to win, and
    /// pays the provider for it.
    function test_attack_aWrongTraceOfARightAnswerIsABaitForBonds() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.Data, 3, 21);
        challenge(RIVAL, id, trace.root);
        bytes memory seal = proofOf(id);
        vm.prank(PROVIDER);
        claims.prove(id, 0, seal);
        claims.reclaim(statementRoot(id), RIVAL);
        assertEq(claims.creditOf(RIVAL), CHALLENGE_BOND, "of the two the challenger said what is true");
    }

    /// @dev The shortest clocks that governance may set, and a provider who answers at once, but every answer is
    /// mined in the second slot of twelve seconds.
    function test_attack_theShortestClocksAreShorterThanTwoSlots() public {
        ClaimParameters memory shortest = claimParameters();
        (shortest.clock, shortest.extension) = (5 minutes, 1 minutes);
        claims = newClaims(market, router, referee, GOVERNOR, shortest);
        learn();
        vm.prank(PROVIDER);
        token.approve(address(claims), type(uint256).max);
        vm.prank(RIVAL);
        token.approve(address(claims), type(uint256).max);
        bytes32 id = delivered();
        bytes32 claimId = statementRoot(id);
        Trace memory trace = honest(id);
        claimWith(id, trace.root);
        challenge(RIVAL, id, trace.root);
        TracedClaim memory traced = tracedOf(id, trace.root);
        while (claims.challengeOf(claimId, RIVAL).turn != Turn.Refutation) {
            bytes memory move = Players.answer(claims, claimId, RIVAL, trace);
            bool providers = move.length != 0;
            if (providers) vm.warp(block.timestamp + 24);
            else move = Players.challenge(claims, traced, RIVAL, trace, trace, 3);
            vm.prank(providers ? PROVIDER : RIVAL);
            (bool success,) = address(claims).call(move);
            assertTrue(success, "an honest provider who answers in the second slot is too late");
        }
    }
}
