"""How tensors lie, how trees are made, and what is no layout, no descriptor, no tree."""

import itertools
import math
from random import Random

import pytest

from avow.verifier import merkle
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.program import operations as op
from avow.verifier.program.program import check
from avow.verifier.tensor import ElementType
from avow.verifier.trace.descriptor import read_descriptor
from avow.verifier.trace.key import program_key, read_outline
from avow.verifier.trace.layout import Layout, ordered, read_layout, tensor_layouts
from avow.verifier.trace.octets import Octets
from avow.verifier.trace.tree import Tree, chunk_leaves, fold
from tests.programs.builder import Builder, random_program
from tests.programs.every import every_operation


def test_elements_are_stored_where_their_strides_say() -> None:
    layout = ordered(2, (2, 3, 4), (0, 2, 1))
    assert layout.strides == (12, 1, 3)
    values = list(range(-12, 12))
    data = layout.store(values)
    for index, value in zip(itertools.product(range(2), range(3), range(4)), values, strict=True):
        at = 2 * (12 * index[0] + index[1] + 3 * index[2])
        assert int.from_bytes(data[at : at + 2], "big", signed=True) == value
    with pytest.raises(VerificationError, match="does not fit 1 bytes"):
        ordered(1, (1,), (0,)).store([128])
    with pytest.raises(VerificationError, match="of 1 elements got 2"):
        ordered(1, (1,), (0,)).store([1, 2])


def test_the_reader_of_a_tensor_decides_its_order() -> None:
    program, blobs = every_operation()
    layouts = tensor_layouts(program, check(program, blobs))
    for number, step in enumerate(program.steps):
        layout = layouts[step.operation.of[0]] if step.operation.of else None
        match step.operation:
            case op.Convolution():
                assert layout == Layout(1, (1, 2, 5, 5), (50, 1, 10, 2))
            case op.Contract():
                assert layouts[step.operation.of[1]].strides == (1, 150)
            case op.Sum():
                assert layout is not None and layout.strides == (1, 8)
            case _:
                assert number >= 0


def test_the_first_reader_with_a_wish_decides() -> None:
    for first in ("sum", "contract"):
        builder = Builder(Random(0))
        builder.add_input((3, 3), ElementType.INT8, -5, 5)
        builder.add(op.Multiply((0, 0)))
        wishes = [op.Sum((0,), (1,)), op.Contract((0, 0))]
        for wish in wishes if first == "sum" else reversed(wishes):
            builder.add(wish)
        program = builder.program()
        strides = tensor_layouts(program, check(program, builder.blobs))[0].strides
        assert strides == ((3, 1) if first == "sum" else (1, 3))


@pytest.mark.parametrize(
    "data",
    [
        "0300",  # width 3
        "0109" + "0000000100000001" * 9,  # rank 9
        "01010000000000000001",  # no elements
        "01010000000300000002",  # gaps
        "010200000003000000010000000200000002",  # overlap
        "010200000003000000010000000200000001",
        "01011000000100000001",  # too many
        "010100000003",  # cut
    ],
)
def test_what_is_no_layout_is_refused(data: str) -> None:
    with pytest.raises(VerificationError):
        read_layout(Octets(bytes.fromhex(data), "a layout"))


@pytest.mark.parametrize("seed", range(40))
def test_descriptors_are_read_as_they_were_written(seed: int) -> None:
    key = program_key(*random_program(seed))
    assert len({one.encode() for one in key.descriptors}) >= len(key.descriptors) // 2
    for descriptor in key.descriptors:
        octets = Octets(descriptor.encode(), "a descriptor")
        assert read_descriptor(octets) == descriptor
        octets.end()
    octets = Octets(key.outline.encode(), "an outline")
    assert read_outline(octets) == key.outline
    octets.end()


@pytest.mark.parametrize("seed", range(10))
def test_what_is_read_as_a_descriptor_is_written_likewise(seed: int) -> None:
    rng = Random(seed)
    for descriptor in program_key(*random_program(seed)).descriptors:
        data = bytearray(descriptor.encode())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        octets = Octets(bytes(data), "a descriptor")
        try:
            found = read_descriptor(octets)
            octets.end()
        except VerificationError:
            continue
        assert found.encode() == bytes(data)


@pytest.mark.parametrize(
    "outline",
    ["00000000" "00000001" "01" "00000000", "00000001" "00000001" "01" "00000001",
     "00000002" "00000001" "01" "00000000", "00000001" "00020000" "01" "00000000",
     "00000001" "00000001" "00"],
)  # fmt: skip
def test_what_is_no_outline_is_refused(outline: str) -> None:
    with pytest.raises(VerificationError):
        read_outline(Octets(bytes.fromhex(outline), "an outline"))


def test_more_operands_than_a_descriptor_holds_are_refused() -> None:
    builder = Builder(Random(0))
    builder.add_input((1,), ElementType.INT8, 0, 1)
    builder.add(op.Concat((0,) * 256, 0))
    with pytest.raises(VerificationError, match=r"operation 0 .concat. has 256 entries in of"):
        program_key(builder.program(), builder.blobs)


def test_trees_are_those_of_statements() -> None:
    for count in (1, 2, 3, 5, 8, 13):
        data = [keccak256(bytes([at])) for at in range(count)]
        root, paths = merkle.build(data)
        tree = Tree([merkle.leaf(one) for one in data])
        assert tree.root == root
        for at, path in enumerate(paths):
            assert tree.siblings([at]) == path.siblings


def test_any_set_of_leaves_leads_to_the_root_and_no_other_does() -> None:
    rng = Random(1)
    for count in (1, 2, 3, 6, 11):
        tree = Tree([keccak256(bytes([at])) for at in range(count)])
        depth = len(tree.levels) - 1
        for _ in range(30):
            places = rng.sample(range(count), rng.randint(1, count))
            known = {at: tree.levels[0][at] for at in places}
            siblings = tree.siblings(places)
            assert fold(known, depth, iter(siblings).__next__) == tree.root
            known[places[0]] = bytes(32)
            assert fold(known, depth, iter(siblings).__next__) != tree.root
    with pytest.raises(VerificationError):
        fold({4: bytes(32)}, 2, lambda: bytes(32))
    with pytest.raises(VerificationError):
        fold({}, 2, lambda: bytes(32))


def test_the_last_chunk_is_padded() -> None:
    data = bytes(range(250)) * 2
    assert chunk_leaves(data)[1] == merkle.leaf(data[256:] + bytes(12))
    assert Layout(1, (500,), (1,)).chunks == 2
    assert math.prod(Layout(4, (500,), (1,)).shape) * 4 == Layout(4, (500,), (1,)).size
