"""Writes optimistic.json: a traced program, and refutations with what a referee must answer.

Run `python -m tests.vectors.generate_optimistic` after a deliberate change of format. The answers
are `true` (the element is wrong), `false` (it holds together and is right) and `refused`.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from avow.prover.refutation import Place, encode_opening
from avow.verifier.commitment import Scheme
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import leaf
from avow.verifier.program import operations as op
from avow.verifier.program.operations import NAMES, name_of
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.trace.inputs import input_root, rooted_digest
from avow.verifier.trace.layout import CHUNK, Layout
from avow.verifier.trace.refutation import Kind, TracedClaim
from tests.programs.builder import Builder
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
    yield from _openings(run)
    yield from _misplaced(run)
    yield from _by_root(run)


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


def _openings(run: CommittedRun) -> Iterator[Case]:
    """Openings that show too little, too much, or something else."""
    place = Place(Kind.OPERATION, made_by(run, op.Dense), 3)
    lying = run.flipped(place.tensor, place.element)
    claim, refuter = lying.claim(), lying.refuter()
    head, openings, siblings = refuter.parts(place)
    for at, what in enumerate(("result", "operand", "weights", "bias")):
        shown = [*openings[:at], bytes(2), *openings[at + 1 :]]
        # An operand that is not shown is not looked for in the trace.
        rest = b"".join(refuter.trace.siblings([place.tensor])) if at == 1 else siblings
        yield f"nothing of the {what} is shown", "refused", claim, head + b"".join(shown) + rest
    descriptor = run.key.descriptors[place.tensor]
    source, layout = descriptor.of[0], descriptor.operands[0]
    data, tree = lying.stored()[source], refuter.trees[source]

    def with_operand(opening: bytes) -> bytes:
        return head + b"".join([openings[0], opening, *openings[2:]]) + siblings

    everything = encode_opening(layout, data, tree, range(layout.chunks))
    yield "the whole operand is shown", "true", claim, with_operand(everything)
    one = [(at).to_bytes(4, "big") + (1).to_bytes(2, "big") for at in range(layout.chunks)]
    chunks = [data[at * CHUNK : (at + 1) * CHUNK] for at in range(layout.chunks)]
    count = layout.chunks.to_bytes(2, "big")
    touching = count + b"".join(one) + b"".join(chunks)
    yield "ranges that touch", "refused", claim, with_operand(touching)
    backwards = count + b"".join(reversed(one)) + b"".join(reversed(chunks))
    yield "ranges in falling order", "refused", claim, with_operand(backwards)
    empty = (2).to_bytes(2, "big") + everything[2:8] + (9).to_bytes(4, "big") + bytes(2)
    yield "an empty range", "refused", claim, with_operand(empty + everything[8:])
    padded = everything[:8] + data.ljust(layout.chunks * CHUNK, b"\0")
    siblings_of_all = everything[8 + len(data) :]
    yield "a last chunk that is not cut", "refused", claim, with_operand(padded + siblings_of_all)
    yield from _two_roots(run)


def _two_roots(run: CommittedRun) -> Iterator[Case]:
    """An operation reads one tensor twice, and is shown two different ones."""
    twice = next(
        len(run.program.inputs) + at
        for at, step in enumerate(run.program.steps)
        if len(step.operation.of) == 2 and len(set(step.operation.of)) == 1
    )
    place = Place(Kind.OPERATION, twice, 0)
    source = run.key.descriptors[twice].of[0]
    head, openings, siblings = run.refuter().parts(place)
    _, others, other_siblings = run.flipped(source, 0).refuter().parts(place)
    for name, shown in (
        ("second", [openings[0], openings[1], others[2]]),
        ("first", [openings[0], others[1], openings[2]]),
    ):
        for rest in (siblings, other_siblings):
            which = "own" if rest is siblings else "other"
            name_of_case = f"the {name} of two equal operands is another, siblings of the {which}"
            for claim in (run.claim(), run.flipped(source, 0).claim()):
                whose = "honest" if claim == run.claim() else "other"
                data = head + b"".join(shown) + rest
                yield f"{name_of_case}, {whose} claim", "refused", claim, data


def _misplaced(run: CommittedRun) -> Iterator[Case]:
    """A kind that does not fit its tensor."""
    refuter, claim = run.refuter(), run.claim()
    shown = refuter.refute(Place(Kind.INPUT, 0, 0), run.inputs)
    yield "an operation that is an input", "refused", claim, b"\0" + shown[1:]
    dense, contract = (output.tensor for output in run.program.outputs)
    for number in (1, 2, 255):
        wrong = refuter.refute(Place(Kind.OUTPUT, dense, 0, 0), run.outputs)
        digest = run.outputs[1].digest()
        assert wrong.count(b"\0" + digest) == 1
        changed = wrong.replace(b"\0" + digest, bytes([number]) + digest)
        yield f"output {number} of another tensor", "refused", claim, changed
    inner = Place(Kind.OUTPUT, contract - 1, 0, 1)
    lying = run.flipped(inner.tensor, 0)
    stated = (run.outputs[0], Tensor(ElementType.INT8, (150, 3), lying.values[inner.tensor]))
    shown = lying.refuter().refute(inner, stated)
    yield "an output that is none", "refused", lying.claim(), shown


def two_inputs() -> CommittedRun:
    """A run of two inputs of one shape and type, committed to by their roots; three chunks each."""
    builder = Builder(Random(7))
    shape = (2, 3, 100)
    first, second = (builder.add_input(shape, ElementType.INT8, -100, 100) for _ in range(2))
    builder.add(op.Affine((first, second), (2, -3), 1))
    run = honest_run(builder.program(), builder.blobs, 3)
    return dataclasses.replace(run, scheme=Scheme.PUBLIC_TREE)


def _by_root(flat: CommittedRun) -> Iterator[Case]:
    """Inputs that are committed to by their roots."""
    run = two_inputs()
    refuter, claim = run.refuter(), run.claim()
    for tensor in range(2):
        right = refuter.refute_by_root(tensor, 599, run.inputs)
        yield f"root {tensor} and an element are right", "false", claim, right
        lying = run.flipped(tensor, 599)
        shown = lying.refuter().refute_by_root(tensor, 599, run.inputs)
        yield f"root {tensor} is wrong by one byte", "true", lying.claim(), shown
        # An element that is shown beside changes nothing.
        for element in (599, 0):
            opened = _rooted(lying, tensor, element, opened=True)
            yield f"root {tensor} is wrong, {element} opened", "true", lying.claim(), opened
        closed = _rooted(run, tensor, 0, opened=False)
        yield f"root {tensor} alone is right", "false", claim, closed
        yield f"root {tensor}, element 600", "refused", claim, _rooted(run, tensor, 600, False)
        for value in (101, -101):
            values = list(run.values[tensor])
            values[3] = value
            beyond = with_stated_input(run, tensor, tuple(values))
            shown = beyond.refuter().refute_by_root(tensor, 3, beyond.inputs)
            yield f"input {tensor} by root is {value}", "true", beyond.claim(), shown
            shown = beyond.refuter().refute_by_root(tensor, 4, beyond.inputs)
            yield f"beside {value} in input {tensor} by root", "false", beyond.claim(), shown
    lying = run.flipped(0, 0)
    for name, stated in (
        ("swapped", (run.inputs[1], run.inputs[0])),
        (
            "of the trace",
            (dataclasses.replace(run.inputs[0], values=lying.values[0]), run.inputs[1]),
        ),
        ("of another shape", (dataclasses.replace(run.inputs[0], shape=(600,)), run.inputs[1])),
        (
            "of another other shape",
            (run.inputs[0], dataclasses.replace(run.inputs[1], shape=(6, 100))),
        ),
        (
            "of another other type",
            (
                run.inputs[0],
                Tensor(ElementType.INT16, (3, 100), _paired(run.values[1])),
            ),
        ),
    ):
        shown = lying.refuter().refute_by_root(0, 0, stated)
        if name != "of another shape":
            # Its own shape is not shown: it is the program's.
            yield f"roots {name}", "refused", lying.claim(), shown
        if name != "of the trace":
            # An order may be about these inputs: then they are what the trace does not hold, but
            # only of the program's own shape can they be compared with it.
            about = dataclasses.replace(lying, inputs=stated).claim()
            answer = "refused" if name == "of another shape" else "true"
            yield f"a claim about roots {name}", answer, about, shown
    as_flat = dataclasses.replace(lying, scheme=Scheme.PUBLIC)
    shown = lying.refuter().refute_by_root(0, 0, run.inputs)
    yield "roots against a digest of the data", "refused", as_flat.claim(), shown
    shown = lying.refuter().refute(Place(Kind.INPUT, 0, 0), run.inputs)
    yield "data against a digest of roots", "refused", lying.claim(), shown
    shown = _rooted(run, 0, 0, opened=False)
    yield "roots, a byte less", "refused", claim, shown[:-1]
    yield "roots, a byte more", "refused", claim, shown + b"\0"
    made = refuter.refute(Place(Kind.OPERATION, 2, 0))
    yield "the root of what an operation makes", "refused", claim, b"\3" + made[1:]
    # A picture that a convolution reads lies channel by channel; nobody commits to it so.
    rooted = dataclasses.replace(flat, scheme=Scheme.PUBLIC_TREE).flipped(0, 0)
    assert not rooted.key.descriptors[0].result.row_major
    shown = rooted.refuter().refute_by_root(0, 0, flat.inputs)
    yield "the root of an input in another order", "refused", rooted.claim(), shown


def _paired(values: tuple[int, ...]) -> tuple[int, ...]:
    """The same bytes, two to a value."""
    data = b"".join(value.to_bytes(1, "big", signed=True) for value in values)
    return tuple(
        int.from_bytes(data[at : at + 2], "big", signed=True) for at in range(0, len(data), 2)
    )


def _rooted(run: CommittedRun, tensor: int, element: int, opened: bool) -> bytes:
    """A comparison of roots with or without an element, whether or not the roots agree."""
    refuter, tree = run.refuter(), run.refuter().trees[tensor]
    layout, data = run.key.descriptors[tensor].result, run.stored()[tensor]
    shown = encode_opening(layout, data, tree, [element // CHUNK] if opened else [])
    others = [
        rooted_digest(one.element_type, one.shape, input_root(one))
        for at, one in enumerate(run.inputs)
        if at != tensor
    ]
    return b"".join(
        [
            bytes([Kind.INPUT_BY_ROOT]),
            refuter.place(tensor),
            element.to_bytes(4, "big"),
            shown,
            b"" if opened else tree.root,
            *refuter.trace.siblings([tensor]),
            *others,
            input_root(run.inputs[tensor]),
        ]
    )


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
