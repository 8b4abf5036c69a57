// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AttestationParameters,
    AttestedKey,
    IAttestationKeys
} from "../../src/interfaces/IAttestationKeys.sol";
import {QuoteVerdict} from "../../src/interfaces/IQuoteCheck.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {Manner} from "../mocks/MockQuoteCheck.sol";

/// @notice Honest registrars, and a check that has changed its mind: collateral on the chain comes and goes.
contract RepliesTest is AttestationWorld {
    uint256 private constant REPLY_TIME = 1 days;
    bytes private _quote;
    uint256 private _activeFrom;

    function setUp() public {
        setUpAttestation();
        _quote = registerVouched(PROVIDER, KEY);
        _activeFrom = keys.keyOf(enclave).activeFrom;
    }

    function test_whoBringsCollateralSavesEverybodyAndIsPaid() public {
        _doubt();
        vm.expectRevert(IAttestationKeys.QuoteNotGenuine.selector);
        keys.uphold(enclave, _quote);
        quoteCheck.set(_quote, QuoteVerdict.Genuine);
        vm.prank(VALIDATOR);
        keys.uphold(enclave, _quote);
        assertEq(keys.creditOf(VALIDATOR), MINIMUM_STAKE, "the doubter's bond");
        assertEq(keys.creditOf(STRANGER), 0, "the doubter has nothing");
        AttestedKey memory record = keys.keyOf(enclave);
        assertTrue(record.stake == STAKE && record.revokedAt == 0 && !record.slashed, "as it was");
        assertEq(record.activeFrom, _activeFrom, "accepted as if nothing had been");
        // What was shown to be genuine is not doubted again.
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToDisprove.selector, enclave));
        keys.disprove(enclave, _quote);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToSettle.selector, enclave, 0));
        keys.settleDisproof(enclave);
    }

    /// @dev The check of an honest registration fails for a while, in whichever way.
    function test_aCheckThatFailedCostsNobodyWhoReplies() public {
        quoteCheck.set(_quote, QuoteVerdict.Genuine);
        uint256 snapshot = vm.snapshotState();
        for (uint8 manner = uint8(Manner.Revert); manner <= uint8(Manner.AnotherWord); ++manner) {
            quoteCheck.behave(Manner(manner));
            vm.prank(STRANGER);
            keys.disprove(enclave, _quote);
            quoteCheck.behave(Manner.Verdict);
            vm.warp(block.timestamp + REPLY_TIME);
            address registrar = vm.addr(registrarKeys[0]);
            vm.prank(registrar);
            keys.uphold(enclave, _quote);
            assertEq(keys.creditOf(registrar), MINIMUM_STAKE, "the doubter's bond");
            (uint96 bond,,,, bool appointed) = keys.registrarOf(registrar);
            assertTrue(bond == REGISTRAR_BOND && appointed, "as it was");
            AttestedKey memory record = keys.keyOf(enclave);
            assertTrue(record.stake == STAKE && record.revokedAt == 0, "stands");
            vm.revertToState(snapshot);
        }
    }

    function test_aDoubtedKeyWaits() public {
        vm.warp(_activeFrom - 1);
        _doubt();
        assertEq(keys.keyOf(enclave).activeFrom, type(uint40).max, "pending");
        vm.warp(_activeFrom + 12 hours);
        quoteCheck.set(_quote, QuoteVerdict.Genuine);
        keys.uphold(enclave, _quote);
        assertEq(keys.keyOf(enclave).activeFrom, block.timestamp, "accepted from now on");
    }

    function test_repliesAreDueWithinADay() public {
        _doubt();
        uint256 until = block.timestamp + REPLY_TIME;
        quoteCheck.set(_quote, QuoteVerdict.Genuine);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToSettle.selector, enclave, until));
        keys.settleDisproof(enclave);
        uint256 snapshot = vm.snapshotState();
        keys.uphold(enclave, _quote);
        vm.revertToState(snapshot);
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToUphold.selector, enclave));
        keys.uphold(enclave, _quote);
        keys.settleDisproof(enclave);
        assertTrue(keys.keyOf(enclave).slashed, "slashed");
    }

    /// @dev A status that was acceptable when registrars looked, and is not since: nobody has lied.
    function test_anOutdatedQuoteEndsItsKeyAndCostsNobody() public {
        quoteCheck.set(_quote, QuoteVerdict.Outdated);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
        _checkEnded();
        assertEq(keys.creditOf(STRANGER), 0, "nothing to earn");
    }

    function test_whatTurnsOutToBeOutdatedCostsNobody() public {
        _doubt();
        quoteCheck.set(_quote, QuoteVerdict.Outdated);
        keys.uphold(enclave, _quote);
        _checkEnded();
        assertEq(keys.creditOf(STRANGER), MINIMUM_STAKE, "the doubter has its bond again");
    }

    function test_onlyTheSameBytesUphold() public {
        _doubt();
        bytes memory other = bytes.concat(_quote);
        other[other.length - 1] ^= 0x01;
        quoteCheck.set(other, QuoteVerdict.Genuine);
        vm.expectPartialRevert(IAttestationKeys.QuoteDiffers.selector);
        keys.uphold(enclave, other);
    }

    function test_oneDisproofAtATime() public {
        _doubt();
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToDisprove.selector, enclave));
        vm.prank(RIVAL);
        keys.disprove(enclave, _quote);
        vm.warp(block.timestamp + REPLY_TIME + 1);
        keys.settleDisproof(enclave);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToSettle.selector, enclave, 0));
        keys.settleDisproof(enclave);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NothingToUphold.selector, enclave));
        keys.uphold(enclave, _quote);
    }

    /// @dev Whoever settles it, half is for who put up the bond.
    function test_anybodySettlesForWhoDisproved() public {
        _doubt();
        vm.warp(block.timestamp + REPLY_TIME + 1);
        vm.prank(RIVAL);
        keys.settleDisproof(enclave);
        assertEq(keys.creditOf(RIVAL), 0, "not to the caller");
        uint256 lost = uint256(STAKE) + 2 * REGISTRAR_BOND;
        assertEq(keys.creditOf(STRANGER), MINIMUM_STAKE + lost / 2, "to who disproved");
    }

    /// @dev A registrar that leaves at once is held until the last disproof that can cost it its bond.
    function test_aBondStaysThroughTheReplyTime() public {
        address registrar = vm.addr(registrarKeys[0]);
        vm.prank(registrar);
        keys.retire();
        vm.warp(_activeFrom - 1);
        _doubt();
        vm.warp(block.timestamp + REPLY_TIME + 1);
        vm.expectPartialRevert(IAttestationKeys.BondStillHeld.selector);
        vm.prank(registrar);
        keys.releaseBond();
        keys.settleDisproof(enclave);
        (uint96 bond,,,,) = keys.registrarOf(registrar);
        assertEq(bond, 0, "lost");
    }

    /// @dev The longest window, a disproof in its last second, and a registrar that left in the block of its
    /// signature: the disproof can be settled before the bond is free, not only in the same block.
    function test_aBondOutlastsTheLongestWindow() public {
        AttestationParameters memory changed = keys.parameters();
        changed.challengeWindow = 7 days;
        vm.prank(GOVERNOR);
        keys.setParameters(changed);
        _quote = registerVouched(PROVIDER, KEY + 1);
        enclave = vm.addr(KEY + 1);
        address registrar = vm.addr(registrarKeys[0]);
        vm.prank(registrar);
        keys.retire();
        vm.warp(keys.keyOf(enclave).activeFrom - 1);
        _doubt();
        vm.warp(block.timestamp + REPLY_TIME + 12 hours);
        vm.expectPartialRevert(IAttestationKeys.BondStillHeld.selector);
        vm.prank(registrar);
        keys.releaseBond();
        keys.settleDisproof(enclave);
        (uint96 bond,,,,) = keys.registrarOf(registrar);
        assertEq(bond, 0, "lost");
    }

    function _doubt() private {
        quoteCheck.set(_quote, QuoteVerdict.Refused);
        vm.prank(STRANGER);
        keys.disprove(enclave, _quote);
    }

    function _checkEnded() private view {
        AttestedKey memory record = keys.keyOf(enclave);
        assertTrue(record.stake == STAKE && !record.slashed, "its stake is there");
        assertEq(record.revokedAt, block.timestamp, "it answers no more");
        for (uint256 i; i < 2; ++i) {
            (uint96 bond,,,, bool appointed) = keys.registrarOf(vm.addr(registrarKeys[i]));
            assertTrue(bond == REGISTRAR_BOND && appointed, "its registrars are as they were");
        }
        (,, uint256 signers) = keys.vouchedOf(enclave);
        assertEq(signers, 0, "nothing to disprove any more");
    }
}
