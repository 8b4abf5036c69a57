// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The body of an ezkl seal: abi.encode(bytes proof, uint256[] instances), in its one canonical form.
/// @dev The body is handed to the Halo2 verifier as it came, so it must mean to that verifier exactly what
/// it means here: fixed offsets, zero padding, nothing after the end.
library EzklSeal {
    uint256 internal constant MAXIMUM_PROOF = 65_536;
    uint256 internal constant MAXIMUM_INSTANCES = 4_096;

    error SealMalformed();
    error ProofTooLong(uint256 length, uint256 maximum);
    error TooManyInstances(uint256 count, uint256 maximum);

    /// @notice The instances of a canonical body.
    function parse(bytes calldata body) internal pure returns (uint256[] calldata instances) {
        if (body.length < 128 || uint256(bytes32(body[:32])) != 64) revert SealMalformed();
        uint256 proofLength = uint256(bytes32(body[64:96]));
        if (proofLength > MAXIMUM_PROOF) revert ProofTooLong(proofLength, MAXIMUM_PROOF);
        uint256 proofEnd = 96 + proofLength;
        uint256 listAt = (proofEnd + 31) & ~uint256(31);
        if (uint256(bytes32(body[32:64])) != listAt || body.length < listAt + 32) revert SealMalformed();
        for (uint256 i = proofEnd; i < listAt; ++i) {
            if (body[i] != 0) revert SealMalformed();
        }
        uint256 count = uint256(bytes32(body[listAt:listAt + 32]));
        if (count > MAXIMUM_INSTANCES) revert TooManyInstances(count, MAXIMUM_INSTANCES);
        if (body.length != listAt + 32 + 32 * count) revert SealMalformed();
        assembly ("memory-safe") {
            instances.offset := add(body.offset, add(listAt, 32))
            instances.length := count
        }
    }
}
