"""Writes optimistic.json: a traced program, and refutations with what a referee must answer.

Run `python -m tests.vectors.generate_optimistic` after a deliberate change of format. The answers
are `true` (the element is wrong), `false` (it holds together and is right) and `refused`.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from avow.prover.refutation import Place
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import leaf
from avow.verifier.program import operations as op
from avow.verifier.program.operations import NAMES, name_of
from avow.verifier.tensor import Tensor
from avow.verifier.trace.layout import Layout
from avow.verifier.trace.refutation import Kind, TracedClaim
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run

PATH = Path(__file__).with_name("optimistic.json")
Case = tuple[str, str, TracedClaim, bytes]


def run() -> CommittedRun:
    """The honest run that every case starts from."""
    program, blobs = every_operation()
    return honest_run(program, blobs)


def made_by(run: CommittedRun, kind: type) -> int:
    """The number of the first tensor that an operation of this kind makes."""
    kinds = [type(step.operation) for step in run.program.steps]
    return len(run.program.inputs) + kinds.index(kind)


def cases(run: CommittedRun) -> Iterator[Case]:
    """Name, answer, claim and refutation of every case."""
    yield from _operations(run)
    yield from _inputs(run)
    yield from _outputs(run)
    yield from _meaningless(run)
    yield from _elsewhere(run)
    yield from _malformed(run)


def _operations(run: CommittedRun) -> Iterator[Case]:
    honest, refuter = run.claim(), run.refuter()
    for kind in NAMES.values():
        tensor = made_by(run, kind)
        name = name_of(run.program.steps[tensor - len(run.program.inputs)].operation)
        last = len(run.values[tensor]) - 1
        for element in sorted({0, last // 2, last}):
            place = Place(Kind.OPERATION, tensor, element)
            yield f"{name} {element} is right", "false", honest, refuter.refute(place)
        place = Place(Kind.OPERATION, tensor, last // 2)
        yield f"{name} {place.element} is wrong", "true", *_shown(run, place)


def _shown(run: CommittedRun, place: Place) -> tuple[TracedClaim, bytes]:
    """The claim of a run in which one element is another, and what shows it."""
    flipped = run.flipped(place.tensor, place.element)
    stated = {Kind.OPERATION: (), Kind.INPUT: run.inputs, Kind.OUTPUT: run.outputs}[place.kind]
    return flipped.claim(), flipped.refuter().refute(place, stated)


def _inputs(run: CommittedRun) -> Iterator[Case]:
    for tensor, spec in enumerate(run.program.inputs):
        place = Place(Kind.INPUT, tensor, 3)
        right = run.refuter().refute(place, run.inputs)
        yield f"input {tensor} is right", "false", run.claim(), right
        yield f"input {tensor} is wrong", "true", *_shown(run, place)
        values = list(run.values[tensor])
        values[3] = spec.maximum + 1
        beyond = with_stated_input(run, tensor, tuple(values))
        shown = beyond.refuter().refute(place, beyond.inputs)
        yield f"input {tensor} lies beyond its range", "true", beyond.claim(), shown


def with_stated_input(run: CommittedRun, tensor: int, values: tuple[int, ...]) -> CommittedRun:
    """The run with another input, in the statement and in the trace."""
    stated = list(run.inputs)
    stated[tensor] = dataclasses.replace(stated[tensor], values=values)
    committed = (*run.values[:tensor], values, *run.values[tensor + 1 :])
    return dataclasses.replace(run, inputs=tuple(stated), values=committed)


def _outputs(run: CommittedRun) -> Iterator[Case]:
    for number, output in enumerate(run.program.outputs):
        place = Place(Kind.OUTPUT, output.tensor, 1, number)
        right = run.refuter().refute(place, run.outputs)
        yield f"output {number} is right", "false", run.claim(), right
        yield f"output {number} is wrong", "true", *_shown(run, place)
        lying = with_stated_output(run, number, 1)
        shown = lying.refuter().refute(place, lying.outputs)
        yield f"output {number} is stated wrong", "true", lying.claim(), shown


def with_stated_output(run: CommittedRun, number: int, element: int) -> CommittedRun:
    """The run with another answer in the statement, by one in one element."""
    stated = list(run.outputs)
    values = list(stated[number].values)
    values[element] += 1
    stated[number] = Tensor(stated[number].element_type, stated[number].shape, tuple(values))
    return dataclasses.replace(run, outputs=tuple(stated))


def _meaningless(run: CommittedRun) -> Iterator[Case]:
    honest = run.refuter()
    for kind, operand, value in (
        (op.Divide, 1, 0),
        (op.Divide, 1, -1),
        (op.Table, 0, 21),
        (op.Table, 0, -21),
        (op.LookupRow, 0, 4),
        (op.LookupRow, 0, -1),
    ):
        tensor = made_by(run, kind)
        element = 0
        source = run.key.descriptors[tensor].of[operand]
        wrong = run.with_value(source, element, value)
        # What shows the element of the honest run, with the chunk of the operand exchanged.
        place = Place(Kind.OPERATION, tensor, element)
        data = honest.refute(place)
        layout: Layout = run.key.descriptors[source].result
        old, new = layout.store(run.values[source])[:256], layout.store(wrong.values[source])[:256]
        assert data.count(old) == 1, "the operand's only chunk"
        name = f"{name_of(run.program.steps[tensor - len(run.program.inputs)].operation)}"
        moved = _retraced(wrong, place, data.replace(old, new))
        yield f"{name} of {value} has no meaning", "refused", wrong.claim(), moved


def _retraced(run: CommittedRun, place: Place, data: bytes) -> bytes:
    """A refutation with the trace's siblings of another run."""
    read = {place.tensor, *run.key.descriptors[place.tensor].of}
    siblings = b"".join(run.refuter().trace.siblings(read))
    return data[: len(data) - len(siblings)] + siblings


def _elsewhere(run: CommittedRun) -> Iterator[Case]:
    """A good refutation of another claim."""
    place = Place(Kind.OPERATION, made_by(run, op.Dense), 3)
    claim, data = _shown(run, place)
    other = leaf(keccak256(b"another statement"))
    yield "of the honest trace", "refused", run.claim(), data
    for field in ("key", "program", "statement", "trace"):
        yield f"of another {field}", "refused", dataclasses.replace(claim, **{field: other}), data
    for kind, stated in ((Kind.INPUT, run.inputs), (Kind.OUTPUT, run.outputs)):
        tensor = 0 if kind is Kind.INPUT else run.program.outputs[0].tensor
        shown = run.refuter().refute(Place(kind, tensor, 0), stated)
        field = kind.name.lower()
        changed = dataclasses.replace(run.claim(), **{field: other})
        yield f"of another {field}", "refused", changed, shown


def _malformed(run: CommittedRun) -> Iterator[Case]:
    place = Place(Kind.OPERATION, made_by(run, op.Dense), 3)
    claim, data = _shown(run, place)
    yield "empty", "refused", claim, b""
    yield "one byte too many", "refused", claim, data + b"\0"
    yield "one byte too few", "refused", claim, data[:-1]
    for kind in (1, 2, 3, 255):
        yield f"kind {kind}", "refused", claim, bytes([kind]) + data[1:]
    head = 1 + len(run.refuter().place(place.tensor))
    beyond = len(run.values[place.tensor]).to_bytes(4, "big")
    yield "an element beyond the tensor", "refused", claim, data[:head] + beyond + data[head + 4 :]
    unread = data[:head] + (0).to_bytes(4, "big") + data[head + 4 :]
    yield "an element that is not shown", "refused", claim, unread
    step = max(1, len(data) // 60)
    for at in range(0, len(data), step):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        if not head <= at < head + 4:
            yield f"bit 0 of byte {at} flipped", "refused", claim, changed


def vector() -> dict[str, object]:
    """The vector as a JSON value."""
    honest = run()
    refuter = honest.refuter()
    return {
        "program": honest.program.encode().decode(),
        "program_digest": to_hex(honest.program.digest()),
        "blobs": [to_base64(blob.data) for blob in honest.blobs],
        "descriptors": [to_hex(one.encode()) for one in honest.key.descriptors],
        "places": [to_hex(refuter.place(at)) for at in range(len(honest.values))],
        "octets": [one.result.size for one in honest.key.descriptors],
        "program_root": to_hex(honest.key.tree.root),
        "key": to_hex(honest.key.digest),
        "statement": to_hex(honest.statement),
        "inputs": [tensor.to_json() for tensor in honest.inputs],
        "outputs": [tensor.to_json() for tensor in honest.outputs],
        "tensors": [to_hex(data) for data in honest.stored()],
        "roots": [to_hex(tree.root) for tree in refuter.trees],
        "trace": to_hex(refuter.root),
        "cases": [
            {
                "name": name,
                "answer": answer,
                **{
                    field.name: to_hex(getattr(claim, field.name))
                    for field in dataclasses.fields(TracedClaim)
                },
                "refutation": to_hex(data),
            }
            for name, answer, claim, data in cases(honest)
        ],
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vector(), indent=1) + "\n")
