// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReferee, TracedClaim} from "../interfaces/IReferee.sol";
import {ElementType, TensorSchema} from "../types/Tensor.sol";
import {Cursor, Cursors} from "./referee/Cursor.sol";
import {Descriptor, Descriptors, Opcode} from "./referee/Descriptor.sol";
import {Opening, Openings} from "./referee/Opening.sol";
import {Operations} from "./referee/Operations.sol";
import {Place, Places} from "./referee/Place.sol";
import {PublicTensors} from "./referee/PublicTensors.sol";
import {Shape} from "./referee/Shape.sol";
import {Opened, Traces} from "./referee/Trace.sol";
import {Trees} from "./referee/Trees.sol";

/// @title The referee of "optimistic/v1": recomputes one element of a run
/// @dev `docs/reference/optimistic.md` has every byte that it reads, `verifier/program/semantics.py` what an
/// operation means.
contract Referee is IReferee {
    using Cursors for Cursor;
    using Descriptors for Descriptor;
    using Openings for Opening;
    using Places for Place;
    using Traces for Opened;

    uint256 private constant OPERATION = 0;
    uint256 private constant INPUT = 1;
    uint256 private constant OUTPUT = 2;
    uint256 private constant INPUT_BY_ROOT = 3;

    error KindUnknown(uint256 kind);
    error NotOfThisKind(uint256 kind, uint256 tensor);
    error TraceDiffers(bytes32 expected, bytes32 found);
    error BlobDiffers(uint256 blob, bytes32 expected, bytes32 found);
    error OutputOutside(uint256 output, uint256 outputs);
    error NotRowMajor(uint256 tensor);

    /// @inheritdoc IReferee
    function refutes(TracedClaim calldata claim, bytes calldata refutation) external pure returns (bool) {
        Cursor memory cursor = Cursors.over(refutation);
        uint256 kind = cursor.unsigned(1);
        Place memory place = Places.read(cursor, claim.key, claim.program);
        uint256 element = cursor.unsigned(4);
        bool input = place.descriptor.opcode == Opcode.INPUT;
        if (kind > INPUT_BY_ROOT) revert KindUnknown(kind);
        if (kind != OUTPUT && input != (kind != OPERATION)) revert NotOfThisKind(kind, place.tensor);
        if (kind == OPERATION) return _operation(cursor, claim, place, element);
        if (kind == INPUT_BY_ROOT) return _inputByRoot(cursor, claim, place, element);
        int256 committed = _alone(cursor, claim, place, element);
        if (kind == INPUT) return _input(cursor, claim, place, element, committed);
        return _output(cursor, claim, place, element, committed);
    }

    /// @inheritdoc IReferee
    function depthOf(bytes32 key, bytes calldata place)
        external
        pure
        returns (uint32 tensor, uint8 traceDepth, uint8 tensorDepth, uint32 tensors, uint64 octets)
    {
        Place memory found = _place(key, place);
        Shape shape = found.descriptor.result;
        tensor = uint32(found.tensor);
        traceDepth = uint8(Trees.depthOf(found.tensors));
        tensorDepth = uint8(shape.depth());
        tensors = uint32(found.tensors);
        octets = uint64(shape.octets());
    }

    /// @inheritdoc IReferee
    function schemaOf(bytes32 key, bytes calldata place, bool output, uint256 number)
        external
        pure
        returns (TensorSchema memory schema, uint256 count, uint32 tensors, bool rowMajor)
    {
        Place memory found = _place(key, place);
        Shape shape = found.descriptor.result;
        uint256 width = shape.width();
        rowMajor = shape.isRowMajor();
        tensors = uint32(found.tensors);
        if (output) {
            _requireOutput(found, number);
            count = found.outputs;
            width = _outputWidth(found.descriptor);
        } else {
            if (found.descriptor.opcode != Opcode.INPUT || found.tensor != number) {
                revert NotOfThisKind(INPUT, found.tensor);
            }
            count = found.inputs;
        }
        schema.elementType = ElementType(PublicTensors.codeOf(width));
        schema.shape = new uint32[](shape.rank());
        for (uint256 axis; axis < schema.shape.length; ++axis) {
            schema.shape[axis] = uint32(shape.dimension(axis));
        }
    }

    /// @dev A program's digest and a place in the program.
    function _place(bytes32 key, bytes calldata place) private pure returns (Place memory found) {
        Cursor memory cursor = Cursors.over(place);
        bytes32 program = bytes32(cursor.unsigned(32));
        found = Places.read(cursor, key, program);
        cursor.finish();
    }

    /// @dev Opens the result, its operands and blobs, and compares the result with what they make.
    function _operation(Cursor memory cursor, TracedClaim calldata claim, Place memory place, uint256 element)
        private
        pure
        returns (bool)
    {
        Descriptor memory descriptor = place.descriptor;
        Opening memory result;
        result.read(cursor, descriptor.result);
        Opening[] memory operands = new Opening[](descriptor.operands.length);
        for (uint256 i; i < operands.length; ++i) {
            operands[i].read(cursor, descriptor.operands[i]);
        }
        Opening[] memory blobs = _openBlobs(cursor, descriptor.blobs);
        Opened memory opened = Traces.room(operands.length + 1);
        opened.add(claim.statementRoot, place.tensor, result.root);
        for (uint256 i; i < operands.length; ++i) {
            Opening memory operand = operands[i];
            if (!operand.given()) continue;
            uint256 number = Descriptors.numberOf(descriptor.operands[i]);
            opened.add(claim.statementRoot, number, operand.root);
        }
        _requireTrace(cursor, claim, place, opened);
        cursor.finish();
        uint256[8] memory index = descriptor.result.unravel(element);
        int256 committed = result.element(descriptor.result.place(index));
        return committed != Operations.recompute(descriptor, element, index, operands, blobs);
    }

    function _openBlobs(Cursor memory cursor, Shape[] memory shapes)
        private
        pure
        returns (Opening[] memory blobs)
    {
        blobs = new Opening[](shapes.length);
        for (uint256 i; i < blobs.length; ++i) {
            (Opening memory blob, Shape shape) = (blobs[i], shapes[i]);
            blob.read(cursor, shape);
            bytes32 root = Descriptors.rootOf(shape);
            if (blob.given() && blob.root != root) revert BlobDiffers(i, root, blob.root);
        }
    }

    /// @dev Opens the result only; returns the committed element.
    function _alone(Cursor memory cursor, TracedClaim calldata claim, Place memory place, uint256 element)
        private
        pure
        returns (int256)
    {
        Shape shape = place.descriptor.result;
        Opening memory opening;
        opening.read(cursor, shape);
        _requireRoot(cursor, claim, place, opening.root);
        return opening.element(shape.place(shape.unravel(element)));
    }

    /// @dev The trace has this root for the tensor.
    function _requireRoot(Cursor memory cursor, TracedClaim calldata claim, Place memory place, bytes32 root)
        private
        pure
    {
        Opened memory opened = Traces.room(1);
        opened.add(claim.statementRoot, place.tensor, root);
        _requireTrace(cursor, claim, place, opened);
    }

    function _requireTrace(
        Cursor memory cursor,
        TracedClaim calldata claim,
        Place memory place,
        Opened memory opened
    ) private pure {
        bytes32 found = opened.rootOf(cursor, place.tensors);
        if (found != claim.traceRoot) revert TraceDiffers(claim.traceRoot, found);
    }

    /// @dev The committed element is not the input's, or that is outside its range.
    function _input(
        Cursor memory cursor,
        TracedClaim calldata claim,
        Place memory place,
        uint256 element,
        int256 committed
    ) private pure returns (bool) {
        Shape shape = place.descriptor.result;
        int256 value = PublicTensors.element(
            cursor, shape, shape.width(), element, place.tensor, place.inputs, claim.input
        );
        cursor.finish();
        (int256 low, int256 high) = place.descriptor.range();
        return committed != value || value < low || value > high;
    }

    /// @dev The tensor is another one than the input; or an element that is shown is outside the range. No data of
    /// the input are needed: where the roots agree, the trace's are the input's.
    function _inputByRoot(
        Cursor memory cursor,
        TracedClaim calldata claim,
        Place memory place,
        uint256 element
    ) private pure returns (bool) {
        (uint256 tensor, Shape shape) = (place.tensor, place.descriptor.result);
        if (tensor >= place.inputs) revert NotOfThisKind(INPUT_BY_ROOT, tensor);
        // Whoever orders commits to inputs in this order, and knows no other.
        if (!shape.isRowMajor()) revert NotRowMajor(tensor);
        uint256 spot = shape.place(shape.unravel(element));
        Opening memory opening;
        opening.read(cursor, shape);
        bool given = opening.given();
        bytes32 found = given ? opening.root : bytes32(cursor.unsigned(32));
        _requireRoot(cursor, claim, place, found);
        bytes32 stated = PublicTensors.root(cursor, shape, tensor, place.inputs, claim.input);
        cursor.finish();
        if (found != stated || !given) return found != stated;
        int256 committed = opening.element(spot);
        (int256 low, int256 high) = place.descriptor.range();
        return committed < low || committed > high;
    }

    /// @dev The committed element is not the output's.
    function _output(
        Cursor memory cursor,
        TracedClaim calldata claim,
        Place memory place,
        uint256 element,
        int256 committed
    ) private pure returns (bool) {
        uint256 number = cursor.unsigned(1);
        _requireOutput(place, number);
        int256 value = PublicTensors.element(
            cursor,
            place.descriptor.result,
            _outputWidth(place.descriptor),
            element,
            number,
            place.outputs,
            claim.output
        );
        cursor.finish();
        return committed != value;
    }

    function _requireOutput(Place memory place, uint256 number) private pure {
        if (number >= place.outputs) revert OutputOutside(number, place.outputs);
        if (place.outputAt(number) != place.tensor) revert NotOfThisKind(OUTPUT, place.tensor);
    }

    /// @dev An input that is an output, too, is one in the narrowest type of its range.
    function _outputWidth(Descriptor memory descriptor) private pure returns (uint256 width) {
        if (descriptor.opcode != Opcode.INPUT) return descriptor.result.width();
        (int256 low, int256 high) = descriptor.range();
        width = 1;
        unchecked {
            while (low < -int256(1 << (8 * width - 1)) || high >= int256(1 << (8 * width - 1))) width *= 2;
        }
    }
}
