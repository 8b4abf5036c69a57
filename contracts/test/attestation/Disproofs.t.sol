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
        uint256 start = token.balanceOf(STRANGER);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
        assertEq(start - token.balanceOf(STRANGER), MINIMUM_STAKE, "put up");
        _settle(enclave);
        uint256 lost = uint256(STAKE) + 2 * REGISTRAR_BOND;
        assertEq(keys.creditOf(STRANGER), MINIMUM_STAKE + lost / 2, "half to who showed it, and its own");
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
        bytes memory signature = new bytes(65);
        signature = _signature();
        // It has never stood: who was disproven is pending for ever.
        vm.expectPartialRevert(IAttestationKeys.KeyPending.selector);
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

    function test_whatTheCheckHoldsToBeGenuineIsNotDisproven() public {
        quoteCheck.set(_quote, QuoteVerdict.Genuine);
        _notDisproven();
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
    }

    /// @dev Registrars who lie choose the bytes, and so could choose bytes at which the check fails.
    function test_whoMakesTheCheckFailDoesNotEscape() public {
        quoteCheck.set(_quote, QuoteVerdict.Unknown);
        uint256 snapshot = vm.snapshotState();
        for (uint8 manner; manner <= uint8(Manner.AnotherWord); ++manner) {
            quoteCheck.behave(Manner(manner));
            vm.prank(STRANGER);
            keys.disprove(enclave, _quote);
            vm.expectRevert(IAttestationKeys.QuoteNotGenuine.selector);
            keys.uphold(enclave, _quote);
            _settle(enclave);
            assertTrue(keys.keyOf(enclave).slashed, "slashed");
            (uint96 bond,,,, bool appointed) = keys.registrarOf(vm.addr(registrarKeys[0]));
            assertTrue(bond == 0 && !appointed, "its registrars with it");
            vm.revertToState(snapshot);
        }
    }

    /// @dev Who gives the call little gas does not make a check fail that would not.
    function test_aCheckIsGivenItsGasOrNothingHappens() public {
        quoteCheck.set(_quote, QuoteVerdict.Genuine);
        quoteCheck.behave(Manner.Expensive);
        _notDisproven();
        for (uint256 amount = 200_000; amount < 10_600_000; amount += 400_000) {
            vm.prank(STRANGER);
            (bool done,) =
                address(keys).call{gas: amount}(abi.encodeCall(IAttestationKeys.disprove, (enclave, _quote)));
            assertTrue(!done, "nothing opened");
        }
        (address by,,,) = keys.disproofOf(enclave);
        assertEq(by, address(0), "no disproof");
    }

    function test_aRegistrationIsDisprovenWithinItsWindow() public {
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToDisprove.selector, enclave));
        keys.disprove(enclave, _quote);
        vm.warp(block.timestamp - 1);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
    }

    function test_whoRevokesItsKeyDoesNotEscape() public {
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        uint256 revoked = block.timestamp;
        vm.warp(block.timestamp + 1 hours);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
        _settle(enclave);
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
        _settle(enclave);
        assertEq(
            keys.creditOf(STRANGER),
            uint256(MINIMUM_STAKE) + REGISTRAR_BOND,
            "half of both bonds, and its own"
        );
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
        _settle(enclave);
        uint256 reward = (uint256(STAKE) + 2 * REGISTRAR_BOND) / 2;
        assertEq(keys.creditOf(STRANGER), MINIMUM_STAKE + reward, "all of it");
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
        quoteCheck.set(_quote, QuoteVerdict.Genuine);
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
        vm.prank(VALIDATOR);
        keys.disprove(enclave, _quote);
        vm.prank(STRANGER);
        keys.disprove(vm.addr(KEY + 1), second);
        _settle(enclave);
        keys.settleDisproof(vm.addr(KEY + 1));
        assertEq(keys.creditOf(STRANGER), MINIMUM_STAKE + STAKE / 2, "the stake was left");
        assertEq(
            token.balanceOf(address(keys)),
            2 * (uint256(STAKE) + MINIMUM_STAKE) + 3 * uint256(REGISTRAR_BOND),
            "nothing more"
        );
    }

    function test_aRegistrarsBondStaysWhileItCanBeLost() public {
        address registrar = vm.addr(registrarKeys[0]);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.BondStillHeld.selector, registrar, 0));
        vm.prank(registrar);
        keys.releaseBond();
        vm.prank(registrar);
        keys.retire();
        uint256 held = block.timestamp + 9 days;
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
        vm.warp(block.timestamp + 9 days + 1);
        vm.prank(GOVERNOR);
        keys.appoint(registrar);
        (,, uint8 number,,) = keys.registrarOf(registrar);
        assertEq(number, 0, "its number of before");
        vm.expectPartialRevert(IAttestationKeys.BondStillHeld.selector);
        vm.prank(registrar);
        keys.releaseBond();
    }

    function _settle(address key) private {
        vm.warp(block.timestamp + 1 days + 1);
        keys.settleDisproof(key);
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
