"""The zoo's models as programs: their digests, and how faithful they are to the float models."""

from pathlib import Path

import numpy as np
import pytest

from avow.models.compiler.compile import Compiled, compile_model
from avow.models.compiler.options import Options
from avow.verifier.program.program import check, parse_program
from avow.verifier.tensor import ElementType, TensorSpec

ZOO = Path(__file__).resolve().parents[3] / "models" / "zoo"
SPECS = {
    "digits-mlp": TensorSpec("pixels", ElementType.INT16, (1, 64), 7, 0, 128),
    "digits-cnn": TensorSpec("image", ElementType.INT16, (1, 1, 8, 8), 7, 0, 128),
    "tumour-risk": TensorSpec("measurements", ElementType.INT16, (1, 30), 7, 0, 2**14),
}


def compiled(name: str, bits: int | None) -> Compiled:
    """A model of the zoo, compiled and measured on its held-out rows."""
    folder = ZOO / name
    calibration = dict(np.load(folder / "calibration.npz"))
    held_out = dict(np.load(folder / "heldout.npz"))
    options = Options(bits, (SPECS[name],))
    return compile_model((folder / "model.onnx").read_bytes(), calibration, options, held_out)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("bits", [12, 16])
def test_every_model_of_the_zoo_keeps_its_answers(name: str, bits: int) -> None:
    """At 12 and 16 bits all three models agree with the float model on every held-out row."""
    fidelity = compiled(name, bits).report["fidelity"]
    assert fidelity["rows"] >= 256
    assert fidelity["agreement"] >= 0.995


@pytest.mark.parametrize("name", SPECS)
def test_the_program_is_valid_by_the_definition(name: str) -> None:
    """The verifier's own check, in plain integers, accepts the program and its blobs."""
    result = compiled(name, 8)
    parsed = parse_program(result.program.encode())
    assert parsed == result.program
    assert tuple(check(parsed, result.blobs)) == result.intervals
