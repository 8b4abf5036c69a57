"""Whoever commits to a wrong element is refuted by it; whoever commits to none, by nothing."""

import dataclasses
from random import Random

import pytest

from avow.prover.refutation import Place, Refuter, first_wrong
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.semantics import index_at
from avow.verifier.trace.refutation import Kind, refutes
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run
from tests.relation.tiny import tiny_program
from tests.sampling import sampled
from tests.vectors.generate_optimistic import with_stated_input, with_stated_output


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


def place_of(run: CommittedRun, tensor: int, element: int) -> Place:
    kind = Kind.INPUT if tensor < len(run.program.inputs) else Kind.OPERATION
    return Place(kind, tensor, element)


def is_refuted(run: CommittedRun, refuter: Refuter, place: Place) -> bool:
    stated = {Kind.INPUT: run.inputs, Kind.OUTPUT: run.outputs}.get(place.kind, ())
    return refutes(run.claim(refuter.root), refuter.refute(place, stated))


def found(run: CommittedRun, honest: CommittedRun) -> Place | None:
    layouts = [descriptor.result for descriptor in run.key.descriptors]
    return first_wrong(run.program, layouts, honest.stored(), run.stored(), run.outputs)


def every_element_refutes_if_it_is_wrong(run: CommittedRun) -> None:
    for tensor, values in enumerate(run.values):
        for element in sampled(range(len(values)), 3):
            lying = run.flipped(tensor, element)
            place = found(lying, run)
            assert place == place_of(run, tensor, element)
            assert is_refuted(lying, lying.refuter(), place)


def no_element_refutes(run: CommittedRun) -> None:
    refuter = run.refuter()
    for tensor, values in enumerate(run.values):
        for element in range(len(values)):
            assert not is_refuted(run, refuter, place_of(run, tensor, element))
    for number, output in enumerate(run.program.outputs):
        for element in range(len(run.values[output.tensor])):
            place = Place(Kind.OUTPUT, output.tensor, element, number)
            assert not is_refuted(run, refuter, place)
    assert found(run, run) is None


def test_every_flipped_element_refutes_its_run(honest: CommittedRun) -> None:
    every_element_refutes_if_it_is_wrong(honest)


def test_nothing_refutes_the_honest_run(honest: CommittedRun) -> None:
    no_element_refutes(honest)


@pytest.mark.parametrize("kind", ["dense", "convolution", "contract", "sum", "gather", "divide"])
@pytest.mark.parametrize("seed", range(4))
def test_small_random_programs(kind: str, seed: int) -> None:
    run = honest_run(*tiny_program(seed, kind, more=2), seed=seed)
    no_element_refutes(run)
    every_element_refutes_if_it_is_wrong(run)


def test_a_wrong_answer_over_a_right_trace_is_refuted(honest: CommittedRun) -> None:
    for number, output in enumerate(honest.program.outputs):
        for element in range(len(honest.values[output.tensor])):
            lying = with_stated_output(honest, number, element)
            place = found(lying, honest)
            assert place == Place(Kind.OUTPUT, output.tensor, element, number)
            assert is_refuted(lying, lying.refuter(), place)


def test_a_wrong_answer_with_the_committed_output_to_fit_is_refuted(honest: CommittedRun) -> None:
    output = honest.program.outputs[0]
    lying = with_stated_output(honest, 0, 2)
    lying = dataclasses.replace(
        lying, values=(*honest.values[: output.tensor], lying.outputs[0].values)
    )
    place = found(lying, honest)
    assert place == Place(Kind.OPERATION, output.tensor, 2)
    assert is_refuted(lying, lying.refuter(), place)


def test_a_liar_who_goes_on_from_his_lie_is_refuted_where_it_began(honest: CommittedRun) -> None:
    rng = Random(3)
    inputs = len(honest.program.inputs)
    for tensor in range(inputs, len(honest.values)):
        values = list(honest.values)
        for later in range(tensor, len(values)):
            noise = [rng.randint(-1, 1) for _ in values[later]]
            noise[0] = 1 if values[later][0] <= 0 else -1
            values[later] = tuple(
                a + b if abs(a + b) < 100 else a for a, b in zip(values[later], noise, strict=True)
            )
        lying = dataclasses.replace(honest, values=tuple(values))
        place = found(lying, honest)
        if place is None:
            continue
        assert place.tensor >= tensor
        assert is_refuted(lying, lying.refuter(), place)


@pytest.mark.parametrize("beyond", [-1, 1])
def test_an_input_beyond_its_range_is_refuted(honest: CommittedRun, beyond: int) -> None:
    for tensor, spec in enumerate(honest.program.inputs):
        values = list(honest.values[tensor])
        values[0] = spec.maximum + 1 if beyond > 0 else spec.minimum - 1
        lying = with_stated_input(honest, tensor, tuple(values))
        assert is_refuted(lying, lying.refuter(), Place(Kind.INPUT, tensor, 0))
        assert not is_refuted(lying, lying.refuter(), Place(Kind.INPUT, tensor, 1))


def test_no_changed_byte_turns_a_right_element_into_a_wrong_one(honest: CommittedRun) -> None:
    refuter, claim = honest.refuter(), honest.claim()
    rng = Random(5)
    for tensor in range(len(honest.program.inputs), len(honest.values)):
        data = refuter.refute(place_of(honest, tensor, len(honest.values[tensor]) - 1))
        for at in rng.sample(range(len(data)), 40):
            changed = bytearray(data)
            changed[at] ^= 1 << rng.randrange(8)
            try:
                assert not refutes(claim, bytes(changed))
            except VerificationError:
                continue


def test_a_cut_refutation_is_refused(honest: CommittedRun) -> None:
    tensor = len(honest.values) - 1
    lying = honest.flipped(tensor, 0)
    claim, data = lying.claim(), lying.refuter().refute(place_of(honest, tensor, 0))
    assert refutes(claim, data)
    for length in range(len(data)):
        with pytest.raises(VerificationError):
            refutes(claim, data[:length])


def test_a_meaningless_element_cannot_be_shown_and_one_before_it_can(honest: CommittedRun) -> None:
    kinds = [type(step.operation) for step in honest.program.steps]
    tensor = len(honest.program.inputs) + kinds.index(op.Divide)
    divisor = honest.key.descriptors[tensor].of[1]
    lying = honest.with_value(divisor, 0, 0)
    with pytest.raises(VerificationError, match="a division by 0 has no meaning"):
        lying.refuter().refute(Place(Kind.OPERATION, tensor, 0))
    assert is_refuted(lying, lying.refuter(), Place(Kind.OPERATION, divisor, 0))


def test_the_fewest_chunks_are_shown(honest: CommittedRun) -> None:
    # One row of 150 int16 values touches at most three chunks of 256 bytes.
    tensor = len(honest.values) - 1
    dense = honest.key.descriptors[tensor]
    row = index_at(0, dense.result.shape)
    assert row == (0, 0)
    data = honest.refuter().refute(place_of(honest, tensor, 0))
    assert len(data) < 2 * 3 * 256 + 1024
