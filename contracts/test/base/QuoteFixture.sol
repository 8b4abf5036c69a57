// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Quotes of the right layout that nobody signed.
library QuoteFixture {
    bytes16 internal constant VENDOR = 0x939a7233f79c4ca9940a0db3957f0607;

    /// @notice A TDX quote of version 4, whose registers all hold `image`.
    function tdx4(bytes32[2] memory report, uint8 image) internal pure returns (bytes memory) {
        return bytes.concat(header(4), domain(report, image), signature());
    }

    /// @notice A TDX quote of version 5, with a body of either length.
    function tdx5(bytes32[2] memory report, uint8 image, bool longer) internal pure returns (bytes memory) {
        bytes memory descriptor = longer ? bytes(hex"030088020000") : bytes(hex"020048020000");
        return
            bytes.concat(
                header(5), descriptor, domain(report, image), new bytes(longer ? 64 : 0), signature()
            );
    }

    /// @notice An SGX quote of version 3.
    function sgx3(bytes32[2] memory report, uint8 image, bytes1 flags) internal pure returns (bytes memory) {
        return bytes.concat(
            header(3),
            bytes.concat(new bytes(48), flags, new bytes(15), fill(32, image), new bytes(32)),
            bytes.concat(fill(32, image + 1), new bytes(160), report[0], report[1]),
            signature()
        );
    }

    function header(uint8 version) internal pure returns (bytes memory) {
        bytes4 tee = version == 3 ? bytes4(0) : bytes4(0x81000000);
        return
            bytes.concat(bytes2(uint16(version) << 8), hex"0200", tee, new bytes(4), VENDOR, fill(20, 0x55));
    }

    /// @notice A body of 584 bytes: MRTD at 136, RTMR0 to RTMR2 from 328, what the guest reports at 520.
    function domain(bytes32[2] memory report, uint8 image) internal pure returns (bytes memory) {
        return bytes.concat(
            bytes.concat(new bytes(16), fill(48, 0x66), new bytes(56), bytes8(0x0000001000000000)),
            bytes.concat(new bytes(8), fill(48, image), new bytes(144)),
            bytes.concat(fill(144, image + 1), new bytes(48), report[0], report[1])
        );
    }

    function signature() internal pure returns (bytes memory) {
        return bytes.concat(hex"40000000", fill(64, 0x77));
    }

    /// @notice Digest of what `tdx4` and `tdx5` measured.
    function measurement(uint8 image) internal pure returns (bytes32) {
        return keccak256(bytes.concat(fill(48, image), fill(144, image + 1)));
    }

    function fill(uint256 length, uint8 value) internal pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i; i < length; ++i) {
            data[i] = bytes1(value);
        }
    }
}
