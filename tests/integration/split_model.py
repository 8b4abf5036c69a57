"""A model of two layers, split between them and compiled once per test run."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from avow.circuits.ezkl.child import Limits
from avow.circuits.split import Made, Options, compile_split
from avow.circuits.srs_choice import UnsafeSrs
from avow.models.intake import Source, take_in
from avow.models.schema import Identity, parse_range
from avow.models.store import ModelStore, StoredModel
from avow.prover.catalogue import FolderCatalogue
from avow.prover.native.curve import NativeCurve
from avow.prover.split import Pair
from avow.prover.systems.system import Limits as StepLimits
from avow.verifier.fields import to_hex

CIRCUIT_LIMITS = Limits(seconds=240, memory_bytes=2 * 2**30)
LIMITS = StepLimits(240, 2 * 2**30)
_SPACE = tempfile.TemporaryDirectory(prefix="avow-tests-split-")
SPACE = Path(_SPACE.name)


def onnx_bytes(seed: int = 5) -> bytes:
    """x [1, 4] -> hidden [1, 3] -> scores [1, 2], a Relu after either product."""
    random = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> TensorProto:
        values = random.normal(size=shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w0", "b0"], ["dense"], "first"),
            helper.make_node("Relu", ["dense"], ["hidden"], "relu"),
            helper.make_node("Gemm", ["hidden", "w1", "b1"], ["scores"], "second"),
        ],
        "layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
        [weights("w0", 4, 3), weights("b0", 3), weights("w1", 3, 2), weights("b1", 2)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def write_files(folder: Path, seed: int = 5) -> None:
    """model.onnx, calibration.npz and heldout.npz."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_bytes(seed))
    for name, count, number in (("calibration", 24, 1), ("heldout", 12, 2)):
        random = np.random.default_rng(number)
        np.savez(folder / f"{name}.npz", x=random.uniform(-1, 1, size=(count, 4)))


def stored(home: Path, seed: int = 5) -> StoredModel:
    """The model in the store of `home`."""
    folder = home / f"files-{seed}"
    write_files(folder, seed)
    source = Source(
        folder / "model.onnx",
        folder / "calibration.npz",
        folder / "heldout.npz",
        (parse_range("-1:1"),),
        8,
    )
    identity = Identity(f"layers-{seed}", "1", "Apache-2.0", bytes(20))
    return take_in(ModelStore.at(home), source, identity).stored


@cache
def compiled(tensor: str = "hidden", seed: int = 5) -> Made:
    """Both parts of the model split at `tensor`."""
    options = Options(
        UnsafeSrs(SPACE / "srs", NativeCurve()), CIRCUIT_LIMITS, scale=10, bits=16, window=3600
    )
    return compile_split(
        stored(SPACE, seed), tensor, options, SPACE, SPACE / "artifacts", lambda step, what: None
    )


def pair(tensor: str = "hidden", seed: int = 5) -> Pair:
    """What a provider answers with."""
    record = compiled(tensor, seed).record
    catalogue = FolderCatalogue(SPACE / "artifacts", SPACE / "models")
    first, second = (
        catalogue.find(to_hex(part.model), None, to_hex(part.record))
        for part in (record.first, record.second)
    )
    return Pair(record, first, second)
