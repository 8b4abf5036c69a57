// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IQuoteCheck, QuoteVerdict} from "../interfaces/IQuoteCheck.sol";

/// @title The form in which verifiers of DCAP quotes on a chain are commonly asked
interface IDcapVerifier {
    function verifyAndAttestOnChain(bytes calldata rawQuote)
        external
        returns (bool success, bytes memory output);
}

/// @title Asks an existing verifier of DCAP quotes
/// @notice A status is the verifier's number of it: where it stands in the output, and which ones are acceptable,
/// is fixed when this is deployed. The verifier must ask for no fee.
contract DcapQuoteCheck is IQuoteCheck {
    /// @dev Kept for reading the answer.
    uint256 private constant GAS_RESERVE = 20_000;
    uint256 public constant MAXIMUM_OFFSET = 255;

    IDcapVerifier public immutable verifier;
    /// @notice Place of the TCB status among the output's bytes.
    uint256 public immutable statusOffset;
    /// @notice Bit n says that status n is acceptable.
    uint256 public immutable accepted;

    error VerifierWithoutCode(address verifier);
    error OffsetTooLarge(uint256 offset, uint256 maximum);
    error NothingAccepted();

    constructor(IDcapVerifier verifier_, uint256 statusOffset_, uint256 accepted_) {
        if (address(verifier_).code.length == 0) revert VerifierWithoutCode(address(verifier_));
        if (statusOffset_ > MAXIMUM_OFFSET) revert OffsetTooLarge(statusOffset_, MAXIMUM_OFFSET);
        if (accepted_ == 0) revert NothingAccepted();
        verifier = verifier_;
        statusOffset = statusOffset_;
        accepted = accepted_;
    }

    /// @inheritdoc IQuoteCheck
    /// @dev Refused only where the verifier itself answers no, Outdated where it answers yes with a status that is
    /// not acceptable. A failed call, or an answer of another form, is Unknown: public verifiers of this form read
    /// quotes without bounds, and so fail on bytes that registrars can choose. They also answer no for genuine
    /// hardware whose TCB, or whose certificate, its vendor has revoked.
    function check(bytes calldata quote) external returns (QuoteVerdict) {
        bytes memory question = abi.encodeCall(IDcapVerifier.verifyAndAttestOnChain, (quote));
        address target = address(verifier);
        uint256 amount = gasleft() - GAS_RESERVE;
        bool answered;
        uint256[3] memory head;
        assembly ("memory-safe") {
            answered := call(amount, target, 0, add(question, 32), mload(question), 0, 0)
            answered := and(answered, gt(returndatasize(), 95))
            if answered { returndatacopy(head, 0, 96) }
        }
        // One bit, the place of the output, and its length.
        if (!answered || head[0] > 1 || head[1] != 64) return QuoteVerdict.Unknown;
        if (head[0] == 0) return QuoteVerdict.Refused;
        return _judge(head[2]);
    }

    function _judge(uint256 length) private view returns (QuoteVerdict) {
        uint256 place = 96 + statusOffset;
        uint256 status;
        bool there;
        assembly ("memory-safe") {
            there := gt(returndatasize(), place)
            if there {
                mstore(0, 0)
                returndatacopy(31, place, 1)
                status := mload(0)
            }
        }
        if (!there || length <= statusOffset) return QuoteVerdict.Unknown;
        return accepted >> status & 1 == 1 ? QuoteVerdict.Genuine : QuoteVerdict.Outdated;
    }
}
