// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TeeAdapter, TeeTerms} from "../../src/adapters/TeeAdapter.sol";
import {Enrolment, IAttestationKeys, Service, Tier} from "../../src/interfaces/IAttestationKeys.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {QuoteVerdict} from "../../src/interfaces/IQuoteCheck.sol";
import {CommitmentScheme} from "../../src/types/Commitment.sol";
import {BatchItem, LegState} from "../../src/types/Order.sol";
import {BatchClaim, Statement} from "../../src/types/Statement.sol";
import {StatementTree} from "../../src/types/StatementTree.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {Packing} from "../base/BatchWorld.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";

/// @notice Whose signatures settle a leg, and of which models.
contract TeeAdapterTest is AttestationWorld {
    function setUp() public {
        setUpAttestation();
        activeKey(PROVIDER, KEY);
    }

    function test_aSignedAnswerSettles() public {
        bytes32 id = openAndDeliver(teeTerms());
        settleTee(id, teeSeal(KEY, id));
        assertState(id, 0, LegState.Settled);
    }

    function test_oneSignatureSettlesAWholeBatch() public {
        (bytes32[] memory ids, BatchItem[] memory items, bytes32 root) = _batch(5);
        bytes memory seal = bytes.concat(TEE, sealBody(KEY, root, uint64(block.timestamp)));
        vm.prank(VALIDATOR);
        assertEq(market.settleBatch(modelKey, root, items, seal), 5, "settled");
        assertState(ids[4], 0, LegState.Settled);
    }

    function test_aBatchNeedsASignatureOverItsRoot() public {
        (, BatchItem[] memory items, bytes32 root) = _batch(3);
        bytes memory seal = bytes.concat(TEE, sealBody(KEY, keccak256("root"), uint64(block.timestamp)));
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        vm.prank(VALIDATOR);
        market.settleBatch(modelKey, root, items, seal);
    }

    function test_anAnswerThatNobodySignedSettlesNothing() public {
        bytes32 id = openAndDeliver(teeTerms());
        bytes memory seal =
            bytes.concat(TEE, sealBody(KEY, keccak256("another root"), uint64(block.timestamp)));
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        settleTee(id, seal);
        seal = teeSeal(KEY + 9, id);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.ProofRefused.selector,
                abi.encodeWithSelector(IAttestationKeys.KeyUnknown.selector, vm.addr(KEY + 9))
            )
        );
        settleTee(id, seal);
    }

    /// @dev What was settled before a key was revoked stays settled; nothing after it is.
    function test_aRevocationRefusesWhatComesAndKeepsWhatWas() public {
        bytes32 settled = openAndDeliver(teeTerms());
        settleTee(settled, teeSeal(KEY, settled));
        bytes32 open_ = openAndDeliver(teeTerms());
        bytes memory seal = teeSeal(KEY, open_);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.ProofRefused.selector,
                abi.encodeWithSelector(IAttestationKeys.KeyIsRevoked.selector, enclave, block.timestamp)
            )
        );
        settleTee(open_, seal);
        assertState(settled, 0, LegState.Settled);
    }

    function test_theBodyHasOneForm() public {
        (Statement memory statement, bytes32 root) = _statement();
        bytes memory body = sealBody(KEY, root, uint64(block.timestamp));
        assertTrue(tee.verify(modelKey, statement, root, body), "accepted");
        vm.expectRevert(abi.encodeWithSelector(TeeAdapter.BodyLengthDiffers.selector, 73, 74));
        tee.verify(modelKey, statement, root, bytes.concat(body, hex"00"));
        vm.expectRevert(abi.encodeWithSelector(TeeAdapter.BodyLengthDiffers.selector, 73, 0));
        tee.verify(modelKey, statement, root, "");
    }

    function test_everyRecordOfTheStatementIsCompared() public {
        (Statement memory statement, bytes32 root) = _statement();
        bytes memory body = sealBody(KEY, root, uint64(block.timestamp));
        string[6] memory fields = ["system", "model", "program", "key", "input.scheme", "output.scheme"];
        for (uint256 i; i < 6; ++i) {
            (Statement memory changed,) = _statement();
            if (i == 0) changed.system = "sumcheck/v1";
            else if (i == 1) changed.model = keccak256("other");
            else if (i == 2) changed.program = keccak256("other");
            else if (i == 3) changed.key = keccak256("other");
            else if (i == 4) changed.input.scheme = CommitmentScheme.SALTED;
            else changed.output.scheme = CommitmentScheme.SALTED;
            bytes memory reason = abi.encodeWithSelector(TeeAdapter.StatementDiffers.selector, fields[i]);
            vm.expectRevert(reason);
            tee.verify(modelKey, changed, root, body);
            BatchClaim[] memory claims_ = new BatchClaim[](2);
            (claims_[0].statement, claims_[1].statement) = (statement, changed);
            vm.expectRevert(reason);
            tee.verifyBatch(modelKey, claims_, root, body);
        }
    }

    /// @dev Of a model with small inputs it would be an answer that no proof and no claim contradicts.
    function test_anInputByItsRootIsAnsweredForWhereTheModelsInputsAreLarge() public {
        bytes32 large = bareModelOf("large", EzklFixture.largeInputs());
        _serve(large, CommitmentScheme.PUBLIC_TREE);
        (Statement memory statement, bytes32 root) = _statement();
        bytes memory body = sealBody(KEY, root, uint64(block.timestamp));
        statement.input.scheme = CommitmentScheme.PUBLIC_TREE;
        _schemeDiffers(modelKey, statement, root, body);
        statement.model = registry.modelOf(large).digest;
        assertTrue(tee.verify(large, statement, root, body), "accepted");
        statement.input.scheme = CommitmentScheme.PUBLIC;
        _schemeDiffers(large, statement, root, body);
        bytes32 hiding = bareModel("hiding");
        _serve(hiding, CommitmentScheme.EZKL_POSEIDON);
        statement.model = registry.modelOf(hiding).digest;
        for (uint16 scheme = CommitmentScheme.PUBLIC; scheme <= CommitmentScheme.PUBLIC_TREE; ++scheme) {
            statement.input.scheme = scheme;
            _schemeDiffers(hiding, statement, root, body);
        }
    }

    function test_aBatchHasClaimsAndTheirPartsAreEmpty() public {
        (Statement memory statement, bytes32 root) = _statement();
        bytes memory body = sealBody(KEY, root, uint64(block.timestamp));
        BatchClaim[] memory claims_ = new BatchClaim[](0);
        vm.expectRevert(TeeAdapter.NoClaims.selector);
        tee.verifyBatch(modelKey, claims_, root, body);
        claims_ = new BatchClaim[](2);
        (claims_[0].statement, claims_[1].statement) = (statement, statement);
        assertTrue(tee.verifyBatch(modelKey, claims_, root, body), "accepted");
        claims_[1].part = hex"00";
        vm.expectRevert(abi.encodeWithSelector(TeeAdapter.PartNotEmpty.selector, 1));
        tee.verifyBatch(modelKey, claims_, root, body);
    }

    /// @dev The owner of the model names the contract of keys; another one's keys are not these.
    function test_aModelOfOtherKeysIsRefused() public {
        bytes32 model = bareModel("other keys");
        SystemRegistration memory registration = teeRegistration();
        (registration.verifier, registration.verifierCodehash) = (address(halo2), address(halo2).codehash);
        vm.prank(OWNER);
        registry.addSystem(model, registration);
        (Statement memory statement, bytes32 root) = _statement();
        statement.model = registry.modelOf(model).digest;
        vm.expectRevert(abi.encodeWithSelector(TeeAdapter.StatementDiffers.selector, "verifier"));
        tee.verify(model, statement, root, sealBody(KEY, root, uint64(block.timestamp)));
    }

    function test_aKeyAnswersForItsOwnProgram() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY + 1);
        enrolment.program = keccak256("another program");
        bytes memory quote = quoteFor(enrolment);
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        vm.prank(PROVIDER);
        keys.registerChecked(enrolment, quote);
        (Statement memory statement, bytes32 root) = _statement();
        vm.expectRevert(abi.encodeWithSelector(TeeAdapter.StatementDiffers.selector, "program"));
        tee.verify(modelKey, statement, root, sealBody(KEY + 1, root, uint64(block.timestamp)));
    }

    function test_aKeyAnswersForModelsThatItServes() public {
        registerVouched(PROVIDER, KEY + 1);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        (Statement memory statement, bytes32 root) = _statement();
        bytes memory body = sealBody(KEY + 1, root, uint64(block.timestamp));
        vm.expectRevert(
            abi.encodeWithSelector(TeeAdapter.ModelNotServed.selector, vm.addr(KEY + 1), modelKey)
        );
        tee.verify(modelKey, statement, root, body);
        serve(PROVIDER, KEY + 1);
        assertTrue(tee.verify(modelKey, statement, root, body), "served");
    }

    function test_simulatedKeysAreBelowTheDefault() public {
        registerSimulated(PROVIDER, KEY + 1);
        serve(PROVIDER, KEY + 1);
        bytes32 id = openAndDeliver(teeTerms());
        bytes memory seal = teeSeal(KEY + 1, id);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.ProofRefused.selector,
                abi.encodeWithSelector(TeeAdapter.TierTooLow.selector, Tier.Simulated, Tier.Registrar)
            )
        );
        settleTee(id, seal);
    }

    function test_aModelsOwnerAllowsSimulatedKeysByName() public {
        bytes32 model = bareModel("development");
        vm.expectEmit(true, true, true, true);
        emit TeeAdapter.SimulatedKeysAllowed(model);
        vm.prank(OWNER);
        tee.allowSimulatedKeys(model, false);
        _register(model);
        registerSimulated(PROVIDER, KEY + 1);
        vm.prank(PROVIDER);
        keys.serve(vm.addr(KEY + 1), model, ToyProgram.OUTPUTS, measurements());
        (Statement memory statement, bytes32 root) = _statement();
        statement.model = registry.modelOf(model).digest;
        bytes memory body = sealBody(KEY + 1, root, uint64(block.timestamp));
        assertTrue(tee.verify(model, statement, root, body), "accepted");
    }

    function test_termsHaveOneDoorForSimulatedKeys() public {
        bytes32 model = bareModel("terms");
        vm.startPrank(OWNER);
        vm.expectRevert(TeeAdapter.SimulatedNotNamed.selector);
        tee.setTerms(model, Tier.Simulated, false);
        vm.expectRevert(TeeAdapter.MinimumMissing.selector);
        tee.setTerms(model, Tier.None, false);
        vm.stopPrank();
        assertEq(uint256(tee.termsOf(model).minimum), uint256(Tier.Registrar), "default");
    }

    function test_onlyTheModelsOwnerSetsItsTerms() public {
        bytes32 model = bareModel("terms");
        bytes memory reason = abi.encodeWithSelector(TeeAdapter.NotModelOwner.selector, model, PROVIDER);
        vm.expectRevert(reason);
        vm.prank(PROVIDER);
        tee.setTerms(model, Tier.OnchainDcap, false);
        vm.expectRevert(reason);
        vm.prank(PROVIDER);
        tee.allowSimulatedKeys(model, false);
    }

    function test_termsAreFixedOnceTheSystemIsRegistered() public {
        bytes memory reason = abi.encodeWithSelector(TeeAdapter.TermsAreFixed.selector, modelKey);
        vm.startPrank(OWNER);
        vm.expectRevert(reason);
        tee.setTerms(modelKey, Tier.OnchainDcap, true);
        vm.expectRevert(reason);
        tee.allowSimulatedKeys(modelKey, false);
        vm.stopPrank();
    }

    /// @dev A question that fails, as for too little gas, is not the answer that there is no such system.
    function test_termsCannotBeChangedByAQuestionThatFails() public {
        bytes memory question = abi.encodeCall(registry.bindingOf, (modelKey, TEE));
        for (uint256 length; length < 8; length += 4) {
            vm.mockCallRevert(address(registry), question, new bytes(length));
            vm.expectRevert(abi.encodeWithSelector(TeeAdapter.TermsAreFixed.selector, modelKey));
            vm.prank(OWNER);
            tee.allowSimulatedKeys(modelKey, false);
        }
    }

    function test_aModelCanAskForAStrongerTier() public {
        bytes32 model = bareModel("strong");
        vm.prank(OWNER);
        tee.setTerms(model, Tier.OnchainDcap, false);
        _register(model);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        (Statement memory statement, bytes32 root) = _statement();
        statement.model = registry.modelOf(model).digest;
        vm.expectRevert(
            abi.encodeWithSelector(TeeAdapter.TierTooLow.selector, Tier.Registrar, Tier.OnchainDcap)
        );
        tee.verify(model, statement, root, sealBody(KEY, root, uint64(block.timestamp)));
    }

    function test_aModelCanAskThatProofsCost() public {
        bytes32 model = bareModel("provable");
        vm.prank(OWNER);
        tee.setTerms(model, Tier.Registrar, true);
        TeeTerms memory terms_ = tee.termsOf(model);
        assertTrue(terms_.provable && terms_.minimum == Tier.Registrar, "terms");
        _register(model);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        (Statement memory statement, bytes32 root) = _statement();
        statement.model = registry.modelOf(model).digest;
        bytes memory body = sealBody(KEY, root, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(TeeAdapter.ModelNotProvable.selector, enclave, model));
        tee.verify(model, statement, root, body);
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        registration.program = ToyProgram.PROGRAM;
        vm.prank(OWNER);
        registry.addSystem(model, registration);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        assertService(KEY, model, Service.Provable);
        assertTrue(tee.verify(model, statement, root, body), "accepted");
    }

    /// @dev No contract can be shown an input that is committed to by its root, nor one that is hidden.
    function test_whatNoContractProvesCostsNobody() public {
        bytes32[2] memory models =
            [bareModelOf("large", EzklFixture.largeInputs()), bareModel("hidden proof")];
        uint16[2] memory signed = [CommitmentScheme.PUBLIC_TREE, CommitmentScheme.PUBLIC];
        uint16[2] memory proven = [CommitmentScheme.PUBLIC_TREE, CommitmentScheme.EZKL_POSEIDON];
        for (uint256 i; i < models.length; ++i) {
            vm.prank(OWNER);
            tee.setTerms(models[i], Tier.Registrar, true);
            SystemRegistration memory registration = systemRegistration("sumcheck/v1");
            (registration.program, registration.inputScheme) = (ToyProgram.PROGRAM, proven[i]);
            vm.prank(OWNER);
            registry.addSystem(models[i], registration);
            _serve(models[i], signed[i]);
            assertService(KEY, models[i], Service.Served);
            (Statement memory statement, bytes32 root) = _statement();
            statement.model = registry.modelOf(models[i]).digest;
            statement.input.scheme = signed[i];
            bytes memory body = sealBody(KEY, root, uint64(block.timestamp));
            vm.expectRevert(abi.encodeWithSelector(TeeAdapter.ModelNotProvable.selector, enclave, models[i]));
            tee.verify(models[i], statement, root, body);
        }
    }

    function _serve(bytes32 model, uint16 scheme) private {
        SystemRegistration memory registration = teeRegistration();
        registration.inputScheme = scheme;
        vm.prank(OWNER);
        registry.addSystem(model, registration);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
    }

    function _schemeDiffers(bytes32 model, Statement memory statement, bytes32 root, bytes memory body)
        private
    {
        bytes memory differs = abi.encodeWithSelector(TeeAdapter.StatementDiffers.selector, "input.scheme");
        vm.expectRevert(differs);
        tee.verify(model, statement, root, body);
        BatchClaim[] memory claims_ = new BatchClaim[](1);
        claims_[0].statement = statement;
        vm.expectRevert(differs);
        tee.verifyBatch(model, claims_, root, body);
    }

    function _register(bytes32 model) private {
        SystemRegistration memory registration = teeRegistration();
        vm.prank(OWNER);
        registry.addSystem(model, registration);
    }

    function _statement() private returns (Statement memory statement, bytes32 root) {
        bytes32 id = open(teeTerms());
        bytes32 digest;
        (statement, digest) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        root = StatementTree.leaf(digest);
    }

    function _batch(uint256 count)
        private
        returns (bytes32[] memory ids, BatchItem[] memory items, bytes32 root)
    {
        ids = new bytes32[](count);
        bytes32[] memory digests = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            ids[i] = openAndDeliver(teeTerms());
            (, digests[i]) = market.statementFor(ids[i], 0, PROVIDER, outputCommitment());
        }
        root = StatementTree.root(digests[0], Packing.pathOf(digests, 0));
        items = new BatchItem[](count);
        for (uint256 i; i < count; ++i) {
            items[i] = BatchItem(ids[i], 0, outputBytes(), Packing.pathOf(digests, i), "");
        }
    }
}
