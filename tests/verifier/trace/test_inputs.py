"""Commitments to inputs by their roots: what they bind, and when they are made."""

import dataclasses
import math
from random import Random

import pytest

from avow.prover.trees import ChunkTree
from avow.verifier.commitment import Commitment, Scheme, commit_public, parse_commitment
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.program import check
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.trace.inputs import (
    commit_as,
    commit_input,
    commit_tree,
    digest_of_rooted,
    input_root,
    input_scheme,
)
from avow.verifier.trace.layout import LARGEST_SHOWN, Layout, ordered, tensor_layouts
from tests.programs.builder import Builder

INT8, INT16 = ElementType.INT8, ElementType.INT16


def bytes_of(count: int) -> Tensor:
    """A row of bytes."""
    return Tensor(INT8, (count,), tuple(at % 251 - 125 for at in range(count)))


def test_every_bit_type_and_length_is_bound() -> None:
    """The same bytes under another specification, or in another order, are another input."""
    rng = Random(1)
    one = Tensor(INT8, (2, 300), tuple(rng.randrange(-128, 128) for _ in range(600)))
    two = dataclasses.replace(one, values=one.values[::-1])
    pairs = [one.data()[at : at + 2] for at in range(0, 600, 2)]
    paired = [int.from_bytes(pair, "big", signed=True) for pair in pairs]
    others: list[list[Tensor]] = [
        [two],
        [one, one],
        [one, two],
        [two, one],
        [Tensor(INT8, (600,), one.values)],
        [Tensor(INT8, (300, 2), one.values)],
        [Tensor(INT8, (1, 2, 300), one.values)],
        [Tensor(INT16, (300,), tuple(paired))],
        [Tensor(INT16, (2, 150), tuple(paired))],
        # What fills up the last chunk is not data.
        [Tensor(INT8, (601,), (*one.values, 0))],
        [Tensor(INT8, (768,), one.values + (0,) * 168)],
    ]
    for at in (0, 255, 256, 599):
        values = list(one.values)
        values[at] ^= 1
        others.append([Tensor(INT8, (2, 300), tuple(values))])
    found = {commit_tree(tensors).value for tensors in ([one], *others)}
    assert len(found) == 1 + len(others)
    assert not found & {commit_public(tensors).value for tensors in ([one], *others)}


def test_the_root_is_that_of_a_trace_of_rows() -> None:
    for tensor in (bytes_of(1), bytes_of(256), bytes_of(257), bytes_of(70_000)):
        assert input_root(tensor) == ChunkTree(tensor.data()).root
        assert ordered(1, tensor.shape, [0]).store(tensor.values) == tensor.data()


def test_what_would_not_fit_a_transaction_is_committed_to_by_its_root() -> None:
    most, more = bytes_of(LARGEST_SHOWN), bytes_of(LARGEST_SHOWN + 1)
    assert commit_input([most]) == commit_public([most])
    assert commit_input([most, most]) == commit_public([most, most])
    assert commit_input([more]) == commit_tree([more])
    # One commitment for all of them.
    assert commit_input([bytes_of(1), more]) == commit_tree([bytes_of(1), more])
    half = TensorSpec("x", INT16, (LARGEST_SHOWN // 2,), 0, -5, 5)
    assert input_scheme([half]) is Scheme.PUBLIC
    above = dataclasses.replace(half, shape=(LARGEST_SHOWN // 2 + 1,))
    assert input_scheme([half, above]) is Scheme.PUBLIC_TREE


def test_who_holds_the_tensors_recomputes_either_scheme_and_no_other() -> None:
    given = [bytes_of(300), bytes_of(7)]
    for scheme in (Scheme.PUBLIC, Scheme.PUBLIC_TREE):
        committed = commit_as(scheme, given)
        assert committed.scheme is scheme
        assert commit_as(scheme, given[::-1]) != committed
        assert parse_commitment(committed.to_json()) == committed
    for hidden in (Scheme.SALTED, Scheme.EZKL_POSEIDON):
        with pytest.raises(VerificationError, match=f"scheme {int(hidden)} is not made of"):
            commit_as(hidden, given)
    with pytest.raises(VerificationError, match="unknown commitment scheme 5"):
        parse_commitment({"scheme": 5, "value": "0x" + "00" * 32})


@pytest.mark.parametrize("count", [0, 17])
def test_a_list_has_one_to_sixteen_inputs(count: int) -> None:
    with pytest.raises(VerificationError, match=f"{count} tensors; 1 to 16"):
        digest_of_rooted([bytes(32)] * count)


@pytest.mark.parametrize(
    ("layout", "row_major"),
    [
        (Layout(1, (), ()), True),
        (Layout(1, (5,), (1,)), True),
        (Layout(2, (2, 3), (3, 1)), True),
        (Layout(2, (2, 3), (1, 2)), False),
        (Layout(1, (1, 2, 5, 5), (50, 1, 10, 2)), False),
        (Layout(1, (1, 1, 5, 5), (25, 1, 5, 1)), True),
        (Layout(1, (3, 1), (1, 1)), True),
        (Layout(1, (3, 1), (1, 3)), True),
    ],
)
def test_axes_of_length_one_may_stand_anywhere(layout: Layout, row_major: bool) -> None:
    assert layout.row_major is row_major
    values = [at % 100 for at in range(layout.count)]
    stored = b"".join(value.to_bytes(layout.width, "big") for value in values)
    assert (layout.store(values) == stored) is row_major


@pytest.mark.parametrize(("side", "row_major"), [(8, False), (224, True)])
def test_a_large_input_is_stored_row_by_row_whoever_reads_it(side: int, row_major: bool) -> None:
    """All inputs of the program are, for one commitment is to all; what is made of them is not."""
    builder = Builder(Random(4))
    x = builder.add_input((1, 3, side, side), INT8, -9, 9)
    y = builder.add_input((1, 2, 4, 4), INT8, -9, 9)
    for of, channels in ((x, 3), (y, 2)):
        weight, bias = builder.integers((2, channels, 2, 2), 5), builder.integers((2,), 5)
        made = builder.add(op.Convolution((of,), weight, bias, (2, 2), (1, 1), (0, 0), (0, 0), 1))
    weight, bias = builder.integers((1, 2, 2, 2), 5), builder.integers((1,), 5)
    builder.add(op.Convolution((made,), weight, bias, (1, 1), (1, 1), (0, 0), (0, 0), 1))
    program = builder.program()
    layouts = tensor_layouts(program, check(program, builder.blobs))
    assert [layouts[at].row_major for at in (x, y)] == [row_major, row_major]
    assert not layouts[made].row_major
    assert math.prod(layouts[x].shape) == layouts[x].count


def test_a_value_of_either_scheme_is_none_of_the_other() -> None:
    given = [bytes_of(300)]
    flat, tree = commit_public(given), commit_tree(given)
    for wrong in (
        Commitment(Scheme.PUBLIC_TREE, flat.value),
        Commitment(Scheme.PUBLIC, tree.value),
    ):
        assert commit_as(wrong.scheme, given) != wrong
