// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Enrolment, IAttestationKeys} from "../interfaces/IAttestationKeys.sol";
import {AttestationDigests} from "./AttestationDigests.sol";
import {IntelQuote, QuoteFacts} from "./IntelQuote.sol";

/// @title Whether a quote speaks of a registration
/// @notice A contract beside that of the keys, made with it and known to it for good: what it holds needs no room
/// in the other's code. It has no storage and no money.
contract QuoteReader {
    /// @notice Reads a quote, or its signed part; reverts unless it is of a production enclave and binds key and
    /// registration document of the enrolment, for the calling contract on this chain.
    /// @dev Establishes nothing about who signed it.
    function read(Enrolment calldata enrolment, bytes calldata quote)
        external
        view
        returns (bytes32 document, bytes32 id, bytes32 measurement, uint256 signedLength)
    {
        QuoteFacts memory facts = IntelQuote.parse(quote);
        if (facts.exposed) revert IAttestationKeys.EnclaveExposed();
        document = AttestationDigests.document(enrolment, msg.sender);
        bytes32[2] memory expected = AttestationDigests.report(enrolment.key, document);
        for (uint256 i; i < 2; ++i) {
            if (facts.report[i] != expected[i]) {
                revert IAttestationKeys.ReportDataDiffers(expected[i], facts.report[i]);
            }
        }
        return (document, facts.id, facts.measurement, facts.signedLength);
    }

    /// @notice Digest of the registration document of an enrolment, for the calling contract on this chain.
    function documentOf(Enrolment calldata enrolment) external view returns (bytes32) {
        return AttestationDigests.document(enrolment, msg.sender);
    }
}
