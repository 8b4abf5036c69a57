"""A program as an ONNX graph in which no rounding can happen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from avow.models.program.blobs import Integers
from avow.models.program.carriers import Carrier
from avow.models.program.emission import Emission, held_shape
from avow.models.program.emit_convolution import emit_convolution
from avow.models.program.emit_dense import emit_contract, emit_dense
from avow.models.program.emit_elementwise import (
    emit_affine,
    emit_divide,
    emit_lookup_row,
    emit_maximum,
    emit_multiply,
    emit_rescale,
    emit_sum,
    emit_table,
)
from avow.models.program.emit_pool import emit_pool
from avow.models.program.emit_views import (
    emit_broadcast,
    emit_concat,
    emit_gather,
    emit_pad,
    emit_reshape,
    emit_slice,
    emit_transpose,
)
from avow.models.program.intervals import check
from avow.models.program.lean import lean
from avow.models.program.plans import Plans, find_plans
from avow.models.program.reference import evaluate
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Concat,
    Contract,
    Convolution,
    Dense,
    Divide,
    Gather,
    LookupRow,
    Maximum,
    Multiply,
    Operation,
    Pad,
    Rescale,
    Reshape,
    Shape,
    Slice,
    Sum,
    Table,
    Transpose,
)
from avow.verifier.program.program import Program

Emitter = Callable[[Emission, Any, int], None]
EMITTERS: dict[type[Operation], Emitter] = {
    Affine: emit_affine,
    Broadcast: emit_broadcast,
    Concat: emit_concat,
    Contract: emit_contract,
    Convolution: emit_convolution,
    Dense: emit_dense,
    Divide: emit_divide,
    Gather: emit_gather,
    LookupRow: emit_lookup_row,
    Maximum: emit_maximum,
    Multiply: emit_multiply,
    Pad: emit_pad,
    Rescale: emit_rescale,
    Reshape: emit_reshape,
    Slice: emit_slice,
    Sum: emit_sum,
    Table: emit_table,
    Transpose: emit_transpose,
}


@dataclass(frozen=True, slots=True)
class GraphInput:
    """One input of the graph: (batch, *shape) in that carrier."""

    name: str
    carrier: Carrier
    shape: Shape


@dataclass(frozen=True, slots=True)
class GraphOutput:
    """One output of the program: a name in the graph, or what it is for every input."""

    name: str
    constant: Integers | None
    shape: Shape


@dataclass(frozen=True, slots=True)
class Export:
    """A serialised ONNX model and how to feed it; `widest` counts elements per sample.

    An output that no input reaches is not in the graph: its `constant` is (1, *shape).
    `model` is None where no output is.
    """

    model: bytes | None
    inputs: tuple[GraphInput, ...]
    outputs: tuple[GraphOutput, ...]
    widest: int


def export(program: Program, blobs: Sequence[Blob], portable: bool = False) -> Export:
    """Export a program; refuses (`VerificationError`) what `check` refuses.

    With `portable` every convolution and every product with weights becomes a product of floats.
    """
    check(program, blobs)
    short = lean(program, blobs)
    state = Emission(short, portable)
    found = _export(state)
    if state.better():
        # Known only now: what is converted everywhere it is read.
        found = _export(Emission(short, portable, state.better()))
    return found


def _export(state: Emission) -> Export:
    inputs = []
    for number, spec in enumerate(state.program.inputs):
        shape = held_shape(spec.shape)
        carrier = state.choose(number)
        name = state.graph.add_input(f"x{number}", carrier.onnx_type, shape)
        state.write(number, name, carrier)
        inputs.append(GraphInput(name, carrier, shape))
    plans = find_plans(state)
    state.inner = plans.inner
    for number, step in enumerate(state.program.steps, len(inputs)):
        _emit(state, plans, step.operation, number)
    outputs = tuple(_output(state, output.tensor) for output in state.program.outputs)
    dynamic = any(output.constant is None for output in outputs)
    model = state.graph.model() if dynamic else None
    return Export(model, tuple(inputs), outputs, state.widest)


def _emit(state: Emission, plans: Plans, operation: Operation, number: int) -> None:
    if all(at in state.known for at in operation.of):
        operands = [state.known[at] for at in operation.of]
        state.known[number] = evaluate(operation, operands, state.blobs)
    elif number in plans.roots:
        plans.roots[number](state)
    elif number in plans.inner:
        return
    elif number in state.pools.roots:
        emit_pool(state, state.pools.roots[number], number)
    elif not state.has(number) and number not in state.pools.inner:
        # Neither a rescale that stands within the operation before it, nor a step to a pool.
        EMITTERS[type(operation)](state, operation, number)


def _output(state: Emission, number: int) -> GraphOutput:
    shape = state.shapes[number]
    if number in state.known:
        return GraphOutput("", state.known[number], shape)
    name = state.graph.node("Identity", state.read(number, state.carrier(number)))
    state.graph.add_output(name, state.carrier(number).onnx_type, held_shape(shape))
    return GraphOutput(name, None, shape)
