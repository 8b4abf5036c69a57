"""The first proof of a new artifact: made and checked before the artifact exists."""

import secrets
from typing import Any

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.child import Limits
from avow.circuits.ezkl.settings import Watch
from avow.circuits.ezkl.witness import Circuit, prove, random_salt
from avow.models.data import Rows
from avow.models.schema import quantise_row
from avow.verifier.commitment import commit_public, parse_commitment
from avow.verifier.errors import VerificationError
from avow.verifier.fields import parse_hex, to_hex
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.records import InputVisibility, ModelRecord, SystemRecord
from avow.verifier.srs import G2Coordinates
from avow.verifier.statement import OFF_CHAIN, Statement
from avow.verifier.systems.ezkl.half import EzklSystem
from avow.verifier.systems.ezkl.material import Material
from avow.verifier.systems.system import Evidence
from avow.verifier.tensor import parse_tensors


def first_proof(
    circuit: Circuit, record: ModelRecord, rows: Rows, limits: Limits, watch: Watch | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Prove the first calibration row, bound to a random word.

    Returns the proof as a document for `check_first_proof`, and what only a proof can tell: its
    length, the hash of hidden weights (hex, or empty), seconds and peak memory.
    """
    inputs = quantise_row(record, rows, 0)
    root = secrets.token_bytes(32)
    proved = prove(circuit, inputs, random_salt(), root, limits, watch)
    weights = proved.run.weights_hash
    shown = [] if circuit.input is InputVisibility.HASHED else [one.to_json() for one in inputs]
    document = {
        "root": to_hex(root),
        "inputs": shown,
        "outputs": [tensor.to_json() for tensor in proved.run.outputs],
        "input": proved.run.input.to_json(),
        "proof": proved.proof.to_json(),
    }
    return document, {
        "proof_bytes": len(proved.proof.data),
        "weights_hash": "" if weights is None else weights.to_bytes(32, "big").hex(),
        "prove_seconds": proved.seconds,
        "peak_rss_bytes": proved.peak_rss_bytes,
    }


def check_first_proof(
    document: dict[str, Any],
    model: ModelRecord,
    record: SystemRecord,
    settings: bytes,
    vk: bytes,
    tau_g2: G2Coordinates,
) -> None:
    """Let the verifier's half decide about the first proof under the finished record."""
    try:
        inputs = parse_tensors(document["inputs"], "inputs") if document["inputs"] else None
        outputs = parse_tensors(document["outputs"], "outputs")
        statement = Statement(
            domain=OFF_CHAIN,
            model=model.digest(),
            system=record.system,
            program=record.program,
            key=record.key,
            input=parse_commitment(document["input"]),
            output=commit_public(outputs),
            order=ZERO_WORD,
            provider=bytes(20),
            nonce=1,
        )
        EzklSystem().verify(
            Evidence(
                root=parse_hex(document["root"], 32, "root"),
                index=0,
                statement=statement,
                model=model,
                system=record,
                inputs=inputs,
                outputs=outputs,
                proof=document["proof"],
                material=Material(settings, vk, tau_g2).to_json(),
            )
        )
    except VerificationError as error:
        raise CircuitError(f"the artifact's first proof was refused: {error.message}") from error
