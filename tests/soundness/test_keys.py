"""Keys of strangers: one JSON text for each key, and no key that keeps a verifier busy for long."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.intervals import Interval
from avow.verifier.relation.relation import Value
from avow.verifier.systems.sumcheck import key as key_module
from avow.verifier.systems.sumcheck.key import Key, parse_key, stated
from tests.soundness.adversary import PLANS, Adversary
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.edits import inputs_of
from tests.soundness.programs import Sketch
from tests.soundness.workbench import ROOT, TAU, key_rows, make_case, tau_g2

pytestmark = pytest.mark.usefixtures("quick")

Path = tuple[str | int, ...]
STRANGE = (None, True, 0, -1, 1.5, "", "0x", "-0", "+1", "01", " 1", "1e3", [], {}, [[]], 2**53)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything inside a JSON value, objects and lists too."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from leaves(item, (*path, at))


def put(value: Any, path: Path, new: Any) -> Any:
    """A copy with another value in one place; what does not lead there is shared."""
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


def others(value: Any) -> Iterator[Any]:
    """What might stand in a value's place."""
    yield from (each for each in STRANGE if each != value or type(each) is not type(value))
    if isinstance(value, int):
        yield from (value + 1, -value, str(value), float(value), 2**64)
    elif isinstance(value, str):
        yield from (value + "0", value + " ", value[:-1], value[1:], value.upper(), value + "=")
        yield int(value) if value.lstrip("-").isdigit() else value + "\n"
    elif isinstance(value, list):
        yield from (value[:-1], value[1:], [*value, *value[:1]], value[::-1])
    elif isinstance(value, dict):
        yield {**value, "more": 1}
        yield from ({k: v for k, v in value.items() if k != key} for key in value)


def test_no_two_texts_are_one_key(one: Honest, monkeypatch: pytest.MonkeyPatch) -> None:
    # A point of the second group takes longer to check than all the rest.
    monkeypatch.setattr(key_module, "read_tau_g2", cache(key_module.read_tau_g2))
    text = one.case.key.to_json()
    assert parse_key(text) == one.case.key
    refused, kept, chosen = 0, 0, Random(1)
    for path, value in leaves(text):
        if "rows" in path[:-1] and path[1] != 0:
            continue
        for other in others(value):
            same = other == value and type(other) is type(value)
            if same or (len(path) > 2 and chosen.random() < 0.7):
                continue
            changed = put(text, path, other)
            try:
                key = parse_key(changed)
            except VerificationError:
                refused += 1
                continue
            # What is read is written as it was, and is another key.
            kept += 1
            assert canonical.encode(key.to_json()) == canonical.encode(changed), path
            assert key != one.case.key, path
            assert key.digest() != one.case.key.digest()
    assert refused > 1000 and kept > 50


def test_a_false_interval_leaves_an_answer_unproven_and_proves_no_other() -> None:
    """A key that says of a layer that it cannot pass a clamp: the clamp still holds."""
    s = Sketch()
    x = s.input("x", (1,), -9, 9)
    y = s.add("y", op.Dense((x,), s.blob([1], 1, 1), s.blob([0], 1)))
    t = s.add("t", op.Rescale((y,), 0, 0, 4))
    s.add("z", op.Affine((t, x), (1, 1), 0), True)
    true = make_case(s.program(), s.blobs, 3, 5)
    false = replace(true, key=replace(true.key, intervals=(Interval(0, 4),)))
    inputs = inputs_of(true, [6])
    for case, expected in ((true, [4 + 6]), (false, [])):
        trace = case.trace(inputs)
        (tensor,) = case.outputs(trace)[0]
        believed = []
        for answer in range(14):
            run, outputs = case.run(trace), [(replace(tensor, values=(answer,)),)]
            for at, column in enumerate(run.relation.columns):
                if column.source == Value(t + 1):
                    run.cells[at][0] = answer
            prover = Adversary(case.key, TAU, run, ROOT, inputs, outputs)
            try:
                check_all(case.key, ROOT, inputs, outputs, prover.prove())
            except VerificationError:
                continue
            believed.append(answer)
        assert believed == expected


def hostile() -> Iterator[tuple[str, Key]]:
    """Keys whose checking would cost most, for the bytes that they have."""

    def of(s: Sketch, width: int, interval: int = 1) -> Key:
        program = s.program()
        intervals = tuple(Interval(-interval, interval) for _ in stated(program))
        return Key(program, intervals, (), width, 12, (), tau_g2())

    s = Sketch()
    x = s.input("x", (2**20,), -1, 1)
    for number in range(64):
        s.add(f"s{number}", op.Sum((x,), (0,)), number < 8)
    yield "many sums of a million cells", of(s, 8)

    s = Sketch()
    x = s.input("x", (2**19 + 1,), -1, 1)
    weight, bias = s.blob([1] * (2**19 + 1), 1, 2**19 + 1), s.blob([0], 1)
    for number in range(64):
        s.add(f"d{number}", op.Dense((x,), weight, bias), number < 8)
    yield "many layers over an axis that is cut", of(s, 8)

    s = Sketch()
    x = s.input("x", (1000, 1000), -1, 1)
    y = s.add("y", op.Reshape((s.add("m", op.Multiply((x, x))),), (10**6,)))
    for number in range(2000):
        s.add(f"c{number}", op.Slice((y,), (number,), (1,), (1,)), number < 8)
    yield "many slices of one cell", of(s, 8)

    s = Sketch()
    x = s.input("x", (2,), -1, 1)
    y = s.add("y", op.Dense((x,), s.blob([1] * 4, 2, 2), s.blob([1, 1], 2)))
    for number in range(200):
        s.add(f"r{number}", op.Rescale((y,), 60, None, None), number < 8)
    yield "remainders of sixty limbs", of(s, 1, 2**61)


@pytest.mark.parametrize("name", [name for name, _ in hostile()])
def test_no_key_keeps_a_verifier_busy(name: str) -> None:
    key = dict(hostile())[name]
    began = time.process_time()
    try:
        parsed = parse_key(key.to_json())
        relation = parsed.relation(1)
    except VerificationError:
        pass
    else:
        assert len(relation.columns) < 2**17
    assert time.process_time() - began < 20


def test_constants_of_another_key_are_refused(one: Honest) -> None:
    case, prover = one.case, one.prover
    run = prover.run
    cells = list(run.cells)
    for at, column in enumerate(run.relation.columns):
        if column.kind.value == "key":
            cells[at] = cells[at] + 1
    other = replace(case.key, rows=tuple(key_rows(case, type(run)(run.relation, cells))))
    assert other.rows != case.key.rows
    for plan in PLANS[:7]:
        kind = type("Planned", (Adversary,), {"plan": plan})
        liar = kind(other, prover.tau, run, ROOT, prover.inputs, prover.outputs)
        with pytest.raises(VerificationError):
            check_all(other, ROOT, prover.inputs, prover.outputs, liar.prove())
