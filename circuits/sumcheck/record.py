"""The system record of a key of `sumcheck/v1`, from its pieces."""

import math
from typing import Any

from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.blob import blob
from avow.models.fidelity import NO_CLASSES, recorded
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.limits import LIMITS
from avow.verifier.program.program import output_specs
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    SrsClaim,
    SystemRecord,
    WeightVisibility,
    parse_system_record,
)
from avow.verifier.relation.relation import Relation
from avow.verifier.srs import srs_digest
from avow.verifier.systems.sumcheck.key import SYSTEM_ID, Key

BITS = "bits"
OBSERVED = "observed"


def build_record(
    model: ModelRecord, key: Key, report: dict[str, Any], safe: bool, memory_bytes: int
) -> SystemRecord:
    """The record; `report` is that of the program's compilation. Raises `CircuitError`.

    It names the contract that checks a proof of the key, where there can be one.
    """
    program = key.program
    try:
        record = SystemRecord(
            model=model.digest(),
            system=SYSTEM_ID,
            program=program.digest(),
            key=key.digest(),
            srs=SrsClaim(srs_digest(key.tau_g2), safe),
            outputs=output_specs(program, key.bounds()),
            input_visibility=InputVisibility.PUBLIC,
            weight_visibility=WeightVisibility.FIXED,
            fidelity=fidelity(report),
            constraints=equations(key.relation(1)),
            proving_memory_bytes=memory_bytes,
            evm_codehash=contract_hash(key),
            measurements=(),
            details=making(report),
        )
        return parse_system_record(record.to_json())
    except VerificationError as error:
        raise CircuitError(f"no valid system record: {error.message}") from error


def contract_hash(key: Key) -> bytes | None:
    """keccak256 of the code of the key's contract for one statement; None where it has none."""
    try:
        return keccak256(blob(key))
    except CircuitError:
        # Too large for a contract, or of an argument that no contract checks.
        return None


def equations(relation: Relation) -> int:
    """How many equations between integers a proof establishes: one for each cell of each."""
    return (
        sum(math.prod(lookup.live.lengths) for lookup in relation.lookups)
        + sum(math.prod(product.rest.lengths) for product in relation.products)
        + sum(math.prod(relation.columns[one.result].lengths) for one in relation.bilinears)
    )


def fidelity(report: dict[str, Any]) -> Fidelity:
    """What the program's compilation measured on the held-out rows."""
    found = report["fidelity"]
    if found is None:
        return Fidelity(0, NO_CLASSES, NO_CLASSES, NO_CLASSES)
    return recorded(found["rows"], found["agreement"], found["max_error"], found["mean_error"])


def observed(record: SystemRecord) -> tuple[int, tuple[int, ...]]:
    """The precision and what calibration showed, by which a program is compiled again.

    Raises `CircuitError` where the record does not say.
    """
    try:
        bits, text = int(record.detail(BITS)), record.detail(OBSERVED)
        return bits, tuple(int(item) for item in text.split(",")) if text else ()
    except VerificationError as error:
        raise CircuitError(f"the record cannot be checked: {error.message}") from error
    except ValueError as error:
        raise CircuitError("the record cannot be checked: its details hold no integers") from error


def making(report: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The details that serve those who compile the model again."""
    text = ",".join(map(str, report["observed"]))
    if len(text) > LIMITS.text_characters:
        # Of programs of thousands of operations; then the check from the ONNX file says so.
        return ((BITS, str(report["bits"])),)
    return ((BITS, str(report["bits"])), (OBSERVED, text))
