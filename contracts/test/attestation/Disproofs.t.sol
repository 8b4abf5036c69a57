// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AttestedKey,
    Enrolment,
    IAttestationKeys,
    ProvenAnswer,
    SignedAnswer
} from "../../src/interfaces/IAttestationKeys.sol";
import {IQuoteCheck, QuoteVerdict} from "../../src/interfaces/IQuoteCheck.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {Manner, MockQuoteCheck} from "../mocks/MockQuoteCheck.sol";

/// @notice What registrars vouched for falsely, and what they lose.
contract DisproofsTest is AttestationWorld {
    bytes private _quote;

    function setUp() public {
        setUpAttestation();
        _quote = registerVouched(PROVIDER, KEY);
    }

    function test_aFalseRegistrationCostsStakeAndBonds() public {
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
        uint256 lost = uint256(STAKE) + 2 * REGISTRAR_BOND;
        assertEq(keys.creditOf(STRANGER), lost / 2, "half to who showed it");
        assertEq(keys.creditOf(BURNED), lost - lost / 2, "half burned");
        AttestedKey memory record = keys.keyOf(enclave);
        assertTrue(record.slashed && record.stake == 0, "slashed");
        assertEq(record.revokedAt, block.timestamp, "revoked");
        for (uint256 i; i < 3; ++i) {
            (uint96 bond,,,, bool appointed) = keys.registrarOf(vm.addr(registrarKeys[i]));
            assertEq(bond, i < 2 ? 0 : REGISTRAR_BOND, "bond");
            assertTrue(appointed == (i == 2), "appointed");
        }
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToDisprove.selector, enclave));
        keys.disprove(enclave, _quote);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        bytes memory signature = new bytes(65);
        signature = _signature();
        vm.expectPartialRevert(IAttestationKeys.KeyIsRevoked.selector);
        keys.standing(modelKey, 0, uint64(block.timestamp), signature);
    }

    /// @dev Any check refuses a quote whose signature was spoilt; its signed part, and so its id, is the same.
    function test_aMalleatedQuoteDisprovesNothing() public {
        bytes memory spoilt = bytes.concat(_quote);
        spoilt[spoilt.length - 1] ^= 0x01;
        quoteCheck.set(spoilt, QuoteVerdict.Refused);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationKeys.QuoteDiffers.selector, keccak256(_quote), keccak256(spoilt)
            )
        );
        keys.disprove(enclave, spoilt);
    }

    function test_onlyARefusalDisproves() public {
        QuoteVerdict[2] memory others = [QuoteVerdict.Unknown, QuoteVerdict.Genuine];
        for (uint256 i; i < 2; ++i) {
            quoteCheck.set(_quote, others[i]);
            _notDisproven();
        }
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        for (uint8 manner = uint8(Manner.Revert); manner <= uint8(Manner.AnotherWord); ++manner) {
            quoteCheck.behave(Manner(manner));
            _notDisproven();
        }
        quoteCheck.behave(Manner.Verdict);
        keys.disprove(enclave, _quote);
    }

    function test_aRegistrationIsDisprovenWithinItsWindow() public {
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToDisprove.selector, enclave));
        keys.disprove(enclave, _quote);
        vm.warp(block.timestamp - 1);
        keys.disprove(enclave, _quote);
    }

    function test_whoRevokesItsKeyDoesNotEscape() public {
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        uint256 revoked = block.timestamp;
        vm.warp(block.timestamp + 1 hours);
        keys.disprove(enclave, _quote);
        assertEq(keys.keyOf(enclave).revokedAt, revoked, "the first revocation stays");
    }

    /// @dev Who would rather lose half of a small stake, ahead of a disproof, does not save its registrars.
    function test_whoContradictsItselfDoesNotSaveItsRegistrars() public {
        serve(PROVIDER, KEY);
        SignedAnswer memory answer = signedAnswer(KEY, openAndDeliver(teeTerms()));
        ProvenAnswer memory proven = provenOtherwise(answer, keccak256("right"));
        commitTo(PROVIDER, answer, proven);
        vm.prank(PROVIDER);
        keys.contradictByProof(modelKey, answer, proven, 0);
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
        assertEq(keys.creditOf(STRANGER), uint256(REGISTRAR_BOND), "half of both bonds");
        assertEq(keys.creditOf(PROVIDER), STAKE / 2, "the stake was lost before, once");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToDisprove.selector, enclave));
        keys.disprove(enclave, _quote);
    }

    function test_aRegistrarThatLeftStillLoses() public {
        vm.prank(vm.addr(registrarKeys[0]));
        keys.retire();
        vm.prank(GOVERNOR);
        keys.dismiss(vm.addr(registrarKeys[1]));
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
        assertEq(keys.creditOf(STRANGER), (uint256(STAKE) + 2 * REGISTRAR_BOND) / 2, "all of it");
    }

    function test_onlyWhatRegistrarsVouchedForCanBeDisproven() public {
        registerSimulated(PROVIDER, KEY + 1);
        vm.expectPartialRevert(IAttestationKeys.NothingToDisprove.selector);
        keys.disprove(vm.addr(KEY + 1), _quote);
        vm.expectPartialRevert(IAttestationKeys.KeyUnknown.selector);
        keys.disprove(vm.addr(KEY + 2), _quote);
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY + 3);
        bytes memory quote = quoteFor(enrolment);
        quoteCheck.set(quote, QuoteVerdict.Genuine);
        vm.prank(PROVIDER);
        keys.registerChecked(enrolment, quote);
        quoteCheck.set(quote, QuoteVerdict.Refused);
        vm.expectPartialRevert(IAttestationKeys.NothingToDisprove.selector);
        keys.disprove(enrolment.key, quote);
    }

    /// @dev Who sets another check afterwards can neither condemn nor save what was registered under the old one.
    function test_theCheckIsThatOfTheRegistration() public {
        MockQuoteCheck other = new MockQuoteCheck();
        other.set(_quote, QuoteVerdict.Refused);
        vm.prank(GOVERNOR);
        keys.setQuoteCheck(other);
        _notDisproven();
        vm.prank(GOVERNOR);
        keys.setQuoteCheck(IQuoteCheck(address(0)));
        bytes memory unchecked_ = registerVouched(PROVIDER, KEY + 1);
        vm.expectRevert(IAttestationKeys.NoQuoteCheck.selector);
        keys.disprove(vm.addr(KEY + 1), unchecked_);
    }

    function test_bondsOfTwoRegistrationsAreLostOnce() public {
        bytes memory second = registerVouched(RIVAL, KEY + 1);
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        quoteCheck.set(second, QuoteVerdict.Refused);
        keys.disprove(enclave, _quote);
        vm.prank(STRANGER);
        keys.disprove(vm.addr(KEY + 1), second);
        assertEq(keys.creditOf(STRANGER), STAKE / 2, "the stake was left");
        assertEq(
            token.balanceOf(address(keys)), 2 * uint256(STAKE) + 3 * uint256(REGISTRAR_BOND), "nothing more"
        );
    }

    function test_aRegistrarsBondStaysWhileItCanBeLost() public {
        address registrar = vm.addr(registrarKeys[0]);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.BondStillHeld.selector, registrar, 0));
        vm.prank(registrar);
        keys.releaseBond();
        vm.prank(registrar);
        keys.retire();
        uint256 held = block.timestamp + 7 days;
        vm.warp(held);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.BondStillHeld.selector, registrar, held));
        vm.prank(registrar);
        keys.releaseBond();
        vm.warp(held + 1);
        vm.prank(registrar);
        keys.releaseBond();
        assertEq(keys.creditOf(registrar), REGISTRAR_BOND, "credit");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToRelease.selector, registrar));
        vm.prank(registrar);
        keys.releaseBond();
    }

    /// @dev A registrar that is appointed again after it left signs again, and its bond is held again.
    function test_whoComesBackIsHeldAgain() public {
        address registrar = vm.addr(registrarKeys[0]);
        vm.prank(registrar);
        keys.retire();
        vm.warp(block.timestamp + 7 days + 1);
        vm.prank(GOVERNOR);
        keys.appoint(registrar);
        (,, uint8 number,,) = keys.registrarOf(registrar);
        assertEq(number, 0, "its number of before");
        vm.expectPartialRevert(IAttestationKeys.BondStillHeld.selector);
        vm.prank(registrar);
        keys.releaseBond();
    }

    function _notDisproven() private {
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotDisproven.selector, enclave));
        keys.disprove(enclave, _quote);
    }

    function _signature() private view returns (bytes memory signature) {
        bytes memory body = sealBody(KEY, 0, uint64(block.timestamp));
        signature = new bytes(65);
        for (uint256 i; i < 65; ++i) {
            signature[i] = body[8 + i];
        }
    }
}
