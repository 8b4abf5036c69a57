// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A place in calldata that only moves forward.
/// @param next address of the next byte.
/// @param end address behind the last one.
struct Cursor {
    uint256 next;
    uint256 end;
}

/// @notice Reading packed big-endian calldata, refusing whatever is cut short or left over.
library Cursors {
    error CutShort(uint256 missing);
    error TrailingBytes(uint256 count);

    /// @notice A cursor at the first byte.
    function over(bytes calldata data) internal pure returns (Cursor memory cursor) {
        uint256 spot;
        assembly ("memory-safe") {
            spot := data.offset
        }
        cursor.next = spot;
        cursor.end = spot + data.length;
    }

    /// @notice Passes over `count` bytes; returns the address of the first one.
    function take(Cursor memory cursor, uint256 count) internal pure returns (uint256 spot) {
        spot = cursor.next;
        unchecked {
            // Counts are products of a few numbers of four bytes.
            moveTo(cursor, spot + count);
        }
    }

    /// @notice Goes on at an address that is not behind the next byte.
    function moveTo(Cursor memory cursor, uint256 spot) internal pure {
        uint256 end = cursor.end;
        if (spot > end) revert CutShort(spot - end);
        cursor.next = spot;
    }

    /// @notice The next `width` bytes, at most 32, as a number.
    function unsigned(Cursor memory cursor, uint256 width) internal pure returns (uint256 value) {
        uint256 spot = take(cursor, width);
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, width)), calldataload(spot))
        }
    }

    /// @notice Refuses bytes that are left.
    function finish(Cursor memory cursor) internal pure {
        if (cursor.next != cursor.end) revert TrailingBytes(cursor.end - cursor.next);
    }
}
