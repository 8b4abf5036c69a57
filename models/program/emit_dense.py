"""Products of matrices: with constant weights, and of two computed ones."""

import itertools
import math

import numpy as np

from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.digits import emit_product, fits
from avow.models.program.emission import Emission, held_shape
from avow.models.program.linear import Linear
from avow.verifier.program.operations import Affine, Contract, Dense

# More float32 products than this cost more than one in float64.
MAX_PIECES = 3
# From so many rows in a sample, turning them costs more than copying the weights.
MANY_ROWS = 8

# Up to so many weights a product in float64 costs less than converting to float32 and back.
FEW_WEIGHTS = 2**10


def emit_dense(state: Emission, operation: Dense, number: int) -> None:
    """x W^T + b over the last axis."""
    linear = Linear(state, operation, number)
    source = operation.of[0]
    carrier, interval = linear.carrier, state.interval(source)
    if linear.weight.size <= FEW_WEIGHTS:
        carrier = state.settle(carrier, source)
    digits = not state.portable and carrier is Carrier.FLOAT64 and fits(linear.weight, interval)
    cuts = [] if digits else _cuts(linear)
    name = state.read(source, Carrier.FLOAT32 if cuts or digits else carrier)
    many = math.prod(state.shapes[number][:-1]) >= MANY_ROWS
    plain = carrier is Carrier.FLOAT64 and many and not cuts and not digits
    if (carrier is Carrier.FLOAT32 or plain) and len(held_shape(state.shapes[source])) != 1:
        # Rows stay in their shape: a sum more, two reshapes less.
        factor = _factor_of_reader(state, linear)
        if factor:
            weights = linear.weights(linear.weight.T * factor, carrier)
            state.partial[number] = (factor, linear.bias)
            linear.write(state.graph.node("MatMul", name, weights), carrier)
            return
        name = state.graph.node("MatMul", name, linear.weights(linear.weight.T, carrier))
        if linear.rounded_bias.any():
            name = state.graph.node("Add", name, linear.biases(carrier))
        linear.write(linear.rounded(name, carrier), carrier)
        return
    if len(held_shape(state.shapes[source])) != 1:
        inner = state.graph.integers([-1, linear.weight.shape[1]])
        name = state.graph.node("Reshape", name, inner)
    if carrier is Carrier.FLOAT32 or plain:
        weights, bias = linear.weights(linear.weight.T, carrier), linear.biases(carrier)
        name = linear.rounded(state.graph.node("Gemm", name, weights, bias), carrier)
    elif digits:
        product = emit_product(state.graph, name, linear.weight, interval, linear.bits)
        bias = linear.biases(carrier, plus=interval.low * linear.weight.sum(axis=1))
        name = linear.rounded(state.graph.node("Add", product, bias), carrier)
    elif cuts:
        name = linear.rounded(_in_pieces(linear, name, cuts), carrier)
    else:
        # Weights first: the runtime copies the right factor of a float64 product at every call.
        weights = linear.weights(linear.weight, carrier)
        bias = linear.biases(carrier, column=True)
        if carrier.is_float:
            sums = state.graph.node("Gemm", weights, name, bias, transB=1)
        else:
            turned = state.graph.node("Transpose", name, perm=[1, 0])
            sums = state.graph.node("Add", state.graph.node("MatMul", weights, turned), bias)
        name = state.graph.node("Transpose", linear.rounded(sums, carrier), perm=[1, 0])
    held = held_shape(state.shapes[number])
    if len(held) != 1:
        name = state.graph.node("Reshape", name, state.graph.integers([-1, *held]))
    linear.write(name, carrier)


def _factor_of_reader(state: Emission, linear: Linear) -> int:
    """What the sum that alone reads the result multiplies it by, if a power of two; else 0.

    The weights can hold it, since only exponents change, and the sum can add the biases.
    """
    reader = state.sole_reader(linear.number)
    operation = state.operation(reader) if reader is not None else None
    if reader in state.inner or linear.rescale or not isinstance(operation, Affine):
        return 0
    factor = operation.coefficients[operation.of.index(linear.number)]
    top = max(abs(int(linear.weight.min())), abs(int(linear.weight.max())))
    power = factor > 0 and factor & (factor - 1) == 0 and top * factor < 2**62
    return factor if power and linear.carrier.is_float else 0


def _cuts(linear: Linear) -> list[int]:
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


def _in_pieces(linear: Linear, rows: str, cuts: list[int]) -> str:
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


def emit_contract(state: Emission, operation: Contract, number: int) -> None:
    """A product of two computed matrices."""
    a, b = operation.of
    product = state.magnitude(a) * state.magnitude(b) * state.shapes[a][-1]
    carrier = carrier_for(max(product, state.magnitude(a, b)))
    if len(state.shapes[number]) > 2:
        # A leading axis of 1 is missing from all three alike.
        name = state.graph.node("MatMul", *(state.read(at, carrier) for at in operation.of))
    else:
        factors = [state.read_whole(at, carrier) for at in operation.of]
        name = state.hold(state.graph.node("MatMul", *factors), state.shapes[number])
    state.write(number, name, carrier, product)
