"""What the exporter rearranges: convolutions as tiles, products as bytes, pooling."""

import itertools
from collections.abc import Sequence

import numpy as np
import onnx
import pytest

from avow.models.program import digits
from avow.models.program.carriers import ARITHMETIC, Carrier
from avow.models.program.export import export
from avow.models.program.fast import FastExecutor, Optimisation
from avow.models.program.reference import Reference
from avow.models.program.selfcheck_programs import Case, Sketch
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Concat,
    Constant,
    Contract,
    Convolution,
    Dense,
    Divide,
    Maximum,
    Multiply,
    Rescale,
    Slice,
    Table,
)
from tests.models.program.arrays import same


def _agree(case: Case) -> None:
    expected = Reference(case.program, case.blobs).run(case.inputs)
    for optimisation in (Optimisation.NONE, Optimisation.ALL):
        executor = FastExecutor(case.program, case.blobs, 1, optimisation=optimisation)
        same(executor.run(case.inputs), expected)


def _kinds(case: Case) -> set[str]:
    model = export(case.program, case.blobs).model
    assert model is not None
    return {node.op_type for node in onnx.load_from_string(model).graph.node}


@pytest.mark.parametrize("carrier", ARITHMETIC)
@pytest.mark.parametrize("space", [(11,), (9, 13), (6, 30)], ids=str)
@pytest.mark.parametrize(("channels", "outputs"), [(1, 6), (3, 4), (20, 8)])
def test_convolutions_of_every_kind(
    carrier: Carrier, space: tuple[int, ...], channels: int, outputs: int
) -> None:
    rank = len(space)
    magnitude = {Carrier.FLOAT32: 127, Carrier.FLOAT64: 2**16, Carrier.INT64: 2**30}[carrier]
    for number, (stride, dilation, taps, pad) in enumerate(
        itertools.product((1, 2), (1, 2), (1, 2, 5), (0, 2))
    ):
        sketch = Sketch(number)
        x = sketch.input((1 + number % 2, channels, *space), -magnitude, magnitude)
        kernel = (3, taps)[-rank:]
        limit = min(carrier.limit, 2**61)
        weights = sketch.weights((outputs, channels, *kernel), magnitude, limit)
        # Not the same on both axes.
        ways = ((1, stride), (2, dilation), (1, pad), (2, 0))
        strides, dilations, before, after = (way[-rank:] for way in ways)
        y = sketch.add(Convolution((x,), *weights, strides, dilations, before, after, 1))
        _agree(sketch.case("convolution", [y]))


def _dense(weight: np.ndarray, low: int, high: int, bits: int | None = 9) -> Case:
    sketch = Sketch(3)
    x = sketch.input((2, weight.shape[1]), low, high)
    bias = sketch.random.integers(-(2**20), 2**20, weight.shape[0])
    y = sketch.add(Dense((x,), sketch.blob(weight), sketch.blob(bias)))
    if bits is not None:
        y = sketch.add(Rescale((y,), bits, -(2**40), None))
    return sketch.case("dense", [y], batch=5)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 255), (0, 2**15), (-(2**15), 2**15 - 1), (1000, 1255), (-(2**15), 0)]
)
@pytest.mark.parametrize("top", [2**7, 2**11, 2**15])
@pytest.mark.parametrize("bits", [None, 0, 9])
def test_products_in_bytes(low: int, high: int, top: int, bits: int | None) -> None:
    random = np.random.default_rng(top)
    weight = random.integers(-top, top, (140, 940))
    weight[:, :3] = -top, top - 1, 0
    case = _dense(weight, low, high, bits)
    exact = int(np.abs(weight).sum(axis=1).max()) * max(-low, high) < 2**24
    assert exact or "MatMulInteger" in _kinds(case)
    _agree(case)


def test_too_many_addends_for_32_bits_are_not_multiplied_in_bytes() -> None:
    weight = np.full((8, 33_100), 2**15 - 1)
    case = _dense(weight, -(2**15), 2**15 - 1)
    assert "MatMulInteger" not in _kinds(case)
    _agree(case)


def test_the_most_addends_that_32_bits_hold() -> None:
    weight = np.full((8, 33_000), -1)
    weight[::2] = 255 - 2**15
    case = _dense(weight, 0, 2**16 - 1)
    assert "MatMulInteger" in _kinds(case)
    x = np.full((1, 2, 33_000), 2**16 - 1)
    same(
        FastExecutor(case.program, case.blobs, 1).run([x]),
        Reference(case.program, case.blobs).run([x]),
    )


def test_bytes_are_unsigned() -> None:
    """Unsigned times signed saturates on processors without VNNI."""
    case = _dense(np.random.default_rng(0).integers(-(2**15), 2**15, (140, 940)), -5, 2**15)
    model = onnx.load_from_string(export(case.program, case.blobs).model or b"")
    constants = {item.name: item for item in model.graph.initializer}
    (product,) = (node for node in model.graph.node if node.op_type == "MatMulInteger")
    assert constants[product.input[1]].data_type == onnx.TensorProto.UINT8
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    kinds = {attribute.i for node in casts for attribute in node.attribute}
    assert onnx.TensorProto.UINT8 in kinds
    assert onnx.TensorProto.INT8 not in kinds


def test_large_weights_are_asked_for() -> None:
    assert not digits.fits(np.zeros((10, 10), np.int64), Interval(0, 1))
    assert digits.fits(np.zeros((1000, 1000), np.int64), Interval(0, 1))
    assert not digits.fits(np.zeros((1000, 1000), np.int64), Interval(0, 2**16))


def _window(
    bits: int,
    shape: Sequence[int],
    starts: Sequence[Sequence[int]],
    steps: Sequence[int],
    sizes: Sequence[int],
) -> Case:
    """Maxima of slices that start at all of these places."""
    sketch = Sketch(bits)
    x = sketch.input(tuple(shape), -(2**bits), 2**bits)
    # Behind an operation, as in a network.
    x = sketch.add(Rescale((x,), 1, None, None))
    whole = tuple(shape[:2]) + tuple(sizes)
    taps = [sketch.add(Slice((x,), (0, 0, *start), (1, 1, *steps), whole)) for start in starts]
    while len(taps) > 1:
        taps.append(sketch.add(Maximum((taps.pop(0), taps.pop(0)))))
    return sketch.case("window", taps)


WINDOWS = [
    ((1, 3, 8, 8), [(0, 0), (0, 1), (1, 0), (1, 1)], (2, 2), (4, 4)),
    ((1, 3, 9, 8), list(itertools.product((0, 1, 2), (0, 1))), (2, 1), (3, 7)),
    ((2, 3, 9, 9), list(itertools.product((1, 3), (0, 1, 2))), (1, 3), (5, 2)),
    ((1, 3, 8, 8), list(itertools.product((2, 3), (4, 5))), (2, 2), (2, 2)),
    ((1, 20, 17), [(0,), (2,), (4,)], (3,), (4,)),
    ((3, 2, 17), [(1,), (2,)], (2,), (8,)),
]


@pytest.mark.parametrize(("shape", "starts", "steps", "sizes"), WINDOWS)
def test_pools(
    shape: tuple[int, ...],
    starts: list[tuple[int, ...]],
    steps: tuple[int, ...],
    sizes: tuple[int, ...],
) -> None:
    for bits in (12, 30, 56):
        case = _window(bits, shape, starts, steps, sizes)
        assert ("MaxPool" in _kinds(case)) == (bits == 12)
        _agree(case)


@pytest.mark.parametrize("group", [(), (1,), (3,), (1, 1), (1, 4), (2, 3)], ids=str)
@pytest.mark.parametrize("bits", [8, 20, 28])
def test_products_of_computed_matrices(group: tuple[int, ...], bits: int) -> None:
    for number, (m, k, n) in enumerate([(1, 1, 1), (1, 5, 2), (3, 1, 4), (6, 7, 1), (4, 9, 5)]):
        sketch = Sketch(number)
        a = sketch.input((*group, m, k), -(2**bits), 2**bits)
        b = sketch.input((*group, k, n), -(2**bits), 2**bits)
        fixed = sketch.random.integers(-(2**bits), 2**bits, (*group, k, n))
        constant = sketch.add(Constant((), sketch.blob(fixed)))
        products = [sketch.add(Contract((a, b))), sketch.add(Contract((a, constant)))]
        _agree(sketch.case("contract", products))


@pytest.mark.parametrize("length", [5, 500])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        *[(-7, 9), (0, 9), (-9, 0), (-9, -1), (-9, -4), (1, 9), (4, 9), (4, 4)],
        *[(4096, 4099), (4097, 4099), (2**40, 2**40 + 5), (-4099, -4096), (-5000, -4097)],
    ],
)
def test_tables_anywhere(low: int, high: int, length: int) -> None:
    for bits in (10, 40, 60):
        sketch = Sketch(bits)
        x = sketch.input((length,), low, high)
        values = sketch.random.integers(-(2**bits), 2**bits, high - low + 6)
        values[3] = values[2] - 5
        y = sketch.add(Table((x,), sketch.blob(values), low - 2))
        _agree(sketch.case("table", [y], batch=9))


@pytest.mark.parametrize(("low", "high"), [(-9, 9), (-9, -3), (2, 7), (2**40, 2**40 + 9)])
def test_a_table_that_is_a_clamp_is_not_looked_up(low: int, high: int) -> None:
    sketch = Sketch(1)
    x = sketch.input((300,), low, high)
    places = np.arange(low, high + 1)
    for bounds in ((low, high), (low + 2, high), (low, high - 2), (low + 1, high - 1)):
        y = sketch.add(Table((x,), sketch.blob(np.clip(places, *bounds)), low))
    case = sketch.case("clamp", [y], batch=9)
    assert not {"Gather", "GatherElements"} & _kinds(case)
    _agree(case)


def _halved(sketch: Sketch, x: int, shape: tuple[int, ...], axis: int, even: bool) -> int:
    """The maximum over an axis of a power of two: of halves, or of neighbours."""
    while shape[axis] > 1:
        half = shape[axis] // 2
        sizes = (*shape[:axis], half, *shape[axis + 1 :])
        steps = tuple(2 if even and at == axis else 1 for at in range(len(shape)))
        second = tuple((1 if even else half) if at == axis else 0 for at in range(len(shape)))
        parts = [
            sketch.add(Slice((x,), starts, steps, sizes)) for starts in ((0,) * len(shape), second)
        ]
        x, shape = sketch.add(Maximum((parts[0], parts[1]))), sizes
    return x


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("bits", [12, 30])
def test_pools_in_a_row_become_one(even: bool, bits: int) -> None:
    shape = (2, 3, 8, 16)
    for axes in ((3,), (2,), (2, 3)):
        sketch = Sketch(bits)
        x = sketch.input(shape, -(2**bits), 2**bits)
        x, sizes = sketch.add(Rescale((x,), 1, None, None)), shape
        for axis in axes:
            x = _halved(sketch, x, sizes, axis, even)
            sizes = (*sizes[:axis], 1, *sizes[axis + 1 :])
        case = sketch.case("row", [x])
        assert "ReduceMax" in _kinds(case)
        assert not {"Max", "MaxPool", "Slice"} & _kinds(case)
        _agree(case)


def test_pools_of_every_kind_in_a_row() -> None:
    ways = list(itertools.product((1, 2, 3), (1, 2, 4)))
    for number, ((one, three), (two, four)) in enumerate(itertools.product(ways, ways)):
        sketch = Sketch(number)
        length = 23
        x = sketch.input((1, 2, length), -99, 99)
        for step, gap in ((one, three), (two, four)):
            size = (length - 1 - gap - 1) // step + 1
            taps = [
                sketch.add(Slice((x,), (0, 0, start), (1, 1, step), (1, 2, size)))
                for start in (1, 1 + gap)
            ]
            x, length = sketch.add(Maximum((taps[0], taps[1]))), size
        _agree(sketch.case("kinds", [x]))


def test_what_is_repeated_is_repeated_once() -> None:
    """Operands with repeated axes, alone and together, of every elementwise operation."""
    for number, (first, second) in enumerate(
        itertools.product([(1, 4, 5), (2, 1, 5), (2, 4, 1), (1, 1, 1)], repeat=2)
    ):
        sketch = Sketch(number)
        a, b = sketch.input(first, -9, 9), sketch.input(second, 1, 9)
        c = sketch.input((2, 4, 5), 1, 9)
        wide = sketch.add(Broadcast((a,), (2, 4, 5)))
        other = sketch.add(Broadcast((b,), (2, 4, 5)))
        outputs = [
            sketch.add(Affine((wide, other, c), (2, -1, 3), 4)),
            sketch.add(Affine((other, wide), (-1, 0), 4)),
            sketch.add(Multiply((wide, other))),
            sketch.add(Multiply((c, other))),
            sketch.add(Divide((wide, other))),
            sketch.add(Maximum((wide, c))),
            sketch.add(Rescale((wide,), 1, None, 3)),
            sketch.add(Concat((wide, c), 1)),
            wide,
        ]
        _agree(sketch.case("repeated", outputs))


@pytest.mark.parametrize(
    "starts",
    [
        [(0, 0), (0, 1), (1, 0)],
        [(0, 0), (0, 1), (1, 0), (2, 1)],
        [(0, 0), (0, 1), (1, 0), (1, 0)],
        [(0, 0), (0, 1), (0, 3)],
    ],
    ids=str,
)
def test_what_only_looks_like_a_pool(starts: list[tuple[int, int]]) -> None:
    case = _window(12, (1, 3, 8, 8), starts, (2, 2), (2, 2))
    # Two of the slices may be a pool of their own; all of them are none.
    assert "Max" in _kinds(case)
    _agree(case)


def test_a_pool_whose_steps_are_read_elsewhere() -> None:
    sketch = Sketch(1)
    x = sketch.input((1, 2, 4, 4), -9, 9)
    a = sketch.add(Slice((x,), (0, 0, 0, 0), (1, 1, 2, 2), (1, 2, 2, 2)))
    b = sketch.add(Slice((x,), (0, 0, 0, 1), (1, 1, 2, 2), (1, 2, 2, 2)))
    top = sketch.add(Maximum((a, b)))
    both = sketch.add(Affine((top, a), (1, 1), 0))
    case = sketch.case("read elsewhere", [both, top])
    assert "MaxPool" not in _kinds(case)
    _agree(case)


def test_a_long_chain_of_maxima_is_no_work() -> None:
    sketch = Sketch(1)
    x = sketch.input((1, 1, 2), -9, 9)
    at = x
    for _ in range(3000):
        at = sketch.add(Maximum((at, x)))
    case = sketch.case("chain", [at])
    assert export(case.program, case.blobs).model
