"""Checking an `ezkl/v1` proof: digests, public values, and the proof itself by the ezkl package."""

import math
from dataclasses import dataclass

from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.srs import srs_digest
from avow.verifier.systems.ezkl.layout import (
    BINDING_LIMBS,
    Kind,
    Layout,
    as_elements,
    instance_layout,
    limbs,
    split,
)
from avow.verifier.systems.ezkl.material import (
    Details,
    Proof,
    check_digests,
    parse_details,
    parse_material,
    parse_proof,
)
from avow.verifier.systems.ezkl.process import MEMORY_BYTES, SECONDS, check_proof
from avow.verifier.systems.ezkl.settings import SYSTEM_ID, Settings, parse_settings
from avow.verifier.systems.ezkl.version import EZKL_VERSION
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.verdict import Assurance, Hides

_HIDES = {
    (InputVisibility.PUBLIC, WeightVisibility.FIXED): Hides.NONE,
    (InputVisibility.HASHED, WeightVisibility.FIXED): Hides.INPUTS,
    (InputVisibility.PUBLIC, WeightVisibility.HASHED): Hides.WEIGHTS,
    (InputVisibility.HASHED, WeightVisibility.HASHED): Hides.BOTH,
}


@dataclass(frozen=True, slots=True)
class EzklSystem:
    """The checking half of `ezkl/v1`; `seconds` and `memory` bound the ezkl process."""

    seconds: float = SECONDS
    memory: int = MEMORY_BYTES

    @property
    def system_id(self) -> str:
        """`ezkl/v1`."""
        return SYSTEM_ID

    @property
    def input_schemes(self) -> frozenset[Scheme]:
        """A public digest where the proof shows the input, the circuit's own hash where not."""
        return frozenset({Scheme.PUBLIC, Scheme.EZKL_POSEIDON})

    def verify(self, evidence: Evidence) -> Findings:
        """Establish that the record's circuit gave these outputs, bound to `evidence.root`."""
        record = evidence.system

        # 1. Shapes: everything foreign is parsed, bounded and canonical.
        details = parse_details(record)
        material = parse_material(evidence.material)
        proof = parse_proof(evidence.proof)
        settings = parse_settings(material.settings)

        # 2. Circuit: the settings are those of a graph with Avow's binding, for this record.
        layout = _check_circuit(evidence, settings, details)

        # 3. Digests: settings, key, layout and weights hash are the ones that the record names.
        check_digests(record, details, material, layout)

        # 4. Public values: binding, input, weights and output are exactly the statement's.
        _check_instances(evidence, layout, details, proof)

        # 5. The proof: of the one possible length, and accepted by ezkl under the given SRS.
        if len(proof.data) != details.proof_bytes:
            raise VerificationError(
                "proof", f"{details.proof_bytes} proof bytes expected, got {len(proof.data)}"
            )
        check_proof(material, proof, self.seconds, self.memory)
        return _findings(settings, srs_digest(material.tau_g2), layout)


def _check_circuit(evidence: Evidence, settings: Settings, details: Details) -> Layout:
    record = evidence.system
    if settings.input_visibility is not record.input_visibility:
        raise VerificationError("proof", "record and settings differ in the input's visibility")
    if settings.weight_visibility is not record.weight_visibility:
        raise VerificationError("proof", "record and settings differ in the weights' visibility")
    if record.measurements:
        raise VerificationError("proof", "no measurements belong to a record of ezkl/v1")
    if settings.logrows != details.logrows:
        raise VerificationError("proof", "record and settings differ in the circuit's size")
    if settings.output_scales != tuple(spec.scale for spec in record.outputs):
        raise VerificationError("proof", "record and settings differ in the outputs' scales")
    inputs = sum(math.prod(spec.shape) for spec in evidence.model.inputs)
    outputs = [math.prod(spec.shape) for spec in record.outputs]
    hidden = record.input_visibility is InputVisibility.HASHED
    expected = [*outputs, BINDING_LIMBS] if hidden else [inputs, BINDING_LIMBS, *outputs]
    if [math.prod(shape) for shape in settings.instance_shapes] != expected:
        raise VerificationError("proof", "the circuit publishes other values than the record says")
    return instance_layout(record.input_visibility, record.weight_visibility, inputs, sum(outputs))


def _check_instances(evidence: Evidence, layout: Layout, details: Details, proof: Proof) -> None:
    parts = split(layout, proof.instances)
    if parts[Kind.BINDING] != limbs(evidence.root):
        raise VerificationError("proof", "the proof is bound to another statement")
    outputs = [value for tensor in evidence.outputs for value in tensor.values]
    if parts[Kind.OUTPUT] != as_elements(outputs):
        raise VerificationError("proof", "the proof is of another output")
    if Kind.WEIGHTS_HASH in parts:
        if parts[Kind.WEIGHTS_HASH] != (int.from_bytes(details.weights_hash, "big"),):
            raise VerificationError("proof", "the proof is of other weights")
    commitment = evidence.statement.input
    if Kind.INPUT_COMMITMENT in parts:
        if commitment.scheme is not Scheme.EZKL_POSEIDON:
            raise VerificationError("proof", "a hidden input is committed to by scheme 3")
        if parts[Kind.INPUT_COMMITMENT] != (int.from_bytes(commitment.value, "big"),):
            raise VerificationError("proof", "the proof is of another input")
        return
    if commitment.scheme is not Scheme.PUBLIC or evidence.inputs is None:
        raise VerificationError("proof", "a public input is committed to by scheme 1")
    inputs = [value for tensor in evidence.inputs for value in tensor.values]
    if parts[Kind.INPUT] != as_elements(inputs):
        raise VerificationError("proof", "the proof is of another input")


def _findings(settings: Settings, srs: bytes, layout: Layout) -> Findings:
    hides = _HIDES[settings.input_visibility, settings.weight_visibility]
    not_checked: tuple[str, ...] = ()
    if settings.input_visibility is InputVisibility.HASHED:
        not_checked = (
            f"the hidden input's declared range: the settings bound its integers by "
            f"{settings.magnitude} only",
        )
    count = sum(segment.count for segment in layout)
    return Findings(
        assurance=Assurance.PROVEN,
        hides=hides,
        srs=srs,
        established=(
            f"ezkl {EZKL_VERSION} accepts the proof; its {count} public values are the statement's"
        ),
        rests_on=(
            f"the ezkl package {EZKL_VERSION}, which checked the proof",
            "halo2 with KZG over BN254: nobody knows the secret of the SRS",
        ),
        not_checked=not_checked,
    )
