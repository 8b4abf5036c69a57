"""A model of 35 weights, compiled once per test run for each visibility that a test asks for."""

import io
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.child import Limits
from avow.circuits.ezkl.compile import Options, Source, compile_model
from avow.circuits.ezkl.settings import Target, Wishes
from avow.circuits.ezkl.witness import Circuit, Proved, Run, answer, material, prove
from avow.circuits.srs_choice import Srs, UnsafeSrs
from avow.models.data import Rows, parse_rows
from avow.models.load import parse_model
from avow.models.schema import Identity, Range, derive_record
from avow.prover.native.curve import NativeCurve
from avow.verifier.bundle import Bundle
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.merkle import build
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.statement import OFF_CHAIN, Statement
from avow.verifier.tensor import Tensor

PUBLIC, HIDDEN = InputVisibility.PUBLIC, InputVisibility.HASHED
FIXED, HASHED = WeightVisibility.FIXED, WeightVisibility.HASHED
LIMITS = Limits(seconds=120, memory_bytes=2 * 2**30)
SALT = bytes(range(32))
_SPACE = tempfile.TemporaryDirectory(prefix="avow-tests-circuits-")
SPACE = Path(_SPACE.name)


def onnx_bytes(seed: int = 7) -> bytes:
    """Two inputs (a 1x2x2 picture and a row of 3), one hidden layer, two outputs."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(7, 4)).astype(np.float32) / 2
    bias = random.normal(size=4).astype(np.float32) / 4
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["picture"], ["flat"]),
            helper.make_node("Concat", ["flat", "row"], ["joined"], axis=1),
            helper.make_node("Gemm", ["joined", "weights", "bias"], ["hidden"]),
            helper.make_node("Relu", ["hidden"], ["scores"]),
            helper.make_node("ReduceSum", ["hidden", "axes"], ["total"], keepdims=1),
        ],
        "tiny",
        [
            helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 2, 2]),
            helper.make_tensor_value_info("row", TensorProto.FLOAT, [1, 3]),
        ],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 4]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, [1, 1]),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(bias, "bias"),
            numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def rows(count: int, seed: int) -> dict[str, np.ndarray]:
    """Arrays of `count` random rows within [-2, 2]."""
    random = np.random.default_rng(seed)
    return {
        "picture": random.uniform(-2, 2, size=(count, 1, 2, 2)),
        "row": random.uniform(-2, 2, size=(count, 1, 3)),
    }


def source(seed: int = 7, held_out: int = 8) -> Source:
    """The model with its record, calibration and held-out rows."""
    model = parse_model(onnx_bytes(seed), "tiny.onnx")

    def load(count: int, seed: int) -> Rows:
        buffer = io.BytesIO()
        np.savez(buffer, **rows(count, seed))
        return parse_rows(buffer.getvalue(), model.inputs, "rows")

    calibration = load(8, 1)
    ranges = (Range(None, -2.0, 2.0),)
    record = derive_record(
        model, calibration, Identity("tiny", "1", "Apache-2.0", bytes(20)), ranges, 6
    )
    return Source(record, model, calibration, load(held_out, 2) if held_out else None)


def options(
    visibility: InputVisibility = PUBLIC,
    weights: WeightVisibility = FIXED,
    srs: Srs | None = None,
    solc: Path | None = None,
    force: bool = False,
) -> Options:
    """One scale and a shared development SRS, so that compiling takes seconds."""
    wishes = Wishes(visibility, weights, Target.RESOURCES, 10)
    return Options(wishes, srs or UnsafeSrs(SPACE / "srs", NativeCurve()), solc, LIMITS, force)


def silent(step: str, what: str) -> None:
    """No report."""


@cache
def compiled(
    visibility: InputVisibility = PUBLIC, weights: WeightVisibility = FIXED, seed: int = 7
) -> EzklArtifact:
    """The artifact of the tiny model; tests must not change its files."""
    return compile_model(source(seed), options(visibility, weights), SPACE / "artifacts", silent)


def inputs(artifact: EzklArtifact, seed: int = 10) -> tuple[Tensor, ...]:
    """One row of integers."""
    one = rows(1, seed)
    return tuple(
        spec.quantise([float(value) for value in one[spec.name].reshape(-1)])
        for spec in artifact.model.inputs
    )


@dataclass(frozen=True, slots=True)
class Case:
    """An artifact, one proven run of it, and the bundle about it."""

    artifact: EzklArtifact
    inputs: tuple[Tensor, ...]
    proved: Proved
    bundle: Bundle


def statement_of(artifact: EzklArtifact, proved_run: Run, nonce: int = 1) -> Statement:
    """The off-chain statement about a run."""
    record = artifact.record
    return Statement(
        domain=OFF_CHAIN,
        model=record.model,
        system=record.system,
        program=record.program,
        key=record.key,
        input=proved_run.input,
        output=commit_public(proved_run.outputs),
        order=ZERO_WORD,
        provider=bytes(20),
        nonce=nonce,
    )


@cache
def case(
    visibility: InputVisibility = PUBLIC,
    weights: WeightVisibility = FIXED,
    nonce: int = 1,
    seed: int = 7,
) -> Case:
    """A bundle whose proof is bound to its statement."""

    artifact = compiled(visibility, weights, seed)
    circuit = Circuit.of(artifact)
    values = inputs(artifact)
    found = answer(circuit, values, SALT, LIMITS)
    statement = statement_of(artifact, found, nonce)
    root, (path,) = build([statement.digest()])
    proved = prove(circuit, values, SALT, root, LIMITS)
    bundle = Bundle(
        statement=statement,
        path=path,
        model=artifact.model,
        system=artifact.record,
        signature=None,
        inputs=values if visibility is PUBLIC else None,
        salt=None,
        outputs=found.outputs,
        proof=proved.proof.to_json(),
        material=material(artifact).to_json(),
    )
    return Case(artifact, values, proved, bundle)
