// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {TensorLib} from "../../src/types/Tensor.sol";
import {Refutation, RefereeWorld} from "../base/RefereeWorld.sol";
import {RefereeErrors} from "./Referee.t.sol";

/// @notice Inputs that are committed to by their roots, around a program of three tensors: 0 and 1 are inputs of
/// 2 x 300 bytes, 2 is their product.
contract InputRootsTest is RefereeWorld {
    error NotRowMajor(uint256 tensor);

    bytes32 private constant ROOTED = keccak256("avow.tensor.tree.v1");
    bytes32 private constant LIST = keccak256("avow.tensors.tree.v1");
    uint8 private constant BY_ROOT = 3;
    uint32 private constant ELEMENT = 290;

    bytes[2] private _stated;

    function setUp() public {
        referee = newReferee();
        keyPart = abi.encodePacked(uint32(2), uint32(3), uint8(1), uint32(2));
        for (uint256 i; i < 600; ++i) {
            _stated[0] = bytes.concat(_stated[0], bytes1(uint8(int8(int256(i * 7 % 201) - 100))));
            _stated[1] = bytes.concat(_stated[1], bytes1(uint8(int8(int256(i * 11 % 201) - 100))));
        }
        tensors.push(_stated[0]);
        tensors.push(_stated[1]);
        tensors.push(new bytes(1200));
        descriptors.push(_given(0, _shape(300, 1)));
        descriptors.push(_given(1, _shape(300, 1)));
        bytes memory wide = abi.encodePacked(uint8(2), slice(_shape(300, 1), 1, 18));
        bytes memory operands = abi.encodePacked(uint32(0), _shape(300, 1), uint32(1), _shape(300, 1));
        descriptors.push(abi.encodePacked(uint8(5), wide, uint8(2), operands, uint8(0)));
        inputDigest = _list(_rooted(0), _rooted(1));
    }

    function test_nothingRefutesAnHonestInput() public view {
        for (uint32 tensor; tensor < 2; ++tensor) {
            assertTrue(!ask(_closed(tensor)), "roots that agree");
            for (uint32 element; element < 600; element += 37) {
                assertTrue(!ask(_opened(tensor, element)), "roots that agree, and an element in range");
            }
        }
    }

    function test_anInputThatDiffersInOneByteIsRefutedByItsRoot() public {
        for (uint32 tensor; tensor < 2; ++tensor) {
            for (uint256 octet; octet < 600; octet += 199) {
                _set(tensor, octet, uint8(tensors[tensor][octet]) ^ 1);
                assertTrue(ask(_closed(tensor)), "its root alone");
                assertTrue(ask(_opened(tensor, uint32(octet))), "and the element that differs");
                assertTrue(ask(_opened(tensor, 599 - uint32(octet))), "and an element that does not");
                assertTrue(!ask(_closed(1 - tensor)), "the other input stands");
                _set(tensor, octet, uint8(_stated[tensor][octet]));
            }
        }
    }

    function test_aRootWithoutChunksIsAnotherOne() public {
        // Nobody has to find the data under a root that is not the input's.
        tensors[0] = bytes.concat(_stated[0], hex"00");
        assertTrue(!ask(_closed(0)), "what fills the last chunk up");
        tensors[0] = bytes.concat(_stated[0], new bytes(200));
        assertTrue(ask(_closed(0)), "a chunk too many");
    }

    function test_anInputOutsideItsRangeIsRefutedThoughCommittedTo() public {
        for (uint256 side; side < 2; ++side) {
            _set(0, ELEMENT, side == 0 ? 101 : 155);
            _stated[0] = tensors[0];
            inputDigest = _list(_rooted(0), _rooted(1));
            assertTrue(ask(_opened(0, ELEMENT)), "beyond 100 or below -100");
            assertTrue(!ask(_opened(0, 0)), "another element of it");
            assertTrue(!ask(_closed(0)), "nothing is shown of it");
        }
    }

    function test_anotherListThanTheOneCommittedToIsRefused() public {
        _set(0, ELEMENT, 5);
        Refutation memory made = _closed(0);
        made.rest = bytes.concat(_rooted(0), root(_stated[1]));
        _refused(made);
        made.rest = bytes.concat(_rooted(1), root(tensors[0]));
        _refused(made);
        made.rest = bytes.concat(root(_stated[1]), root(_stated[0]));
        _refused(made);
        made.rest = bytes.concat(digest(1, _dimensions(), _stated[1]), root(_stated[0]));
        _refused(made);
        made.tensor = 1;
        made.descriptor = descriptors[1];
        (, made.path) = lead(programLeaves(), 1, 1);
        (, made.siblings) = lead(traceLeaves(), 1, 1);
        made.openings = abi.encodePacked(uint16(0), root(tensors[1]));
        made.rest = bytes.concat(_rooted(1), root(_stated[0]));
        _refused(made);
        made.rest = bytes.concat(_rooted(0), root(_stated[1]));
        assertTrue(!ask(made), "the list");
    }

    function test_rootsOfAnotherShapeOrTypeAreRefused() public {
        _set(0, ELEMENT, 5);
        Refutation memory made = _closed(0);
        bytes32 found = root(_stated[0]);
        bytes[5] memory others = [
            abi.encodePacked(uint8(1), uint8(1), uint32(600)),
            abi.encodePacked(uint8(1), uint8(2), uint32(300), uint32(2)),
            abi.encodePacked(uint8(1), uint8(3), uint32(1), uint32(2), uint32(300)),
            abi.encodePacked(uint8(2), uint8(2), uint32(2), uint32(150)),
            abi.encodePacked(uint8(2), uint8(2), uint32(2), uint32(300))
        ];
        for (uint256 i; i < others.length; ++i) {
            inputDigest = _list(keccak256(bytes.concat(ROOTED, others[i], found)), _rooted(1));
            _refused(made);
        }
        inputDigest = _list(_rooted(0), _rooted(1));
        assertTrue(ask(made), "the program's own");
    }

    function test_aDigestOfTheDataIsNoneOfRootsAndTheReverse() public {
        _set(0, ELEMENT, 5);
        bytes32 first = digest(1, _dimensions(), _stated[0]);
        bytes32 second = digest(1, _dimensions(), _stated[1]);
        bytes32[4] memory flat = [
            keccak256(bytes.concat(TensorLib.TENSORS_TAG, hex"02", first, second)),
            keccak256(bytes.concat(TensorLib.TENSORS_TAG, hex"02", _rooted(0), _rooted(1))),
            keccak256(bytes.concat(LIST, hex"02", first, _rooted(1))),
            _rooted(0)
        ];
        for (uint256 i; i < flat.length; ++i) {
            inputDigest = flat[i];
            _refused(_closed(0));
        }
        inputDigest = _list(_rooted(0), _rooted(1));
        Refutation memory made = refutation(1, 0, ELEMENT, open(tensors[0], 1, 1), 0, 1);
        made.rest = bytes.concat(second, _stated[0]);
        _refused(made);
        made.rest = bytes.concat(_rooted(1), _stated[0]);
        _refused(made);
    }

    function test_anotherTraceIsRefused() public {
        _set(0, ELEMENT, 5);
        Refutation memory made = _closed(0);
        made.openings = abi.encodePacked(uint16(0), root(_stated[0]));
        _refusedWith(made, RefereeErrors.TraceDiffers.selector);
        made = _opened(0, ELEMENT);
        made.openings[20] ^= 0x01;
        _refusedWith(made, RefereeErrors.TraceDiffers.selector);
    }

    function test_elementsOutsideAreRefusedShownOrNot() public {
        Refutation memory made = _closed(0);
        made.element = 600;
        _refusedWith(made, RefereeErrors.ElementOutside.selector);
        made = _opened(0, 0);
        made.element = ELEMENT;
        _refusedWith(made, RefereeErrors.NotOpened.selector);
    }

    function test_bytesMissingOrLeftAreRefused() public {
        bytes[2] memory all = [encode(_closed(1)), encode(_opened(1, 5))];
        TracedClaim memory claimed = claim();
        for (uint256 i; i < all.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(RefereeErrors.TrailingBytes.selector, 1));
            referee.refutes(claimed, bytes.concat(all[i], hex"00"));
            for (uint256 length; length < all[i].length; length += 7) {
                bytes memory cut = slice(all[i], 0, length);
                vm.expectPartialRevert(RefereeErrors.CutShort.selector);
                referee.refutes(claimed, cut);
            }
        }
    }

    /// @dev Whoever orders does not know in which order a program would rather have its input.
    function test_anInputThatTracesHoldInAnotherOrderIsNotCompared() public {
        descriptors[0] = _given(0, _shape(1, 2));
        _refusedExactly(_closed(0), abi.encodeWithSelector(NotRowMajor.selector, 0));
    }

    function test_axesOfLengthOneMayStandAnywhere() public {
        bytes memory shape =
            abi.encodePacked(uint8(1), uint8(2), uint32(1), uint32(1), uint32(600), uint32(1));
        bytes memory moved =
            abi.encodePacked(uint8(1), uint8(2), uint32(1), uint32(600), uint32(600), uint32(1));
        bytes memory specification = abi.encodePacked(uint8(1), uint8(2), uint32(1), uint32(600));
        bytes32 own = keccak256(bytes.concat(ROOTED, specification, root(_stated[0])));
        inputDigest = _list(own, _rooted(1));
        for (uint256 i; i < 2; ++i) {
            descriptors[0] = _given(0, i == 0 ? shape : moved);
            assertTrue(!ask(_closed(0)) && !ask(_opened(0, ELEMENT)), "the same order");
        }
    }

    function test_onlyInputsAreComparedByRoot() public {
        Refutation memory made = refutation(BY_ROOT, 2, 0, "", 2, 1);
        made.openings = abi.encodePacked(uint16(0), root(tensors[2]));
        made.rest = bytes.concat(_rooted(1), root(tensors[2]));
        _refusedExactly(made, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, BY_ROOT, 2));
        descriptors[2] = _given(2, _shape(300, 1));
        tensors[2] = _stated[0];
        made.descriptor = descriptors[2];
        made.openings = abi.encodePacked(uint16(0), root(tensors[2]));
        _refusedExactly(made, abi.encodeWithSelector(RefereeErrors.NotOfThisKind.selector, BY_ROOT, 2));
    }

    function testFuzz_noChangeRefutesAnHonestInput(uint256 which, uint256 place, uint8 change) public view {
        bytes memory data = encode(which % 2 == 0 ? _closed(uint32(which / 2 % 2)) : _opened(0, 17));
        data[place % data.length] ^= bytes1(change);
        try referee.refutes(claim(), data) returns (bool refuted) {
            assertTrue(!refuted, "an honest input is refuted");
        } catch {}
    }

    /// @dev Roots only.
    function _closed(uint32 tensor) private view returns (Refutation memory made) {
        made = refutation(BY_ROOT, tensor, 0, "", tensor, 1);
        made.openings = abi.encodePacked(uint16(0), root(tensors[tensor]));
        made.rest = bytes.concat(_rooted(1 - tensor), root(_stated[tensor]));
    }

    /// @dev Roots, and an element beside.
    function _opened(uint32 tensor, uint32 element) private view returns (Refutation memory made) {
        made = _closed(tensor);
        made.element = element;
        made.openings = open(tensors[tensor], element / 256, 1);
    }

    function _rooted(uint256 input) private view returns (bytes32) {
        return keccak256(abi.encodePacked(ROOTED, uint8(1), uint8(2), _dimensions(), root(_stated[input])));
    }

    function _list(bytes32 first, bytes32 second) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(LIST, uint8(2), first, second));
    }

    function _dimensions() private pure returns (bytes memory) {
        return abi.encodePacked(uint32(2), uint32(300));
    }

    function _shape(uint32 first, uint32 second) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(1), uint8(2), uint32(2), first, uint32(300), second);
    }

    function _given(uint8 number, bytes memory shape) private pure returns (bytes memory) {
        return
            abi.encodePacked(uint8(0), shape, uint8(0), uint8(0), uint8(1), int64(-100), int64(100), number);
    }

    function _set(uint256 tensor, uint256 octet, uint8 value) private {
        tensors[tensor][octet] = bytes1(value);
    }

    function _refused(Refutation memory made) private {
        _refusedWith(made, RefereeErrors.CommitmentDiffers.selector);
    }

    function _refusedWith(Refutation memory made, bytes4 selector) private {
        (TracedClaim memory claimed, bytes memory data) = (claim(), encode(made));
        vm.expectPartialRevert(selector);
        referee.refutes(claimed, data);
    }

    function _refusedExactly(Refutation memory made, bytes memory reason) private {
        (TracedClaim memory claimed, bytes memory data) = (claim(), encode(made));
        vm.expectRevert(reason);
        referee.refutes(claimed, data);
    }
}
