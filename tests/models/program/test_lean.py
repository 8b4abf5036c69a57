"""Rewritten programs have the same outputs, and the bounds that come with them hold."""

from random import Random
from time import process_time

import numpy as np
import pytest

from avow.models.program.blobs import Integers
from avow.models.program.lean import lean
from avow.models.program.net import Leaned
from avow.models.program.reference import Reference, evaluate
from avow.models.program.selfcheck_programs import Case, Sketch
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Dense,
    Rescale,
    Reshape,
    Slice,
    Sum,
    Table,
    Transpose,
)
from tests.models.program.arrays import batch_inputs, same
from tests.programs.builder import random_program


def _run(short: Leaned, inputs: list[Integers]) -> list[Integers]:
    """Every output, each tensor held against its interval on the way."""
    batch = len(inputs[0])
    values = list(inputs)
    for step in short.program.steps:
        operands = [values[at] for at in step.operation.of]
        values.append(evaluate(step.operation, operands, short.blobs, batch))
    for value, interval in zip(values, short.intervals, strict=True):
        assert interval.low <= int(value.min()) and int(value.max()) <= interval.high
    return [values[output.tensor] for output in short.program.outputs]


def _leaned(case: Case) -> list[str]:
    """The operations that are left, once the outputs are known to be equal."""
    short = lean(case.program, case.blobs)
    inputs = [np.asarray(array, np.int64) for array in case.inputs]
    same(_run(short, inputs), Reference(case.program, case.blobs).run(case.inputs))
    return [type(step.operation).__name__ for step in short.program.steps]


@pytest.mark.parametrize("seed", range(150))
def test_random_programs(seed: int) -> None:
    program, blobs = random_program(seed, 8 + seed % 40)
    inputs, _ = batch_inputs(program, Random(seed), 5)
    found = _run(lean(program, blobs), [array.astype(np.int64) for array in inputs])
    same(found, Reference(program, blobs).run(inputs))


ENDS = [(None, None), (-9, None), (None, 11), (-9, 11), (3, 3)]


@pytest.mark.parametrize("outer", ENDS, ids=str)
@pytest.mark.parametrize("inner", ENDS, ids=str)
def test_two_rescales_are_one(
    inner: tuple[int | None, int | None], outer: tuple[int | None, int | None]
) -> None:
    for first, second in ((0, 0), (0, 3), (3, 0), (1, 1), (2, 5), (5, 2)):
        sketch = Sketch(1)
        x = sketch.input((4000,), -2000, 2000)
        a = sketch.add(Rescale((x,), first, *inner))
        case = sketch.case("two", [sketch.add(Rescale((a,), second, *outer))], batch=1)
        every = np.arange(-2000, 2000).reshape(1, -1)
        case = Case(case.name, case.program, case.blobs, (every,))
        assert _leaned(case).count("Rescale") <= 1


def test_what_is_read_twice_stays() -> None:
    sketch = Sketch(1)
    x = sketch.input((50,), -2000, 2000)
    a = sketch.add(Rescale((x,), 2, None, None))
    b = sketch.add(Rescale((a,), 3, None, None))
    assert _leaned(sketch.case("read", [a, b])) == ["Rescale", "Rescale"]


@pytest.mark.parametrize(("constant", "left"), [(2**22 - 2, 1), (2**22, 2), (2**22 + 9, 2)])
def test_sums_of_multiples_are_one_unless_a_type_would_widen(constant: int, left: int) -> None:
    sketch = Sketch(1)
    x, y = sketch.input((50,), 0, 2**20), sketch.input((50,), 0, 1)
    inner = sketch.add(Affine((x,), (-8,), 2**23))
    outer = sketch.add(Affine((inner, y), (1, 1), 2**22 - 2**23 + constant))
    assert len(_leaned(sketch.case("sums", [outer]))) == left


def test_tables_take_in_what_follows() -> None:
    sketch = Sketch(1)
    x = sketch.input((3, 50), -40, 40)
    at = sketch.add(Table((x,), sketch.blob(sketch.random.integers(-999, 999, 100)), -50))
    for operation in (
        Affine((-1,), (-3,), 7),
        Rescale((-1,), 2, -300, 200),
        Table((-1,), sketch.blob(sketch.random.integers(-9, 9, 501)), -300),
    ):
        of = (at,)
        match operation:
            case Affine():
                at = sketch.add(Affine(of, operation.coefficients, operation.constant))
            case Rescale():
                at = sketch.add(Rescale(of, operation.bits, operation.low, operation.high))
            case Table():
                at = sketch.add(Table(of, operation.blob, operation.first))
    assert _leaned(sketch.case("tables", [at])) == ["Table"]


def _gates(seed: int, bits: tuple[int, int, int], clamps: bool, tables: int, inner: int) -> Case:
    """Two dense layers summed, cut into three parts, each rescaled and looked up on its own."""
    sketch = Sketch(seed)
    x, h = sketch.input((1, 6), -50, 200), sketch.input((1, 9), -100, 100)
    a = sketch.add(Dense((x,), *sketch.weights((12, 6), 200, inner)))
    b = sketch.add(Dense((h,), *sketch.weights((12, 9), 100, inner)))
    total = sketch.add(Affine((a, b), (2, 1), -3))
    outputs = []
    places = [sketch.random.integers(-500, 500, 2 * inner) for _ in range(tables)]
    blobs = [sketch.blob(values) for values in places]
    for number, amount in enumerate(bits):
        part = sketch.add(Slice((total,), (0, 4 * number), (1, 1), (1, 4)))
        ends = (-20 - number, 30) if clamps else (-60, 60)
        narrow = sketch.add(Rescale((part,), amount, *ends))
        outputs.append(sketch.add(Table((narrow,), blobs[number % tables], -70)))
    return sketch.case("gates", outputs, batch=40)


@pytest.mark.parametrize("clamps", [True, False])
@pytest.mark.parametrize("tables", [1, 2, 3])
@pytest.mark.parametrize("bits", [(5, 5, 5), (3, 5, 4), (0, 6, 1)], ids=str)
def test_gates_are_computed_together(bits: tuple[int, int, int], tables: int, clamps: bool) -> None:
    left = _leaned(_gates(3, bits, clamps, tables, 2**12))
    assert left.count("Dense") == 1
    assert left.count("Rescale") == (4 if clamps else 1)
    assert left.count("Table") == (3 if clamps else 1)


@pytest.mark.parametrize("offset", [-64, -1, 0, 1, 64])
def test_gates_beside_the_limit_of_a_type(offset: int) -> None:
    for limit in (2**24 // 4, 2**24 // 3, 2**24 // 12):
        case = _gates(4, (3, 5, 4), False, 1, 2**12)
        _leaned(case)
        sketch = Sketch(5)
        x, h = sketch.input((1, 6), -50, 200), sketch.input((1, 9), -100, 100)
        a = sketch.add(Dense((x,), *sketch.weights((12, 6), 200, limit + offset)))
        b = sketch.add(Dense((h,), *sketch.weights((12, 9), 100, limit + offset)))
        total = sketch.add(Affine((a, b), (2, 1), 0))
        parts = [
            sketch.add(
                Rescale((sketch.add(Slice((total,), (0, 6 * n), (1, 1), (1, 6))),), 3 + n, -99, 99)
            )
            for n in (0, 1)
        ]
        _leaned(sketch.case("limit", parts, batch=20))


def test_differences_from_the_mean_are_one_product() -> None:
    for constant in (0, 5):
        sketch = Sketch(1)
        x = sketch.input((5, 8), -127, 127)
        total = sketch.add(Sum((x,), (1,)))
        column = sketch.add(Reshape((total,), (5, 1)))
        wide = sketch.add(Broadcast((column,), (5, 8)))
        centred = sketch.add(Affine((x, wide), (8, -1), constant))
        assert _leaned(sketch.case("centred", [centred])) == ["Dense"]


def test_views_move_behind_what_is_done_to_each_element() -> None:
    sketch = Sketch(1)
    x = sketch.input((2, 3, 4), -1000, 1000)
    a = sketch.add(Affine((x, x), (1, 2), 1))
    view = sketch.add(Transpose((sketch.add(Reshape((a,), (6, 4))),), (1, 0)))
    case = sketch.case("views", [sketch.add(Rescale((view,), 3, None, None))])
    assert _leaned(case) == ["Affine", "Rescale", "Reshape", "Transpose"]


def test_the_work_grows_with_the_program_and_no_faster() -> None:
    sketch = Sketch(1)
    at = sketch.input((2, 2), -9, 9)
    for number in range(4000):
        kind = number % 4
        if kind == 0:
            at = sketch.add(Reshape((at,), (4,)))
        elif kind == 1:
            at = sketch.add(Rescale((at,), 1, -9, 9))
        elif kind == 2:
            at = sketch.add(Reshape((at,), (2, 2)))
        else:
            at = sketch.add(Affine((at,), (2,), 1))
    # Not by the clock on the wall: others may have the machine.
    began = process_time()
    assert len(_leaned(sketch.case("long", [at]))) <= 4000
    assert process_time() - began < 20
