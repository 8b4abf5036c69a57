"""Products with constant weights, and of two computed matrices."""

import itertools
import math

import numpy as np

from avow.models.program.blobs import Integers, integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.emission import Emission, held_shape
from avow.models.program.emit_elementwise import clamp_and_floor, half
from avow.models.program.intervals import linear_bounds
from avow.models.program.patches import choose_tiling, emit_patches, patch_weights
from avow.verifier.program.operations import Contract, Convolution, Dense, Rescale

# More float32 products than this cost more than one in float64.
MAX_PIECES = 3


class Linear:
    """Weights and bias of one operation, with the rescale behind it melted in where that is exact.

    The weights carry the factor 2^-bits, the bias (b + half) 2^-bits.
    """

    def __init__(self, state: Emission, operation: Dense | Convolution, number: int) -> None:
        weight, bias = state.blobs[operation.weight], state.blobs[operation.bias]
        self.state, self.number = state, number
        self.magnitude = state.magnitude(operation.of[0])
        self.weight, self.bias = integers(weight), integers(bias)
        self.reach = linear_bounds(weight, bias).reach(self.magnitude)
        self.rescale: tuple[int, Rescale] | None = state.rescale_after(number)
        wide = max(self.reach, self.magnitude)
        if self.rescale:
            wide = max(wide + half(self.rescale[1]), state.magnitude(self.rescale[0]))
        self.carrier = carrier_for(wide)
        if not self.carrier.is_float:
            self.rescale = None
        self.bits = self.rescale[1].bits if self.rescale else 0

    def weights(self, values: Integers, carrier: Carrier) -> str:
        """Some of the weights, in the shape given, as a constant."""
        scaled = carrier.scaled(values, self.bits) if self.bits else carrier.array(values)
        return self.state.graph.constant(scaled)

    def biases(self, carrier: Carrier, repeat: int = 1) -> str:
        """The biases, so many times in a row, as a constant of rank 1."""
        bias = self.bias + (half(self.rescale[1]) if self.rescale else 0)
        return self.weights(np.tile(bias, repeat), carrier)

    def rounded(self, name: str, carrier: Carrier) -> str:
        """The melted rescale's clamp and floor, on any arrangement of the elements."""
        if self.rescale is None:
            return name
        return clamp_and_floor(self.state, name, self.rescale[1], carrier)

    def write(self, name: str, carrier: Carrier) -> None:
        """Record the result, rounded, in its held shape."""
        if self.rescale is None:
            self.state.write(self.number, name, carrier, self.reach)
        else:
            self.state.write(self.rescale[0], name, carrier, 0 if self.bits else self.reach)


def emit_dense(state: Emission, operation: Dense, number: int) -> None:
    """x W^T + b over the last axis."""
    linear = Linear(state, operation, number)
    shape = state.shapes[number]
    pieces = _pieces(linear)
    carrier = linear.carrier
    x = state.read(operation.of[0], Carrier.FLOAT32 if pieces else carrier)
    rows = x
    if len(held_shape(state.shapes[operation.of[0]])) != 1:
        inner = linear.weight.shape[1]
        rows = state.graph.node("Reshape", x, state.graph.integers([-1, inner]))
    if carrier is Carrier.FLOAT32:
        weights, bias = linear.weights(linear.weight.T, carrier), linear.biases(carrier)
        name = state.graph.node("Gemm", rows, weights, bias)
    elif pieces:
        name = _dense_in_pieces(linear, rows, pieces)
    else:
        # Weights first: the runtime copies the right factor of a float64 product at every call.
        turned = state.graph.node("Transpose", rows, perm=[1, 0])
        product = state.graph.node("MatMul", linear.weights(linear.weight, carrier), turned)
        back = state.graph.node("Transpose", product, perm=[1, 0])
        name = state.graph.node("Add", back, linear.biases(carrier))
    name = linear.rounded(name, carrier)
    if len(held_shape(shape)) != 1:
        held = held_shape(shape)
        name = state.graph.node("Reshape", name, state.graph.integers([-1, *held]))
    linear.write(name, carrier)


def _pieces(linear: Linear) -> list[int]:
    """Where to cut the inner axis so that each piece is exact in float32; empty if not worth it."""
    if linear.carrier is not Carrier.FLOAT64 or linear.magnitude >= Carrier.FLOAT32.limit:
        return []
    sums = np.abs(linear.weight).cumsum(axis=1)
    cuts = [0]
    while cuts[-1] < sums.shape[1]:
        before = sums[:, cuts[-1] - 1 : cuts[-1]] if cuts[-1] else 0
        fits = ((sums - before).max(axis=0) * linear.magnitude) < Carrier.FLOAT32.limit
        cut = int(np.flatnonzero(fits)[-1]) + 1 if fits.any() else 0
        if cut <= cuts[-1] or len(cuts) > MAX_PIECES:
            return []
        cuts.append(cut)
    return cuts


def _dense_in_pieces(linear: Linear, rows: str, cuts: list[int]) -> str:
    """The sum, in float64, of float32 products over parts of the inner axis."""
    graph = linear.state.graph
    total = linear.biases(Carrier.FLOAT64)
    for start, stop in itertools.pairwise(cuts):
        ends = graph.integers([start]), graph.integers([stop]), graph.integers([1])
        part = graph.node("Slice", rows, *ends) if len(cuts) > 2 else rows
        weights = linear.weights(linear.weight[:, start:stop].T, Carrier.FLOAT32)
        product = graph.node("MatMul", part, weights)
        wide = graph.node("Cast", product, to=Carrier.FLOAT64.onnx_type)
        total = graph.node("Add", wide, total)
    return total


def emit_convolution(
    state: Emission, operation: Convolution, number: int, direct: bool = True
) -> None:
    """The runtime's convolution in float32, else a product of patches.

    With `direct` false always the latter: accelerators convolve by inexact algorithms.
    """
    linear = Linear(state, operation, number)
    x, shape = state.shapes[operation.of[0]], state.shapes[number]
    name = state.read(operation.of[0], linear.carrier)
    graph = state.graph
    if x[0] != 1:
        name = graph.node("Reshape", name, graph.integers([-1, *x[1:]]))
    if direct and linear.carrier is Carrier.FLOAT32:
        name = graph.node(
            "Conv",
            name,
            linear.weights(linear.weight, linear.carrier),
            linear.biases(linear.carrier),
            strides=operation.strides,
            dilations=operation.dilations,
            pads=[*operation.pads_before, *operation.pads_after],
            group=operation.groups,
        )
        name = linear.rounded(name, linear.carrier)
    else:
        name = _by_patches(linear, operation, name)
    if shape[0] != 1:
        name = graph.node("Reshape", name, graph.integers([-1, *shape]))
    linear.write(name, linear.carrier)


def _by_patches(linear: Linear, operation: Convolution, name: str) -> str:
    state, graph, carrier = linear.state, linear.state.graph, linear.carrier
    x, shape, weight = state.shapes[operation.of[0]], state.shapes[linear.number], linear.weight
    place, outputs, groups = shape[2:], shape[1], operation.groups
    tiling = choose_tiling(operation, x[1:], weight.shape, place)
    name = emit_patches(graph, name, x[1:], weight.shape[2:], operation, tiling, carrier)
    rows = math.prod(place[:-1]) * tiling.tiles
    if groups == 1:
        columns = patch_weights(weight, operation, tiling)
        state.widest = max(state.widest, x[0] * rows * columns.shape[0])
        name = graph.node("Reshape", name, graph.integers([-1, columns.shape[0]]))
        weights, bias = linear.weights(columns, carrier), linear.biases(carrier, tiling.width)
        if carrier.is_float:
            name = graph.node("Gemm", name, weights, bias)
        else:
            name = graph.node("Add", graph.node("MatMul", name, weights), bias)
    else:
        state.widest = max(state.widest, x[0] * rows * weight[0].size * groups)
        name = _by_groups(linear, groups, rows, name)
    name = linear.rounded(name, carrier)
    wide = tiling.tiles * tiling.width
    name = graph.node("Reshape", name, graph.integers([-1, *place[:-1], wide, outputs]))
    space = len(place)
    if wide != place[-1]:
        ends = ([0], [place[-1]], [space])
        name = graph.node("Slice", name, *(graph.integers(end) for end in ends))
    return graph.node("Transpose", name, perm=[0, space + 1, *range(1, space + 1)])


def _by_groups(linear: Linear, groups: int, rows: int, name: str) -> str:
    """The products of each group's patches with its weights: (batch, rows, outputs)."""
    graph, weight = linear.state.graph, linear.weight
    outputs, channels, *kernel = weight.shape
    taps = math.prod(kernel)
    name = graph.node("Reshape", name, graph.integers([0, rows, taps, groups, channels]))
    name = graph.node("Transpose", name, perm=[0, 3, 1, 2, 4])
    name = graph.node("Reshape", name, graph.integers([0, groups, rows, taps * channels]))
    columns = weight.reshape(groups, outputs // groups, channels, taps).transpose(0, 3, 2, 1)
    columns = columns.reshape(groups, taps * channels, outputs // groups)
    name = graph.node("MatMul", name, linear.weights(columns, linear.carrier))
    name = graph.node("Transpose", name, perm=[0, 2, 1, 3])
    name = graph.node("Reshape", name, graph.integers([0, rows, outputs]))
    return graph.node("Add", name, linear.biases(linear.carrier))


def emit_contract(state: Emission, operation: Contract, number: int) -> None:
    """A product of two computed matrices."""
    a, b = operation.of
    product = state.magnitude(a) * state.magnitude(b) * state.shapes[a][-1]
    carrier = carrier_for(max(product, state.magnitude(a, b)))
    factors = [state.read_whole(at, carrier) for at in operation.of]
    name = state.graph.node("MatMul", *factors)
    state.write(number, state.hold(name, state.shapes[number]), carrier, product)
