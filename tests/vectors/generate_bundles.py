"""Makes the committed ezkl bundles. Run once per release format; what is there is never replaced.

Usage: `python -m tests.vectors.generate_bundles` in the checkout, with avow installed.
"""

import tempfile
from pathlib import Path

from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.child import Limits
from avow.circuits.ezkl.compile import Options, Source, compile_model
from avow.circuits.ezkl.settings import Target, Wishes
from avow.circuits.ezkl.witness import Circuit, answer, material, prove
from avow.circuits.srs_choice import UnsafeSrs
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore
from avow.prover.native.curve import NativeCurve
from avow.verifier.bundle import Bundle
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.merkle import build
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.statement import OFF_CHAIN, Statement
from avow.verifier.tensor import Tensor

FOLDER = Path(__file__).parent / "bundles"
SALT = keccak256(b"salt of the committed bundles")
LIMITS = Limits(600, 4 * 2**30)
WANTED = (
    ("digits-mlp", InputVisibility.PUBLIC, WeightVisibility.FIXED),
    ("tumour-risk", InputVisibility.HASHED, WeightVisibility.FIXED),
    ("tumour-risk", InputVisibility.PUBLIC, WeightVisibility.HASHED),
    ("tumour-risk", InputVisibility.HASHED, WeightVisibility.HASHED),
)


def make(artifact: EzklArtifact, inputs: tuple[Tensor, ...]) -> Bundle:
    """Prove one row; the statement is the second of three, so that the path has siblings."""
    circuit = Circuit.of(artifact)
    found = answer(circuit, inputs, SALT, LIMITS)
    statement = Statement(
        domain=OFF_CHAIN,
        model=artifact.record.model,
        system=artifact.record.system,
        program=artifact.record.program,
        key=artifact.record.key,
        input=found.input,
        output=commit_public(found.outputs),
        order=ZERO_WORD,
        provider=keccak256(b"provider of the committed bundles")[12:],
        nonce=2026,
    )
    strangers = [keccak256(bytes([number])) for number in (1, 2)]
    root, paths = build([strangers[0], statement.digest(), strangers[1]])
    proved = prove(circuit, inputs, SALT, root, LIMITS)
    return Bundle(
        statement=statement,
        path=paths[1],
        model=artifact.model,
        system=artifact.record,
        signature=None,
        inputs=inputs if circuit.input is InputVisibility.PUBLIC else None,
        salt=None,
        outputs=found.outputs,
        proof=proved.proof.to_json(),
        material=material(artifact).to_json(),
    )


def main() -> None:
    """Write every bundle that is missing."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for model, inputs, weights in WANTED:
            path = FOLDER / f"{model}.{inputs.value}-{weights.value}.avow.json"
            if path.exists():
                continue
            stored = add_zoo_model(ModelStore.at(home), model).stored
            held_out = stored.held_out()
            source = Source(stored.record, stored.model(), stored.calibration(), held_out)
            wishes = Wishes(inputs, weights, Target.RESOURCES, None)
            options = Options(wishes, UnsafeSrs(home / "srs", NativeCurve()), None, LIMITS)
            artifact = compile_model(source, options, home / "artifacts", print)
            row = quantise_row(stored.record, source.calibration, 0)
            path.write_bytes(make(artifact, row).encode())


if __name__ == "__main__":
    main()
