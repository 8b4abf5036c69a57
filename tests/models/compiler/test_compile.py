"""What compile_model promises: choice of bits, report, refusals, saturation."""

import json
from typing import Any

import numpy as np
import pytest

from avow.models.compiler.compile import Compiled, compile_model
from avow.models.compiler.options import Options, Task
from avow.models.errors import ModelError
from avow.models.program.reference import Reference
from avow.verifier.program.operations import Rescale, name_of
from tests.models.compiler.graphs import model, node, rows, spec

SHAPE = (1, 6)
WEIGHT = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)
DENSE = model([node("MatMul", "x w")], SHAPE, {"w": WEIGHT})


def compiled(data: bytes = DENSE, bits: int | None = 8, held: Any = None, **more: Any) -> Compiled:
    """A model with input `x` of SHAPE, calibrated on 32 rows."""
    return compile_model(data, rows(SHAPE, 32), Options(bits, (spec(SHAPE),), **more), held)


def kinds(result: Compiled) -> list[str]:
    """The operations' names."""
    return [name_of(step.operation) for step in result.program.steps]


def test_the_cheapest_bits_that_keep_the_answers_are_taken() -> None:
    """A classifier that 8 bits serve well stays at 8, and the report says why."""
    report = compiled(bits=None, held=rows(SHAPE, 300, 1)).report
    assert report["bits"] == 8
    assert report["fidelity"]["verdict"] == "kept"
    assert report["fidelity"]["agreement"] >= 0.99
    assert "cheapest" in report["reason"]


def test_a_regressor_needs_a_small_maximum_error() -> None:
    """Eight bits miss 2^-8 of the range behind a table; more bits are tried."""
    options = Options(None, (spec(SHAPE),), Task.REGRESSOR)
    nodes = [node("MatMul", "x w", "h"), node("Tanh", "h", "t"), node("MatMul", "t v")]
    data = model(nodes, SHAPE, {"w": WEIGHT, "v": WEIGHT[:4]})
    report = compile_model(data, rows(SHAPE, 32), options, rows(SHAPE, 300, 1)).report
    assert [one["bits"] for one in report["tried"]] == [8, 12]
    first, last = report["tried"]
    assert first["verdict"] == "missed"
    assert first["max_error"] > first["output_range"] / 256 >= last["max_error"]


def test_too_few_rows_are_insufficient() -> None:
    """255 rows decide nothing: the most precise program is taken, and the report says so."""
    report = compiled(bits=None, held=rows(SHAPE, 255, 1)).report
    assert report["bits"] == 16
    assert report["fidelity"]["verdict"] == "insufficient"
    assert "insufficient" in report["reason"]


def test_no_held_out_rows_give_no_fidelity() -> None:
    """Nothing is claimed that was not measured."""
    report = compiled(bits=None).report
    assert report["fidelity"] is None
    assert "no held-out rows" in report["reason"]


def test_the_report_is_json_and_counts_what_is_there() -> None:
    """One entry per operation, with the node it came from and its measured error."""
    result = compiled(held=rows(SHAPE, 300, 1))
    report = json.loads(json.dumps(result.report, allow_nan=False))
    assert len(report["operations"]) == len(result.program.steps)
    dense = next(entry for entry in report["operations"] if entry["kind"] == "dense")
    assert dense["node"] == "make y"
    assert dense["multiplications"] == report["multiplications"] == 24
    assert 0 < dense["measured_max_error"] <= dense["derived_error"]
    assert report["program_digest"] == "0x" + result.program.digest().hex()


def test_every_unsupported_node_is_named_at_once() -> None:
    """Unknown operators, foreign domains and bad attributes, each with its reason."""
    data = model(
        [
            node("Sin", "x", "a"),
            node("Gelu", "x", "b", approximate="none"),
            node("Cos", "b", "c"),
            node("BatchNormalization", "x s s s s", "d m v", training_mode=1),
            node("Sum", "a c d", "y"),
        ],
        SHAPE,
        {"s": np.ones(6, np.float32)},
    )
    with pytest.raises(ModelError) as caught:
        compiled(data)
    message = str(caught.value)
    assert message.startswith("3 unsupported nodes: ")
    for name in ("'make a' (Sin:", "'make c' (Cos:", "'make d' (BatchNormalization: training"):
        assert name in message
    assert "make b" not in message
    assert "make y" not in message
    assert message.endswith(" (1 behind them not looked at)")


def test_relu_melts_into_the_rescale() -> None:
    """Dense and Relu are two operations; an accumulator with another consumer keeps its own."""
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h")]
    assert kinds(compiled(model(nodes, SHAPE, {"w": WEIGHT}))) == ["dense", "rescale"]
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h", "r"), node("Sum", "h r")]
    both = compiled(model(nodes, SHAPE, {"w": WEIGHT}))
    assert kinds(both) == ["dense", "rescale", "affine"]


def test_batch_norm_and_bias_melt_into_the_weights() -> None:
    """Conv, BatchNormalization and Relu are two operations, MatMul and Add one."""
    ones = np.ones(3, np.float32)
    nodes = [
        node("Conv", "x k", "h"),
        node("BatchNormalization", "h a b m v", "n"),
        node("Relu", "n"),
    ]
    constants = {
        "k": np.ones((3, 2, 2), np.float32),
        "a": 2 * ones,
        "b": ones,
        "m": ones,
        "v": ones,
    }
    shape = (1, 2, 5)
    result = compile_model(
        model(nodes, shape, constants), rows(shape, 16), Options(12, (spec(shape),))
    )
    assert kinds(result) == ["convolution", "rescale"]
    nodes = [node("MatMul", "x w", "h"), node("Add", "h b")]
    assert kinds(compiled(model(nodes, SHAPE, {"w": WEIGHT, "b": np.ones(4, np.float32)}))) == [
        "dense"
    ]


def test_what_calibration_never_saw_saturates_and_is_answered() -> None:
    """An input far beyond the calibration rows has an answer, and the report counts the clamps."""
    quiet = {"x": rows(SHAPE, 32)["x"] / 16}
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h", "r"), node("MatMul", "r v")]
    data = model(nodes, SHAPE, {"w": WEIGHT, "v": WEIGHT[:4]})
    loud = {"x": np.full((300, *SHAPE), 2.0)}
    result = compile_model(data, quiet, Options(8, (spec(SHAPE),)), loud)
    hits = {entry["node"]: entry["hits"] for entry in result.report["saturation"]}
    assert hits["make r"] > 0
    clamp = next(s.operation for s in result.program.steps if isinstance(s.operation, Rescale))
    assert (clamp.low, clamp.high) == (0, 255)
    answer = Reference(result.program, result.blobs).run([np.full((1, *SHAPE), 256)])
    assert answer[0].shape == (1, 1, 4)


def test_equal_constants_are_stored_once() -> None:
    """Two layers that share their weights share a blob."""
    square = np.eye(6, dtype=np.float32)
    nodes = [node("MatMul", "x w", "h"), node("MatMul", "h v")]
    result = compiled(model(nodes, SHAPE, {"w": square, "v": square.copy()}))
    assert len({blob.digest() for blob in result.blobs}) == len(result.blobs)


@pytest.mark.parametrize("bits", [7, 0, 32])
def test_other_precisions_are_refused(bits: int) -> None:
    """8, 12 and 16 only."""
    with pytest.raises(ModelError, match="bits must be one of"):
        Options(bits)


def test_rows_outside_the_declared_range_are_refused() -> None:
    """The schema binds calibration too."""
    with pytest.raises(ModelError, match="must lie in"):
        compile_model(DENSE, {"x": np.full((4, *SHAPE), 3.0)}, Options(8, (spec(SHAPE),)))


def test_a_schema_of_another_model_is_refused() -> None:
    """Names and shapes must be the graph's."""
    with pytest.raises(ModelError, match="the schema describes"):
        compile_model(DENSE, rows(SHAPE, 4), Options(8, (spec((1, 7)),)))


@pytest.mark.parametrize("data", [b"", b"not onnx", DENSE[:-7]], ids=["empty", "text", "cut short"])
def test_damaged_files_are_refused(data: bytes) -> None:
    """One clear line, whatever the bytes."""
    with pytest.raises(ModelError):
        compiled(data)


def test_opsets_before_13_are_refused() -> None:
    """The oldest that is supported is 13."""
    with pytest.raises(ModelError, match="opset from 13"):
        compiled(model([node("Relu", "x")], SHAPE, opset=12))
