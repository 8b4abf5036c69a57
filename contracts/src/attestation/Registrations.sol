// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AttestedKey,
    Enrolment,
    IAttestationKeys,
    MeasurementState,
    Tier
} from "../interfaces/IAttestationKeys.sol";
import {IQuoteCheck, IQuoteProofCheck, QuoteVerdict} from "../interfaces/IQuoteCheck.sol";
import {BoundedCall} from "../types/BoundedCall.sol";
import {AttestationDigests} from "./AttestationDigests.sol";
import {KeyBook, Quoted} from "./KeyBook.sol";

/// @notice What registrars vouched for, while it can be disproven.
/// @param check what would disprove it: that of the moment of the registration.
/// @param quoteHash keccak256 of the whole quote, byte for byte: another with the same signed part and a spoilt
/// signature would be refused by any check and disproves nothing.
struct Vouched {
    IQuoteCheck check;
    bytes32 quoteHash;
    uint256 registrars;
}

/// @notice A disproof that can still be answered.
/// @param until last second at which the registration can be upheld.
/// @param activeFrom from when the key could be used, if it is upheld before.
/// @param bond what its author put up, in token units.
struct Disproof {
    address by;
    uint40 until;
    uint40 activeFrom;
    uint96 bond;
}

/// @title Registrations by a quote: three ways to know that it is genuine
/// @notice That a quote binds key, program, chain, registry and challenge, and which image it measured, is read
/// here from its signed part. Whether it was signed by genuine hardware is what the ways differ in.
abstract contract Registrations is KeyBook {
    /// @notice Gas that the check of a quote is given, exactly.
    uint256 internal constant CHECK_GAS = 10_000_000;
    uint256 private constant GAS_RESERVE = 400_000;

    mapping(address key => Vouched) public vouchedOf;
    mapping(address key => Disproof) public disproofOf;

    /// @inheritdoc IAttestationKeys
    function registerVouched(
        Enrolment calldata enrolment,
        bytes calldata quote,
        bytes32 platform,
        bytes[] calldata signatures
    ) external nonReentrant {
        Quoted memory quoted = _bound(enrolment, quote, MeasurementState.Attended);
        bytes32 quoteHash = keccak256(quote);
        uint256 signers = _signersOf(
            _hashTypedDataV4(
                AttestationDigests.registration(
                    enrolment.key, msg.sender, quoted.document, platform, quoteHash
                )
            ),
            signatures
        );
        uint40 activeFrom = uint40(block.timestamp + parameters().challengeWindow);
        vouchedOf[enrolment.key] = Vouched(quoteCheck, quoteHash, signers);
        emit KeyVouchedFor(enrolment.key, quoteHash, signers, activeFrom);
        _register(enrolment, Tier.Registrar, activeFrom, quoted, platform);
    }

    /// @inheritdoc IAttestationKeys
    function registerChecked(Enrolment calldata enrolment, bytes calldata quote) external nonReentrant {
        Quoted memory quoted = _bound(enrolment, quote, MeasurementState.Approved);
        bytes memory question = abi.encodeCall(IQuoteCheck.check, (quote));
        if (_ask(address(quoteCheck), question) != QuoteVerdict.Genuine) revert QuoteNotGenuine();
        _register(enrolment, Tier.OnchainDcap, block.timestamp, quoted, 0);
    }

    /// @inheritdoc IAttestationKeys
    function registerProven(Enrolment calldata enrolment, bytes calldata signedPart, bytes calldata proof)
        external
        nonReentrant
    {
        Quoted memory quoted = _bound(enrolment, signedPart, MeasurementState.Approved);
        if (signedPart.length != quoted.signedLength) {
            revert SignedPartTooLong(signedPart.length, quoted.signedLength);
        }
        bytes memory question = abi.encodeCall(IQuoteProofCheck.check, (quoted.id, signedPart, proof));
        if (_ask(address(quoteProofCheck), question) != QuoteVerdict.Genuine) revert QuoteNotGenuine();
        _register(enrolment, Tier.ZkDcap, block.timestamp, quoted, 0);
    }

    /// @inheritdoc IAttestationKeys
    function disprove(address key, bytes calldata quote) external nonReentrant {
        AttestedKey storage record = _existing(key);
        // A key that its operator has revoked meanwhile, or has contradicted, was registered as falsely.
        if (vouchedOf[key].quoteHash == 0 || block.timestamp >= record.activeFrom || _isDisputed(key)) {
            revert NothingToDisprove(key);
        }
        QuoteVerdict verdict = _askAgain(key, quote);
        if (verdict == QuoteVerdict.Outdated) {
            _end(key, record);
            return;
        }
        // No finding opens one too: registrars choose the bytes, and could choose some at which every check fails.
        if (verdict == QuoteVerdict.Genuine) revert NotDisproven(key);
        Disproof memory opened = Disproof(
            msg.sender, uint40(block.timestamp + REPLY_TIME), record.activeFrom, parameters().minimumStake
        );
        disproofOf[key] = opened;
        record.activeFrom = type(uint40).max;
        emit DisproofOpened(key, msg.sender, opened.bond, opened.until);
        _collect(msg.sender, opened.bond);
    }

    /// @inheritdoc IAttestationKeys
    function uphold(address key, bytes calldata quote) external nonReentrant {
        Disproof memory disproof = disproofOf[key];
        if (block.timestamp > disproof.until) revert NothingToUphold(key);
        AttestedKey storage record = _keys[key];
        QuoteVerdict verdict = _askAgain(key, quote);
        if (verdict == QuoteVerdict.Genuine) {
            record.activeFrom =
                block.timestamp > disproof.activeFrom ? uint40(block.timestamp) : disproof.activeFrom;
            _credit(msg.sender, disproof.bond);
            delete vouchedOf[key];
            delete disproofOf[key];
            emit RegistrationUpheld(key, msg.sender, disproof.bond);
        } else if (verdict == QuoteVerdict.Outdated) {
            // It was signed as registrars said, and who doubted it could not know that it was.
            _credit(disproof.by, disproof.bond);
            _end(key, record);
        } else {
            revert QuoteNotGenuine();
        }
    }

    /// @inheritdoc IAttestationKeys
    function settleDisproof(address key) external nonReentrant {
        Disproof memory disproof = disproofOf[key];
        if (disproof.by == address(0) || block.timestamp <= disproof.until) {
            revert NothingToSettle(key, disproof.until);
        }
        uint256 registrars_ = vouchedOf[key].registrars;
        delete vouchedOf[key];
        delete disproofOf[key];
        emit RegistrationDisproven(key, disproof.by);
        _credit(disproof.by, disproof.bond);
        _lose(disproof.by, key, _takeStake(_keys[key]) + _takeBonds(registrars_, key));
    }

    /// @dev Ends a registration that was right when it was made: nobody loses anything.
    function _end(address key, AttestedKey storage record) private {
        delete vouchedOf[key];
        delete disproofOf[key];
        if (record.revokedAt == 0) record.revokedAt = uint40(block.timestamp);
        emit RegistrationOutdated(key, msg.sender);
    }

    function _isDisputed(address key) private view returns (bool) {
        return disproofOf[key].by != address(0);
    }

    /// @dev What the check of the registration says now of the quote of the registration.
    function _askAgain(address key, bytes calldata quote) private returns (QuoteVerdict) {
        Vouched memory vouched = vouchedOf[key];
        bytes32 found = keccak256(quote);
        if (found != vouched.quoteHash) revert QuoteDiffers(vouched.quoteHash, found);
        return _ask(address(vouched.check), abi.encodeCall(IQuoteCheck.check, (quote)));
    }

    /// @dev What the quote says; reverts unless it binds this registration and measured an approved image, of the
    /// least state that this way of registration needs.
    function _bound(Enrolment calldata enrolment, bytes calldata quote, MeasurementState least)
        private
        view
        returns (Quoted memory quoted)
    {
        (quoted.document, quoted.id, quoted.measurement, quoted.signedLength) =
            quoteReader.read(enrolment, quote);
        MeasurementState state = measurementState[quoted.measurement];
        if (state == MeasurementState.Revoked) revert MeasurementIsRevoked(quoted.measurement);
        if (state < least) revert MeasurementNotApproved(quoted.measurement);
    }

    /// @dev A check that fails, or answers anything else than one of its words, has found nothing.
    function _ask(address check, bytes memory question) private returns (QuoteVerdict verdict) {
        if (check == address(0)) revert NoQuoteCheck();
        BoundedCall.requireGas(CHECK_GAS, GAS_RESERVE);
        uint256 amount = CHECK_GAS;
        uint256 word;
        assembly ("memory-safe") {
            let success := call(amount, check, 0, add(question, 32), mload(question), 0, 0)
            if and(success, eq(returndatasize(), 32)) {
                returndatacopy(0, 0, 32)
                word := mload(0)
            }
        }
        return word <= uint256(QuoteVerdict.Outdated) ? QuoteVerdict(word) : QuoteVerdict.Unknown;
    }
}
