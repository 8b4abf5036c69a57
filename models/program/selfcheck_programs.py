"""Small programs that touch every kernel an executor may use, up to the last bit it must keep."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from avow.models.program.blobs import AnyIntegers, Integers, blob_of
from avow.models.program.carriers import ARITHMETIC, Carrier
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Contract,
    Convolution,
    Dense,
    Divide,
    LookupRow,
    Maximum,
    Multiply,
    Operation,
    Rescale,
    Reshape,
    Shape,
    Slice,
    Sum,
    Table,
    Transpose,
)
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.tensor import ElementType, TensorSpec


@dataclass(frozen=True, slots=True)
class Case:
    """A program, its blobs, and valid inputs (batch, *shape)."""

    name: str
    program: Program
    blobs: tuple[Blob, ...]
    inputs: tuple[Integers, ...]


class Sketch:
    """A program written down operation by operation."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.specs: list[TensorSpec] = []
        self.blobs: list[Blob] = []
        self.steps: list[Step] = []

    def input(self, shape: Shape, low: int, high: int) -> int:
        """Declare an input; all of them come before the operations."""
        name = f"x{len(self.specs)}"
        self.specs.append(TensorSpec(name, ElementType.INT64, shape, 0, low, high))
        return len(self.specs) - 1

    def blob(self, array: AnyIntegers) -> int:
        """Add a constant and return its number."""
        self.blobs.append(blob_of(array))
        return len(self.blobs) - 1

    def add(self, operation: Operation) -> int:
        """Append an operation and return the number of its result."""
        self.steps.append(Step(operation, 0))
        return len(self.specs) + len(self.steps) - 1

    def weights(self, shape: Shape, magnitude: int, limit: int) -> tuple[int, int]:
        """Weights and biases with which inputs up to `magnitude` reach exactly limit - 1."""
        inner = int(np.prod(shape[1:]))
        top = max((limit - 1) // (magnitude * inner), 1)
        weight = self.random.integers(-top, top + 1, shape)
        sums = np.abs(weight).reshape(shape[0], -1).sum(axis=1)
        rest = [limit - 1 - int(total) * magnitude for total in sums]
        signs = self.random.choice([-1, 1], shape[0])
        bias = np.array([r * int(s) for r, s in zip(rest, signs, strict=True)], np.int64)
        return self.blob(weight), self.blob(bias)

    def case(self, name: str, outputs: list[int], batch: int = 3) -> Case:
        """The program with random inputs, the first sample at the ends of the ranges."""
        refs = tuple(blob.ref() for blob in self.blobs)
        named = tuple(Output(f"y{at}", tensor) for at, tensor in enumerate(outputs))
        program = Program(tuple(self.specs), refs, tuple(self.steps), named)
        inputs = []
        for spec in self.specs:
            ends = (spec.minimum, spec.maximum)
            x = self.random.integers(ends[0], ends[1], (batch, *spec.shape), np.int64, True)
            x[0] = self.random.choice(ends, spec.shape)
            inputs.append(x)
        return Case(name, program, tuple(self.blobs), tuple(inputs))


def cases() -> Iterator[Case]:
    """Every case; the same on every machine."""
    for number, carrier in enumerate(ARITHMETIC):
        yield _dense(number, carrier)
        for style in range(len(_STYLES)):
            yield _convolution(10 * number + style, carrier, style)
    yield _pieces()
    yield _digits()
    yield _pools()
    yield _attention()
    yield _elementwise()
    yield _wide()
    yield _halves()
    yield _rounded_quotients()
    yield _root()


# Magnitudes of inputs that leave a few bits to the weights.
_MAGNITUDES = {Carrier.FLOAT32: 2**11 - 1, Carrier.FLOAT64: 2**24 + 3, Carrier.INT64: 2**31 + 5}
_REACHES = {Carrier.FLOAT32: 2**24, Carrier.FLOAT64: 2**53, Carrier.INT64: 2**61}
# Channels, groups, outputs, kernel, strides, dilations.
_STYLES = (
    (32, 1, 32, (3, 3), (1, 1), (1, 1)),
    (3, 1, 16, (5, 5), (2, 1), (1, 1)),
    (8, 4, 16, (3, 2), (1, 2), (2, 1)),
    (16, 16, 16, (3, 3), (1, 1), (1, 1)),
)


def _dense(seed: int, carrier: Carrier) -> Case:
    sketch, magnitude = Sketch(seed), _MAGNITUDES[carrier]
    x = sketch.input((150,), -magnitude, magnitude)
    limit = _REACHES[carrier]
    alone = sketch.add(Dense((x,), *sketch.weights((70, 150), magnitude, limit)))
    # Its one reader melts into it, so the half that rounds must have room too.
    followed = sketch.add(Dense((x,), *sketch.weights((70, 150), magnitude, limit - 16)))
    rounded = sketch.add(Rescale((followed,), 5, -(2**40), 2**40))
    outputs = [alone, rounded]
    if carrier is not Carrier.INT64:
        # Just too much for this carrier: an executor that tries all the same is caught.
        weights = sketch.weights((70, 150), magnitude, 4 * limit)
        outputs.append(sketch.add(Dense((x,), *weights)))
    return sketch.case(f"dense {carrier.value}", outputs)


def _convolution(seed: int, carrier: Carrier, style: int) -> Case:
    sketch, magnitude = Sketch(100 + seed), _MAGNITUDES[carrier]
    channels, groups, outputs, kernel, strides, dilations = _STYLES[style]
    x = sketch.input((1, channels, 13, 14), -magnitude, magnitude)
    shape, limit = (outputs, channels // groups, *kernel), _REACHES[carrier]

    def convolve(reach: int) -> int:
        weight, bias = sketch.weights(shape, magnitude, reach)
        ways = strides, dilations, (1, 2), (1, 0)
        return sketch.add(Convolution((x,), weight, bias, *ways, groups))

    alone = convolve(limit)
    rounded = sketch.add(Rescale((convolve(limit - 64),), 7, 0, 2**40))
    return sketch.case(f"convolution {style} {carrier.value}", [alone, rounded])


def _pieces() -> Case:
    sketch = Sketch(200)
    x = sketch.input((600,), -255, 255)
    y = sketch.add(Dense((x,), *sketch.weights((40, 600), 255, 2 * Carrier.FLOAT32.limit)))
    z = sketch.add(Rescale((y,), 7, None, 2**15))
    return sketch.case("dense in pieces", [z])


def _digits() -> Case:
    """Weights and inputs of sixteen bits, enough of them to be multiplied as bytes."""
    sketch = Sketch(210)
    x = sketch.input((420,), -(2**15), 2**15 - 1)
    weight = sketch.random.integers(-(2**15), 2**15, (320, 420))
    weight[:, :2] = -(2**15), 2**15 - 1
    bias = sketch.random.integers(-(2**40), 2**40, 320)
    y = sketch.add(Dense((x,), sketch.blob(weight), sketch.blob(bias)))
    z = sketch.add(Rescale((y,), 17, None, None))
    return sketch.case("dense in bytes", [z])


def _pools() -> Case:
    sketch = Sketch(220)
    outputs = []
    for bits in (10, 30):
        x = sketch.input((1, 6, 12, 12), -(2**bits), 2**bits)
        outputs.append(x)
    return sketch.case("pools", [_pool(sketch, x) for x in outputs])


def _pool(sketch: Sketch, x: int) -> int:
    taps = [
        sketch.add(Slice((x,), (0, 0, row, column), (1, 1, 2, 2), (1, 6, 6, 6)))
        for row in (0, 1)
        for column in (0, 1)
    ]
    upper = sketch.add(Maximum((taps[0], taps[1])))
    lower = sketch.add(Maximum((taps[2], taps[3])))
    return sketch.add(Maximum((upper, lower)))


def _attention() -> Case:
    """Scores, softmax (shift, exponential, quotient), mixture."""
    sketch = Sketch(300)
    q, k, v = (sketch.input((2, 5, 8), -127, 127) for _ in range(3))
    turned = sketch.add(Transpose((k,), (0, 2, 1)))
    scores = sketch.add(Contract((q, turned)))
    narrow = sketch.add(Rescale((scores,), 10, -127, 0))
    table = sketch.blob(np.rint(4096 * np.exp(np.arange(-127, 1) / 16)).astype(np.int64))
    powers = sketch.add(Table((narrow,), table, -127))
    total = sketch.add(Sum((powers,), (2,)))
    parts = [sketch.add(Slice((powers,), (0, 0, at), (1, 1, 1), (2, 5, 1))) for at in range(5)]
    column = sketch.add(Reshape((total,), (2, 5, 1)))
    divisor = sketch.add(Rescale((column,), 0, 1, None))
    shares = [
        sketch.add(Divide((sketch.add(Affine((part,), (2**12,), -7)), divisor))) for part in parts
    ]
    first = sketch.add(Reshape((shares[0],), (2, 1, 5)))
    mixed = sketch.add(Contract((first, v)))
    return sketch.case("attention", [scores, powers, *shares, mixed])


def _elementwise() -> Case:
    sketch = Sketch(400)
    a = sketch.input((1, 6, 8, 8), -(2**15), 2**15)
    b = sketch.input((1, 6, 8, 8), -(2**15), 2**15)
    added = sketch.add(Affine((a, b, a), (3, -1, 7), 11))
    rounded = sketch.add(Rescale((added,), 4, None, None))
    product = sketch.add(Multiply((a, b)))
    lower = sketch.add(Rescale((product,), 1, None, None))
    top = sketch.add(Maximum((a, b)))
    clamped = sketch.add(Rescale((top,), 0, -31, 90))
    ramp = sketch.add(Table((clamped,), sketch.blob(np.clip(np.arange(-31, 91), 0, 60)), -31))
    curve = sketch.random.integers(-(2**40), 2**40, 122)
    bent = sketch.add(Table((clamped,), sketch.blob(curve), -31))
    rows = sketch.random.integers(-300, 300, (61, 3))
    row = sketch.add(LookupRow((ramp,), sketch.blob(rows)))
    return sketch.case("elementwise", [rounded, lower, top, ramp, bent, row])


def _wide() -> Case:
    """Quotients, roundings and sums of integers that no float holds; a factor beyond float32."""
    sketch = Sketch(500)
    a = sketch.input((200,), -(2**61) + 1, 2**61 - 1)
    b = sketch.input((200,), 1, 2**33)
    quotient = sketch.add(Divide((a, b)))
    small = sketch.add(Rescale((a,), 20, None, None))
    close = sketch.add(Divide((small, b)))
    rounded = sketch.add(Rescale((a,), 62, None, None))
    clamped = sketch.add(Rescale((a,), 1, -(2**59) - 1, 2**59 + 1))
    top = sketch.add(Maximum((a, b)))
    total = sketch.add(Sum((sketch.add(Rescale((a,), 8, None, None)),), (0,)))
    matrix = sketch.add(Reshape((sketch.add(Rescale((a,), 58, None, None)),), (10, 20)))
    scaled = sketch.add(Affine((matrix,), (2**30 + 1,), 0))
    product = sketch.add(Contract((scaled, sketch.add(Transpose((matrix,), (1, 0))))))
    outputs = [quotient, close, rounded, clamped, top, total, product]
    return sketch.case("wide", outputs, batch=6)


def _halves() -> Case:
    """Long integers of every length: some processors' kernels compare only halves of them."""
    sketch = Sketch(510)
    a, b = (sketch.input((600,), -(2**61) + 1, 2**61 - 1) for _ in range(2))
    outputs = [sketch.add(Maximum((a, b)))]
    for bits in (20, 31, 33):
        outputs.append(sketch.add(Rescale((a,), 0, -(2**bits), 2**bits)))
    case = sketch.case("halves", outputs)
    inputs = tuple(
        array // 2 ** sketch.random.integers(0, 61, array.shape) for array in case.inputs
    )
    return Case(case.name, case.program, case.blobs, inputs)


def _rounded_quotients() -> Case:
    """Quotients at, just above and just below where rounding changes its mind."""
    sketch = Sketch(520)
    outputs, inputs = [], list[Integers]()
    sizes = ((2**19, 2**9), (2**48, 2**22))
    numbers = [
        (sketch.input((900,), -top, top), sketch.input((900,), 1, bottom)) for top, bottom in sizes
    ]
    for (a, b), (top, bottom) in zip(numbers, sizes, strict=True):
        sum_ = sketch.add(Affine((a, b), (2, 1), 0))
        quotient = sketch.add(Divide((sum_, sketch.add(Affine((b,), (2,), 0)))))
        outputs.append(sketch.add(Rescale((quotient,), 3, -(2**40), 2**40)))
        divisors = sketch.random.integers(1, bottom + 1, (3, 900))
        # 2 a + b is near an odd multiple of 8 b.
        odd = 2 * sketch.random.integers(-(top // bottom) // 16, top // bottom // 16, (3, 900)) + 1
        near = (8 * odd - 1) * divisors // 2 + sketch.random.integers(-1, 2, (3, 900))
        inputs += [np.clip(near, -top, top), divisors]
    case = sketch.case("rounded quotients", outputs)
    return Case(case.name, case.program, case.blobs, tuple(inputs))


def _root() -> Case:
    """A normalisation: mean, squares, tables coarse to fine, one step of Newton's."""
    sketch = Sketch(530)
    x = sketch.input((1, 6, 16), -127, 127)
    total = sketch.add(Reshape((sketch.add(Sum((x,), (2,))),), (1, 6, 1)))
    wide = sketch.add(Broadcast((total,), (1, 6, 16)))
    centred = sketch.add(Affine((x, wide), (16, -1), 0))
    squares = sketch.add(Sum((sketch.add(Multiply((centred, centred))),), (2,)))
    column = sketch.add(Rescale((sketch.add(Reshape((squares,), (1, 6, 1))),), 0, 0, None))
    square = sketch.add(Affine((column,), (4096,), 99))
    best = None
    for bits in (34, 26, 18):
        place = sketch.add(Rescale((square,), bits, None, 2047))
        roots = np.rint(np.sqrt(np.arange(2048) * 2.0**bits)).astype(np.int64)
        roots[0] = 9
        found = sketch.add(Table((place,), sketch.blob(roots), 0))
        best = found if best is None else sketch.add(Maximum((best, found)))
    root = best or 0
    double = sketch.add(Affine((root,), (2,), 0))
    step = sketch.add(Divide((sketch.add(Affine((square, root), (2, 1), 0)), double)))
    mean = sketch.add(Affine((root, step), (1, 1), 0))
    finer = sketch.add(Rescale((sketch.add(Rescale((mean,), 1, 9, None)),), 6, 1, None))
    spread = sketch.add(Broadcast((finer,), (1, 6, 16)))
    top = sketch.add(Affine((centred, spread), (4096, 1), 0))
    bottom = sketch.add(Affine((spread,), (2,), 0))
    result = sketch.add(Rescale((sketch.add(Divide((top, bottom))),), 5, -128, 127))
    return sketch.case("root", [result, finer])
