// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {ElementType, TensorLib, TensorSchema} from "../../src/types/Tensor.sol";
import {Refutation, RefereeWorld} from "../base/RefereeWorld.sol";

/// @notice The errors of the referee: tests are compiled with other settings, and do not import it.
interface RefereeErrors {
    error CutShort(uint256 missing);
    error TrailingBytes(uint256 count);
    error WidthUnknown(uint256 width);
    error RankTooHigh(uint256 rank);
    error ElementsOutOfBounds(uint256 elements);
    error ElementOutside(uint256 element, uint256 elements);
    error OpcodeUnknown(uint256 opcode);
    error RangesOutOfOrder(uint256 first, uint256 count);
    error RangeOutside(uint256 end, uint256 chunks);
    error NotOpened(uint256 octet);
    error TensorOutside(uint256 tensor, uint256 tensors);
    error KeyDiffers(bytes32 expected, bytes32 found);
    error SameTensorDiffers(uint256 tensor);
    error CommitmentDiffers(bytes32 expected, bytes32 found);
    error DivisorBelowOne(int256 divisor);
    error OutsideTable(int256 row, uint256 rows);
    error KindUnknown(uint256 kind);
    error NotOfThisKind(uint256 kind, uint256 tensor);
    error TraceDiffers(bytes32 expected, bytes32 found);
    error BlobDiffers(uint256 blob, bytes32 expected, bytes32 found);
    error OutputOutside(uint256 output, uint256 outputs);
}

/// @notice What the referee refuses, and with which error, around a program of four tensors of 300 elements:
/// 0 is the input x, 1 a table of it, 2 x times x, 3 that divided by the table. 3 and 0 are the outputs.
contract RefereeTest is RefereeWorld {
    uint8 private constant OPERATION = 0;
    uint8 private constant INPUT = 1;
    uint8 private constant OUTPUT = 2;
    uint32 private constant COUNT = 300;
    uint32 private constant ELEMENT = 290;
    bytes private _table;

    function setUp() public {
        referee = newReferee();
        keyPart = abi.encodePacked(uint32(1), uint32(4), uint8(2), uint32(3), uint32(0));
        for (uint256 i; i < 201; ++i) {
            _table = bytes.concat(_table, bytes1(uint8(i % 13 + 1)));
        }
        bytes[4] memory data;
        for (uint256 i; i < COUNT; ++i) {
            uint256 place = i * 7 % 201;
            int256 x = int256(place) - 100;
            int256 divisor = int256(place % 13 + 1);
            data[0] = bytes.concat(data[0], bytes1(uint8(int8(x))));
            data[1] = bytes.concat(data[1], bytes1(uint8(int8(divisor))));
            data[2] = bytes.concat(data[2], bytes2(uint16(int16(x * x))));
            data[3] = bytes.concat(data[3], bytes2(uint16(int16(x * x / divisor))));
        }
        for (uint256 i; i < 4; ++i) {
            tensors.push(data[i]);
        }
        bytes memory narrow = _shape(1, COUNT);
        bytes memory wide = _shape(2, COUNT);
        bytes memory x0 = bytes.concat(bytes4(uint32(0)), narrow);
        descriptors.push(
            abi.encodePacked(
                uint8(0), narrow, uint8(0), uint8(0), uint8(1), int64(-100), int64(100), uint8(0)
            )
        );
        descriptors.push(
            abi.encodePacked(
                uint8(11), narrow, uint8(1), x0, uint8(1), root(_table), _shape(1, 201), int64(-100)
            )
        );
        descriptors.push(abi.encodePacked(uint8(5), wide, uint8(2), x0, x0, uint8(0)));
        descriptors.push(
            abi.encodePacked(uint8(9), wide, uint8(2), uint32(2), wide, uint32(1), narrow, uint8(0))
        );
        inputDigest = digest(1, abi.encodePacked(COUNT), data[0]);
        bytes32 first = digest(2, abi.encodePacked(COUNT), data[3]);
        outputDigest = keccak256(bytes.concat(TensorLib.TENSORS_TAG, hex"02", first, inputDigest));
    }

    function test_nothingRefutesAnHonestRun() public view {
        for (uint32 element; element < COUNT; element += 23) {
            assertTrue(!ask(_tableLookup(element)), "table");
            assertTrue(!ask(_square(element)), "square");
            assertTrue(!ask(_quotient(element)), "quotient");
            assertTrue(!ask(_input(element)), "input");
            assertTrue(!ask(_output(element)), "output");
            assertTrue(!ask(_outputOfInput(element)), "an input that is an output");
        }
    }

    function test_aWrongElementOfEveryTensorIsRefuted() public {
        _set(0, ELEMENT, 1);
        assertTrue(ask(_input(ELEMENT)) && ask(_outputOfInput(ELEMENT)), "input");
        _set(1, ELEMENT, 100);
        assertTrue(ask(_tableLookup(ELEMENT)), "table");
        _set(2, 2 * ELEMENT + 1, 77);
        assertTrue(ask(_square(ELEMENT)), "square");
        _set(3, 2 * ELEMENT, 5);
        assertTrue(ask(_quotient(ELEMENT)) && ask(_output(ELEMENT)), "quotient");
        assertTrue(!ask(_input(3)) && !ask(_tableLookup(3)) && !ask(_square(3)), "others stand");
    }

    function test_anInputOutsideItsRangeIsRefutedThoughCommittedTo() public {
        for (uint256 side; side < 2; ++side) {
            _set(0, ELEMENT, side == 0 ? 101 : 155);
            inputDigest = digest(1, abi.encodePacked(COUNT), tensors[0]);
            assertTrue(ask(_input(ELEMENT)), "beyond 100 or below -100");
            assertTrue(!ask(_input(0)), "another element of it");
        }
    }

    function test_bytesMissingOrLeftAreRefused() public {
        bytes[3] memory all = [encode(_square(5)), encode(_input(5)), encode(_output(5))];
        TracedClaim memory claimed = claim();
        for (uint256 kind; kind < 3; ++kind) {
            vm.expectRevert(abi.encodeWithSelector(RefereeErrors.TrailingBytes.selector, 2));
            referee.refutes(claimed, bytes.concat(all[kind], hex"0000"));
            for (uint256 length; length < all[kind].length; length += 7) {
                bytes memory cut = slice(all[kind], 0, length);
                vm.expectPartialRevert(RefereeErrors.CutShort.selector);
                referee.refutes(claimed, cut);
            }
        }
    }

    function test_kindsAreThoseOfTheTensor() public {
        Refutation memory made = _square(5);
        made.kind = 4;
        _expect(made, abi.encodeWithSelector(RefereeErrors.KindUnknown.selector, 4));
        made.kind = INPUT;
        _expect(made, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, 1, 2));
        made = _input(5);
        made.kind = OPERATION;
        _expect(made, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, 0, 0));
        made = _output(5);
        made.rest[0] = bytes1(uint8(1));
        _expect(made, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, 2, 3));
        made.rest[0] = bytes1(uint8(2));
        _expect(made, abi.encodeWithSelector(RefereeErrors.OutputOutside.selector, 2, 2));
    }

    function test_aPlaceThatTheKeyDoesNotHaveIsRefused() public {
        Refutation memory made = _square(5);
        made.tensor = 4;
        _expect(made, abi.encodeWithSelector(RefereeErrors.TensorOutside.selector, 4, 4));
        made.tensor = 3;
        _expectPartial(made, RefereeErrors.KeyDiffers.selector);
        made = _square(5);
        made.descriptor = descriptors[3];
        _expectPartial(made, RefereeErrors.KeyDiffers.selector);
        made = _square(5);
        made.path[3] ^= 0x10;
        _expectPartial(made, RefereeErrors.KeyDiffers.selector);
        made = _square(5);
        made.keyPart[12] ^= 0x01;
        _expectPartial(made, RefereeErrors.KeyDiffers.selector);
        made = _square(5);
        TracedClaim memory other = claim();
        other.program = bytes32(0);
        vm.expectPartialRevert(RefereeErrors.KeyDiffers.selector);
        referee.refutes(other, encode(made));
    }

    function test_aDescriptorThatIsNoneIsRefused() public {
        Refutation memory made = _square(5);
        made.descriptor[0] = bytes1(uint8(20));
        _expect(made, abi.encodeWithSelector(RefereeErrors.OpcodeUnknown.selector, 20));
        made = _square(5);
        made.descriptor[1] = bytes1(uint8(3));
        _expect(made, abi.encodeWithSelector(RefereeErrors.WidthUnknown.selector, 3));
        made = _square(5);
        made.descriptor[2] = bytes1(uint8(9));
        _expect(made, abi.encodeWithSelector(RefereeErrors.RankTooHigh.selector, 9));
        made = _square(5);
        made.descriptor[3] = bytes1(uint8(0x10));
        _expect(made, abi.encodeWithSelector(RefereeErrors.ElementsOutOfBounds.selector, 0x10000000 + COUNT));
        made.descriptor[3] = made.descriptor[5] = made.descriptor[6] = 0;
        _expect(made, abi.encodeWithSelector(RefereeErrors.ElementsOutOfBounds.selector, 0));
    }

    function test_anElementOutsideOrNotOpenedIsRefused() public {
        Refutation memory made = _square(5);
        made.element = COUNT;
        _expect(made, abi.encodeWithSelector(RefereeErrors.ElementOutside.selector, COUNT, COUNT));
        made.element = 128;
        _expect(made, abi.encodeWithSelector(RefereeErrors.NotOpened.selector, 256));
        made = _square(255);
        made.element = 256;
        _expect(made, abi.encodeWithSelector(RefereeErrors.NotOpened.selector, 512));
        made = _square(130);
        made.element = 127;
        _expect(made, abi.encodeWithSelector(RefereeErrors.NotOpened.selector, 254));
    }

    function test_anOperandThatIsReadMustBeOpened() public {
        bytes memory none = hex"0000";
        Refutation memory made = _square(5);
        made.openings = bytes.concat(open(tensors[2], 0, 1), open(tensors[0], 0, 1), none);
        _expect(made, abi.encodeWithSelector(RefereeErrors.NotOpened.selector, 5));
        made = _tableLookup(5);
        made.openings = bytes.concat(open(tensors[1], 0, 1), open(tensors[0], 0, 1), none);
        _expectPartial(made, RefereeErrors.NotOpened.selector);
        // The result, too: nothing of it is opened, and the trace has no such root.
        made = _square(5);
        made.openings = bytes.concat(none, open(tensors[0], 0, 1), open(tensors[0], 0, 1));
        _expectPartial(made, RefereeErrors.TraceDiffers.selector);
    }

    function test_rangesAreInOrderApartAndInside() public {
        bytes memory data = tensors[2];
        _expectRanges(hex"0001", abi.encodePacked(uint32(0), uint16(0)), "", _order(0, 0));
        bytes memory two = abi.encodePacked(uint32(0), uint16(1), uint32(1), uint16(1));
        _expectRanges(hex"0002", two, slice(data, 0, 512), _order(1, 1));
        two = abi.encodePacked(uint32(2), uint16(1), uint32(0), uint16(1));
        _expectRanges(hex"0002", two, slice(data, 0, 512), _order(0, 1));
        bytes memory outside = abi.encodeWithSelector(RefereeErrors.RangeOutside.selector, 4, 3);
        _expectRanges(hex"0001", abi.encodePacked(uint32(3), uint16(1)), data, outside);
        _expectRanges(hex"0001", abi.encodePacked(uint32(1), uint16(3)), data, outside);
        outside = abi.encodeWithSelector(RefereeErrors.RangeOutside.selector, uint256(2 ** 32) + 0xfffe, 3);
        _expectRanges(hex"0001", abi.encodePacked(type(uint32).max, uint16(0xffff)), data, outside);
    }

    function test_twoRangesLeadToTheRootTogether() public view {
        bytes memory data = tensors[2];
        bytes32[] memory leaves = chunks(data);
        bytes memory two = abi.encodePacked(uint16(2), uint32(0), uint16(1), uint32(2), uint16(1));
        // Level 0: beside chunk 0 stands chunk 1, beside chunk 2 padding; then both halves are known.
        bytes memory opening =
            bytes.concat(two, slice(data, 0, 256), slice(data, 512, 600), leaves[1], bytes32(0));
        for (uint32 element = 5; element < COUNT; element += 290) {
            Refutation memory made = _square(element);
            uint32 chunk = element / 256;
            made.openings = bytes.concat(opening, open(tensors[0], chunk, 1), open(tensors[0], chunk, 1));
            assertTrue(!ask(made), "either range is read");
        }
    }

    function test_whatIsOpenedLeadsToItsRoot() public {
        Refutation memory made = _tableLookup(5);
        uint256 last = made.openings.length - 40;
        made.openings[last] ^= 0x01;
        _expectPartial(made, RefereeErrors.BlobDiffers.selector);
        made = _square(5);
        made.openings[20] ^= 0x01;
        _expectPartial(made, RefereeErrors.TraceDiffers.selector);
        made = _square(5);
        made.siblings[0] ^= 0x01;
        _expectPartial(made, RefereeErrors.TraceDiffers.selector);
        made = _square(5);
        made.openings[made.openings.length - 1] ^= 0x01;
        _expect(made, abi.encodeWithSelector(RefereeErrors.SameTensorDiffers.selector, 0));
        made = _square(5);
        TracedClaim memory other = claim();
        other.statementRoot = bytes32(0);
        vm.expectPartialRevert(RefereeErrors.TraceDiffers.selector);
        referee.refutes(other, encode(made));
    }

    function test_theStatementsTensorsAreThoseCommittedTo() public {
        Refutation memory made = _input(5);
        made.rest[200] ^= 0x01;
        _expectPartial(made, RefereeErrors.CommitmentDiffers.selector);
        made = _output(5);
        made.rest[5] ^= 0x01;
        _expectPartial(made, RefereeErrors.CommitmentDiffers.selector);
        made = _output(5);
        made.rest[100] ^= 0x01;
        _expectPartial(made, RefereeErrors.CommitmentDiffers.selector);
    }

    function test_anOperationWithoutMeaningIsRefused() public {
        _set(1, ELEMENT, 0);
        _expect(_quotient(ELEMENT), abi.encodeWithSelector(RefereeErrors.DivisorBelowOne.selector, int256(0)));
        _set(1, ELEMENT, 0xff);
        _expect(
            _quotient(ELEMENT), abi.encodeWithSelector(RefereeErrors.DivisorBelowOne.selector, int256(-1))
        );
        Refutation memory made = _tableLookup(ELEMENT);
        _set(0, ELEMENT, 101);
        bytes memory operand = open(tensors[0], 1, 1);
        made.openings = bytes.concat(open(tensors[1], 1, 1), operand, open(_table, 0, 1));
        _expect(made, abi.encodeWithSelector(RefereeErrors.OutsideTable.selector, int256(201), 201));
        _set(0, ELEMENT, 155);
        operand = open(tensors[0], 1, 1);
        made.openings = bytes.concat(open(tensors[1], 1, 1), operand, open(_table, 0, 1));
        _expect(made, abi.encodeWithSelector(RefereeErrors.OutsideTable.selector, int256(-1), 201));
    }

    function test_aPlaceSaysHowLargeTheTensorIs() public {
        bytes32 key = claim().key;
        Refutation memory made = _square(5);
        bytes memory place = abi.encodePacked(PROGRAM, made.keyPart, made.tensor, made.descriptor, made.path);
        (uint32 tensor, uint8 traceDepth, uint8 tensorDepth, uint32 count, uint64 octets) =
            referee.depthOf(key, place);
        assertEq(tensor, 2, "tensor");
        assertEq(traceDepth, 2, "levels of the trace");
        assertEq(tensorDepth, 2, "levels above three chunks");
        assertEq(count, 4, "tensors");
        assertEq(octets, 600, "octets");
        vm.expectRevert(abi.encodeWithSelector(RefereeErrors.TrailingBytes.selector, 1));
        referee.depthOf(key, bytes.concat(place, hex"00"));
        vm.expectPartialRevert(RefereeErrors.KeyDiffers.selector);
        referee.depthOf(bytes32(0), place);
    }

    /// @dev Inputs and outputs as digests of statements have them: tensor 3 is the first output, tensor 0 the input
    /// and the second output.
    function test_aPlaceSaysWhatAnInputOrOutputIs() public {
        bytes32 key = claim().key;
        _assertSchema(key, 0, false, 0, ElementType.Int8, 1);
        _assertSchema(key, 3, true, 0, ElementType.Int16, 2);
        _assertSchema(key, 0, true, 1, ElementType.Int8, 2);
        _schemaFails(key, 3, false, 3, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, INPUT, 3));
        _schemaFails(key, 0, false, 1, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, INPUT, 0));
        _schemaFails(key, 0, true, 0, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, OUTPUT, 0));
        _schemaFails(key, 3, true, 2, abi.encodeWithSelector(RefereeErrors.OutputOutside.selector, 2, 2));
        bytes memory place = _place(0);
        vm.expectRevert(abi.encodeWithSelector(RefereeErrors.TrailingBytes.selector, 1));
        referee.schemaOf(key, bytes.concat(place, hex"00"), false, 0);
        vm.expectPartialRevert(RefereeErrors.KeyDiffers.selector);
        referee.schemaOf(bytes32(0), place, false, 0);
    }

    function _assertSchema(
        bytes32 key,
        uint32 tensor,
        bool output,
        uint256 number,
        ElementType kind,
        uint256 count
    ) private view {
        (TensorSchema memory schema, uint256 found, uint32 all, bool rowMajor) =
            referee.schemaOf(key, _place(tensor), output, number);
        assertTrue(rowMajor, "one axis");
        assertEq(uint256(schema.elementType), uint256(kind), "type");
        assertEq(schema.shape.length, 1, "rank");
        assertEq(schema.shape[0], COUNT, "length");
        assertEq(found, count, "count");
        assertEq(all, 4, "tensors");
    }

    function _schemaFails(bytes32 key, uint32 tensor, bool output, uint256 number, bytes memory reason)
        private
    {
        bytes memory place = _place(tensor);
        vm.expectRevert(reason);
        referee.schemaOf(key, place, output, number);
    }

    function _place(uint32 tensor) private view returns (bytes memory) {
        Refutation memory made = refutation(OPERATION, tensor, 0, "", 0, 1);
        return abi.encodePacked(PROGRAM, made.keyPart, made.tensor, made.descriptor, made.path);
    }

    /// @dev Whatever byte is changed, an honest run is not refuted; most changes are refused.
    function testFuzz_noChangeRefutesAnHonestRun(uint256 which, uint256 place, uint8 change) public view {
        Refutation[4] memory all = [_square(17), _quotient(270), _tableLookup(99), _output(200)];
        bytes memory data = encode(all[which % 4]);
        data[place % data.length] ^= bytes1(change);
        try referee.refutes(claim(), data) returns (bool refuted) {
            assertTrue(!refuted, "an honest run is refuted");
        } catch {}
    }

    function _tableLookup(uint32 element) private view returns (Refutation memory) {
        uint32 chunk = element / 256;
        bytes memory openings =
            bytes.concat(open(tensors[1], chunk, 1), open(tensors[0], chunk, 1), open(_table, 0, 1));
        return refutation(OPERATION, 1, element, openings, 0, 2);
    }

    function _square(uint32 element) private view returns (Refutation memory made) {
        bytes memory operand = open(tensors[0], element / 256, 1);
        bytes memory openings = bytes.concat(open(tensors[2], element / 128, 1), operand, operand);
        made = refutation(OPERATION, 2, element, openings, 0, 1);
        // Leaves 0 and 2: beside them stand 1 and 3.
        bytes32[] memory leaves = traceLeaves();
        made.siblings = bytes.concat(leaves[1], leaves[3]);
    }

    function _quotient(uint32 element) private view returns (Refutation memory) {
        bytes memory openings = bytes.concat(
            open(tensors[3], element / 128, 1),
            open(tensors[2], element / 128, 1),
            open(tensors[1], element / 256, 1)
        );
        return refutation(OPERATION, 3, element, openings, 1, 3);
    }

    function _input(uint32 element) private view returns (Refutation memory made) {
        made = refutation(INPUT, 0, element, open(tensors[0], element / 256, 1), 0, 1);
        made.rest = _stated(0);
    }

    function _output(uint32 element) private view returns (Refutation memory made) {
        made = refutation(OUTPUT, 3, element, open(tensors[3], element / 128, 1), 3, 1);
        made.rest = bytes.concat(hex"00", inputDigest, _stated(3));
    }

    function _outputOfInput(uint32 element) private view returns (Refutation memory made) {
        made = refutation(OUTPUT, 0, element, open(tensors[0], element / 256, 1), 0, 1);
        bytes32 first = digest(2, abi.encodePacked(COUNT), _stated(3));
        made.rest = bytes.concat(hex"01", first, _stated(0));
    }

    /// @dev The data of an input or output as the statement has them: what was changed since is changed back.
    function _stated(uint256 tensor) private view returns (bytes memory data) {
        data = tensors[tensor];
        for (uint256 i; i < _changed.length; ++i) {
            Change memory one = _changed[i];
            bool restated = tensor == 0 && inputDigest == digest(1, abi.encodePacked(COUNT), tensors[0]);
            if (one.tensor == tensor && !restated) data[one.octet] = one.before;
        }
    }

    struct Change {
        uint256 tensor;
        uint256 octet;
        bytes1 before;
    }

    Change[] private _changed;

    function _set(uint256 tensor, uint256 octet, uint8 value) private {
        _changed.push(Change(tensor, octet, tensors[tensor][octet]));
        tensors[tensor][octet] = bytes1(value);
    }

    function _shape(uint8 width, uint32 count) private pure returns (bytes memory) {
        return abi.encodePacked(width, uint8(1), count, uint32(1));
    }

    function _order(uint256 first, uint256 count) private pure returns (bytes memory) {
        return abi.encodeWithSelector(RefereeErrors.RangesOutOfOrder.selector, first, count);
    }

    function _expectRanges(bytes memory count, bytes memory ranges, bytes memory data, bytes memory error_)
        private
    {
        Refutation memory made = _square(5);
        made.openings = bytes.concat(count, ranges, data);
        _expect(made, error_);
    }

    function _expect(Refutation memory made, bytes memory error_) private {
        TracedClaim memory claimed = claim();
        bytes memory data = encode(made);
        vm.expectRevert(error_);
        referee.refutes(claimed, data);
    }

    function _expectPartial(Refutation memory made, bytes4 selector) private {
        TracedClaim memory claimed = claim();
        bytes memory data = encode(made);
        vm.expectPartialRevert(selector);
        referee.refutes(claimed, data);
    }
}
