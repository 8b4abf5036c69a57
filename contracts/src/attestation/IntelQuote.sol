// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What the signed part of a quote says, without a word on whether it was signed.
/// @param signedLength bytes of header and body.
/// @param id keccak256 of these: the rest of a quote can be changed without invalidating it.
/// @param measurement TDX: keccak256(MRTD || RTMR0 || RTMR1 || RTMR2); SGX: keccak256(MRENCLAVE || MRSIGNER).
/// @param report the 64 bytes that the enclave chose.
/// @param exposed whether somebody outside can look into the enclave, move it, or have started it under a module
/// that is not Intel's: its attributes are not exactly those of production.
struct QuoteFacts {
    uint256 signedLength;
    bytes32 id;
    bytes32 measurement;
    bytes32[2] report;
    bool exposed;
}

/// @title Reads Intel's quotes: TDX of versions 4 and 5, SGX of version 3
/// @notice Integers are little-endian.
library IntelQuote {
    uint256 private constant HEADER = 48;
    uint256 private constant TD10 = 584;
    uint256 private constant TD15 = 648;
    uint256 private constant SGX = 384;
    bytes16 private constant VENDOR = 0x939a7233f79c4ca9940a0db3957f0607;
    bytes4 private constant TDX_TYPE = 0x81000000;

    /// @dev SEPT_VE_DISABLE.
    bytes8 private constant TD_ATTRIBUTES = 0x0000001000000000;
    /// @dev Initialised, and of 64 bits.
    bytes8 private constant SGX_FLAGS = 0x0500000000000000;

    error QuoteTooShort(uint256 length, uint256 needed);
    error QuoteKindUnknown(bytes2 version, bytes4 tee);
    error KeyTypeUnknown(bytes2 keyType);
    error VendorUnknown(bytes16 vendor);
    error BodyTypeUnknown(bytes6 descriptor);

    /// @notice Reads header and body; what follows them is not looked at.
    function parse(bytes calldata quote) internal pure returns (QuoteFacts memory facts) {
        _need(quote, HEADER);
        (bytes2 version, bytes4 tee) = (bytes2(quote[0:2]), bytes4(quote[4:8]));
        if (bytes2(quote[2:4]) != 0x0200) revert KeyTypeUnknown(bytes2(quote[2:4]));
        if (bytes16(quote[12:28]) != VENDOR) revert VendorUnknown(bytes16(quote[12:28]));
        if (version == 0x0300 && tee == 0) {
            _readEnclave(facts, quote);
        } else if (version == 0x0400 && tee == TDX_TYPE) {
            _readDomain(facts, quote, HEADER, TD10);
        } else if (version == 0x0500 && tee == TDX_TYPE) {
            _need(quote, HEADER + 6);
            bytes6 descriptor = bytes6(quote[HEADER:HEADER + 6]);
            if (descriptor == 0x020048020000) _readDomain(facts, quote, HEADER + 6, TD10);
            else if (descriptor == 0x030088020000) _readDomain(facts, quote, HEADER + 6, TD15);
            else revert BodyTypeUnknown(descriptor);
        } else {
            revert QuoteKindUnknown(version, tee);
        }
        facts.id = keccak256(quote[:facts.signedLength]);
    }

    /// @dev Beside the attributes, exactly SEPT_VE_DISABLE: signer and attributes of the module, owner and its
    /// configuration, and a service domain are zero.
    function _readDomain(QuoteFacts memory facts, bytes calldata quote, uint256 start, uint256 size)
        private
        pure
    {
        facts.signedLength = start + size;
        _need(quote, start + size);
        bytes calldata body = quote[start:start + size];
        facts.exposed = bytes8(body[120:128]) != TD_ATTRIBUTES || !_isZero(body[64:120])
            || !_isZero(body[232:328]) || (size == TD15 && !_isZero(body[600:648]));
        facts.measurement = keccak256(bytes.concat(body[136:184], body[328:472]));
        facts.report = [bytes32(body[520:552]), bytes32(body[552:584])];
    }

    function _readEnclave(QuoteFacts memory facts, bytes calldata quote) private pure {
        facts.signedLength = HEADER + SGX;
        _need(quote, HEADER + SGX);
        bytes calldata body = quote[HEADER:HEADER + SGX];
        facts.exposed = bytes8(body[48:56]) != SGX_FLAGS;
        facts.measurement = keccak256(bytes.concat(body[64:96], body[128:160]));
        facts.report = [bytes32(body[320:352]), bytes32(body[352:384])];
    }

    function _isZero(bytes calldata data) private pure returns (bool) {
        for (uint256 i; i < data.length; i += 8) {
            if (bytes8(data[i:i + 8]) != 0) return false;
        }
        return true;
    }

    function _need(bytes calldata quote, uint256 length) private pure {
        if (quote.length < length) revert QuoteTooShort(quote.length, length);
    }
}
