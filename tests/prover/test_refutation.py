"""A challenger who has seen nothing but a path of the provider's trees refutes all the same."""

import dataclasses
from collections.abc import Iterator
from random import Random

import pytest

from avow.prover.errors import Refused
from avow.prover.refutation import Place, Refuter, first_wrong
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.refutation import Kind, refutes
from avow.verifier.trace.tree import Nodes
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run

FANOUT = 4  # Levels that the provider shows at a time.


def descend(own: Nodes, theirs: Nodes) -> tuple[int, dict[tuple[int, int], bytes]]:
    """The first leaf that differs, and what the provider showed on the way to it."""
    height, place = theirs.depth, 0
    shown = {(height, 0): theirs.root}
    while height:
        down = min(FANOUT, height)
        for level in range(height - down, height):
            span = height - level
            first = place << span
            shown |= {(level, at): theirs.at(level, at) for at in range(first, first + 2**span)}
        height -= down
        candidates = range(place << down, (place + 1) << down)
        place = next(at for at in candidates if theirs.at(height, at) != own.at(height, at))
    return place, shown


def lies(honest: CommittedRun) -> Iterator[CommittedRun]:
    """Runs that go wrong at some tensor and say anything at all from there on."""
    rng = Random(11)
    for tensor in range(len(honest.program.inputs), len(honest.values)):
        for _ in range(3):
            values = list(honest.values)
            layouts = [descriptor.result for descriptor in honest.key.descriptors]
            for later in range(tensor, len(values)):
                limit = 2 ** (8 * layouts[later].width - 1)
                values[later] = tuple(
                    rng.randrange(-limit, limit) if rng.random() < 0.1 or later > tensor else value
                    for value in values[later]
                )
            values[tensor] = (*values[tensor][:-1], values[tensor][-1] ^ 1)
            yield dataclasses.replace(honest, values=tuple(values))


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


def test_what_was_shown_is_enough(honest: CommittedRun) -> None:
    own = honest.refuter()
    for lying in lies(honest):
        theirs = lying.refuter()
        tensor, trace = descend(own.trace, theirs.trace)
        chunk, nodes = descend(own.trees[tensor], theirs.trees[tensor])
        data = lying.stored()[tensor][chunk * CHUNK : (chunk + 1) * CHUNK]
        refuter = own.with_shown(tensor, chunk, data, nodes, trace)
        assert refuter.root == theirs.root
        layouts = [descriptor.result for descriptor in honest.key.descriptors]
        place = first_wrong(
            honest.program, layouts, honest.stored(), refuter.tensors, honest.outputs
        )
        assert place is not None and (place.kind, place.tensor) == (Kind.OPERATION, tensor)
        assert refutes(lying.claim(theirs.root), refuter.refute(place))


def test_a_chunk_of_another_length_is_refused(honest: CommittedRun) -> None:
    own: Refuter = honest.refuter()
    for data in (b"", bytes(255), bytes(257)):
        with pytest.raises(Refused, match=r"chunk 0 of tensor 26 cannot have \d+ bytes"):
            own.with_shown(26, 0, data, {}, {})


def test_an_input_is_made_by_no_operation(honest: CommittedRun) -> None:
    with pytest.raises(Refused, match="made by no operation"):
        honest.refuter().refute(Place(Kind.OPERATION, 0, 0))


def test_tensors_of_another_size_are_refused(honest: CommittedRun) -> None:
    layouts = [descriptor.result for descriptor in honest.key.descriptors]
    cut = [honest.stored()[0][:-1], *honest.stored()[1:]]
    with pytest.raises(Refused, match="tensor 0 needs 50 bytes, got 49"):
        first_wrong(honest.program, layouts, honest.stored(), cut, honest.outputs)
