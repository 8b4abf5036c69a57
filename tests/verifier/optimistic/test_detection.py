"""How likely a sample sees a lie: what the verdict says, counted over many seeds."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from avow.verifier.errors import VerificationError
from avow.verifier.program.semantics import evaluate
from avow.verifier.systems.optimistic.effort import run_elements
from avow.verifier.systems.optimistic.recompute import Committed, check_sample
from avow.verifier.systems.optimistic.sample import Sample
from tests.programs.claims import every_case
from tests.programs.runs import CommittedRun

RUN = every_case().run
INPUTS = len(RUN.program.inputs)
ELEMENTS = run_elements(RUN.program)
SHARE = 10


def lying(tensor: int, element: int, value: int) -> CommittedRun:
    """The run with one element wrong, and everything made from it made rightly from it."""
    wrong = list(RUN.values[tensor])
    wrong[element] = value
    values: list[tuple[int, ...]] = [*RUN.values[:tensor], tuple(wrong)]
    shapes = RUN.program.shapes()
    for step in RUN.program.steps[len(values) - INPUTS :]:
        of = step.operation.of
        result = shapes[len(values)]
        operands, around = [values[at] for at in of], [shapes[at] for at in of]
        values.append(tuple(evaluate(step.operation, result, operands, around, RUN.blobs)))
    return replace(RUN, values=tuple(values))


def seen(run: CommittedRun, drawn: Sequence[Sample]) -> list[bool]:
    """Which samples find something wrong with a run."""
    tensors = [
        Committed(number, descriptor.result, data)
        for number, (descriptor, data) in enumerate(
            zip(run.key.descriptors, run.stored(), strict=True)
        )
    ]

    def refused(sample: Sample) -> bool:
        try:
            check_sample(run.program, run.blobs, run.key.intervals, tensors, sample)
        except VerificationError:
            return True
        return False

    return [refused(one) for one in drawn]


@cache
def seen_alone(tensor: int, element: int) -> list[bool]:
    """The same of a run with one wrong element, from which all others are made rightly."""
    return seen(lying(tensor, element, within(tensor, element)), samples())


def samples() -> list[Sample]:
    """A tenth of all elements, drawn by many seeds."""
    return [Sample(ELEMENTS // SHARE, bytes([at]) * 32) for at in range(150)]


def within(tensor: int, element: int) -> int:
    """Another value that the tensor can hold."""
    interval, right = RUN.key.intervals[tensor], RUN.values[tensor][element]
    return right + 1 if right < interval.high else right - 1


def test_a_single_wrong_element_is_seen_as_often_as_it_is_drawn() -> None:
    tensor, element = INPUTS + 3, 4
    place = sum(len(values) for values in RUN.values[INPUTS:tensor]) + element
    drawn = [place in set(one.places(ELEMENTS)) for one in samples()]
    # Only by being drawn itself: what is made from it is right.
    assert seen_alone(tensor, element) == drawn
    # A tenth of 150, of standard deviation 3.7: within four of them.
    chance = (ELEMENTS // SHARE) / ELEMENTS
    assert abs(sum(drawn) - 150 * chance) < 4 * math.sqrt(150 * chance * (1 - chance))


def test_a_lie_that_is_not_followed_up_is_seen_more_often() -> None:
    tensor, element = INPUTS + 3, 4
    plain = RUN.with_value(tensor, element, within(tensor, element))
    found = list(zip(seen_alone(tensor, element), seen(plain, samples()), strict=True))
    # Elements made from it are wrong as well, and each may be drawn.
    assert all(also for first, also in found if first)
    assert sum(also for _, also in found) >= sum(first for first, _ in found)


def test_the_honest_run_is_never_accused() -> None:
    assert not any(seen(RUN, samples()[:20]))
