// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Enrolment} from "../interfaces/IAttestationKeys.sol";

/// @notice What is hashed and signed: the registration document, a registration, and answers.
library AttestationDigests {
    uint16 internal constant DOCUMENT_VERSION = 1;
    bytes32 internal constant ANSWERS_TYPEHASH = keccak256("Answers(bytes32 root,uint64 time)");
    bytes32 internal constant REGISTRATION_TYPEHASH = keccak256(
        "Registration(address key,address operator,bytes32 document,bytes32 platform,bytes32 quote)"
    );

    /// @notice Digest of the registration document, which a quote binds, for the contract of keys at `registry`.
    function document(Enrolment calldata enrolment, address registry) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOCUMENT_VERSION,
                enrolment.program,
                block.chainid,
                registry,
                enrolment.challenge,
                enrolment.gpuEvidence,
                enrolment.tlsKey,
                enrolment.notAfter
            )
        );
    }

    /// @notice The 64 bytes that a quote must carry: the key, the document's digest, and twelve zeros.
    function report(address key, bytes32 document_) internal pure returns (bytes32[2] memory) {
        return [bytes32(bytes20(key)) | (document_ >> 160), document_ << 96];
    }

    /// @notice hashStruct of answers.
    function answers(bytes32 root, uint64 time) internal pure returns (bytes32) {
        return keccak256(abi.encode(ANSWERS_TYPEHASH, root, time));
    }

    /// @notice hashStruct of what registrars sign.
    /// @param quote keccak256 of the whole quote, byte for byte.
    function registration(address key, address operator, bytes32 document_, bytes32 platform, bytes32 quote)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(REGISTRATION_TYPEHASH, key, operator, document_, platform, quote));
    }
}
