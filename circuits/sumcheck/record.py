"""The system record of a key of `sumcheck/v1`, from its pieces."""

import math
from typing import Any

from avow.circuits.details import fidelity, making
from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.blob import blob
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.program.program import output_specs
from avow.verifier.records import (
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
        # Too large for a contract, as its inputs may be, or of an argument that none checks.
        return None


def equations(relation: Relation) -> int:
    """How many equations between integers a proof establishes: one for each cell of each."""
    return (
        sum(math.prod(lookup.live.lengths) for lookup in relation.lookups)
        + sum(math.prod(product.rest.lengths) for product in relation.products)
        + sum(math.prod(relation.columns[one.result].lengths) for one in relation.bilinears)
    )
