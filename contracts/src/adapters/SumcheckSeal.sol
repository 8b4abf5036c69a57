// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The bodies of sumcheck seals, each in its one canonical form: fixed offsets, zero padding, nothing after
/// the end. Of one statement: abi.encode(bytes inputs, bytes outputs, bytes proof). Of a batch:
/// abi.encode(uint32 batch, bytes proof), and abi.encode(bytes inputs, bytes outputs, bytes opening) as the part of
/// each statement.
library SumcheckSeal {
    error SealMalformed();

    /// @notice The three byte strings of a canonical body.
    function parse(bytes calldata body)
        internal
        pure
        returns (bytes calldata inputs, bytes calldata outputs, bytes calldata last)
    {
        uint256 end;
        (inputs, end) = _next(body, 0, 96);
        (outputs, end) = _next(body, 32, end);
        (last, end) = _next(body, 64, end);
        if (end != body.length) revert SealMalformed();
    }

    /// @notice Batch size and proof of a canonical body of a batch.
    function parseShared(bytes calldata body) internal pure returns (uint256 batch, bytes calldata proof) {
        uint256 end;
        (proof, end) = _next(body, 32, 64);
        if (end != body.length) revert SealMalformed();
        batch = uint256(bytes32(body[:32]));
        if (batch > type(uint32).max) revert SealMalformed();
    }

    /// @dev The string whose offset stands at `head` and must be `start`; where its padding ends.
    function _next(bytes calldata body, uint256 head, uint256 start)
        private
        pure
        returns (bytes calldata found, uint256 end)
    {
        if (body.length < start + 32 || uint256(bytes32(body[head:head + 32])) != start) {
            revert SealMalformed();
        }
        uint256 length = uint256(bytes32(body[start:start + 32]));
        if (length > body.length - start - 32) revert SealMalformed();
        found = body[start + 32:start + 32 + length];
        end = start + 32 + ((length + 31) & ~uint256(31));
        if (end > body.length) revert SealMalformed();
        uint256 rest = length & 31;
        if (rest != 0 && uint256(bytes32(body[end - 32:end])) << (8 * rest) != 0) revert SealMalformed();
    }
}
