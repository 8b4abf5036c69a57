"""LSTM, unrolled: one product for all inputs, then one product and five tables for each step."""

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import Reals, reals, value_of
from avow.models.compiler.context import Context
from avow.models.compiler.curves import Curve
from avow.models.compiler.lowering.arithmetic import add, multiply
from avow.models.compiler.lowering.linear import dense
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import align
from avow.models.compiler.tables import tabulate
from avow.models.compiler.value import Operand, Value
from avow.models.compiler.views import concat, reshape, slice_axis, transpose

_GATES = 4


def lstm(c: Context) -> list[Operand]:
    """LSTM with the default activations, in either direction or both."""
    b, node, x = c.builder, c.node, c.value(0)
    direction = node.text("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise Refusal(f"direction {direction[:40]!r}")
    for name in ("activations", "clip"):
        if name in node.attributes:
            raise Refusal(f"the attribute {name}")
    if node.integer("input_forget", 0) or c.has(7):
        raise Refusal("input_forget or peepholes")
    if c.has(4) and (c.constant(4, "sequence_lens") != _steps(c, x)).any():
        raise Refusal("sequences of different lengths")
    batch_first = bool(node.integer("layout", 0))
    x = transpose(b, x, (1, 0, 2)) if batch_first else x
    ways = ("forward", "reverse") if direction == "bidirectional" else (direction,)
    found = [_one_way(c, x, at, way == "reverse", batch_first) for at, way in enumerate(ways)]
    every = concat(b, align(b, [one[0] for one in found]), 1)
    last = [concat(b, align(b, [one[at] for one in found]), 0) for at in (1, 2)]
    if batch_first:
        every = transpose(b, every, (2, 0, 1, 3))
        last = [transpose(b, one, (1, 0, 2)) for one in last]
    return [every, *last]


def _steps(c: Context, x: Value) -> int:
    return x.shape[1] if c.node.integer("layout", 0) else x.shape[0]


def _one_way(
    c: Context, x: Value, way: int, backwards: bool, batch_first: bool
) -> tuple[Value, Value, Value]:
    """All hidden states (steps, 1, batch, H), the last one and the last cell (1, batch, H)."""
    b = c.builder
    weight, recurrent = (reals(c.constant(at, "the weights"))[way] for at in (1, 2))
    size = recurrent.shape[1]
    bias = np.zeros(2 * _GATES * size)
    if c.has(3):
        bias = reals(c.constant(3, "the bias"))[way]
    if weight.shape[0] != _GATES * size or bias.shape != (2 * _GATES * size,):
        raise Refusal(f"weights {list(weight.shape)} do not fit a hidden size of {size}")
    steps, batch = x.shape[0], x.shape[1]
    both = bias[: _GATES * size] + bias[_GATES * size :]
    given = dense(b, x, weight, both)
    hidden = _initial(c, 5, way, batch_first)
    cell = _initial(c, 6, way, batch_first)
    states: dict[int, Value] = {}
    for step in reversed(range(steps)) if backwards else range(steps):
        gates = reshape(b, slice_axis(b, given, 0, step, 1, 1), (batch, _GATES * size))
        hidden, cell = _step(b, gates, hidden, cell, recurrent)
        states[step] = reshape(b, hidden, (1, 1, batch, size))
    if hidden is None or cell is None:
        raise Refusal("no steps")
    whole = concat(b, align(b, [states[step] for step in range(steps)]), 0)
    shape = (1, batch, size)
    return whole, reshape(b, hidden, shape), reshape(b, cell, shape)


def _initial(c: Context, at: int, way: int, batch_first: bool) -> Value | None:
    """A given first state (batch, H), or None for zeros."""
    if not c.has(at):
        return None
    operand = c.operand(at)
    if not isinstance(operand, Value) and not operand.any():
        return None
    b, found = c.builder, value_of(c.builder, operand)
    found = transpose(b, found, (1, 0, 2)) if batch_first else found
    return reshape(b, slice_axis(b, found, 0, way, 1, 1), found.shape[1:])


def _step(
    b: Builder, gates: Value, hidden: Value | None, cell: Value | None, recurrent: Reals
) -> tuple[Value, Value]:
    """One step; the gates stand in the order input, output, forget, cell."""
    if hidden is not None:
        gates = add(b, gates, dense(b, hidden, recurrent))
    size = gates.shape[1] // _GATES
    parts = [slice_axis(b, gates, 1, at * size, 1, size) for at in range(_GATES)]
    let_in, let_out, keep = (tabulate(b, part, Curve("sigmoid")) for part in parts[:3])
    fresh = multiply(b, let_in, tabulate(b, parts[3], Curve("tanh")))
    cell = fresh if cell is None else add(b, multiply(b, keep, cell), fresh)
    return multiply(b, let_out, tabulate(b, cell, Curve("tanh"))), cell
