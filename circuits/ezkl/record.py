"""The system record of a compiled circuit, from its pieces."""

import math
from dataclasses import dataclass
from typing import Any

from avow.circuits.errors import CircuitError
from avow.circuits.memory import predicted_proving_bytes
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.records import (
    Fidelity,
    ModelRecord,
    SrsClaim,
    SystemRecord,
    parse_system_record,
)
from avow.verifier.systems.ezkl.layout import Layout, encode_layout, instance_layout
from avow.verifier.systems.ezkl.material import Details, key_digest, program_digest
from avow.verifier.systems.ezkl.settings import SYSTEM_ID, Settings, parse_settings
from avow.verifier.tensor import ElementType, TensorSpec


@dataclass(frozen=True, slots=True)
class Pieces:
    """All that a record is computed from. `weights_hash` is 64 hex digits, or empty if fixed."""

    model: ModelRecord
    settings: bytes
    vk: bytes
    graph_sha256: bytes
    weights_hash: str
    proof_bytes: int
    srs_digest: bytes
    srs_safe: bool
    fidelity: dict[str, Any]
    proving_key_bytes: int
    evm_codehash: bytes | None
    constraints: int


def output_specs(model: ModelRecord, settings: Settings) -> tuple[TensorSpec, ...]:
    """The outputs' schema: ezkl's scales, and the range that its range checks enforce."""
    if len(settings.output_scales) != len(model.outputs):
        raise CircuitError(
            f"the circuit has {len(settings.output_scales)} outputs, the model {len(model.outputs)}"
        )
    limit = settings.magnitude
    kind = ElementType.INT32 if limit <= ElementType.INT32.maximum else ElementType.INT64
    return tuple(
        TensorSpec(output.name, kind, output.shape, scale, -limit, limit)
        for output, scale in zip(model.outputs, settings.output_scales, strict=True)
    )


def instances_layout(settings: Settings, model: ModelRecord) -> Layout:
    """Where binding, input and output stand among a proof's instances."""
    return instance_layout(
        settings.input_visibility,
        settings.weight_visibility,
        sum(math.prod(spec.shape) for spec in model.inputs),
        sum(math.prod(output.shape) for output in model.outputs),
    )


def build_record(pieces: Pieces) -> SystemRecord:
    """The record; a pure function of its pieces, so that anybody recompiling finds its digest."""
    settings = parse_settings(pieces.settings)
    weights_hash = bytes.fromhex(pieces.weights_hash) or ZERO_WORD
    try:
        layout = instances_layout(settings, pieces.model)
        details = Details(
            graph_sha256=pieces.graph_sha256,
            weights_hash=weights_hash,
            proof_bytes=pieces.proof_bytes,
            logrows=settings.logrows,
            layout=encode_layout(layout),
        )
        record = SystemRecord(
            model=pieces.model.digest(),
            system=SYSTEM_ID,
            program=program_digest(
                pieces.settings, pieces.graph_sha256, weights_hash, pieces.proof_bytes, layout
            ),
            key=key_digest(pieces.vk, pieces.settings),
            srs=SrsClaim(pieces.srs_digest, pieces.srs_safe),
            outputs=output_specs(pieces.model, settings),
            input_visibility=settings.input_visibility,
            weight_visibility=settings.weight_visibility,
            fidelity=Fidelity(**pieces.fidelity),
            constraints=pieces.constraints,
            proving_memory_bytes=predicted_proving_bytes(pieces.proving_key_bytes),
            evm_codehash=pieces.evm_codehash,
            measurements=(),
            details=details.to_pairs(),
        )
        return parse_system_record(record.to_json())
    except VerificationError as error:
        raise CircuitError(f"no valid system record: {error.message}") from error
