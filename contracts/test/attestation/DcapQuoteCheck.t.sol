// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DcapQuoteCheck, IDcapVerifier} from "../../src/attestation/DcapQuoteCheck.sol";
import {QuoteVerdict} from "../../src/interfaces/IQuoteCheck.sol";
import {AttestationDeployment} from "../base/AttestationDeployment.sol";
import {MockDcapVerifier} from "../mocks/MockQuoteCheck.sol";

/// @notice What the answers of a DCAP verifier contract are taken for.
contract DcapQuoteCheckTest is AttestationDeployment {
    uint256 private constant OFFSET = 6;
    MockDcapVerifier private _verifier;
    DcapQuoteCheck private _check;

    function setUp() public {
        _verifier = new MockDcapVerifier();
        // Up to date, or in need of hardening by software: statuses 0 and 1.
        _check = newDcapQuoteCheck(address(_verifier), OFFSET, 3);
    }

    function test_theQuoteIsHandedOnAsItIs() public {
        _answers(abi.encode(true, _output(0)), false, QuoteVerdict.Genuine);
        assertEq(_verifier.asked(), bytes("a quote"), "asked");
    }

    function test_onlyAcceptableStatusesAreGenuine() public {
        for (uint8 status; status < 8; ++status) {
            QuoteVerdict expected = status < 2 ? QuoteVerdict.Genuine : QuoteVerdict.Outdated;
            _answers(abi.encode(true, _output(status)), false, expected);
        }
        _answers(abi.encode(true, _output(255)), false, QuoteVerdict.Outdated);
    }

    function test_aRefusalIsOne() public {
        _answers(abi.encode(false, bytes("TCBR")), false, QuoteVerdict.Refused);
        _answers(abi.encode(false, bytes("")), false, QuoteVerdict.Refused);
    }

    /// @dev Nobody loses a bond because a verifier had no collateral, or was replaced by something else.
    function test_whatIsNoAnswerIsUnknown() public {
        _answers(abi.encode(true, _output(0)), true, QuoteVerdict.Unknown);
        _answers("", false, QuoteVerdict.Unknown);
        _answers(abi.encode(false), false, QuoteVerdict.Unknown);
        _answers(abi.encode(uint256(2), uint256(64), uint256(0)), false, QuoteVerdict.Unknown);
        _answers(abi.encode(true, uint256(96), uint256(32), uint256(0)), false, QuoteVerdict.Unknown);
        _answers(abi.encode(false, uint256(0), uint256(0)), false, QuoteVerdict.Unknown);
        // Too short for a status, by its own word or in truth.
        _answers(abi.encode(true, bytes("123456")), false, QuoteVerdict.Unknown);
        _answers(abi.encode(true, uint256(64), uint256(13)), false, QuoteVerdict.Unknown);
        _answers(
            abi.encodePacked(abi.encode(true, uint256(64), uint256(13)), bytes6(0)),
            false,
            QuoteVerdict.Unknown
        );
    }

    function test_aVerifierThatTakesAllGasIsUnknown() public {
        DcapQuoteCheck check = newDcapQuoteCheck(address(new Furnace()), OFFSET, 3);
        assertEq(uint256(check.check{gas: 3_000_000}("a quote")), uint256(QuoteVerdict.Unknown), "verdict");
    }

    function test_whatItIsMadeWith() public {
        vm.expectRevert(abi.encodeWithSelector(DcapQuoteCheck.VerifierWithoutCode.selector, address(0xDEAD)));
        new DcapQuoteCheck(IDcapVerifier(address(0xDEAD)), OFFSET, 3);
        vm.expectRevert(abi.encodeWithSelector(DcapQuoteCheck.OffsetTooLarge.selector, 256, 255));
        new DcapQuoteCheck(IDcapVerifier(address(_verifier)), 256, 3);
        vm.expectRevert(DcapQuoteCheck.NothingAccepted.selector);
        new DcapQuoteCheck(IDcapVerifier(address(_verifier)), OFFSET, 0);
    }

    function _answers(bytes memory answer, bool fails, QuoteVerdict expected) private {
        _verifier.set(answer, fails);
        assertEq(uint256(_check.check("a quote")), uint256(expected), "verdict");
    }

    function _output(uint8 status) private pure returns (bytes memory) {
        return abi.encodePacked(uint16(4), bytes4(0x81000000), status, bytes6("fmspc"));
    }
}

/// @notice Uses up whatever gas it is given.
contract Furnace {
    fallback() external {
        assembly ("memory-safe") {
            invalid()
        }
    }
}
