"""Three that must agree on every element: the definition, the numpy executor, the contract."""

import dataclasses
from random import Random

import numpy as np
import pytest

from avow.models.program.reference import Reference
from avow.prover.refutation import Place
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.program.operations import NAMES, Affine
from avow.verifier.program.program import Output
from avow.verifier.tensor import ElementType
from avow.verifier.trace.layout import Layout
from avow.verifier.trace.refutation import Kind
from tests.contracts.optimistic.desk import Desk, readable
from tests.programs.builder import Builder, random_program
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run
from tests.vectors.generate_optimistic import with_stated_input

SEEDS = range(24)


def operations_of(run: CommittedRun) -> range:
    """The numbers of the tensors that operations make."""
    return range(len(run.program.inputs), len(run.values))


def some(count: int, rng: Random, most: int = 3) -> list[int]:
    """The first, the last and other places of a tensor."""
    return sorted({0, count - 1, *(rng.randrange(count) for _ in range(most - 2))})


def requires(desk: Desk, run: CommittedRun, place: Place, expected: str) -> None:
    """Contract and readable verifier give this answer about an element of a committed run."""
    stated = {Kind.OPERATION: (), Kind.INPUT: run.inputs, Kind.OUTPUT: run.outputs}[place.kind]
    refuter = run.refuter()
    refutation = refuter.refute(place, stated)
    claim = run.claim(refuter.root)
    assert readable(claim, refutation) == expected, place
    assert desk.verdict(claim, refutation) == expected, place


def extreme(layout: Layout, rng: Random) -> tuple[int, ...]:
    """Integers of that width, its ends among them."""
    high = 2 ** (8 * layout.width - 1) - 1
    ends = (-high - 1, high, -1, 0, 1, -high, high - 1)
    return tuple(
        rng.choice(ends) if rng.random() < 0.5 else rng.randint(-high - 1, high)
        for _ in range(layout.count)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_no_element_of_an_honest_run_is_refuted_and_every_other_one_is(
    desk: Desk, seed: int
) -> None:
    run = honest_run(*random_program(seed), seed)
    arrays = [np.array(tensor.values, np.int64).reshape(1, *tensor.shape) for tensor in run.inputs]
    traced = Reference(run.program, run.blobs).trace(
        [
            array.astype(f"int{8 * tensor.element_type.width}")
            for array, tensor in zip(arrays, run.inputs, strict=True)
        ]
    )
    assert [tuple(array.reshape(-1).tolist()) for array in traced] == list(run.values)
    rng = Random(seed)
    for tensor in operations_of(run):
        for element in some(len(run.values[tensor]), rng):
            place = Place(Kind.OPERATION, tensor, element)
            requires(desk, run, place, "false")
            requires(desk, run.flipped(tensor, element), place, "true")
    for tensor in range(len(run.program.inputs)):
        place = Place(Kind.INPUT, tensor, len(run.values[tensor]) - 1)
        requires(desk, run, place, "false")
        requires(desk, run.flipped(tensor, place.element), place, "true")
    for number, output in enumerate(run.program.outputs):
        place = Place(Kind.OUTPUT, output.tensor, 0, number)
        requires(desk, run, place, "false")
        requires(desk, run.flipped(output.tensor, 0), place, "true")


@pytest.mark.parametrize("seed", SEEDS)
def test_inputs_are_compared_by_their_roots_where_they_lie_in_rows(desk: Desk, seed: int) -> None:
    rng = Random(seed)
    run = dataclasses.replace(honest_run(*random_program(seed), seed), scheme=Scheme.PUBLIC_TREE)
    for tensor, spec in enumerate(run.program.inputs):
        row_major = run.key.descriptors[tensor].result.row_major
        for element in some(len(run.values[tensor]), rng):
            by_root(desk, run, run, tensor, element, "false" if row_major else "refused")
            lying = run.flipped(tensor, element)
            by_root(desk, run, lying, tensor, element, "true" if row_major else "refused")
            highest = 2 ** (8 * spec.element_type.width - 1) - 1
            if spec.maximum < highest:
                beyond = with_stated_input(
                    run,
                    tensor,
                    (
                        *run.values[tensor][:element],
                        highest,
                        *run.values[tensor][element + 1 :],
                    ),
                )
                expected = "true" if row_major else "refused"
                by_root(desk, beyond, beyond, tensor, element, expected)


def by_root(
    desk: Desk, stated: CommittedRun, run: CommittedRun, tensor: int, element: int, expected: str
) -> None:
    """Contract and readable verifier give this answer about a run that states other inputs."""
    refuter = run.refuter()
    claim = dataclasses.replace(run, inputs=stated.inputs).claim(refuter.root)
    refutation = refuter.refute_by_root(tensor, element, stated.inputs)
    assert readable(claim, refutation) == expected, (tensor, element)
    assert desk.verdict(claim, refutation) == expected, (tensor, element)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_a_liar_commits_to_is_recomputed_from(desk: Desk, seed: int) -> None:
    """Operands of any value that their width holds: beyond what an honest run can have."""
    program, blobs = random_program(1000 + seed)
    honest = honest_run(program, blobs, seed)
    rng = Random(seed)
    layouts = [descriptor.result for descriptor in honest.key.descriptors]
    run = dataclasses.replace(honest, values=tuple(extreme(one, rng) for one in layouts))
    refuter = run.refuter()
    claim = run.claim(refuter.root)
    for tensor in operations_of(run):
        for element in some(layouts[tensor].count, rng):
            place = Place(Kind.OPERATION, tensor, element)
            try:
                refutation = refuter.refute(place)
            except VerificationError:
                continue
            assert desk.verdict(claim, refutation) == readable(claim, refutation), place


def test_the_seeds_have_every_operation() -> None:
    kinds = {type(step.operation) for seed in SEEDS for step in random_program(seed)[0].steps}
    assert kinds == set(NAMES.values())


def test_every_element_of_a_program_of_every_operation(desk: Desk) -> None:
    run = honest_run(*every_operation())
    refuter, claim = run.refuter(), run.claim()
    for tensor in operations_of(run):
        for element in range(len(run.values[tensor])):
            refutation = refuter.refute(Place(Kind.OPERATION, tensor, element))
            assert not desk.refutes(claim, refutation), (tensor, element)


@pytest.mark.parametrize("low, high", [(-128, 127), (-129, 0), (0, 128), (-5, 2**15), (0, 2**31)])
def test_an_input_that_is_an_output_has_the_narrowest_type_of_its_range(
    desk: Desk, low: int, high: int
) -> None:
    builder = Builder(Random(3))
    x = builder.add_input((5,), ElementType.INT64, low, high)
    builder.add(Affine((x,), (2,), 1))
    outputs = (Output("doubled", 1), Output("given", 0))
    run = honest_run(dataclasses.replace(builder.program(), outputs=outputs), builder.blobs)
    place = Place(Kind.OUTPUT, 0, 3, 1)
    requires(desk, run, place, "false")
    requires(desk, run.flipped(0, 3), place, "true")
