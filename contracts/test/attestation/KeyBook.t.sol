// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {
    AttestedKey,
    Enrolment,
    IAttestationKeys,
    Service,
    Standing,
    Tier
} from "../../src/interfaces/IAttestationKeys.sol";
import {SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {QuoteFixture} from "../base/QuoteFixture.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";

/// @notice Keys from the challenge to the return of the stake.
contract KeyBookTest is AttestationWorld {
    bytes32 private constant ROOT = keccak256("root");

    function setUp() public {
        setUpAttestation();
    }

    function test_aSimulatedKeyIsStoredAsOne() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory signature = signed(KEY, registrationWords(enrolment, PROVIDER, 0, ""));
        vm.expectEmit(true, true, true, true);
        emit IAttestationKeys.SimulatedKeyRegistered(enclave, PROVIDER);
        vm.prank(PROVIDER);
        keys.registerSimulated(enrolment, signature);
        AttestedKey memory record = keys.keyOf(enclave);
        assertTier(KEY, Tier.Simulated);
        assertEq(record.operator, PROVIDER, "operator");
        assertEq(record.program, ToyProgram.PROGRAM, "program");
        assertEq(record.measurement, keccak256("SIMULATED"), "measurement");
        assertEq(record.quoteId, 0, "no quote");
        assertEq(record.notAfter, block.timestamp + 30 days, "not after");
        assertEq(record.activeFrom, block.timestamp, "at once");
        assertEq(token.balanceOf(address(keys)), 3 * REGISTRAR_BOND + STAKE, "stake");
    }

    function test_nobodyTakesThePlaceOfAnothersKey() public {
        Enrolment memory enrolment = enrolmentOf(RIVAL, KEY);
        bytes memory signature = signed(0xBAD, registrationWords(enrolment, RIVAL, 0, ""));
        vm.expectRevert(
            abi.encodeWithSelector(IAttestationKeys.SignerDiffers.selector, enclave, vm.addr(0xBAD))
        );
        vm.prank(RIVAL);
        keys.registerSimulated(enrolment, signature);
        // What the key signed for one operator serves no other.
        signature = signed(KEY, registrationWords(enrolment, PROVIDER, 0, ""));
        vm.expectPartialRevert(IAttestationKeys.SignerDiffers.selector);
        vm.prank(RIVAL);
        keys.registerSimulated(enrolment, signature);
    }

    function test_aChallengeIsOnesOwnAndUsedOnce() public {
        Enrolment memory enrolment = enrolmentOf(RIVAL, KEY);
        _refuses(
            enrolment,
            PROVIDER,
            abi.encodeWithSelector(
                IAttestationKeys.ChallengeNotIssued.selector, enrolment.challenge, PROVIDER
            )
        );
        enrolment = enrolmentOf(PROVIDER, KEY);
        _register(enrolment, PROVIDER, KEY);
        enrolment.key = vm.addr(KEY + 1);
        bytes memory signature = signed(KEY + 1, registrationWords(enrolment, PROVIDER, 0, ""));
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationKeys.ChallengeNotIssued.selector, enrolment.challenge, PROVIDER
            )
        );
        vm.prank(PROVIDER);
        keys.registerSimulated(enrolment, signature);
    }

    function test_aChallengeLivesADay() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        uint256 expires = block.timestamp + 1 days;
        vm.warp(expires + 1);
        _refuses(
            enrolment,
            PROVIDER,
            abi.encodeWithSelector(IAttestationKeys.ChallengeExpired.selector, enrolment.challenge, expires)
        );
        vm.warp(expires);
        _register(enrolment, PROVIDER, KEY);
    }

    function test_everyChallengeIsAnother() public {
        bytes32 first = challengeFor(PROVIDER);
        assertTrue(first != challengeFor(PROVIDER), "counter");
        assertTrue(first != challengeFor(RIVAL), "operator");
    }

    function test_aKeyIsRegisteredOnce() public {
        registerSimulated(PROVIDER, KEY);
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        _refuses(enrolment, PROVIDER, abi.encodeWithSelector(IAttestationKeys.KeyTaken.selector, enclave));
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        _refuses(enrolment, PROVIDER, abi.encodeWithSelector(IAttestationKeys.KeyTaken.selector, enclave));
    }

    function test_whatAKeyNeeds() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        enrolment.program = 0;
        _refuses(enrolment, PROVIDER, abi.encodeWithSelector(IAttestationKeys.ZeroProgram.selector));
        enrolment.program = ToyProgram.PROGRAM;
        enrolment.stake = MINIMUM_STAKE - 1;
        _refuses(
            enrolment,
            PROVIDER,
            abi.encodeWithSelector(IAttestationKeys.StakeTooLow.selector, MINIMUM_STAKE - 1, MINIMUM_STAKE)
        );
        enrolment.stake = MINIMUM_STAKE;
        uint256[2] memory outside = [block.timestamp, block.timestamp + 31 days + 1];
        for (uint256 i; i < 2; ++i) {
            enrolment.notAfter = uint64(outside[i]);
            _refuses(
                enrolment,
                PROVIDER,
                abi.encodeWithSelector(
                    IAttestationKeys.NotAfterOutOfBounds.selector,
                    outside[i],
                    block.timestamp + 1,
                    block.timestamp + 31 days
                )
            );
        }
        enrolment.notAfter = uint64(block.timestamp + 31 days);
        _register(enrolment, PROVIDER, KEY);
    }

    /// @dev The zero address is what a broken recovery gives; it must never be a key.
    function test_theZeroAddressIsNoKey() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        enrolment.key = address(0);
        bytes memory quote = quoteFor(enrolment);
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 2);
        vm.expectRevert(IAttestationKeys.ZeroKey.selector);
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
    }

    function test_standingSaysWhoSigned() public {
        activeKey(PROVIDER, KEY);
        Standing memory found = _standing(KEY, uint64(block.timestamp));
        assertEq(found.key, enclave, "key");
        assertEq(uint256(found.tier), uint256(Tier.Registrar), "tier");
        assertEq(uint256(found.service), uint256(Service.Provable), "service");
        assertEq(found.program, ToyProgram.PROGRAM, "program");
    }

    function test_anAnswerIsNeitherOfTheFutureNorOld() public {
        activeKey(PROVIDER, KEY);
        uint64 now_ = uint64(block.timestamp);
        _standingFails(
            KEY, now_ + 1, abi.encodeWithSelector(IAttestationKeys.AnswerInFuture.selector, now_ + 1)
        );
        _standing(KEY, now_ - uint64(MAXIMUM_AGE));
        _standingFails(
            KEY,
            now_ - uint64(MAXIMUM_AGE) - 1,
            abi.encodeWithSelector(
                IAttestationKeys.AnswerTooOld.selector, now_ - MAXIMUM_AGE - 1, now_ - MAXIMUM_AGE
            )
        );
    }

    function test_anUnknownKeyStandsForNothing() public {
        _standingFails(
            KEY,
            uint64(block.timestamp),
            abi.encodeWithSelector(IAttestationKeys.KeyUnknown.selector, enclave)
        );
    }

    function test_aKeyWaitsForItsWindow() public {
        registerVouched(PROVIDER, KEY);
        uint256 active = block.timestamp + CHALLENGE_WINDOW;
        vm.warp(active - 1);
        _standingFails(
            KEY,
            uint64(block.timestamp),
            abi.encodeWithSelector(IAttestationKeys.KeyPending.selector, enclave, active)
        );
        vm.warp(active);
        _standing(KEY, uint64(active));
    }

    function test_aKeyEndsWithItsCollateral() public {
        registerSimulated(PROVIDER, KEY);
        uint256 end = block.timestamp + 30 days;
        vm.warp(end);
        _standing(KEY, uint64(end));
        vm.warp(end + 1);
        _standingFails(
            KEY, uint64(end), abi.encodeWithSelector(IAttestationKeys.KeyExpired.selector, enclave, end)
        );
    }

    function test_aRevokedKeyStandsForNothing() public {
        registerSimulated(PROVIDER, KEY);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotOperator.selector, enclave, GUARDIAN));
        vm.prank(GUARDIAN);
        keys.revokeKey(enclave);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        _standingFails(
            KEY,
            uint64(block.timestamp),
            abi.encodeWithSelector(IAttestationKeys.KeyIsRevoked.selector, enclave, block.timestamp)
        );
        vm.expectPartialRevert(IAttestationKeys.KeyIsRevoked.selector);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
    }

    function test_aRevokedMeasurementEndsItsKeys() public {
        activeKey(PROVIDER, KEY);
        bytes32 measurement = QuoteFixture.measurement(IMAGE);
        vm.prank(GUARDIAN);
        keys.revokeMeasurement(measurement);
        _standingFails(
            KEY,
            uint64(block.timestamp),
            abi.encodeWithSelector(IAttestationKeys.MeasurementIsRevoked.selector, measurement)
        );
    }

    function test_simulatedKeysCanBeEndedForAll() public {
        registerSimulated(PROVIDER, KEY);
        vm.prank(GUARDIAN);
        keys.revokeMeasurement(keccak256("SIMULATED"));
        _standingFails(
            KEY,
            uint64(block.timestamp),
            abi.encodeWithSelector(IAttestationKeys.MeasurementIsRevoked.selector, keccak256("SIMULATED"))
        );
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY + 1);
        bytes memory signature = signed(KEY + 1, registrationWords(enrolment, PROVIDER, 0, ""));
        vm.expectPartialRevert(IAttestationKeys.MeasurementIsRevoked.selector);
        vm.prank(PROVIDER);
        keys.registerSimulated(enrolment, signature);
    }

    /// @dev A signature with the other half of the curve's order is another signature of the same words.
    function test_aMalleatedSignatureIsRefused() public {
        registerSimulated(PROVIDER, KEY);
        bytes memory body = sealBody(KEY, ROOT, uint64(block.timestamp));
        bytes32 s;
        assembly ("memory-safe") {
            s := mload(add(body, 72))
        }
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes32 other = bytes32(order - uint256(s));
        bytes1 v = body[72] == 0x1b ? bytes1(0x1c) : bytes1(0x1b);
        bytes memory signature = bytes.concat(_part(body, 8, 40), other, v);
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, other));
        keys.standing(modelKey, ROOT, uint64(block.timestamp), signature);
    }

    function test_aSignatureForAnotherContractIsOfAnotherKey() public {
        registerSimulated(PROVIDER, KEY);
        bytes memory body = sealBody(KEY, ROOT, uint64(block.timestamp));
        bytes memory signature = _part(body, 8, 73);
        keys.standing(modelKey, ROOT, uint64(block.timestamp), signature);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(IAttestationKeys.KeyUnknown.selector);
        keys.standing(modelKey, ROOT, uint64(block.timestamp), signature);
    }

    function test_aRetiredKeySettlesWhatIsOpenAndEnds() public {
        registerSimulated(PROVIDER, KEY);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotOperator.selector, enclave, RIVAL));
        vm.prank(RIVAL);
        keys.retireKey(enclave);
        vm.prank(PROVIDER);
        keys.retireKey(enclave);
        uint256 end = block.timestamp + MAXIMUM_AGE;
        assertEq(keys.keyOf(enclave).notAfter, end, "shortened");
        vm.warp(block.timestamp + 1 days);
        vm.prank(PROVIDER);
        keys.retireKey(enclave);
        assertEq(keys.keyOf(enclave).notAfter, end, "never lengthened");
    }

    function test_aStakeStaysLongerThanAnyLegIsOpen() public {
        registerSimulated(PROVIDER, KEY);
        uint256 end = block.timestamp + 30 days;
        vm.warp(end + NOTICE);
        vm.expectRevert(
            abi.encodeWithSelector(IAttestationKeys.StakeStillHeld.selector, enclave, end + NOTICE)
        );
        keys.releaseStake(enclave);
        vm.warp(end + NOTICE + 1);
        keys.releaseStake(enclave);
        assertEq(keys.creditOf(PROVIDER), STAKE, "credit of the operator, whoever asked");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToRelease.selector, enclave));
        keys.releaseStake(enclave);
        uint256 before = token.balanceOf(PROVIDER);
        vm.prank(PROVIDER);
        keys.withdraw();
        assertEq(token.balanceOf(PROVIDER), before + STAKE, "paid");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.KeyUnknown.selector, vm.addr(KEY + 1)));
        keys.releaseStake(vm.addr(KEY + 1));
    }

    /// @dev Legs are open for 90 days to their deadlines and 7 to their settlement at most; the market enforces it.
    function test_theNoticeIsLongerThanTheMarketsLongestLeg() public view {
        assertTrue(keys.NOTICE() > 90 days + 7 days, "notice");
        assertTrue(keys.MAXIMUM_AGE() > 7 days, "a signature outlives the settlement window");
    }

    function test_theNoticeRunsFromTheRevocation() public {
        registerSimulated(PROVIDER, KEY);
        vm.warp(block.timestamp + 5 days);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        uint256 held = block.timestamp + NOTICE;
        vm.warp(held);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.StakeStillHeld.selector, enclave, held));
        keys.releaseStake(enclave);
        vm.warp(held + 1);
        keys.releaseStake(enclave);
    }

    /// @dev A key that is revoked after its end is held no longer for it.
    function test_aRevocationAfterTheEndHoldsNothingLonger() public {
        registerSimulated(PROVIDER, KEY);
        uint256 end = block.timestamp + 30 days;
        vm.warp(end + NOTICE + 1);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        keys.releaseStake(enclave);
        assertEq(keys.creditOf(PROVIDER), STAKE, "credit");
    }

    function test_onlyTheOperatorServesAndOnlyItsOwnProgram() public {
        registerSimulated(PROVIDER, KEY);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotOperator.selector, enclave, OWNER));
        vm.prank(OWNER);
        keys.serve(enclave, modelKey, ToyProgram.OUTPUTS, measurements());
        bytes32 other = _modelWith("other", "tee/v1", keccak256("another program"), address(keys));
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationKeys.ModelOfAnotherProgram.selector,
                other,
                ToyProgram.PROGRAM,
                keccak256("another program")
            )
        );
        vm.prank(PROVIDER);
        keys.serve(enclave, other, ToyProgram.OUTPUTS, measurements());
        other = _modelWith("third", "tee/v1", ToyProgram.PROGRAM, address(halo2));
        vm.expectRevert(
            abi.encodeWithSelector(IAttestationKeys.ModelOfOtherKeys.selector, other, address(halo2))
        );
        vm.prank(PROVIDER);
        keys.serve(enclave, other, ToyProgram.OUTPUTS, measurements());
        serve(PROVIDER, KEY);
        assertService(KEY, modelKey, Service.Provable);
    }

    /// @dev The registered key is a hash of program, outputs and measurements: nobody serves under others.
    function test_aKeyServesWhereItsMeasurementIsAllowed() public {
        activeKey(PROVIDER, KEY);
        bytes memory ours = bytes.concat(QuoteFixture.measurement(IMAGE), bytes16("tdx"));
        vm.expectPartialRevert(IAttestationKeys.MeasurementsDiffer.selector);
        vm.prank(PROVIDER);
        keys.serve(enclave, modelKey, ToyProgram.OUTPUTS, ours);
        bytes memory allowed = measurements();
        vm.expectPartialRevert(IAttestationKeys.MeasurementsDiffer.selector);
        vm.prank(PROVIDER);
        keys.serve(enclave, modelKey, keccak256("outputs of another scale"), allowed);
        bytes32 model = bareModel("others");
        SystemRegistration memory registration = teeRegistration();
        bytes memory others = bytes.concat(QuoteFixture.measurement(0x99), bytes16("tdx"));
        registration.key = enclaveKey(ToyProgram.PROGRAM, others);
        vm.prank(OWNER);
        registry.addSystem(model, registration);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationKeys.MeasurementNotListed.selector, QuoteFixture.measurement(IMAGE)
            )
        );
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, others);
        registerSimulated(PROVIDER, KEY + 1);
        vm.prank(PROVIDER);
        keys.serve(vm.addr(KEY + 1), model, ToyProgram.OUTPUTS, others);
        assertService(KEY + 1, model, Service.Served);
    }

    /// @dev A digest that is cut short, or stands across two, is not listed.
    function test_aListHasWholeMeasurements() public {
        activeKey(PROVIDER, KEY);
        bytes[2] memory lists = [
            bytes.concat(QuoteFixture.measurement(IMAGE), bytes15("tdx")),
            bytes.concat(bytes16("tdx"), QuoteFixture.measurement(IMAGE))
        ];
        for (uint256 i; i < 2; ++i) {
            bytes32 model = bareModel(vm.toString(i));
            SystemRegistration memory registration = teeRegistration();
            registration.key = enclaveKey(ToyProgram.PROGRAM, lists[i]);
            vm.prank(OWNER);
            registry.addSystem(model, registration);
            vm.expectPartialRevert(IAttestationKeys.MeasurementNotListed.selector);
            vm.prank(PROVIDER);
            keys.serve(enclave, model, ToyProgram.OUTPUTS, lists[i]);
        }
    }

    /// @dev What an owner registers after a key's operator has looked is not what it has looked at.
    function test_aProofSystemOfLaterProvesNothingAgainstAKey() public {
        registerSimulated(PROVIDER, KEY);
        bytes32 model = _modelWith("later", "tee/v1", ToyProgram.PROGRAM, address(keys));
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        assertService(KEY, model, Service.Served);
        _addSystem(model, "sumcheck/v1", ToyProgram.PROGRAM, address(halo2));
        assertService(KEY, model, Service.Served);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        assertService(KEY, model, Service.Provable);
    }

    function test_proofsOfAnotherProgramOrOfOtherTensorsProveNothing() public {
        registerSimulated(PROVIDER, KEY);
        bytes32 model = _modelWith("mixed", "tee/v1", ToyProgram.PROGRAM, address(keys));
        _addSystem(model, "sumcheck/v1", keccak256("another program"), address(halo2));
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        assertService(KEY, model, Service.Served);
        model = _modelWith("shapes", "tee/v1", ToyProgram.PROGRAM, address(keys));
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        registration.program = ToyProgram.PROGRAM;
        registration.outputs[0].shape = new uint32[](1);
        registration.outputs[0].shape[0] = 7;
        vm.prank(OWNER);
        registry.addSystem(model, registration);
        vm.prank(PROVIDER);
        keys.serve(enclave, model, ToyProgram.OUTPUTS, measurements());
        assertService(KEY, model, Service.Served);
    }

    /// @dev A question that fails, as for too little gas, is not the answer that there is no such system.
    function test_aQuestionThatFailsSaysNothing() public {
        registerSimulated(PROVIDER, KEY);
        bytes memory question = abi.encodeCall(registry.bindingOf, (modelKey, SUMCHECK));
        for (uint256 length; length < 8; length += 4) {
            vm.mockCallRevert(address(registry), question, new bytes(length));
            vm.expectPartialRevert(IAttestationKeys.ModelOfAnotherProgram.selector);
            vm.prank(PROVIDER);
            keys.serve(enclave, modelKey, ToyProgram.OUTPUTS, measurements());
        }
    }

    function _modelWith(string memory name, string memory system, bytes32 program, address verifier)
        private
        returns (bytes32 model)
    {
        model = bareModel(name);
        _addSystem(model, system, program, verifier);
    }

    function _addSystem(bytes32 model, string memory system, bytes32 program, address verifier) private {
        SystemRegistration memory registration = systemRegistration(system);
        registration.program = program;
        registration.key = enclaveKey(program, measurements());
        registration.verifier = verifier;
        registration.verifierCodehash = verifier.codehash;
        vm.prank(OWNER);
        registry.addSystem(model, registration);
    }

    function _register(Enrolment memory enrolment, address operator, uint256 secret) private {
        bytes memory signature = signed(secret, registrationWords(enrolment, operator, 0, ""));
        vm.prank(operator);
        keys.registerSimulated(enrolment, signature);
    }

    function _refuses(Enrolment memory enrolment, address operator, bytes memory reason) private {
        bytes memory signature = signed(KEY, registrationWords(enrolment, operator, 0, ""));
        vm.expectRevert(reason);
        vm.prank(operator);
        keys.registerSimulated(enrolment, signature);
    }

    function _standing(uint256 secret, uint64 time) private view returns (Standing memory) {
        return keys.standing(modelKey, ROOT, time, _part(sealBody(secret, ROOT, time), 8, 73));
    }

    function _standingFails(uint256 secret, uint64 time, bytes memory reason) private {
        bytes memory signature = _part(sealBody(secret, ROOT, time), 8, 73);
        vm.expectRevert(reason);
        keys.standing(modelKey, ROOT, time, signature);
    }

    function _part(bytes memory data, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i; i < part.length; ++i) {
            part[i] = data[from + i];
        }
    }
}
