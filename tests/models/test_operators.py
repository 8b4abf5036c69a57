"""Every operator that is accepted compiles with ezkl and gives onnxruntime's answer."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from avow.models.errors import ModelError
from avow.models.load import parse_model
from avow.models.operators import EZKL, PROGRAM, ezkl_reason, problems
from tests.models.operator_graphs import build, names

# ezkl fails on these or is far off; each is tried below, so a better ezkl shows.
REFUSED = {
    "InstanceNormalization", "LpNormalization", "ReduceProd", "ScatterElements", "Tile", "Trilu"
}  # fmt: skip
TOLERANCE = 0.01

# ezkl panics and aborts, so every model has a process of its own.
WITNESS = """
import ezkl, json, sys
path = sys.argv[1]
run = ezkl.PyRunArgs()
run.input_scale = run.param_scale = 10
run.input_visibility = run.output_visibility = "public"
run.param_visibility = "fixed"
ezkl.gen_settings(path, path + ".settings", py_run_args=run)
ezkl.compile_circuit(path, path + ".compiled", path + ".settings")
ezkl.gen_witness(path + ".input", path + ".compiled", path + ".witness", None, None)
scale = json.load(open(path + ".settings"))["model_output_scales"][0]
values = json.load(open(path + ".witness"))["outputs"][0]
print("answer", json.dumps([ezkl.felt_to_float(value, scale) for value in values]))
"""


def ezkl_error(folder: Path, operator: str) -> float | None:
    """How far ezkl's answer is from onnxruntime's at most; None when ezkl gives none."""
    proto = build(operator)
    path = folder / f"{operator}.onnx"
    path.write_bytes(proto.SerializeToString())
    shape = [one.dim_value for one in proto.graph.input[0].type.tensor_type.shape.dim]
    values = (np.arange(np.prod(shape)) % 7 / 8 + 0.125).astype(np.float32)
    (folder / f"{path.name}.input").write_text(json.dumps({"input_data": [values.tolist()]}))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": values.reshape(shape)})[0].reshape(-1)
    done = subprocess.run(
        [sys.executable, "-c", WITNESS, str(path)], capture_output=True, text=True, timeout=120
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("answer ")]
    if not lines:
        return None
    answer = np.array(json.loads(lines[0].removeprefix("answer ")))
    return float(np.abs(answer - expected).max()) if answer.shape == expected.shape else np.inf


def test_what_only_the_integer_program_takes_is_taken_in() -> None:
    only = sorted(REFUSED & PROGRAM)
    assert only
    for operator in only:
        model = parse_model(build(operator).SerializeToString(), "model")
        assert operator in {node.operator for node in model.nodes}


def test_what_no_system_takes_is_refused() -> None:
    for operator in sorted(REFUSED - PROGRAM):
        with pytest.raises(ModelError, match=rf"'{operator}' \({operator}: not among"):
            parse_model(build(operator).SerializeToString(), "model")


def test_every_operator_has_a_graph() -> None:
    assert set(names()) == EZKL | REFUSED


@pytest.mark.parametrize("operator", sorted(EZKL))
def test_supported_operator(operator: str, tmp_path: Path) -> None:
    model = parse_model(build(operator).SerializeToString(), "model")
    assert operator in {node.operator for node in model.nodes}
    error = ezkl_error(tmp_path, operator)
    assert error is not None
    assert error <= TOLERANCE


@pytest.mark.parametrize("operator", sorted(REFUSED))
def test_refused_operator(operator: str, tmp_path: Path) -> None:
    (problem,) = problems(build(operator), ezkl_reason)
    assert problem == f"'{operator}' ({operator}: not among the operators that ezkl/v1 compiles)"
    error = ezkl_error(tmp_path, operator)
    assert error is None or error > TOLERANCE
