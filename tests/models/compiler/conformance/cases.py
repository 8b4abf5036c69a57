"""The official operator tests of the onnx package as models that can be compiled.

Parameters are frozen into the graph. Inputs that carry data stay inputs, with the test's own
values as calibration and their range as the declared range. Every such input is given a scale at
which float32 values are exact where possible, so nothing is lost before the first operation.
"""

import functools
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from avow.models.compiler.graph import parse_graph
from avow.models.compiler.lowering.table import LOWERINGS
from avow.models.compiler.simplify import simplify
from avow.models.compiler.translate import Built, build
from avow.models.errors import ModelError
from avow.models.program.reference import Reference
from avow.verifier.errors import VerificationError
from avow.verifier.tensor import ElementType, TensorSpec

BITS = 16
PASSED = "passed"
# The answer is right, but the worst case over the declared ranges divides by almost nothing.
UNBOUNDED = "passed, though no finite bound can be derived"
# What the constant folder handles beside the lowered operators.
_FOLDED = {"Constant", "ConstantOfShape"}
# Which inputs carry data where it is not only the first.
_EVERY = {
    "Add",
    "And",
    "Concat",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Or",
    "Sub",
    "Sum",
    "Where",
    "Xor",
}
_FIRST_TWO = {"Gather", "Gemm"}
_FINEST = 40
# Expected answers that the test gives to four decimal places only.
_DIGITS = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-4}


@dataclass(frozen=True)
class Case:
    """One official test in one variant; `data` are the positions of the graph's data inputs."""

    name: str
    model: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    data: tuple[int, ...]


@functools.cache
def collect() -> dict[str, Case]:
    """Every test whose nodes are all operators that the compiler knows, by name.

    Where several inputs carry data there is a second variant, `NAME/constant`, in which only
    the first does.
    """
    cases = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    for test in found:
        nodes = test.model.graph.node
        kinds = {node.op_type for node in nodes}
        if not kinds <= LOWERINGS.keys() | _FOLDED or any(node.domain for node in nodes):
            continue
        if len(test.data_sets) != 1:
            continue
        inputs, outputs = (tuple(_array(item) for item in part) for part in test.data_sets[0])
        model = _raised(test.model, kinds)
        whole = cases.get(test.name.split("_expanded")[0])
        positions = whole.data if whole is not None else _positions(model.graph)
        cases[test.name] = Case(test.name, model, inputs, outputs, positions)
        if len(positions) > 1:
            name = f"{test.name}/constant"
            cases[name] = Case(name, model, inputs, outputs, positions[:1])
    return cases


def _array(item: Any) -> Any:
    return numpy_helper.to_array(item) if isinstance(item, onnx.TensorProto) else item


def _raised(model: Any, kinds: set[str]) -> Any:
    """The model at opset 13 where it names an older one in which its operators were the same."""
    opset = model.opset_import[0]
    if len(model.opset_import) > 1 or opset.version >= 13:
        return model
    newest = max(onnx.defs.get_schema(kind, 13).since_version for kind in kinds)
    if newest > opset.version:
        return model
    raised = onnx.ModelProto()
    raised.CopyFrom(model)
    raised.opset_import[0].version = 13
    return raised


def _positions(graph: Any) -> tuple[int, ...]:
    kind = graph.node[0].op_type
    if kind in _FOLDED:
        return ()
    count = len(graph.input)
    wanted = count if kind in _EVERY else 2 if kind in _FIRST_TWO else 1
    return tuple(range(min(wanted, count)))


def run(case: Case, bits: int = BITS) -> str:
    """`passed`, or why the case is refused; an answer beyond its bound is an `AssertionError`."""
    for array in case.outputs:
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            return "the expected answer is not a tensor of numbers"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return "the expected answer is not finite"
        if not array.size:
            return "the expected answer is empty"
    try:
        built, rows = compiled(case, bits)
        answers = Reference(built.program, built.blobs).run(rows)
    except (ModelError, VerificationError) as error:
        return str(error)
    outcome = PASSED
    labels = [s.scale for s in built.program.inputs] + [s.scale for s in built.program.steps]
    for output, integers, wanted in zip(built.program.outputs, answers, case.outputs, strict=True):
        own = integers[0] / 2.0 ** labels[output.tensor]
        bound = built.builder.errors[output.tensor]
        compare(case, own, wanted.astype(np.float64), bound, bits)
        outcome = outcome if math.isfinite(bound) else UNBOUNDED
    return outcome


def compare(case: Case, own: Any, wanted: Any, bound: float, bits: int = BITS) -> None:
    """Refuse an answer beyond the derived bound, or at 16 bits 2^-7 of the largest value off.

    The expected answers are float32 themselves: 2^-20 of a value is theirs.
    """
    assert own.shape == wanted.shape, f"{case.name}: shape {own.shape}, expected {wanted.shape}"
    wrong = np.abs(own - wanted)
    allowed = bound + 2.0**-20 * np.abs(wanted) + _DIGITS.get(case.name, 1e-7)
    assert not math.isnan(bound)
    assert (wrong <= allowed).all(), (
        f"{case.name}: off by {wrong.max():g}, the derived bound is {bound:g}"
    )
    useful = 2.0**-7 * max(1.0, float(np.abs(wanted).max()))
    assert bits != BITS or wrong.max() <= useful, (
        f"{case.name}: off by {wrong.max():g} (bound {bound:g})"
    )


def compiled(case: Case, bits: int = BITS) -> tuple[Built, list[Any]]:
    """The program of a case, and the data as its inputs' integers."""
    proto = onnx.ModelProto()
    proto.CopyFrom(case.model)
    # Before version 4 an initializer had to be an input too.
    proto.ir_version = max(proto.ir_version, 8)
    frozen = [at for at in range(len(case.inputs)) if at not in case.data]
    names = [value.name for value in proto.graph.input]
    for at in frozen:
        proto.graph.initializer.append(numpy_helper.from_array(case.inputs[at], names[at]))
    kept = [value for at, value in enumerate(proto.graph.input) if at in case.data]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    if not kept:
        # A program has an input; that of a constant answer is never read.
        unread = onnx.helper.make_tensor_value_info("unread", onnx.TensorProto.FLOAT, [1])
        proto.graph.input.append(unread)
    graph = parse_graph(proto.SerializeToString())
    specs = tuple(_spec(names[at], case.inputs[at]) for at in case.data)
    rows = [
        np.rint(case.inputs[at].astype(np.float64) * 2.0**spec.scale).astype(np.int64)[np.newaxis]
        for at, spec in zip(case.data, specs, strict=True)
    ]
    if not specs:
        specs, rows = (_spec("unread", np.zeros(1, np.float32)),), [np.zeros((1, 1), np.int64)]
    return build(simplify(graph), specs, rows, bits), rows


def _spec(name: str, array: Any) -> TensorSpec:
    scale = 0
    if array.dtype.kind == "f":
        values = array.astype(np.float64)
        largest = float(np.abs(values).max(initial=0.0))
        most = min(_FINEST, 46 - math.frexp(largest)[1])
        while scale < most and (np.rint(values * 2.0**scale) != values * 2.0**scale).any():
            scale += 1
    scaled = np.rint(array.astype(np.float64) * 2.0**scale)
    low, high = int(scaled.min()), int(scaled.max())
    kind = next(kind for kind in ElementType if kind.minimum <= low and high <= kind.maximum)
    return TensorSpec(name, kind, array.shape, scale, low, high)
