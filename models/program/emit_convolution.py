"""Convolutions: the runtime's own in float32, a product of patches otherwise."""

import math

import numpy as np

from avow.models.program.carriers import Carrier
from avow.models.program.emission import Emission
from avow.models.program.linear import Linear
from avow.models.program.patches import choose_tiling, emit_patches, patch_weights
from avow.verifier.program.operations import Convolution


def emit_convolution(state: Emission, operation: Convolution, number: int) -> None:
    """The runtime's convolution in float32, else a product of patches.

    In a portable graph always the latter: accelerators convolve by inexact algorithms.
    """
    linear = Linear(state, operation, number)
    x, shape = state.shapes[operation.of[0]], state.shapes[number]
    name = state.read(operation.of[0], linear.carrier)
    graph = state.graph
    if x[0] != 1:
        name = graph.node("Reshape", name, graph.integers([-1, *x[1:]]))
    if not state.portable and linear.carrier is Carrier.FLOAT32:
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
        weights = linear.weights(columns, carrier)
        bias = linear.weights(np.tile(linear.rounded_bias, tiling.width), carrier)
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
    name = graph.node("Reshape", name, graph.integers([-1, rows, taps, groups, channels]))
    name = graph.node("Transpose", name, perm=[0, 3, 1, 2, 4])
    name = graph.node("Reshape", name, graph.integers([0, groups, rows, taps * channels]))
    apart = weight.reshape(groups, outputs // groups, channels, taps).transpose(0, 3, 2, 1)
    columns = apart.reshape(groups, taps * channels, outputs // groups)
    name = graph.node("MatMul", name, linear.weights(columns, linear.carrier))
    name = graph.node("Transpose", name, perm=[0, 2, 1, 3])
    name = graph.node("Reshape", name, graph.integers([0, rows, outputs]))
    return graph.node("Add", name, linear.biases(linear.carrier))
