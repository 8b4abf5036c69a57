"""The smallest model of the zoo compiled for `sumcheck/v1`, once per test run."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from avow.api.bench.statements import off_chain
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.compile import Made, Options, compile_model
from avow.models.catalogue import resolve
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.native.curve import NativeCurve
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.bundle import Bundle
from avow.verifier.fields import to_base64
from avow.verifier.merkle import build
from avow.verifier.systems.sumcheck.key import PROOF_FORMAT
from avow.verifier.tensor import Tensor

CURVE = NativeCurve()
_SPACE = tempfile.TemporaryDirectory(prefix="avow-tests-sumcheck-")
HOME = Path(_SPACE.name)


@cache
def stored(name: str = "digits-mlp") -> StoredModel:
    """A model of the zoo in the tests' own store."""
    return resolve(ModelStore.at(HOME), name)


def options(**changes: object) -> Options:
    """A development string that is made once, and two given parameters."""
    values: dict[str, object] = {"srs": UnsafeSrs(HOME / "srs", CURVE), "curve": CURVE, "bits": 8}
    return Options(**(values | changes))  # type: ignore[arg-type]


def silent(step: str, what: str) -> None:
    """No report."""


@cache
def compiled(name: str = "digits-mlp") -> Made:
    """The artifact of a model; tests must not change its files."""
    return compile_model(stored(name), HOME, options(), HOME / "artifacts", silent)


def copied(made: Made, folder: Path) -> Path:
    """A copy of the artifact's folder, under its own name."""
    original = made.artifact.folder
    return Path(shutil.copytree(original, folder / original.name))


def inputs(name: str = "digits-mlp", row: int = 0) -> tuple[Tensor, ...]:
    """A held-out row as integers."""
    rows = stored(name).held_out()
    assert rows is not None
    return tuple(quantise_row(stored(name).record, rows, row))


def bundle(made: Made, values: tuple[Tensor, ...], nonce: int = 1) -> Bundle:
    """A proven answer, off chain."""
    loaded = load(made.artifact)
    prepared = prepare(loaded.program, loaded.blobs, loaded.key, loaded.powers)
    # Any root does to learn the answer, which the statement then names.
    (outputs,) = prove(prepared, bytes(32), [values]).outputs
    record = made.artifact.record
    statement = off_chain(record, values, outputs, nonce)
    root, (path,) = build([statement.digest()])
    proved = prove(prepared, root, [values])
    return Bundle(
        statement=statement,
        path=path,
        model=made.artifact.model,
        system=record,
        signature=None,
        inputs=values,
        salt=None,
        outputs=outputs,
        proof={"format": PROOF_FORMAT, "batch": 1, "data": to_base64(proved.proof)},
        material=loaded.key.to_json(),
    )
