// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IQuoteCheck, IQuoteProofCheck, QuoteVerdict} from "../../src/interfaces/IQuoteCheck.sol";

/// @notice How a mock answers when it is not to answer a verdict.
enum Manner {
    Verdict,
    Revert,
    OutOfGas,
    TwoWords,
    AnotherWord,
    Expensive
}

/// @notice Stands in for a check of quotes: what is genuine was fixed beforehand, byte for byte.
contract MockQuoteCheck is IQuoteCheck {
    mapping(bytes32 quoteHash => QuoteVerdict) public verdictOf;
    Manner public manner;
    uint256 public asked;
    /// @notice What an expensive answer burns: nearly all that a check is given.
    uint256 public constant EXPENSE = 9_900_000;

    error NoCollateral();

    function set(bytes memory quote, QuoteVerdict verdict) external {
        verdictOf[keccak256(quote)] = verdict;
    }

    function behave(Manner manner_) external {
        manner = manner_;
    }

    function check(bytes calldata quote) external returns (QuoteVerdict) {
        ++asked;
        if (manner == Manner.Revert) revert NoCollateral();
        if (manner == Manner.OutOfGas) assembly { invalid() }
        if (manner == Manner.TwoWords) {
            assembly {
                mstore(0, 2)
                mstore(32, 2)
                return(0, 64)
            }
        }
        if (manner == Manner.AnotherWord) {
            assembly {
                mstore(0, 4)
                return(0, 32)
            }
        }
        if (manner == Manner.Expensive) {
            uint256 start = gasleft();
            while (start - gasleft() < EXPENSE) {}
        }
        return verdictOf[keccak256(quote)];
    }
}

/// @notice Stands in for a verifier of proofs about quotes, of which this project has none: MOCK, it proves nothing.
contract MockZkQuoteCheck is IQuoteProofCheck {
    function check(bytes32 quoteId, bytes calldata signedPart, bytes calldata proof)
        external
        pure
        returns (QuoteVerdict)
    {
        if (keccak256(signedPart) != quoteId) return QuoteVerdict.Unknown;
        bool shown = keccak256(proof) == keccak256(abi.encode("MOCK", quoteId));
        return shown ? QuoteVerdict.Genuine : QuoteVerdict.Refused;
    }
}

/// @notice Stands in for a DCAP verifier contract: answers with fixed bytes.
contract MockDcapVerifier {
    bytes private _answer;
    bool private _fails;
    bytes public asked;

    function set(bytes calldata answer, bool fails) external {
        (_answer, _fails) = (answer, fails);
    }

    function verifyAndAttestOnChain(bytes calldata rawQuote) external returns (bool, bytes memory) {
        asked = rawQuote;
        bytes memory answer = _answer;
        bool fails = _fails;
        assembly {
            if fails { revert(add(answer, 32), mload(answer)) }
            return(add(answer, 32), mload(answer))
        }
    }
}
