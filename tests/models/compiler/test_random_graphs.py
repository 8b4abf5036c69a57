"""Random graphs compile at every precision, never fail, and stay within their derived bounds."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avow.models.compiler.graph import parse_graph
from avow.models.compiler.options import PRECISIONS
from avow.models.compiler.simplify import simplify
from avow.models.compiler.translate import Built, build
from avow.models.program.reference import Reference
from avow.verifier.program.operations import Table
from avow.verifier.program.program import check
from avow.verifier.tensor import ElementType, TensorSpec
from tests.models.compiler.random_graphs import exact, random_graph

# Scale and range of the input, by turns: in the middle, coarse, fine, tiny, constant, positive.
RANGES = (
    (7, -256, 256),
    (0, 0, 255),
    (12, -8000, 8000),
    (24, -(2**25), 2**25),
    (30, -3, 3),
    (7, 5, 5),
    (4, 100, 400),
)


def rows_for(spec: TensorSpec, rng: Random, count: int) -> Any:
    """Valid integers; some rows hold only the ends of the range."""
    rows = []
    for at in range(count):
        edge = (0.0, 0.5, 1.0)[at % 3]
        size = int(np.prod(spec.shape))
        rows.append(
            [
                rng.choice([spec.minimum, spec.maximum])
                if rng.random() < edge
                else rng.randint(spec.minimum, spec.maximum)
                for _ in range(size)
            ]
        )
    return np.array(rows, np.int64).reshape(count, *spec.shape)


def compiled(model: Any, bits: int, rng: Random) -> tuple[Built, TensorSpec, Any]:
    """The program of a random graph, its input and the calibration rows."""
    graph = parse_graph(model.SerializeToString())
    scale, low, high = rng.choice(RANGES)
    spec = TensorSpec("x", ElementType.INT32, graph.inputs[0].shape, scale, low, high)
    calibration = rows_for(spec, rng, 12)
    return build(simplify(graph), (spec,), [calibration], bits), spec, calibration


def saturated(built: Built, trace: list[Any]) -> Any:
    """Which rows pass a limit anywhere."""
    rows = np.zeros(len(trace[0]), bool)
    for limit in built.builder.limits:
        values = trace[limit.tensor].reshape(len(rows), -1)
        if limit.low is not None:
            rows |= (values < limit.low).any(axis=1)
        if limit.high is not None:
            rows |= (values > limit.high).any(axis=1)
    return rows


@pytest.mark.parametrize("bits", PRECISIONS)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_answers_stay_within_the_derived_bounds(bits: int, seed: int) -> None:
    """Whatever does not saturate is within its bound of the exact value in float64."""
    model = random_graph(seed)
    rng = Random(seed)
    built, spec, calibration = compiled(model, bits, rng)
    assert check(built.program, built.blobs) == built.builder.intervals
    for step in built.program.steps:
        if isinstance(step.operation, Table):
            assert built.program.blobs[step.operation.blob].count <= 2**bits
    reference = Reference(built.program, built.blobs)
    # Rounded to few bits, a small argument may become the zero at which these have no value; the
    # exp of a large one is beyond 62 bits. Everything else holds what calibration saw.
    constants = {tensor.name for tensor in model.graph.initializer}
    steep = any(
        node.op_type in ("Log", "Pow", "Reciprocal", "Exp")
        or (node.op_type == "Div" and node.input[1] not in constants)
        for node in model.graph.node
    )
    assert steep or not saturated(built, reference.trace([calibration])).any()
    rows = np.concatenate([calibration[:4], rows_for(spec, rng, 6)])
    trace = reference.trace([rows])
    inside = ~saturated(built, trace)
    assert steep or inside[:4].all()
    for at in np.flatnonzero(inside):
        wanted = exact(model, rows[at] / 2.0**spec.scale)
        for output, real in zip(built.program.outputs, wanted, strict=True):
            if not np.isfinite(real.astype(np.float64)).all():
                # Beyond float64, such as the exp of a large square.
                continue
            compare(built, output.tensor, trace[output.tensor][at], real, output.name)


def compare(built: Built, tensor: int, integers: Any, real: Any, name: str) -> None:
    """One output against its exact value."""
    labels = [s.scale for s in built.program.inputs] + [s.scale for s in built.program.steps]
    bound = built.builder.errors[tensor]
    assert not np.isnan(bound)
    own = integers / 2.0 ** labels[tensor]
    assert own.shape == real.shape, name
    wrong = np.abs(own - real.astype(np.float64))
    # Some functions of onnx's evaluator return float32, Erf among them.
    allowed = bound + 2.0**-22 * (1 + np.abs(real.astype(np.float64)))
    assert (wrong <= allowed).all(), f"{name}: off by {wrong.max():g}, bound {bound:g}"
