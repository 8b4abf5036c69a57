"""What the lowering of one ONNX node sees, and the checks that many nodes share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import materialise, reals
from avow.models.compiler.graph import Node
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Array, Operand, Value


@dataclass(frozen=True, slots=True)
class Context:
    """A node, its operands in order (None: left out) and the program that grows."""

    builder: Builder
    node: Node
    operands: tuple[Operand | None, ...]
    opset: int

    def has(self, at: int) -> bool:
        """Whether operand `at` is given."""
        return at < len(self.operands) and self.operands[at] is not None

    def operand(self, at: int) -> Operand:
        """Operand `at`, constant or computed."""
        found = self.operands[at] if at < len(self.operands) else None
        if found is None:
            raise Refusal(f"input {at} is missing")
        return found

    def value(self, at: int) -> Value:
        """Operand `at` as a tensor of the program."""
        found = self.operand(at)
        return found if isinstance(found, Value) else materialise(self.builder, found)

    def constant(self, at: int, what: str) -> Array:
        """Operand `at`, which must be known at compile time."""
        found = self.operand(at)
        if isinstance(found, Value):
            raise Refusal(f"{what} must be constant, but it is computed")
        return found

    def maybe(self, at: int, what: str) -> Array | None:
        """As `constant`, or None where it is left out."""
        return self.constant(at, what) if self.has(at) else None

    def integers(self, at: int, what: str) -> tuple[int, ...]:
        """A constant operand's elements, which must be integers."""
        array = self.constant(at, what)
        if array.dtype.kind not in "iu":
            raise Refusal(f"{what} must hold integers, got {array.dtype}")
        return tuple(int(item) for item in array.reshape(-1).tolist())

    def scalar(self, at: int, what: str) -> float:
        """A constant operand of one element."""
        array = self.constant(at, what)
        if array.size != 1:
            raise Refusal(f"{what} must be one number, got shape {list(array.shape)}")
        return float(reals(array).reshape(-1)[0])

    def axes(self, at: int, attribute: str = "axes") -> tuple[int, ...] | None:
        """Axes from operand `at` (newer opsets) or from an attribute, or None."""
        if self.has(at):
            return self.integers(at, attribute)
        return self.node.integers(attribute)


Lowering = Callable[[Context], list[Operand]]


def axis_of(axis: int, rank: int) -> int:
    """A checked axis; negative ones count from the end."""
    if not -rank <= axis < max(rank, 1):
        raise Refusal(f"axis {axis} does not fit rank {rank}")
    return axis % rank if rank else 0


def axes_of(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Checked axes, increasing."""
    found = sorted(axis_of(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise Refusal(f"axes {list(axes)} repeat")
    return tuple(found)


def joint_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all broadcast to."""
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError as error:
        raise Refusal(f"shapes {[list(shape) for shape in shapes]} do not broadcast") from error
