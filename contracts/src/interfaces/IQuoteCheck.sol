// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a check of a quote found. Unknown is no finding: the check could not be made, which vouches for
/// nobody, and what registrars vouched for can be doubted on it as on a refusal. Outdated: genuine
/// hardware signed it, in a state that is not acceptable, or is no longer.
enum QuoteVerdict {
    Unknown,
    Genuine,
    Refused,
    Outdated
}

/// @title Checks a whole quote on this chain: signatures, certificates, revocation and TCB status
interface IQuoteCheck {
    /// @dev May change state; is given bounded gas, and everything but one of the four words is Unknown.
    function check(bytes calldata quote) external returns (QuoteVerdict);
}

/// @title Checks a proof that a quote was checked elsewhere
interface IQuoteProofCheck {
    /// @param quoteId keccak256 of the quote's signed part: header and body.
    /// @param signedPart header and body.
    function check(bytes32 quoteId, bytes calldata signedPart, bytes calldata proof)
        external
        returns (QuoteVerdict);
}
