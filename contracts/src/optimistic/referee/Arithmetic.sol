// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Descriptor, Descriptors, Opcode} from "./Descriptor.sol";
import {Nest, Nests} from "./Nest.sol";
import {Opening, Openings} from "./Opening.sol";
import {Shape} from "./Shape.sol";

/// @notice The operations that compute, one element of each.
/// @dev `verifier/program/semantics.py`. Operands have at most 64 bits, so that no sum or product overflows.
library Arithmetic {
    using Descriptors for Descriptor;
    using Nests for Nest;
    using Openings for Opening;

    error DivisorBelowOne(int256 divisor);
    error OutsideTable(int256 row, uint256 rows);

    /// @notice bias[n] + sum_k weight[n, k] x[..., k].
    function dense(
        Descriptor memory descriptor,
        uint256[8] memory index,
        Opening[] memory operands,
        Opening[] memory blobs
    ) internal pure returns (int256) {
        Shape x = descriptor.operands[0];
        Shape weight = descriptor.blobs[0];
        unchecked {
            uint256 last = x.rank() - 1;
            uint256 n = index[last];
            index[last] = 0;
            Nest memory nest;
            nest.add(x.dimension(last), x.stride(last), weight.stride(1));
            return nest.dot(operands[0], x.place(index), blobs[0], n * weight.stride(0)) + blobs[1].element(n);
        }
    }

    /// @notice sum_k a[g, m, k] b[g, k, n].
    function contraction(Descriptor memory descriptor, uint256[8] memory index, Opening[] memory operands)
        internal
        pure
        returns (int256)
    {
        Shape a = descriptor.operands[0];
        Shape b = descriptor.operands[1];
        unchecked {
            uint256 last = a.rank() - 1;
            uint256 n = index[last];
            index[last] = 0;
            uint256 placeA = a.place(index);
            index[last] = n;
            index[last - 1] = 0;
            Nest memory nest;
            nest.add(a.dimension(last), a.stride(last), b.stride(last - 1));
            return nest.dot(operands[0], placeA, operands[1], b.place(index));
        }
    }

    /// @notice bias[o] and the sum over those taps that do not lie in the padding.
    function convolution(
        Descriptor memory descriptor,
        uint256[8] memory index,
        Opening[] memory operands,
        Opening[] memory blobs
    ) internal pure returns (int256 total) {
        Shape x = descriptor.operands[0];
        Shape weight = descriptor.blobs[0];
        unchecked {
            uint256 output = index[1];
            total = blobs[1].element(output);
            uint256 channels = weight.dimension(1);
            uint256 group = output / (weight.dimension(0) / uint256(descriptor.number(4)));
            uint256 a = index[0] * x.stride(0) + group * channels * x.stride(1);
            uint256 b = output * weight.stride(0);
            uint256 axes = x.rank() - 2;
            Nest memory nest;
            for (uint256 axis; axis < axes; ++axis) {
                (uint256 tap, uint256 count, uint256 spot) =
                    _taps(descriptor, axis, index[axis + 2], x, weight);
                if (count == 0) return total;
                a += spot * x.stride(axis + 2);
                b += tap * weight.stride(axis + 2);
                nest.add(
                    count, uint256(descriptor.entry(1, axis)) * x.stride(axis + 2), weight.stride(axis + 2)
                );
            }
            nest.add(channels, x.stride(1), weight.stride(1));
            total += nest.dot(operands[0], a, blobs[0], b);
        }
    }

    /// @notice The sum over the axes that disappear.
    function sum(Descriptor memory descriptor, uint256[8] memory index, Opening[] memory operands)
        internal
        pure
        returns (int256)
    {
        Shape x = descriptor.operands[0];
        uint256 axes = x.rank();
        Nest memory nest;
        uint256 spot;
        uint256 kept;
        uint256 summed;
        unchecked {
            uint256 count = descriptor.length(0);
            for (uint256 axis; axis < axes; ++axis) {
                if (summed < count && uint256(descriptor.entry(0, summed)) == axis) {
                    nest.add(x.dimension(axis), x.stride(axis), 0);
                    ++summed;
                } else {
                    spot += index[kept++] * x.stride(axis);
                }
            }
        }
        return nest.sum(operands[0], spot);
    }

    /// @notice The operations of which an element takes the same element of every operand.
    function pointwise(
        Descriptor memory descriptor,
        uint256[8] memory index,
        Opening[] memory operands,
        Opening[] memory blobs
    ) internal pure returns (int256 value) {
        uint256 opcode = descriptor.opcode;
        value = operands[0].element(descriptor.operands[0].place(index));
        unchecked {
            if (opcode == Opcode.RESCALE) return _rescale(descriptor, value);
            if (opcode == Opcode.TABLE) {
                value -= descriptor.number(0);
                return blobs[0].element(_row(value, descriptor.blobs[0]));
            }
            if (opcode == Opcode.AFFINE) {
                value = value * descriptor.entry(0, 0) + descriptor.number(1);
                for (uint256 i = 1; i < operands.length; ++i) {
                    uint256 place = descriptor.operands[i].place(index);
                    value += operands[i].element(place) * descriptor.entry(0, i);
                }
                return value;
            }
            int256 other = operands[1].element(descriptor.operands[1].place(index));
            if (opcode == Opcode.MULTIPLY) return value * other;
            if (opcode == Opcode.MAXIMUM) return value > other ? value : other;
            if (other < 1) revert DivisorBelowOne(other);
            int256 quotient = value / other;
            // Rounded down, where the machine rounds towards zero.
            return value % other < 0 ? quotient - 1 : quotient;
        }
    }

    /// @notice blob[t[...], d].
    function lookupRow(
        Descriptor memory descriptor,
        uint256[8] memory index,
        Opening[] memory operands,
        Opening[] memory blobs
    ) internal pure returns (int256) {
        Shape rows = descriptor.blobs[0];
        Shape operand = descriptor.operands[0];
        uint256 row = _row(operands[0].element(operand.place(index)), rows);
        unchecked {
            return blobs[0].element(row * rows.stride(0) + index[operand.rank()] * rows.stride(1));
        }
    }

    /// @dev t = floor((a + 2^(bits - 1)) / 2^bits), then clamped.
    function _rescale(Descriptor memory descriptor, int256 value) private pure returns (int256) {
        uint256 bits = uint256(descriptor.number(0));
        unchecked {
            if (bits != 0) value = (value + int256(1 << (bits - 1))) >> bits;
        }
        (bool given, int256 bound) = descriptor.optional(1);
        if (given && value < bound) value = bound;
        (given, bound) = descriptor.optional(2);
        return given && value > bound ? bound : value;
    }

    function _row(int256 row, Shape blob) private pure returns (uint256) {
        uint256 rows = blob.dimension(0);
        if (row < 0 || row >= int256(rows)) revert OutsideTable(row, rows);
        return uint256(row);
    }

    /// @dev The taps t of an axis whose spot p stride + t dilation - pad lies inside: the first one, how many, and the
    /// first one's spot.
    function _taps(Descriptor memory descriptor, uint256 axis, uint256 p, Shape x, Shape weight)
        private
        pure
        returns (uint256 tap, uint256 count, uint256 spot)
    {
        unchecked {
            uint256 dilation = uint256(descriptor.entry(1, axis));
            uint256 pad = uint256(descriptor.entry(2, axis));
            uint256 length = x.dimension(axis + 2);
            spot = p * uint256(descriptor.entry(0, axis));
            if (spot < pad) tap = (pad - spot + dilation - 1) / dilation;
            spot = spot + tap * dilation - pad;
            uint256 kernel = weight.dimension(axis + 2);
            if (spot >= length || tap >= kernel) return (tap, 0, spot);
            count = (length - 1 - spot) / dilation + 1;
            if (count > kernel - tap) count = kernel - tap;
        }
    }
}
