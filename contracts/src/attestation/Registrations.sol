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

/// @title Registrations by a quote: three ways to know that it is genuine
/// @notice That a quote binds key, program, chain, registry and challenge, and which image it measured, is read
/// here from its signed part. Whether it was signed by genuine hardware is what the ways differ in.
abstract contract Registrations is KeyBook {
    /// @notice Gas that the check of a quote is given, exactly.
    uint256 internal constant CHECK_GAS = 10_000_000;
    uint256 private constant GAS_RESERVE = 400_000;

    mapping(address key => Vouched) public vouchedOf;

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
        Vouched memory vouched = vouchedOf[key];
        // A key that its operator has revoked meanwhile, or has contradicted, was registered as falsely.
        if (vouched.quoteHash == 0 || block.timestamp >= record.activeFrom) revert NothingToDisprove(key);
        bytes32 found = keccak256(quote);
        if (found != vouched.quoteHash) revert QuoteDiffers(vouched.quoteHash, found);
        bytes memory question = abi.encodeCall(IQuoteCheck.check, (quote));
        if (_ask(address(vouched.check), question) != QuoteVerdict.Refused) revert NotDisproven(key);

        delete vouchedOf[key];
        emit RegistrationDisproven(key, msg.sender);
        _lose(key, _takeStake(record) + _takeBonds(vouched.registrars, key));
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
        return word <= uint256(QuoteVerdict.Refused) ? QuoteVerdict(word) : QuoteVerdict.Unknown;
    }
}
