"""Operations that the exporter computes together, with values beside every limit."""

import itertools

import numpy as np
import onnx
import pytest

from avow.models.program import carriers, quotients
from avow.models.program.carriers import Carrier
from avow.models.program.export import export
from avow.models.program.fast import FastExecutor, Optimisation
from avow.models.program.reference import Reference
from avow.models.program.selfcheck_programs import Case, Sketch
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Constant,
    Convolution,
    Dense,
    Divide,
    Maximum,
    Multiply,
    Rescale,
    Reshape,
    Slice,
    Sum,
    Table,
)
from tests.models.program.arrays import same
from tests.sampling import sampled

LIMITS = (2**24, 2**53)


def _agree(case: Case) -> None:
    expected = Reference(case.program, case.blobs).run(case.inputs)
    for optimisation in (Optimisation.NONE, Optimisation.ALL):
        for portable in (False, True):
            executor = FastExecutor(
                case.program, case.blobs, 1, optimisation=optimisation, portable=portable
            )
            same(executor.run(case.inputs), expected)


def _nodes(case: Case) -> list[str]:
    model = export(case.program, case.blobs).model
    return [node.op_type for node in onnx.load_from_string(model or b"").graph.node]


def _rounded(
    sketch: Sketch, a: int, b: int, alpha: int, beta: int, shape: tuple[int, ...] | None = None
) -> int:
    """floor((alpha a + beta b) / (2 beta b)); with a shape, b is repeated to it."""
    twice = sketch.add(Affine((b,), (2 * beta,), 0))
    below, beside = twice, b
    if shape:
        below, beside = sketch.add(Broadcast((twice,), shape)), sketch.add(Broadcast((b,), shape))
    top = sketch.add(Affine((a, beside), (alpha, beta), 0))
    return sketch.add(Divide((top, below)))


def _at_the_edges(
    random: np.random.Generator, alpha: int, beta: int, top: int, bottom: int, whole: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numerators for which the quotient is a multiple of 1 / whole or just beside one."""
    b = random.integers(1, bottom + 1, 4000)
    b[::3] = bottom - random.integers(0, 9, len(b[::3])) % bottom
    # alpha a + beta b = n 2 beta b / whole, as nearly as an integer a gets.
    most = alpha * top * whole // (2 * beta * bottom) + 2
    n = random.integers(-most, most + 1, 4000)
    exact = [
        (int(k) * 2 * beta * int(d) // whole - beta * int(d)) // alpha
        for k, d in zip(n, b, strict=True)
    ]
    a = np.clip(np.array(exact) + random.integers(-1, 2, 4000), -top, top)
    return a, b


SIZES = [
    *[(2**21 - 1, 2**20), (2**21, 2**20), (2**10, 2**22), (2**19 + 3, 1), (2**20, 3)],
    *[(2**50 - 1, 2**20), (2**50, 2**20), (2**48, 2**49), (2**51, 2**10), (2**52, 5)],
    *[(255, 255), (2**30, 2**30), (2**58, 2**20)],
]


FACTORS = [(2, 1), (1, 1), (512, 1), (4, 2), (6, 3), (1, 8)]


@pytest.mark.parametrize(
    ("top", "bottom", "bits", "alpha", "beta"),
    [
        (*size, bits, *factors)
        for size, bits in itertools.product(SIZES, [None, 0, 1, 6])
        for factors in sampled(FACTORS, 2)
    ],
)
def test_rounded_quotients(top: int, bottom: int, bits: int | None, alpha: int, beta: int) -> None:
    if alpha * top + beta * bottom >= 2**61:
        top = 2**61 // alpha - bottom
    sketch = Sketch(alpha + beta)
    a, b = sketch.input((4000,), -top, top), sketch.input((4000,), 1, bottom)
    y = _rounded(sketch, a, b, alpha, beta)
    if bits is not None:
        y = sketch.add(Rescale((y,), bits, -(2**55), 2**20))
    case = sketch.case("quotient", [y], batch=1)
    edges = _at_the_edges(sketch.random, alpha, beta, top, bottom, 2)
    inputs = tuple(array.reshape(1, -1) for array in edges)
    _agree(Case(case.name, case.program, case.blobs, inputs))
    kinds = _nodes(case)
    if top == 255:
        # In float32, without a remainder.
        assert kinds.count("Div") == 1
        assert not {"Cast", "Mod"} & set(kinds)


def test_every_small_rounded_quotient() -> None:
    tops, bottoms = np.arange(-300, 301), np.arange(1, 65)
    a, b = (grid.reshape(1, -1) for grid in np.meshgrid(tops, bottoms))
    for bits in (None, 1, 3):
        sketch = Sketch(1)
        x, d = sketch.input(a.shape[1:], -300, 300), sketch.input(b.shape[1:], 1, 64)
        y = _rounded(sketch, x, d, 16, 1)
        if bits:
            y = sketch.add(Rescale((y,), bits, None, 200))
        case = sketch.case("grid", [y], batch=1)
        _agree(Case(case.name, case.program, case.blobs, (a, b)))


def test_a_precision_assumed_too_high_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    sketch = Sketch(2)
    a, b = sketch.input((4000,), -(2**20), 2**20), sketch.input((4000,), 1, 2**9)
    case = sketch.case("too high", [_rounded(sketch, a, b, 512, 1)], batch=1)
    edges = _at_the_edges(sketch.random, 512, 1, 2**20, 2**9, 2)
    inputs = tuple(array.reshape(1, -1) for array in edges)
    expected = Reference(case.program, case.blobs).run(inputs)
    same(FastExecutor(case.program, case.blobs, 1).run(inputs), expected)
    monkeypatch.setattr(quotients, "precise_carrier", lambda state, found: Carrier.FLOAT32)
    found = FastExecutor(case.program, case.blobs, 1).run(inputs)
    assert not np.array_equal(found[0], expected[0])


@pytest.mark.parametrize(
    ("top", "bottom"), [(2**9, 2**9), (2**47, 2**23), (2**49, 2**24), (2**46, 2**25), (2**52, 9)]
)
@pytest.mark.parametrize("bits", [1, 7])
@pytest.mark.parametrize("constant", [0, 64, -3])
def test_newton_steps(top: int, bottom: int, bits: int, constant: int) -> None:
    """(b + round(a / b) + c) 2^-bits, rounded, on values whose sum lies at the edge."""
    sketch = Sketch(bits)
    a, b = sketch.input((4000,), 0, top), sketch.input((4000,), 1, bottom)
    quotient = _rounded(sketch, a, b, 2, 1)
    total = sketch.add(Affine((b, quotient), (1, 1), constant))
    y = sketch.add(Rescale((total,), bits, 1, 2**40))
    case = sketch.case("newton", [y], batch=1)
    top_values, bottom_values = _at_the_edges(sketch.random, 2, 1, top, bottom, 2)
    inputs = (np.abs(top_values).reshape(1, -1), bottom_values.reshape(1, -1))
    _agree(Case(case.name, case.program, case.blobs, inputs))
    if top == 2**47:
        assert _nodes(case).count("Floor") == 1


@pytest.mark.parametrize("shapes", [((5, 8), (5, 1)), ((1, 5, 8), (1, 5, 1)), ((5, 8), (1, 8))])
def test_quotients_by_what_is_repeated(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    sketch = Sketch(1)
    a, b = sketch.input(shapes[0], -99, 99), sketch.input(shapes[1], 1, 9)
    y = _rounded(sketch, a, b, 4, 1, shapes[0])
    narrow = sketch.add(Rescale((y,), 2, None, None))
    _agree(sketch.case("repeated", [narrow], batch=9))
    other = Sketch(2)
    a, b = other.input(shapes[1], -99, 99), other.input(shapes[1], 1, 9)
    wide = other.add(Broadcast((a,), shapes[0]))
    _agree(other.case("both", [_rounded(other, wide, b, 4, 1, shapes[0])], batch=9))


def test_what_only_looks_like_a_rounded_quotient() -> None:
    for alpha, beta, gamma, constant in [(3, 1, 2, 0), (2, 1, 2, 1), (2, 1, 3, 0), (-2, 1, 2, 0)]:
        sketch = Sketch(1)
        a, b = sketch.input((400,), -999, 999), sketch.input((400,), 1, 99)
        top = sketch.add(Affine((a, b), (alpha, beta), constant))
        y = sketch.add(Divide((top, sketch.add(Affine((b,), (gamma,), 0)))))
        _agree(sketch.case("looks like", [y], batch=3))


def _ladder(seed: int, top: int, steps: tuple[int, ...], low: int, shape: tuple[int, ...]) -> Case:
    sketch = Sketch(seed)
    x = sketch.input(shape, low, top)
    moved = sketch.add(Affine((x,), (1,), 0 if low >= 0 else 1))
    best = None
    for bits in steps:
        narrow = sketch.add(Rescale((moved,), bits, 0, 200 + bits))
        table = sketch.blob(sketch.random.integers(-(2**20), 2**20, 300))
        found = sketch.add(Table((narrow,), table, 0))
        best = found if best is None else sketch.add(Maximum((best, found)))
    other = sketch.add(Affine((moved,), (1,), 3))
    return sketch.case("ladder", [best or 0, other], batch=60)


@pytest.mark.parametrize("shape", [(7, 1), (1,), (1, 7, 1), (1, 1), (7,)], ids=str)
@pytest.mark.parametrize("low", [0, -5000])
@pytest.mark.parametrize("limit", [*LIMITS, 2**58])
def test_ladders(limit: int, low: int, shape: tuple[int, ...]) -> None:
    for top, steps in itertools.product(
        (limit - 2**18, limit // 2, limit // 1024 + 1, limit - 3),
        ((3, 9, 12), (1, 2, 3, 4), (14, 0, 7)),
    ):
        case = _ladder(1, top, steps, low, shape)
        _agree(case)
        if limit < 2**58 and top < limit // 2 and shape[-1] == 1:
            kinds = _nodes(case)
            assert kinds.count("ReduceMax") == 1
            assert not {"Max", "Maximum"} & set(kinds) - ({"Max"} if low < 0 else set())


def test_a_ladder_whose_steps_are_read_elsewhere() -> None:
    case = _ladder(1, 2**20, (1, 2, 3), 0, (4, 1))
    inputs, count = len(case.program.inputs), len(case.program.steps)
    for number in range(inputs, inputs + count):
        outputs = (*case.program.outputs, type(case.program.outputs[0])("extra", number))
        program = type(case.program)(
            case.program.inputs, case.program.blobs, case.program.steps, outputs
        )
        _agree(Case(case.name, program, case.blobs, case.inputs))


@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("keep", [True, False])
def test_sums_of_squares(limit: int, offset: int, keep: bool) -> None:
    side = int((limit // 32) ** 0.5) + offset
    for shape, axes in (((3, 32), (1,)), ((1, 3, 32), (2,)), ((1, 4, 8), (1, 2)), ((8, 4), (0, 1))):
        sketch = Sketch(1)
        x = sketch.input(shape, -side, side)
        total = sketch.add(Sum((sketch.add(Multiply((x, x))),), axes))
        if keep:
            kept = tuple(1 if at in axes else n for at, n in enumerate(shape))
            total = sketch.add(Reshape((total,), kept))
        case = sketch.case("squares", [sketch.add(Affine((total,), (1,), 0)), x], batch=8)
        _agree(case)
        assert ("ReduceSumSquare" in _nodes(case)) == (32 * side * side < 2**53)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("bits", [4, 10, 20])
def test_positions_that_a_cast_rounds_down(limit: int, bits: int) -> None:
    """Two columns with a table each, beside the limit at which no offset can be added."""
    for share, length in itertools.product((1, 2, 3), (40, 3000)):
        for offset in (-200, -1, 0, 1):
            sketch = Sketch(share)
            x = sketch.input((1, 5), -40, 40)
            top = limit // share - (length << bits) // 4 + offset
            if top < 2**14:
                continue
            sums = sketch.add(Dense((x,), *sketch.weights((8, 5), 40, top)))
            outputs = []
            for number in (0, 1):
                part = sketch.add(Slice((sums,), (0, 4 * number), (1, 1), (1, 4)))
                narrow = sketch.add(Rescale((part,), bits, -length, length - 1))
                values = sketch.random.integers(-(2**20), 2**20, 2 * length)
                outputs.append(sketch.add(Table((narrow,), sketch.blob(values), -length)))
            case = sketch.case("positions", outputs, batch=50)
            _agree(case)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("factor", [1, 64, 3, -2])
def test_layers_whose_bias_the_sum_adds(limit: int, factor: int) -> None:
    for offset, bits in itertools.product((-32, 0, 32), (None, 5)):
        sketch = Sketch(1)
        x, r = sketch.input((1, 9, 16), -31, 31), sketch.input((1, 9, 8), -99, 99)
        at = sketch.weights((8, 16), 31, limit // abs(factor) - 3 * 99 + offset)
        total = sketch.add(Affine((sketch.add(Dense((x,), *at)), r), (factor, 3), 7))
        if bits:
            total = sketch.add(Rescale((total,), bits, -(2**50), 2**50))
        _agree(sketch.case("bias", [total], batch=5))


@pytest.mark.parametrize("limit", LIMITS)
def test_products_with_constants_in_a_sum(limit: int) -> None:
    for offset, factor, bits in itertools.product((-9, 0, 9), (1, 16, -3), (None, 6)):
        sketch = Sketch(1)
        top = (limit // 64 // abs(factor)) + offset
        x = sketch.input((4, 6), -64, 64)
        gain = sketch.random.integers(-top, top + 1, (4, 6))
        gain[0] = top
        shift = sketch.random.integers(-9, 9, (4, 6))
        constants = [sketch.add(Constant((), sketch.blob(values))) for values in (gain, shift)]
        scaled = sketch.add(Multiply((x, constants[0])))
        y = sketch.add(Affine((scaled, constants[1]), (factor, 2), -1))
        if bits:
            y = sketch.add(Rescale((y,), bits, -(2**50), 2**50))
        _agree(sketch.case("gain", [y], batch=5))


@pytest.mark.parametrize("limit", [*LIMITS, 2**58])
@pytest.mark.parametrize("low", [None, 0])
def test_pools_before_the_floor(limit: int, low: int | None) -> None:
    for channels, bits in ((1, 3), (6, 9)):
        sketch = Sketch(channels)
        x = sketch.input((1, channels, 9, 9), -31, 31)
        at = sketch.weights((4, channels, 2, 2), 31, limit - 2**bits)
        y = sketch.add(Convolution((x,), *at, (1, 1), (1, 1), (0, 0), (0, 0), 1))
        y = sketch.add(Rescale((y,), bits, low, 2**45))
        taps = [
            sketch.add(Slice((y,), (0, 0, row, column), (1, 1, 2, 2), (1, 4, 4, 4)))
            for row, column in itertools.product((0, 1), repeat=2)
        ]
        upper, lower = (sketch.add(Maximum((taps[n], taps[n + 1]))) for n in (0, 2))
        pooled = sketch.add(Maximum((upper, lower)))
        _agree(sketch.case("pool", [pooled], batch=4))
        _agree(sketch.case("read twice", [pooled, y], batch=4))


@pytest.mark.parametrize("ends", [(-(2**15), 2**15 - 1), (-(2**15) + 1, 2**15), (-(2**15), 2**15)])
def test_weights_of_sixteen_bits_and_a_little(ends: tuple[int, int]) -> None:
    """2^15 itself is one too many for two's complement, not for a zero of each output's own."""
    random = np.random.default_rng(1)
    weight = random.integers(-(2**15) + 1, 2**15, (140, 940))
    weight[::2, 5], weight[1::2, 9] = ends
    sketch = Sketch(1)
    x = sketch.input((1, 940), 0, 256)
    bias = sketch.random.integers(-(2**20), 2**20, 140)
    y = sketch.add(Dense((x,), sketch.blob(weight), sketch.blob(bias)))
    case = sketch.case("weights", [sketch.add(Rescale((y,), 14, 0, 65535))], batch=3)
    assert "MatMulInteger" in _nodes(case)
    _agree(case)
    weight[7, 5], weight[7, 9] = -(2**15), 2**15
    wide = Sketch(1)
    x = wide.input((1, 940), 0, 256)
    y = wide.add(Dense((x,), wide.blob(weight), wide.blob(bias)))
    both = wide.case("wide", [wide.add(Rescale((y,), 14, 0, 65535))], batch=3)
    assert "MatMulInteger" not in _nodes(both)
    _agree(both)


@pytest.mark.parametrize("shift", range(0, 62, 4))
def test_long_integers_are_compared_whole(shift: int) -> None:
    """Kernels for the larger of two 64-bit integers exist that compare halves."""
    top = 2**61 - 1
    sketch = Sketch(shift)
    a, b = sketch.input((4000,), -top, top), sketch.input((4000,), -top, top)
    larger = sketch.add(Maximum((a, b)))
    clamped = [
        sketch.add(Rescale((a,), 0, low, high))
        for low, high in ((None, 1 << shift), (-(1 << shift), None), (-5, 1 << shift))
    ]
    case = sketch.case("halves", [larger, *clamped], batch=1)
    random = sketch.random
    values = [
        (random.integers(0, top, 4000) >> random.integers(0, 61, 4000))
        * random.choice([-1, 1], 4000)
        for _ in range(2)
    ]
    inputs = tuple(value.reshape(1, -1) for value in values)
    _agree(Case(case.name, case.program, case.blobs, inputs))


def test_ladders_would_show_a_limit_set_too_high(monkeypatch: pytest.MonkeyPatch) -> None:
    case = _ladder(1, 2**30 - 3, (0, 3, 12), 0, (7, 1))
    expected = Reference(case.program, case.blobs).run(case.inputs)
    monkeypatch.setitem(carriers._LIMITS, Carrier.FLOAT32, 2**60)
    found = FastExecutor(case.program, case.blobs, 1).run(case.inputs)
    assert not all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
