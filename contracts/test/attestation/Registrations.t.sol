// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IntelQuote} from "../../src/attestation/IntelQuote.sol";
import {AttestedKey, Enrolment, IAttestationKeys, Tier} from "../../src/interfaces/IAttestationKeys.sol";
import {IQuoteCheck, IQuoteProofCheck, QuoteVerdict} from "../../src/interfaces/IQuoteCheck.sol";
import {BoundedCall} from "../../src/types/BoundedCall.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {QuoteFixture} from "../base/QuoteFixture.sol";
import {Manner} from "../mocks/MockQuoteCheck.sol";

/// @notice Which quotes register a key, in each of the ways.
contract RegistrationsTest is AttestationWorld {
    function setUp() public {
        setUpAttestation();
    }

    function test_aVouchedKeyIsWhatItsQuoteSays() public {
        bytes memory quote = registerVouched(PROVIDER, KEY);
        AttestedKey memory record = keys.keyOf(enclave);
        assertTier(KEY, Tier.Registrar);
        assertEq(record.measurement, QuoteFixture.measurement(IMAGE), "measurement");
        assertEq(record.quoteId, keccak256(_cut(quote, 632)), "the signed part alone");
        assertEq(record.platform, PLATFORM, "platform");
        assertEq(record.activeFrom, block.timestamp + CHALLENGE_WINDOW, "after the window");
    }

    function test_everyKindOfQuoteIsRead() public {
        _checked(0);
        _checked(1);
        _checked(2);
        _checked(3);
    }

    function test_aQuoteBindsEveryFieldOfItsRegistration() public {
        for (uint256 field; field < 6; ++field) {
            Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
            bytes memory quote = quoteFor(enrolment);
            if (field == 0) enrolment.key = vm.addr(KEY + 1);
            else if (field == 1) enrolment.program = keccak256("another");
            else if (field == 2) enrolment.challenge = challengeFor(PROVIDER);
            else if (field == 3) enrolment.gpuEvidence = 0;
            else if (field == 4) enrolment.tlsKey = 0;
            else enrolment.notAfter += 1;
            _refuses(enrolment, quote, IAttestationKeys.ReportDataDiffers.selector);
        }
    }

    function test_aQuoteOfAnotherChainOrWithAnythingBehindTheDigestIsRefused() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes32[2] memory report = reportOf(enrolment);
        report[1] |= bytes32(uint256(1));
        _refuses(enrolment, QuoteFixture.tdx4(report, IMAGE), IAttestationKeys.ReportDataDiffers.selector);
        bytes memory quote = quoteFor(enrolment);
        vm.chainId(block.chainid + 1);
        _refuses(enrolment, quote, IAttestationKeys.ReportDataDiffers.selector);
    }

    /// @dev Debugging, migration, another module, an owner, a service domain: each alone.
    function test_whoCanLookIntoAnEnclaveRegistersNone() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        for (uint256 bit; bit < 64; ++bit) {
            _refusesFlipped(enrolment, quote, 48 + 120 + bit / 8, bytes1(uint8(1 << (bit % 8))));
        }
        uint256[8] memory places = [uint256(64), 111, 112, 119, 232, 279, 280, 327];
        for (uint256 i; i < places.length; ++i) {
            _refusesFlipped(enrolment, quote, 48 + places[i], 0x01);
        }
        quote = QuoteFixture.tdx5(reportOf(enrolment), IMAGE, true);
        _refusesFlipped(enrolment, quote, 54 + 600, 0x01);
        _refusesFlipped(enrolment, quote, 54 + 647, 0x01);
        quote = QuoteFixture.sgx3(reportOf(enrolment), IMAGE, 0x05);
        for (uint256 bit; bit < 64; ++bit) {
            _refusesFlipped(enrolment, quote, 48 + 48 + bit / 8, bytes1(uint8(1 << (bit % 8))));
        }
    }

    /// @dev An image that runs what it is given is known by its log, which only registrars read.
    function test_anAttendedMeasurementNeedsRegistrars() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = QuoteFixture.tdx4(reportOf(enrolment), 0x22);
        vm.prank(GOVERNOR);
        keys.approveMeasurement(QuoteFixture.measurement(0x22), true);
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        _checkFails(enrolment, quote, IAttestationKeys.MeasurementNotApproved.selector);
        vm.expectPartialRevert(IAttestationKeys.MeasurementNotApproved.selector);
        vm.prank(PROVIDER);
        keys.registerProven(enrolment, _cut(quote, 632), "");
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 2);
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
    }

    function test_onlyApprovedMeasurementsAreRegistered() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = QuoteFixture.tdx4(reportOf(enrolment), 0x22);
        bytes32 measurement = QuoteFixture.measurement(0x22);
        _refuses(enrolment, quote, IAttestationKeys.MeasurementNotApproved.selector);
        vm.prank(GOVERNOR);
        keys.approveMeasurement(measurement, false);
        vm.prank(GUARDIAN);
        keys.revokeMeasurement(measurement);
        _refuses(enrolment, quote, IAttestationKeys.MeasurementIsRevoked.selector);
    }

    /// @dev Each register counts, none of those that the program's measurement goes into.
    function test_everyRegisterIsMeasured() public {
        uint256[8] memory places = [uint256(136), 183, 328, 375, 376, 423, 424, 471];
        for (uint256 i; i < places.length; ++i) {
            Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
            bytes memory quote = quoteFor(enrolment);
            quote[48 + places[i]] ^= 0x01;
            _refuses(enrolment, quote, IAttestationKeys.MeasurementNotApproved.selector);
        }
        uint256[4] memory others = [uint256(135), 184, 231, 472];
        for (uint256 i; i < others.length; ++i) {
            Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY + i);
            bytes memory quote = quoteFor(enrolment);
            quote[48 + others[i]] ^= 0x01;
            quoteCheck.set(quote, QuoteVerdict.Genuine);
            vm.prank(PROVIDER);
            keys.registerChecked(enrolment, quote);
        }
    }

    function test_quotesOfAnotherLayoutAreRefused() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        _refusesChanged(enrolment, quote, 0, 0x06, IntelQuote.QuoteKindUnknown.selector);
        _refusesChanged(enrolment, quote, 1, 0x01, IntelQuote.QuoteKindUnknown.selector);
        _refusesChanged(enrolment, quote, 4, 0x00, IntelQuote.QuoteKindUnknown.selector);
        _refusesChanged(enrolment, quote, 2, 0x03, IntelQuote.KeyTypeUnknown.selector);
        _refusesChanged(enrolment, quote, 12, 0x00, IntelQuote.VendorUnknown.selector);
        _refuses(enrolment, _cut(quote, 631), IntelQuote.QuoteTooShort.selector);
        _refuses(enrolment, _cut(quote, 47), IntelQuote.QuoteTooShort.selector);
        bytes memory later = QuoteFixture.tdx5(reportOf(enrolment), IMAGE, true);
        _refusesChanged(enrolment, later, 48, 0x04, IntelQuote.BodyTypeUnknown.selector);
        _refusesChanged(enrolment, later, 50, 0x48, IntelQuote.BodyTypeUnknown.selector);
        _refuses(enrolment, _cut(later, 53), IntelQuote.QuoteTooShort.selector);
        _refuses(enrolment, _cut(later, 701), IntelQuote.QuoteTooShort.selector);
        bytes memory enclaveQuote = QuoteFixture.sgx3(reportOf(enrolment), IMAGE, 0x05);
        _refuses(enrolment, _cut(enclaveQuote, 431), IntelQuote.QuoteTooShort.selector);
        _refusesChanged(enrolment, enclaveQuote, 4, 0x81, IntelQuote.QuoteKindUnknown.selector);
    }

    function test_enoughRegistrarsHaveToSign() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        _vouchFails(
            enrolment,
            quote,
            PLATFORM,
            vouch(enrolment, PROVIDER, quote, 1),
            abi.encodeWithSelector(IAttestationKeys.TooFewRegistrars.selector, 1, 2)
        );
        _vouchFails(
            enrolment,
            quote,
            PLATFORM,
            new bytes[](17),
            abi.encodeWithSelector(IAttestationKeys.TooFewRegistrars.selector, 17, 2)
        );
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 3);
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
        (,, uint256 bitmap) = keys.vouchedOf(enclave);
        assertEq(bitmap, 7, "all three");
    }

    function test_aRegistrarSignsOnce() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 2);
        (bytes memory first, bytes memory second) = (signatures[0], signatures[1]);
        signatures[1] = first;
        _vouchFailsAs(enrolment, quote, signatures, IAttestationKeys.RegistrarsNotAscending.selector);
        (signatures[0], signatures[1]) = (second, first);
        _vouchFailsAs(enrolment, quote, signatures, IAttestationKeys.RegistrarsNotAscending.selector);
    }

    function test_strangersAndThoseWhoLeftDoNotCount() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        registrarKeys[1] = 0xBAD;
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 2);
        _vouchFailsAs(enrolment, quote, signatures, IAttestationKeys.NotRegistrar.selector);
        registrarKeys[1] = 0x72;
        signatures = vouch(enrolment, PROVIDER, quote, 2);
        vm.prank(vm.addr(0x72));
        keys.retire();
        _vouchFails(
            enrolment,
            quote,
            PLATFORM,
            signatures,
            abi.encodeWithSelector(IAttestationKeys.NotRegistrar.selector, vm.addr(0x72))
        );
    }

    function test_aRegistrarWithoutItsBondDoesNotCount() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        registrarKeys[1] = 0x74;
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 2);
        address late = vm.addr(0x74);
        vm.prank(GOVERNOR);
        keys.appoint(late);
        enrich(late);
        vm.startPrank(late);
        token.approve(address(keys), type(uint256).max);
        keys.bond(REGISTRAR_BOND - 1);
        vm.stopPrank();
        _vouchFails(
            enrolment,
            quote,
            PLATFORM,
            signatures,
            abi.encodeWithSelector(
                IAttestationKeys.RegistrarWithoutBond.selector, late, REGISTRAR_BOND - 1, REGISTRAR_BOND
            )
        );
        vm.prank(late);
        keys.bond(1);
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
    }

    /// @dev What registrars sign names key, operator, document, machine and quote: a change of any is not theirs.
    function test_registrarsSignEveryFieldOfTheirRegistration() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 2);
        vm.expectRevert();
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, keccak256("another machine"), signatures);
        bytes memory longer = bytes.concat(quote, hex"00");
        vm.expectRevert();
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, longer, PLATFORM, signatures);
        signatures = vouch(enrolment, RIVAL, quote, 2);
        vm.expectRevert();
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
    }

    /// @dev Whoever copies another's transaction has no challenge of its own.
    function test_nobodyRegistersAnothersQuote() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        vm.expectRevert(
            abi.encodeWithSelector(IAttestationKeys.ChallengeNotIssued.selector, enrolment.challenge, RIVAL)
        );
        vm.prank(RIVAL);
        keys.registerChecked(enrolment, quote);
    }

    function test_aCheckedKeyStandsAtOnce() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        vm.prank(PROVIDER);
        keys.registerChecked(enrolment, quote);
        assertTier(KEY, Tier.OnchainDcap);
        assertEq(keys.keyOf(enclave).activeFrom, block.timestamp, "at once");
        assertEq(keys.keyOf(enclave).platform, 0, "nobody named the machine");
    }

    function test_onlyAGenuineQuoteIsChecked() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        _checkFails(enrolment, quote, IAttestationKeys.QuoteNotGenuine.selector);
        quoteCheck.set(quote, QuoteVerdict.Refused);
        _checkFails(enrolment, quote, IAttestationKeys.QuoteNotGenuine.selector);
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        for (uint8 manner = uint8(Manner.Revert); manner <= uint8(Manner.AnotherWord); ++manner) {
            quoteCheck.behave(Manner(manner));
            _checkFails(enrolment, quote, IAttestationKeys.QuoteNotGenuine.selector);
        }
        quoteCheck.behave(Manner.Verdict);
        vm.prank(GOVERNOR);
        keys.setQuoteCheck(IQuoteCheck(address(0)));
        _checkFails(enrolment, quote, IAttestationKeys.NoQuoteCheck.selector);
        vm.prank(GOVERNOR);
        keys.setQuoteCheck(IQuoteCheck(address(0xDEAD)));
        _checkFails(enrolment, quote, IAttestationKeys.QuoteNotGenuine.selector);
        vm.prank(GOVERNOR);
        keys.setQuoteCheck(quoteCheck);
        vm.prank(PROVIDER);
        keys.registerChecked(enrolment, quote);
    }

    function test_aCheckGetsItsGasOrIsNotMade() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory quote = quoteFor(enrolment);
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        vm.expectPartialRevert(BoundedCall.GasTooLow.selector);
        vm.prank(PROVIDER);
        keys.registerChecked{gas: 10_000_000}(enrolment, quote);
    }

    /// @dev This project has no verifier of such proofs; the one here is a MOCK.
    function test_aProofRegistersTheSignedPart() public {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory part = _cut(quoteFor(enrolment), 632);
        bytes memory proof = abi.encode("MOCK", keccak256(part));
        vm.expectRevert(IAttestationKeys.QuoteNotGenuine.selector);
        vm.prank(PROVIDER);
        keys.registerProven(enrolment, part, "another proof");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.SignedPartTooLong.selector, 633, 632));
        vm.prank(PROVIDER);
        keys.registerProven(enrolment, bytes.concat(part, hex"00"), proof);
        vm.prank(PROVIDER);
        keys.registerProven(enrolment, part, proof);
        assertTier(KEY, Tier.ZkDcap);
        vm.prank(GOVERNOR);
        keys.setQuoteProofCheck(IQuoteProofCheck(address(0)));
        enrolment = enrolmentOf(PROVIDER, KEY + 1);
        part = _cut(quoteFor(enrolment), 632);
        vm.expectRevert(IAttestationKeys.NoQuoteCheck.selector);
        vm.prank(PROVIDER);
        keys.registerProven(enrolment, part, proof);
    }

    function _checked(uint256 kind) private {
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY + kind);
        bytes32[2] memory report = reportOf(enrolment);
        bytes memory quote;
        bytes32 measurement = QuoteFixture.measurement(IMAGE);
        uint256 signedLength = 632;
        if (kind == 0) {
            quote = QuoteFixture.tdx4(report, IMAGE);
        } else if (kind < 3) {
            quote = QuoteFixture.tdx5(report, IMAGE, kind == 2);
            signedLength = kind == 2 ? 702 : 638;
        } else {
            quote = QuoteFixture.sgx3(report, IMAGE, 0x05);
            signedLength = 432;
            measurement =
                keccak256(bytes.concat(QuoteFixture.fill(32, IMAGE), QuoteFixture.fill(32, IMAGE + 1)));
            vm.prank(GOVERNOR);
            keys.approveMeasurement(measurement, false);
        }
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        vm.prank(PROVIDER);
        keys.registerChecked(enrolment, quote);
        AttestedKey memory record = keys.keyOf(enrolment.key);
        assertEq(record.measurement, measurement, "measurement");
        assertEq(record.quoteId, keccak256(_cut(quote, signedLength)), "quote id");
    }

    function _refusesFlipped(Enrolment memory enrolment, bytes memory quote, uint256 place, bytes1 bits)
        private
    {
        bytes memory changed = bytes.concat(quote);
        changed[place] ^= bits;
        quoteCheck.set(changed, QuoteVerdict.Genuine);
        _checkFails(enrolment, changed, IAttestationKeys.EnclaveExposed.selector);
    }

    function _refusesChanged(
        Enrolment memory enrolment,
        bytes memory quote,
        uint256 place,
        bytes1 value,
        bytes4 selector
    ) private {
        bytes memory changed = bytes.concat(quote);
        changed[place] = value;
        _refuses(enrolment, changed, selector);
    }

    /// @dev In every way of registration, however genuine the check holds the quote.
    function _refuses(Enrolment memory enrolment, bytes memory quote, bytes4 selector) private {
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        _checkFails(enrolment, quote, selector);
        bytes[] memory signatures = vouch(enrolment, PROVIDER, quote, 2);
        vm.expectPartialRevert(selector);
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
        vm.expectPartialRevert(selector);
        vm.prank(PROVIDER);
        keys.registerProven(enrolment, quote, "");
    }

    function _checkFails(Enrolment memory enrolment, bytes memory quote, bytes4 selector) private {
        vm.expectPartialRevert(selector);
        vm.prank(PROVIDER);
        keys.registerChecked(enrolment, quote);
    }

    function _vouchFails(
        Enrolment memory enrolment,
        bytes memory quote,
        bytes32 platform,
        bytes[] memory signatures,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, platform, signatures);
    }

    function _vouchFailsAs(
        Enrolment memory enrolment,
        bytes memory quote,
        bytes[] memory signatures,
        bytes4 selector
    ) private {
        vm.expectPartialRevert(selector);
        vm.prank(PROVIDER);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
    }

    function _cut(bytes memory data, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = data[i];
        }
    }
}
