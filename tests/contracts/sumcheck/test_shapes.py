"""Inputs and outputs of every type, of shapes that fill no word, with values at the ends."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from random import Random

import pytest

from avow.circuits.sumcheck.blob import blob
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.program import operations as op
from avow.verifier.program.program import Output, output_specs
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.tensor import ElementType, Tensor, TensorSpec, tensors_digest
from tests.contracts.node import Refused, selector
from tests.contracts.sumcheck.desk import Desk, Sample, data_of
from tests.programs.builder import Builder
from tests.soundness.rounds import powers
from tests.soundness.workbench import ROOT, Case, make_case

SHAPES = ((1,), (31,), (33,), (64,), (783,), (7, 9), (3, 33), (2, 48), (2, 3, 5), (27, 29))
# Programs speak of integers up to 2^62; sums of these stay below.
LARGEST = 2**50


def random_range(kind: ElementType, rng: Random) -> tuple[int, int]:
    """A range of a type, often up to its ends."""
    low, high = max(kind.minimum, -LARGEST), min(kind.maximum, LARGEST)
    ranges = ((low, high), (0, high), (low, -1), (high - 1, high), (0, 0), (-1, 1), (-5, -3))
    return rng.choice(ranges)


def random_case(rng: Random) -> Case:
    """One to three inputs, one operation on each, and at times an input that is an output."""
    builder = Builder(rng)
    count = rng.choice((1, 1, 2, 3))
    for _ in range(count):
        kind = rng.choice(list(ElementType))
        builder.add_input(rng.choice(SHAPES), kind, *random_range(kind, rng))
    answers = []
    for at in range(count):
        length = builder.shapes[at][-1]
        weight = builder.blob([rng.randint(-2, 2) for _ in range(length)], (1, length))
        bias = builder.blob([rng.randint(-9, 9)], (1,))
        shifted = op.Affine((at,), (rng.choice((-1, 2)),), rng.randint(-5, 5))
        answers.append(builder.add(rng.choice((op.Dense((at,), weight, bias), shifted))))
    if rng.random() < 0.3:
        answers.insert(0, 0)
    outputs = tuple(Output(f"y{at}", at) for at in answers)
    return make_case(replace(builder.program(), outputs=outputs), builder.blobs, 4, 8)


def random_sample(specs: Sequence[TensorSpec], rng: Random) -> tuple[Tensor, ...]:
    """Tensors with many cells at the ends of their ranges, and many of the same value."""
    tensors = []
    for spec in specs:
        ends = spec.minimum, spec.maximum
        usual = min(max(0, spec.minimum), spec.maximum)
        values = (rng.choice((*ends, usual, rng.randint(*ends))) for _ in range(prod(spec.shape)))
        tensors.append(Tensor(spec.element_type, spec.shape, tuple(values)))
    return tuple(tensors)


def changed(spec: TensorSpec, data: bytes, start: int, rng: Random) -> tuple[bytes, bool]:
    """The data with another value in one cell of a tensor; whether it lies within the range."""
    width = spec.element_type.width
    at = start + width * rng.randrange(prod(spec.shape))
    old = int.from_bytes(data[at : at + width], "big", signed=True)
    ends = spec.minimum, spec.maximum, spec.minimum - 1, spec.maximum + 1
    others = {*ends, old + 1, old - 1, spec.element_type.minimum, spec.element_type.maximum}
    fitting = [x for x in others if spec.element_type.minimum <= x <= spec.element_type.maximum]
    new = rng.choice(sorted(set(fitting) - {old}))
    octets = new.to_bytes(width, "big", signed=True)
    return data[:at] + octets + data[at + width :], spec.minimum <= new <= spec.maximum


@pytest.mark.parametrize("seed", range(260_000, 260_012))
def test_every_run_is_established_and_no_other(desk: Desk, seed: int) -> None:
    rng = Random(seed)
    case, batch = random_case(rng), seed % 5 + 1
    key, program = case.key, case.program
    inputs = [random_sample(program.inputs, rng) for _ in range(batch)]
    logrows = frame(case.relation(batch), key.logrows).stack.logrows
    prepared = prepare(program, case.blobs, key, powers(logrows), batch)
    proved = prove(prepared, ROOT, inputs)
    openings = proved.openings if batch > 1 else [b""]
    runs: list[Sample] = [
        (index, data_of(given), data_of(answered), opening)
        for index, (given, answered, opening) in enumerate(
            zip(inputs, proved.outputs, openings, strict=True)
        )
    ]
    code = blob(key, batch)

    def ask(samples: Sequence[Sample]) -> list[tuple[bytes, bytes, bytes, bytes]]:
        if batch == 1:
            return [desk.verify(code, ROOT, samples[0][1], samples[0][2], proved.proof)]
        return desk.verify_batch(code, ROOT, samples, proved.proof)

    assert ask(runs) == [
        (program.digest(), key.digest(), tensors_digest(given), tensors_digest(answered))
        for given, answered in zip(inputs, proved.outputs, strict=True)
    ]
    specs = program.inputs, output_specs(program, key.bounds())
    for _ in range(8):
        index, *both, opening = rng.choice(runs)
        side = rng.randrange(2)
        number = rng.randrange(len(specs[side]))
        before = specs[side][:number]
        start = sum(prod(spec.shape) * spec.element_type.width for spec in before)
        both[side], within = changed(specs[side][number], both[side], start, rng)
        with pytest.raises(Refused) as caught:
            ask([(index, both[0], both[1], opening)])
        outside = caught.value.data[:4] == selector("OutsideRange(uint256)")
        assert outside is not within
