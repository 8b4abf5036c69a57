// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a run of consecutive ezkl instances holds.
/// @dev Derived instances are fixed by other instances through the circuit and say nothing of their own: ezkl
/// hashes every input of a circuit that hides one, so such a circuit publishes the binding's hash as well.
enum EzklSegmentKind {
    None,
    Binding,
    Input,
    Output,
    Constant,
    Derived
}

/// @notice One run of instances.
/// @param kind what they hold.
/// @param count how many; for constants the number of `values`.
/// @param values what constant instances must equal (for example the hash of hidden weights); else empty.
struct EzklSegment {
    EzklSegmentKind kind;
    uint32 count;
    uint256[] values;
}

/// @notice The registered layout of an ezkl circuit: abi.encode(EzklSegment[]), the instances from first to
/// last. Every instance belongs to exactly one segment, so none is left unexplained.
library EzklLayout {
    uint256 internal constant BINDING_LIMBS = 16;

    error SegmentWithoutKind(uint256 index);
    error SegmentValuesDiffer(uint256 index, uint256 count, uint256 values);
    error BindingLimbs(uint256 found, uint256 expected);
    error InputInstances(uint256 found, uint256 expected);
    error OutputInstances(uint256 found, uint256 expected);

    /// @notice The segments and their number of instances; each kind has as many as expected.
    function parse(bytes memory layout_, uint256 inputs, uint256 outputs)
        internal
        pure
        returns (EzklSegment[] memory segments, uint256 total)
    {
        segments = abi.decode(layout_, (EzklSegment[]));
        uint256[6] memory counts;
        for (uint256 i; i < segments.length; ++i) {
            EzklSegment memory segment = segments[i];
            if (segment.kind == EzklSegmentKind.None) revert SegmentWithoutKind(i);
            uint256 values = segment.kind == EzklSegmentKind.Constant ? segment.count : 0;
            if (segment.values.length != values) {
                revert SegmentValuesDiffer(i, values, segment.values.length);
            }
            counts[uint256(segment.kind)] += segment.count;
            total += segment.count;
        }
        uint256 bindings = counts[uint256(EzklSegmentKind.Binding)];
        if (bindings != BINDING_LIMBS) revert BindingLimbs(bindings, BINDING_LIMBS);
        if (counts[uint256(EzklSegmentKind.Input)] != inputs) {
            revert InputInstances(counts[uint256(EzklSegmentKind.Input)], inputs);
        }
        if (counts[uint256(EzklSegmentKind.Output)] != outputs) {
            revert OutputInstances(counts[uint256(EzklSegmentKind.Output)], outputs);
        }
    }
}
