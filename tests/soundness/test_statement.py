"""A proof is about one statement: another key, root, batch, input or output makes it worthless."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from avow.prover.native import _core
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.tensor import Tensor
from tests.sampling import sampled
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.reference import GENERATOR
from tests.soundness.workbench import Samples, tau_g2

pytestmark = pytest.mark.usefixtures("quick")


def refused(
    honest: Honest,
    key: Key | None = None,
    root: bytes | None = None,
    inputs: Samples | None = None,
    outputs: Samples | None = None,
) -> bool:
    """Whether the honest proof is refused for a statement that differs in this."""
    prover = honest.prover
    given = prover.inputs if inputs is None else inputs
    openings = [*honest.proof.openings, *[bytes(64)] * len(given)][: len(given)]
    try:
        check_all(
            key or honest.case.key,
            root or prover.root,
            given,
            prover.outputs if outputs is None else outputs,
            honest.proof,
            openings,
        )
    except VerificationError:
        return True
    return False


def test_nothing_changed_is_accepted(one: Honest, three: Honest) -> None:
    assert not refused(one)
    assert not refused(three)


def test_every_bit_of_the_root_counts(one: Honest) -> None:
    number = int.from_bytes(one.prover.root, "big")
    for bit in range(0, 256, 7):
        assert refused(one, root=(number ^ 1 << bit).to_bytes(32, "big"))


def other_keys(key: Key) -> Iterator[tuple[str, Key]]:
    """Keys that differ in one element."""
    for width in (1, 2, 4, 5, 16):
        yield f"width {width}", replace(key, width=width)
    for logrows in (6, 7, 8, 9):
        yield f"logrows {logrows}", replace(key, logrows=logrows)
    for number, row in enumerate(key.rows):
        others = {
            "identity": bytes(64),
            "generator": GENERATOR,
            "another": _core.point_add(row, GENERATOR),
            "off the curve": row[:63] + bytes([row[63] ^ 1]),
            "neighbour": key.rows[number - 1],
        }
        for name, point in others.items():
            rows = (*key.rows[:number], point, *key.rows[number + 1 :])
            yield f"row {number} {name}", replace(key, rows=rows)
    yield "a row less", replace(key, rows=key.rows[:-1])
    yield "a row more", replace(key, rows=(*key.rows, bytes(64)))
    for tau in (2, 3, 2**200):
        yield f"tau {tau}", replace(key, tau_g2=tau_g2(tau))
    for number, interval in enumerate(key.intervals):
        for low, high in ((interval.low - 1, interval.high), (interval.low, interval.high + 1)):
            others_ = list(key.intervals)
            others_[number] = Interval(low, high)
            yield f"interval {number}", replace(key, intervals=tuple(others_))
    yield from ((name, replace(key, program=program)) for name, program in programs(key.program))


def programs(program: Program) -> Iterator[tuple[str, Program]]:
    """Programs of the same shapes that differ in one attribute."""
    for number, step in enumerate(program.steps):
        operation = step.operation
        changed: op.Operation | None = None
        match operation:
            case op.Affine():
                changed = replace(operation, constant=operation.constant + 1)
            case op.Rescale(high=int()):
                changed = replace(operation, low=(operation.low or 0) - 1)
            case op.Rescale():
                changed = replace(operation, bits=operation.bits + 1)
            case op.Table():
                changed = replace(operation, first=operation.first - 1)
            case op.Pad():
                changed = replace(operation, value=operation.value + 1)
            case op.Slice(starts=(a, b), steps=(c, d)):
                changed = replace(operation, starts=(1 - a, b), steps=(-c, d))
            case op.Transpose():
                changed = replace(operation, axes=tuple(reversed(operation.axes)))
            case op.Sum() | op.Multiply() | op.Maximum():
                changed = replace(operation, of=(operation.of[-1],) * len(operation.of))
        if changed is not None and changed != operation:
            steps = list(program.steps)
            steps[number] = replace(step, operation=changed)
            yield f"step {number}", replace(program, steps=tuple(steps))
        steps = list(program.steps)
        steps[number] = replace(step, scale=step.scale + 1)
        yield f"scale {number}", replace(program, steps=tuple(steps))
    for number, ref in enumerate(program.blobs):
        refs = list(program.blobs)
        refs[number] = replace(ref, digest=bytes(31) + b"\1")
        yield f"blob {number}", replace(program, blobs=tuple(refs))
    yield "outputs exchanged", replace(program, outputs=tuple(reversed(program.outputs)))


def test_every_element_of_the_key_counts(short: Honest) -> None:
    accepted = []
    names = []
    for name, key in other_keys(short.case.key):
        names.append(name)
        if not refused(short, key=key):
            accepted.append(name)
    assert len(names) >= 75
    assert accepted == []


def other_tensors(samples: Sequence[Sequence[Tensor]]) -> Iterator[Samples]:
    """Samples that differ in one element, sample or tensor."""
    for sample, tensors in enumerate(samples):
        for number, tensor in enumerate(tensors):
            for at, value in enumerate(tensor.values):
                for other in (value + 1, value - 1, -value, 0):
                    if other != value:
                        values = (*tensor.values[:at], other, *tensor.values[at + 1 :])
                        yield put(samples, sample, number, replace(tensor, values=values))
    if len(samples) > 1:
        yield [tuple(tensors) for tensors in (*samples[1:], samples[0])]
        yield [tuple(tensors) for tensors in (samples[0], *samples[:-1])]


def put(samples: Sequence[Sequence[Tensor]], sample: int, number: int, tensor: Tensor) -> Samples:
    """The samples with another tensor in one place."""
    changed = [list(tensors) for tensors in samples]
    changed[sample][number] = tensor
    return [tuple(tensors) for tensors in changed]


@pytest.mark.parametrize("batch", ["one", "three"])
def test_every_element_of_inputs_and_outputs_counts(
    batch: str, argument: str, request: pytest.FixtureRequest
) -> None:
    honest: Honest = request.getfixturevalue(batch)
    for inputs in sampled(list(other_tensors(honest.prover.inputs)), 60):
        assert refused(honest, inputs=inputs)
    for outputs in sampled(list(other_tensors(honest.prover.outputs)), 60):
        assert refused(honest, outputs=outputs)


def test_a_batch_is_not_its_parts(one: Honest, three: Honest) -> None:
    inputs = [tuple(tensors) for tensors in three.prover.inputs]
    outputs = [tuple(tensors) for tensors in three.prover.outputs]
    for sample in range(3):
        given, answered = inputs[sample : sample + 1], outputs[sample : sample + 1]
        assert refused(three, inputs=given, outputs=answered)
    assert refused(one, inputs=inputs, outputs=outputs)
    assert refused(three, inputs=[*inputs, inputs[0]], outputs=[*outputs, outputs[0]])
    # The answer to one sample, given for another.
    assert outputs[0] != outputs[1]
    assert refused(three, outputs=[outputs[1], outputs[0], outputs[2]])
