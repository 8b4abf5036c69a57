// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cursor, Cursors} from "./Cursor.sol";
import {CHUNK, Shape} from "./Shape.sol";
import {Trees} from "./Trees.sol";

/// @notice Parts of one tensor or blob, shown with their way to its root.
/// @param width bytes of an element.
/// @param first address in memory of what is known of each range: its first byte, the byte behind its last one,
/// and the address in calldata of the first one.
/// @param end address behind the last range's.
/// @param last the range in which an element was found last.
/// @param root where all lead to; nothing if there are no ranges.
struct Opening {
    uint256 width;
    uint256 first;
    uint256 end;
    uint256 last;
    bytes32 root;
}

/// @notice Reading openings, and elements of what was opened.
library Openings {
    using Cursors for Cursor;
    using Openings for Opening;

    uint256 private constant RANGE = 96;

    error RangesOutOfOrder(uint256 first, uint256 count);
    error RangeOutside(uint256 end, uint256 chunks);
    error NotOpened(uint256 octet);

    /// @notice Passes over an opening of a tensor of this shape and fills in what is known of it.
    function read(Opening memory opening, Cursor memory cursor, Shape shape) internal pure {
        uint256 head = cursor.next;
        uint256 count;
        assembly ("memory-safe") {
            count := shr(240, calldataload(head))
            head := add(head, 2)
        }
        unchecked {
            cursor.take(2 + 6 * count);
            opening.width = shape.width();
            if (count == 0) return;
            uint256 octets = shape.octets();
            uint256 first;
            assembly ("memory-safe") {
                first := mload(0x40)
                mstore(0x40, add(first, mul(RANGE, count)))
            }
            opening.first = first;
            opening.last = first;
            opening.end = first + RANGE * count;
            uint256 leaves = _readRanges(cursor, opening, head, octets);
            uint256 nodes = _hashRanges(opening, leaves);
            opening.root = Trees.climb(cursor, nodes, leaves, Trees.depthOf((octets + CHUNK - 1) / CHUNK));
        }
    }

    /// @notice Whether anything was opened.
    function given(Opening memory opening) internal pure returns (bool) {
        return opening.first != opening.end;
    }

    /// @notice The element that is stored at a place.
    function element(Opening memory opening, uint256 place) internal pure returns (int256 value) {
        unchecked {
            uint256 width = opening.width;
            (uint256 spot,) = opening.locate(place * width);
            assembly ("memory-safe") {
                value := sar(sub(256, shl(3, width)), calldataload(spot))
            }
        }
    }

    /// @notice The address in calldata of a byte of the tensor, and how many bytes follow in its range, it included.
    function locate(Opening memory opening, uint256 octet)
        internal
        pure
        returns (uint256 spot, uint256 available)
    {
        uint256 range = opening.last;
        uint256 end = opening.end;
        bool found;
        assembly ("memory-safe") {
            // What is read moves forward mostly.
            if iszero(and(lt(range, end), iszero(lt(octet, mload(range))))) {
                range := mload(add(opening, 32))
            }
            for {} lt(range, end) { range := add(range, RANGE) } {
                if lt(octet, mload(add(range, 32))) { break }
            }
            if lt(range, end) {
                let first := mload(range)
                found := iszero(lt(octet, first))
                spot := add(mload(add(range, 64)), sub(octet, first))
                available := sub(mload(add(range, 32)), octet)
            }
        }
        if (!found) revert NotOpened(octet);
        opening.last = range;
    }

    /// @dev Leaves what is known of each range; returns how many chunks there are.
    function _readRanges(Cursor memory cursor, Opening memory opening, uint256 head, uint256 octets)
        private
        pure
        returns (uint256 leaves)
    {
        unchecked {
            uint256 chunks = (octets + CHUNK - 1) / CHUNK;
            // The least chunk at which the next range may begin.
            uint256 least;
            for (uint256 range = opening.first; range < opening.end; range += RANGE) {
                uint256 word;
                assembly ("memory-safe") {
                    word := calldataload(head)
                }
                head += 6;
                uint256 first = word >> 224;
                uint256 count = (word >> 208) & 0xffff;
                if (count == 0 || first < least) revert RangesOutOfOrder(first, count);
                uint256 end = first + count;
                if (end > chunks) revert RangeOutside(end, chunks);
                leaves += count;
                least = end + 1;
                first *= CHUNK;
                end *= CHUNK;
                if (end > octets) end = octets;
                uint256 spot = cursor.take(end - first);
                assembly ("memory-safe") {
                    mstore(range, first)
                    mstore(add(range, 32), end)
                    mstore(add(range, 64), spot)
                }
            }
        }
    }

    /// @dev Makes the leaves of all chunks: pairs of index and hash, at the address returned.
    function _hashRanges(Opening memory opening, uint256 leaves) private pure returns (uint256 nodes) {
        assembly ("memory-safe") {
            nodes := mload(0x40)
            let scratch := add(nodes, shl(6, leaves))
            mstore(0x40, scratch)
            mstore8(scratch, 0)
            let data := add(scratch, 1)
            let to := nodes
            let last := mload(add(opening, 64))
            for { let range := mload(add(opening, 32)) } lt(range, last) { range := add(range, RANGE) } {
                let octet := mload(range)
                let end := mload(add(range, 32))
                let spot := mload(add(range, 64))
                for {} lt(octet, end) { octet := add(octet, CHUNK) } {
                    let size := sub(end, octet)
                    switch lt(size, CHUNK)
                    case 1 {
                        // Beyond the end of calldata there are zeros.
                        calldatacopy(data, calldatasize(), CHUNK)
                        calldatacopy(data, spot, size)
                    }
                    default { calldatacopy(data, spot, CHUNK) }
                    mstore(to, shr(8, octet))
                    mstore(add(to, 32), keccak256(scratch, 257))
                    spot := add(spot, CHUNK)
                    to := add(to, 64)
                }
            }
        }
    }
}
