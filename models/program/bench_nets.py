"""Networks to measure executors with: one description, as a program and as a float32 ONNX model.

The weights are random: speed does not depend on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avow.models.program.blobs import Integers, blob_of
from avow.models.program.onnx_graph import Graph
from avow.models.program.reference import evaluate
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import (
    Convolution,
    Dense,
    Maximum,
    Operation,
    Rescale,
    Reshape,
    Shape,
    Slice,
)
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.tensor import ElementType, TensorSpec


@dataclass(frozen=True, slots=True)
class ConvolutionLayer:
    """A square kernel with stride 1, then relu."""

    outputs: int
    kernel: int
    pad: int


@dataclass(frozen=True, slots=True)
class PoolLayer:
    """The maximum of each 2x2 block."""


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """Flattens, multiplies, then relu."""

    outputs: int


Layer = ConvolutionLayer | PoolLayer | DenseLayer


@dataclass(frozen=True, slots=True)
class Net:
    """A name, the shape of one input, the layers."""

    name: str
    shape: Shape
    layers: tuple[Layer, ...]


LENET = Net(
    "LeNet-5",
    (1, 28, 28),
    (
        ConvolutionLayer(6, 5, 2),
        PoolLayer(),
        ConvolutionLayer(16, 5, 0),
        PoolLayer(),
        DenseLayer(120),
        DenseLayer(84),
        DenseLayer(10),
    ),
)
DENSE = Net("dense 4M", (2048,), (DenseLayer(2048),))
MLP = Net("MLP 784-64-10", (784,), (DenseLayer(64), DenseLayer(10)))
CNN = Net(
    "CNN 264k",
    (3, 32, 32),
    (
        ConvolutionLayer(32, 3, 1),
        ConvolutionLayer(32, 3, 1),
        PoolLayer(),
        ConvolutionLayer(64, 3, 1),
        ConvolutionLayer(64, 3, 1),
        PoolLayer(),
        DenseLayer(48),
        DenseLayer(10),
    ),
)
NETS = (LENET, CNN, DENSE, MLP)


class _Growth:
    """A program and its float32 twin, layer by layer, with one tensor as the running example.

    Without `twin` its constants are never made, only its graph.
    """

    def __init__(self, net: Net, bits: int, twin: bool) -> None:
        self.twin = twin
        self.random = np.random.default_rng(0)
        self.top = 2 ** (bits - 1) - 1
        shape = (1, *net.shape) if len(net.shape) == 3 else net.shape
        self.steps: list[Step] = []
        self.blobs: list[Blob] = []
        self.shape: Shape = shape
        # Scales of the rescales come from a few random samples.
        self.values: Integers = self.random.integers(0, self.top + 1, (4, *shape))
        self.spec = TensorSpec("x", ElementType.INT16, shape, bits - 1, 0, self.top)
        self.graph = Graph()
        self.name = self.graph.add_input("x", 1, net.shape)

    def add(self, operation: Operation) -> int:
        """Append an operation that reads the running tensor."""
        self.steps.append(Step(operation, 0))
        return len(self.steps)

    def follow(self, operation: Operation) -> None:
        """Append it and make its result the running tensor."""
        self.add(operation)
        self.values = evaluate(operation, [self.values], self.blobs)
        self.shape = self.values.shape[1:]

    def constants(self, shape: Shape) -> tuple[int, int]:
        """Random weights of that shape with a bias; their numbers."""
        spread = self.top / 4
        weight = np.clip(np.rint(self.random.normal(0, spread, shape)), -self.top, self.top)
        bias = self.random.integers(-self.top, self.top + 1, shape[0])
        self.blobs += [blob_of(weight.astype(np.int64)), blob_of(bias)]
        return len(self.blobs) - 2, len(self.blobs) - 1

    def narrow(self) -> None:
        """Rescale to the range of a value, relu included."""
        excess = int(self.values.max()).bit_length() - self.top.bit_length()
        self.follow(Rescale((len(self.steps),), max(excess, 0), 0, self.top))

    def program(self) -> Program:
        """What was grown; its output is the running tensor."""
        refs = tuple(blob.ref() for blob in self.blobs)
        return Program((self.spec,), refs, tuple(self.steps), (Output("y", len(self.steps)),))

    def floats(self, *shapes: Shape) -> list[str]:
        """Random float32 constants."""
        if not self.twin:
            return ["" for _ in shapes]
        return [
            self.graph.constant(self.random.normal(0, 0.1, shape).astype(np.float32))
            for shape in shapes
        ]

    def relu(self) -> None:
        """The float32 twin of `narrow`."""
        self.name = self.graph.node("Relu", self.name)

    def convolution(self, layer: ConvolutionLayer) -> None:
        """Convolve and narrow."""
        weight = (layer.outputs, self.shape[1], layer.kernel, layer.kernel)
        ones, pads = (1, 1), (layer.pad, layer.pad)
        of = (len(self.steps),)
        self.follow(Convolution(of, *self.constants(weight), ones, ones, pads, pads, 1))
        self.narrow()
        constants = self.floats(weight, (layer.outputs,))
        self.name = self.graph.node("Conv", self.name, *constants, pads=[layer.pad] * 4)
        self.relu()

    def pool(self) -> None:
        """The maximum of four slices."""
        source, (one, channels, height, width) = len(self.steps), self.shape
        sizes = (one, channels, height // 2, width // 2)
        slices = [
            self.add(Slice((source,), (0, 0, row, column), (1, 1, 2, 2), sizes))
            for row in (0, 1)
            for column in (0, 1)
        ]
        pairs = self.add(Maximum((slices[0], slices[1]))), self.add(Maximum((slices[2], slices[3])))
        self.add(Maximum(pairs))
        blocks = self.values[..., : 2 * sizes[2], : 2 * sizes[3]]
        blocks = blocks.reshape(-1, one, channels, sizes[2], 2, sizes[3], 2)
        self.values, self.shape = blocks.max(axis=(4, 6)), sizes
        self.name = self.graph.node("MaxPool", self.name, kernel_shape=[2, 2], strides=[2, 2])

    def dense(self, layer: DenseLayer) -> None:
        """Flatten, multiply and narrow."""
        inner = int(np.prod(self.shape))
        if self.shape != (inner,):
            self.follow(Reshape((len(self.steps),), (inner,)))
            self.name = self.graph.node("Flatten", self.name)
        self.follow(Dense((len(self.steps),), *self.constants((layer.outputs, inner))))
        self.narrow()
        constants = self.floats((inner, layer.outputs), (layer.outputs,))
        self.name = self.graph.node("Gemm", self.name, *constants)
        self.relu()


def grow(net: Net, bits: int) -> tuple[Program, Sequence[Blob], bytes]:
    """The network at that many bits as a program with its blobs, and as a float32 model."""
    growth = _grown(net, bits, True)
    growth.graph.add_output(growth.name, 1, growth.shape)
    return growth.program(), growth.blobs, growth.graph.model()


def grow_program(net: Net, bits: int) -> tuple[Program, Sequence[Blob]]:
    """The program and its blobs alone, in a fraction of the memory."""
    growth = _grown(net, bits, False)
    return growth.program(), growth.blobs


def _grown(net: Net, bits: int, twin: bool) -> _Growth:
    growth = _Growth(net, bits, twin)
    for layer in net.layers:
        match layer:
            case ConvolutionLayer():
                growth.convolution(layer)
            case PoolLayer():
                growth.pool()
            case DenseLayer():
                growth.dense(layer)
    return growth
