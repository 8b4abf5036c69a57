"""A stranger's key is refused in one line, or it is the key that its digest names."""

import copy
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.blob import BlobRef
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Output, Program, Step, check
from avow.verifier.systems.sumcheck import key as key_module
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.key import LIMITS, KeyLimits, gathered, parse_key, stated
from avow.verifier.tensor import ElementType, TensorSpec
from tests.programs.builder import Builder, random_program
from tests.verifier.sumcheck.example import make_key, small_case, small_program, tau_g2

G1_HEX = "0x" + (1).to_bytes(32, "big").hex() + (2).to_bytes(32, "big").hex()


def document() -> dict[str, Any]:
    """The small key as an object that a test may damage."""
    value = copy.deepcopy(small_case().key.to_json())
    assert isinstance(value, dict)
    return value


def test_a_key_survives_its_own_bytes() -> None:
    key = small_case().key
    data = canonical.encode(key.to_json())
    parsed = parse_key(canonical.parse(data, 2**20, "key"))
    assert parsed == key
    assert parsed.digest() == key.digest()


def test_every_part_counts_in_the_digest() -> None:
    key = small_case().key
    program = replace(key.program, outputs=(Output("other", key.program.outputs[0].tensor),))
    others = [
        replace(key, program=program),
        replace(key, intervals=key.intervals[::-1]),
        replace(key, gathers=()),
        replace(key, width=key.width + 1),
        replace(key, logrows=key.logrows + 1),
        replace(key, rows=key.rows[::-1]),
        replace(key, tau_g2=tau_g2(5)),
    ]
    assert len({key.digest(), *(other.digest() for other in others)}) == 1 + len(others)


@pytest.mark.parametrize("seed", range(12))
def test_bounds_are_those_of_the_whole_program(seed: int) -> None:
    program, blobs = random_program(seed)
    key = make_key(program, blobs, 4, 5)
    assert list(key.bounds()) == check(program, blobs)
    assert len(key.gathers) == len(gathered(program))
    assert len(key.intervals) == len(stated(program))


def _set(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.__setitem__(key, value)


def _interval(low: object, high: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["intervals"].__setitem__(0, [low, high])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_set("more", 1), "unknown 'more'"),
        (lambda document: document.pop("width"), "lacks 'width'"),
        (_set("format", "avow-sumcheck-key/2"), "format"),
        (_set("width", 0), "must lie in"),
        (_set("width", 17), "must lie in"),
        (_set("width", "3"), "an integer"),
        (_set("logrows", 3), "must lie in"),
        (_set("logrows", 21), "must lie in"),
        (_set("rows", [G1_HEX] * (LIMITS.rows + 1)), "items"),
        (_set("rows", [G1_HEX + "00"]), "64 bytes"),
        (_set("rows", [G1_HEX[2:]]), "0x"),
        (_set("rows", G1_HEX), "a list"),
        (_set("intervals", []), "intervals must have 3 to 3"),
        (_set("intervals", [["0", "1"]] * 4), "intervals must have 3 to 3"),
        (_interval("1", "0"), "no interval"),
        (_interval(0, 1), "no interval"),
        (_interval("00", "1"), "no interval"),
        (_interval("-0", "1"), "no interval"),
        (_interval("+0", "1"), "no interval"),
        (_interval(" 0", "1"), "no interval"),
        (_interval("0", str(2**62)), "no interval"),
        (_interval(str(-(2**62)), "0"), "no interval"),
        (_interval("0", "9" * 5000), "no interval"),
        (lambda document: document["intervals"].__setitem__(0, ["0"]), "no interval"),
        (lambda document: document["intervals"].__setitem__(0, "01"), "no interval"),
        (_set("gathers", []), "gathers must have 1 to 1"),
        (_set("gathers", ["AgAA"]), "not the one the program names"),
        (_set("gathers", ["AgABAA=="]), "exceeds|needs"),
        (_set("gathers", ["AgA="]), "needs 3 bytes"),
        (_set("gathers", ["AgAB\n"]), "exceeds|base64"),
        (_set("tau_g2", "0x" + "00" * 128), "tau G2"),
        (_set("tau_g2", "0x" + "ff" * 128), "canonical"),
        (_set("tau_g2", "0x"), "128 bytes"),
        (_set("program", {}), "lacks"),
        (_set("program", 5), "object"),
    ],
)
def test_a_damaged_key_is_refused(damage: Callable[[dict[str, Any]], None], message: str) -> None:
    value = document()
    damage(value)
    with pytest.raises(VerificationError, match=message):
        parse_key(value)


def test_what_is_no_object_is_refused() -> None:
    for value in ([], "key", 5, True):
        with pytest.raises(VerificationError, match="must be an object"):
            parse_key(value)


def _wide(operations: int, axis: int) -> Program:
    spec = TensorSpec("x", ElementType.INT8, (axis,), 0, 0, 1)
    steps = tuple(Step(op.Affine((at,), (1,), 0), 0) for at in range(operations))
    return Program((spec,), (), steps, (Output("y", operations),))


@pytest.mark.parametrize(("operations", "axis"), [(2**14, 1), (5, 2**20)])
def test_a_program_too_large_to_be_checked_is_refused(operations: int, axis: int) -> None:
    value = {**document(), "intervals": [], "gathers": []}
    value["program"] = _wide(operations, axis).to_json()
    with pytest.raises(VerificationError, match="too large"):
        parse_key(value)


def test_a_table_too_long_to_be_checked_is_refused() -> None:
    # Its positions are a public column, which the verifier would have to write down.
    spec = TensorSpec("x", ElementType.INT8, (1,), 0, 0, 1)
    table = BlobRef(bytes(32), ElementType.INT8, (2**28,))
    steps = (Step(op.Table((0,), 0, 0), 0),)
    value = {**document(), "intervals": [["0", "1"]], "gathers": []}
    value["program"] = Program((spec,), (table,), steps, (Output("y", 1),)).to_json()
    with pytest.raises(VerificationError, match="too large"):
        parse_key(value)


@pytest.mark.parametrize("batch", [0, -1, 2**10 + 1])
def test_a_batch_has_a_size_that_can_be_checked(batch: int) -> None:
    with pytest.raises(VerificationError, match="a batch of"):
        small_case().key.relation(batch)


def test_a_batch_multiplies_the_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    key = small_case().key
    key.relation(3)
    monkeypatch.setattr(key_module, "LIMITS", KeyLimits(cells=100))
    with pytest.raises(VerificationError, match="a batch of 3"):
        key.relation(3)


def test_rows_beyond_the_limit_are_refused() -> None:
    # A range table of 2^17 rows alone needs more rows of two entries than are checked.
    program, blobs = small_program()
    relation = replace(make_key(program, blobs), width=16).relation(1)
    with pytest.raises(VerificationError, match="are too many to check"):
        frame(relation, 1)


def test_intervals_that_leave_a_quotient_undefined_are_refused() -> None:
    builder = Builder(Random(0))
    x = builder.add_input((2,), ElementType.INT8, 0, 9)
    divisor = builder.add(op.Constant((), builder.blob([2, 3], (2,))))
    builder.add(op.Divide((x, divisor)))
    key = make_key(replace(builder.program(), outputs=(Output("y", 2),)), builder.blobs)
    assert key.intervals == (Interval(2, 3),)
    with pytest.raises(VerificationError, match="divisor"):
        replace(key, intervals=(Interval(0, 3),)).bounds()
