// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TeeAdapter} from "../../src/adapters/TeeAdapter.sol";
import {IAttestationKeys, ProvenAnswer, SignedAnswer} from "../../src/interfaces/IAttestationKeys.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IProofRouter} from "../../src/interfaces/IProofRouter.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {CommitmentScheme} from "../../src/types/Commitment.sol";
import {LegRequest, LegState, OrderRequest} from "../../src/types/Order.sol";
import {Statement, StatementLib} from "../../src/types/Statement.sol";
import {StatementTree} from "../../src/types/StatementTree.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {Packing} from "../base/BatchWorld.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";

/// @notice What costs a key its stake, and what does not.
contract ContradictionsTest is AttestationWorld {
    bytes32 private constant RIGHT = keccak256("the right output");
    uint256 private constant SECOND = KEY + 1;

    function setUp() public {
        setUpAttestation();
        activeKey(PROVIDER, KEY);
    }

    function test_aProofOfAnotherOutputSlashes() public {
        bytes32 id = openAndDeliver(teeTerms());
        SignedAnswer memory answer = signedAnswer(KEY, id);
        _contradict(STRANGER, answer);
        assertEq(keys.creditOf(STRANGER), STAKE / 2, "half to who showed it");
        assertEq(keys.creditOf(BURNED), STAKE - STAKE / 2, "half burned");
        assertTrue(keys.keyOf(enclave).slashed, "slashed");
        assertEq(keys.keyOf(enclave).revokedAt, block.timestamp, "revoked");
        assertTrue(keys.isContradicted(modelKey, leafOf(answer)), "noted");
        bytes memory seal = teeSeal(KEY, id);
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        settleTee(id, seal);
        vm.warp(block.timestamp + 200 days);
        vm.expectPartialRevert(IAttestationKeys.NothingToRelease.selector);
        keys.releaseStake(enclave);
    }

    function test_theMarketsLegCanBeRefutedWhereItIsOpen() public {
        bytes32 id = openAndDeliver(teeTerms());
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotRefuted.selector, id, 0));
        market.refute(id, 0);
        _contradict(STRANGER, signedAnswer(KEY, id));
        market.refute(id, 0);
        assertState(id, 0, LegState.Slashed);
    }

    function test_whatIsSettledStaysSettled() public {
        bytes32 id = openAndDeliver(teeTerms());
        settleTee(id, teeSeal(KEY, id));
        _contradict(STRANGER, signedAnswer(KEY, id));
        vm.expectPartialRevert(IAvowMarket.WrongLegState.selector);
        market.refute(id, 0);
        assertEq(keys.creditOf(STRANGER), STAKE / 2, "the stake is lost all the same");
    }

    /// @dev Each answer of a lying key can be shown; the stake is lost once.
    function test_aSecondLieIsNotedAndPaysNothing() public {
        bytes32 first = openAndDeliver(teeTerms());
        bytes32 second = openAndDeliver(teeTerms());
        SignedAnswer memory answer = signedAnswer(KEY, second);
        _contradict(STRANGER, signedAnswer(KEY, first));
        _contradict(RIVAL, answer);
        assertEq(keys.creditOf(RIVAL), 0, "no second reward");
        market.refute(second, 0);
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        commitTo(RIVAL, answer, proven);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.AlreadyShown.selector, leafOf(answer)));
        vm.prank(RIVAL);
        keys.contradictByProof(modelKey, answer, proven, 0);
    }

    /// @dev The same output is no contradiction, and neither is another question.
    function test_onlyTheSameQuestionWithAnotherAnswerContradicts() public {
        SignedAnswer memory answer = signedAnswer(KEY, openAndDeliver(teeTerms()));
        _noContradiction(answer, provenOtherwise(answer, answer.statement.output.value), "output");
        for (uint256 i; i < 6; ++i) {
            ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
            Statement memory statement = proven.statement;
            string memory field = "input";
            if (i == 0) (statement.model, field) = (keccak256("other"), "model");
            else if (i == 1) (statement.program, field) = (keccak256("other"), "program");
            else if (i == 2) statement.input.value = keccak256("other");
            else if (i == 3) statement.input.scheme = CommitmentScheme.SALTED;
            else if (i == 4) statement.input.scheme = CommitmentScheme.PUBLIC_TREE;
            else (statement.output.scheme, field) = (CommitmentScheme.SALTED, "output");
            _noContradiction(answer, provenStatement(statement), field);
        }
    }

    function test_hiddenTensorsContradictNothing() public {
        for (uint256 i; i < 2; ++i) {
            Statement memory statement = signedAnswer(KEY, openAndDeliver(teeTerms())).statement;
            if (i == 0) statement.input.scheme = CommitmentScheme.SALTED;
            else statement.output.scheme = CommitmentScheme.SALTED;
            SignedAnswer memory answer = signedStatement(KEY, statement);
            ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
            proven.statement.input.scheme = CommitmentScheme.PUBLIC;
            _noContradiction(answer, provenStatement(proven.statement), i == 0 ? "input" : "output");
        }
    }

    function test_onlyAProofOfTheProofSystemContradicts() public {
        SignedAnswer memory answer = signedAnswer(KEY, openAndDeliver(teeTerms()));
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        proven.statement.system = "tee/v1";
        proven = provenStatement(proven.statement);
        commitTo(STRANGER, answer, proven);
        vm.expectRevert(IAttestationKeys.SystemDiffers.selector);
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
        // Under the name of the proof system, but with the seal of another.
        proven = provenOtherwise(answer, RIGHT);
        proven.seal = bytes.concat(TEE, sealBody(KEY, leafOf(answer), answer.time));
        commitTo(STRANGER, answer, proven);
        vm.expectPartialRevert(IProofRouter.SelectorMismatch.selector);
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
    }

    function test_aProofThatTheRouterRefusesContradictsNothing() public {
        SignedAnswer memory answer = signedAnswer(KEY, openAndDeliver(teeTerms()));
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        proven.seal[10] ^= 0x01;
        commitTo(STRANGER, answer, proven);
        vm.expectPartialRevert(IAttestationKeys.ProofRefused.selector);
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
    }

    function test_whatAKeyDidNotSignCostsItNothing() public {
        bytes32 id = openAndDeliver(teeTerms());
        SignedAnswer memory answer = signedAnswer(KEY, id);
        for (uint256 i; i < 6; ++i) {
            SignedAnswer memory changed = signedAnswer(KEY, id);
            if (i == 0) changed.statement.output.value = keccak256("never said");
            else if (i == 1) changed.statement.nonce += 1;
            else if (i == 2) changed.domainSeparator = keccak256("another market");
            else if (i == 3) changed.time -= 1;
            else if (i == 4) changed.path.siblings = new bytes32[](1);
            else changed.statement.provider = RIVAL;
            ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
            commitTo(STRANGER, changed, proven);
            vm.expectPartialRevert(IAttestationKeys.KeyUnknown.selector);
            vm.prank(STRANGER);
            keys.contradictByProof(modelKey, changed, proven, 0);
        }
        assertTrue(!keys.keyOf(enclave).slashed, "nothing lost");
    }

    /// @dev A key signs statements of its own system; whatever else stands under a root is not its answer.
    function test_aStatementOfAnotherSystemIsNoAnswer() public {
        Statement memory statement = signedAnswer(KEY, openAndDeliver(teeTerms())).statement;
        statement.system = "sumcheck/v1";
        SignedAnswer memory answer = signedStatement(KEY, statement);
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        commitTo(STRANGER, answer, proven);
        vm.expectRevert(IAttestationKeys.SystemDiffers.selector);
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
        vm.expectRevert(IAttestationKeys.SystemDiffers.selector);
        keys.contradictByClaim(answer, toyKey);
    }

    function test_anAnswerOfABatchCanBeContradicted() public {
        bytes32[] memory digests = new bytes32[](3);
        SignedAnswer memory answer;
        for (uint256 i; i < 3; ++i) {
            bytes32 id = openAndDeliver(teeTerms());
            answer = signedAnswer(KEY, id);
            digests[i] = StatementLib.digest(answer.statement, answer.domainSeparator);
        }
        answer.path = Packing.pathOf(digests, 2);
        bytes32 root = StatementTree.root(digests[2], answer.path);
        bytes memory body = sealBody(KEY, root, answer.time);
        for (uint256 i; i < 65; ++i) {
            answer.signature[i] = body[8 + i];
        }
        _contradict(STRANGER, answer);
        assertTrue(keys.keyOf(enclave).slashed, "slashed");
    }

    function test_aContradictionIsCommittedToBefore() public {
        SignedAnswer memory answer = signedAnswer(KEY, openAndDeliver(teeTerms()));
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        _notCommitted(STRANGER, answer, proven);
        bytes32 commitment =
            keccak256(abi.encode(STRANGER, leafOf(answer), keccak256(proven.seal), bytes32(0)));
        vm.prank(STRANGER);
        keys.commit(commitment);
        // In the same block somebody could have copied it.
        _notCommitted(STRANGER, answer, proven);
        nextBlock();
        // What one commits to is one's own.
        _notCommitted(RIVAL, answer, proven);
        vm.prank(RIVAL);
        keys.commit(commitment);
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
    }

    /// @dev Anybody can register data that prove anything under the digest of another's program.
    function test_aModelThatTheOperatorDidNotNameContradictsNothing() public {
        SignedAnswer memory answer = signedAnswer(KEY, openAndDeliver(teeTerms()));
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        bytes32 model = _modelOf(RIVAL, true);
        commitTo(RIVAL, answer, proven);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.ModelNotProvable.selector, enclave, model));
        vm.prank(RIVAL);
        keys.contradictByProof(model, answer, proven, 0);
        // Nor one that had no proof system when it was named.
        model = _modelOf(STRANGER, false);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        _addSumcheck(STRANGER, model);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.ModelNotProvable.selector, enclave, model));
        vm.prank(RIVAL);
        keys.contradictByProof(model, answer, proven, 0);
    }

    /// @dev A rival's own key signs the honest provider's statement and is contradicted under the rival's model, or
    /// under the same: the honest leg stays.
    function test_anothersKeyEndsNoLegOfSomebodyElse() public {
        bytes32 id = openAndDeliver(teeTerms());
        registerSimulated(RIVAL, SECOND);
        serve(RIVAL, SECOND);
        SignedAnswer memory answer = signedAnswer(SECOND, id);
        _contradict(STRANGER, answer);
        assertTrue(keys.keyOf(vm.addr(SECOND)).slashed, "the rival's stake is lost");
        assertTrue(!keys.isContradicted(modelKey, leafOf(answer)), "not refutable");
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotRefuted.selector, id, 0));
        market.refute(id, 0);
        settleTee(id, teeSeal(KEY, id));
    }

    function test_aLegIsRefutedUnderItsOwnModelOnly() public {
        bytes32 id = openAndDeliver(teeTerms());
        SignedAnswer memory answer = signedAnswer(KEY, id);
        bytes32 model = _modelOf(RIVAL, true);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        commitTo(STRANGER, answer, proven);
        vm.prank(STRANGER);
        keys.contradictByProof(model, answer, proven, 0);
        assertTrue(!keys.isContradicted(modelKey, leafOf(answer)), "of the other model");
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotRefuted.selector, id, 0));
        market.refute(id, 0);
    }

    function test_whatWasSignedAfterARevocationCostsNothing() public {
        bytes32 id = openAndDeliver(teeTerms());
        SignedAnswer memory before = signedAnswer(KEY, id);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        vm.warp(block.timestamp + 1);
        SignedAnswer memory answer = signedAnswer(KEY, id);
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        commitTo(STRANGER, answer, proven);
        vm.expectRevert(
            abi.encodeWithSelector(IAttestationKeys.SignedAfterEnd.selector, enclave, block.timestamp)
        );
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
        _contradict(STRANGER, before);
        assertEq(keys.creditOf(STRANGER), STAKE / 2, "what it signed before does");
    }

    /// @dev Nobody has accepted it, and an enclave that is given up keeps no secrets.
    function test_whatWasSignedAfterTheKeysEndCostsNothing() public {
        bytes32 id = openAndDeliver(teeTerms());
        uint256 end = keys.keyOf(enclave).notAfter;
        vm.warp(end + 1);
        SignedAnswer memory late = signedAnswer(KEY, id);
        ProvenAnswer memory proven = provenOtherwise(late, RIGHT);
        commitTo(STRANGER, late, proven);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.SignedAfterEnd.selector, enclave, end + 1));
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, late, proven, 0);
        vm.warp(end);
        SignedAnswer memory last = signedAnswer(KEY, id);
        _contradict(STRANGER, last);
        assertEq(keys.creditOf(STRANGER), STAKE / 2, "of its last second does");
    }

    function test_anExpiredKeyAnswersForWhatItSigned() public {
        SignedAnswer memory answer = signedAnswer(KEY, openAndDeliver(teeTerms()));
        vm.warp(block.timestamp + 31 days);
        _contradict(STRANGER, answer);
        assertEq(keys.creditOf(STRANGER), STAKE / 2, "slashed");
    }

    function test_anOverturnedClaimOfTheOperatorSlashes() public {
        (bytes32 id, SignedAnswer memory answer) = _overturned();
        assertState(id, 0, LegState.Delivered);
        vm.prank(STRANGER);
        keys.contradictByClaim(answer, toyKey);
        assertEq(keys.creditOf(STRANGER), STAKE / 2, "half");
        market.refute(id, 0);
        assertState(id, 0, LegState.Slashed);
    }

    function test_aClaimThatStandsContradictsNothing() public {
        bytes32 id = _twoLegs(PROVIDER);
        SignedAnswer memory answer = signedAnswer(KEY, id);
        bytes memory output_ = outputBytes();
        vm.prank(PROVIDER);
        claims.claim(id, 1, output_, keccak256("trace"));
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotOverturned.selector, rootOf(id, 1)));
        keys.contradictByClaim(answer, toyKey);
        vm.expectPartialRevert(IAttestationKeys.NotOverturned.selector);
        keys.contradictByClaim(answer, keccak256("another key"));
    }

    /// @dev A provider can lose a claim of a right answer on purpose: only its own key pays for it.
    function test_anotherProvidersClaimCostsAKeyNothing() public {
        bytes32 id = _twoLegs(RIVAL);
        (Statement memory statement,) = market.statementFor(id, 0, RIVAL, outputCommitment());
        SignedAnswer memory answer = signedStatement(KEY, statement);
        bytes memory output_ = outputBytes();
        vm.prank(RIVAL);
        claims.claim(id, 1, output_, keccak256("a trace that nobody has"));
        _open(id, keccak256("a trace that nobody has"));
        vm.warp(block.timestamp + CLOCK + 1);
        claims.timeout(rootOf(id, 1), STRANGER);
        assertTrue(claims.isOverturned(rootOf(id, 1)), "overturned on purpose");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotOperatorsOwn.selector, PROVIDER, RIVAL));
        keys.contradictByClaim(answer, toyKey);
    }

    function test_theAdapterKnowsItsSystem() public {
        Statement memory statement = signedAnswer(KEY, openAndDeliver(teeTerms())).statement;
        statement.system = "optimistic/v1";
        vm.expectRevert(abi.encodeWithSelector(TeeAdapter.StatementDiffers.selector, "system"));
        tee.refuted(modelKey, statement);
    }

    function _contradict(address who, SignedAnswer memory answer) private {
        ProvenAnswer memory proven = provenOtherwise(answer, RIGHT);
        commitTo(who, answer, proven);
        vm.prank(who);
        keys.contradictByProof(modelKey, answer, proven, 0);
    }

    function _noContradiction(SignedAnswer memory answer, ProvenAnswer memory proven, string memory field)
        private
    {
        commitTo(STRANGER, answer, proven);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NoContradiction.selector, field));
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
    }

    function _notCommitted(address who, SignedAnswer memory answer, ProvenAnswer memory proven) private {
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotCommitted.selector, who));
        vm.prank(who);
        keys.contradictByProof(modelKey, answer, proven, 0);
    }

    /// @dev Another's registration of the same digest and program.
    function _modelOf(address owner, bool provable) private returns (bytes32 model) {
        bytes32 digest = registry.modelOf(modelKey).digest;
        model = registry.modelKeyOf(owner, digest);
        SystemRegistration memory registration = teeRegistration();
        vm.startPrank(owner);
        registry.registerModel(ModelRegistration(digest, ROYALTY, 500, EzklFixture.inputs(), ""));
        registry.addSystem(model, registration);
        vm.stopPrank();
        if (provable) _addSumcheck(owner, model);
    }

    function _addSumcheck(address owner, bytes32 model) private {
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        registration.program = ToyProgram.PROGRAM;
        registration.key = toyKey;
        vm.prank(owner);
        registry.addSystem(model, registration);
    }

    /// @dev A first leg by attestation, a second by a claim.
    function _twoLegs(address provider) private returns (bytes32 id) {
        OrderRequest memory order = teeTerms();
        order.legs = new LegRequest[](2);
        order.legs[0] = LegRequest(TEE, uint64(block.timestamp + 1 days), 4_000);
        order.legs[1] = LegRequest(OPTIMISTIC, uint64(block.timestamp + 1 days), 6_000);
        id = open(order);
        vm.startPrank(provider);
        market.lock(id);
        market.deliver(id, 0, TEE, outputCommitment(), 0, "");
        market.deliver(id, 1, OPTIMISTIC, outputCommitment(), 0, "");
        vm.stopPrank();
    }

    function _traced(bytes32 id, bytes32 traceRoot) private view returns (TracedClaim memory traced) {
        traced = tracedOf(id, traceRoot);
        (traced.key, traced.program) = (toyKey, ToyProgram.PROGRAM);
        traced.statementRoot = rootOf(id, 1);
    }

    function _overturned() private returns (bytes32 id, SignedAnswer memory answer) {
        id = _twoLegs(PROVIDER);
        answer = signedAnswer(KEY, id);
        bytes memory output_ = outputBytes();
        vm.prank(PROVIDER);
        claims.claim(id, 1, output_, keccak256("trace"));
        _open(id, keccak256("trace"));
        vm.warp(block.timestamp + CLOCK + 1);
        claims.timeout(rootOf(id, 1), STRANGER);
    }

    function _open(bytes32 id, bytes32 traceRoot) private {
        TracedClaim memory traced = _traced(id, traceRoot);
        vm.prank(STRANGER);
        claims.open(traced);
    }
}
