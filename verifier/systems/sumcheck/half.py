"""Checking a `sumcheck/v1` proof: the record against the key, and the key against the proof."""

from dataclasses import dataclass

from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields
from avow.verifier.program.program import output_specs
from avow.verifier.srs import srs_digest
from avow.verifier.systems.sumcheck.check import Sample, check_proof
from avow.verifier.systems.sumcheck.key import LIMITS, PROOF_FORMAT, SYSTEM_ID, parse_key
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.verdict import Assurance, Hides


@dataclass(frozen=True, slots=True)
class SumcheckSystem:
    """The checking half of `sumcheck/v1`."""

    @property
    def system_id(self) -> str:
        """`sumcheck/v1`."""
        return SYSTEM_ID

    @property
    def input_schemes(self) -> frozenset[Scheme]:
        """A public digest only: the verifier evaluates the input itself."""
        return frozenset({Scheme.PUBLIC})

    def verify(self, evidence: Evidence) -> Findings:
        """Establish that the record's program gave these outputs, bound to `evidence.root`."""
        # 1. Shapes: key and proof are parsed, bounded and canonical.
        key = parse_key(evidence.material)
        fields = Fields(evidence.proof, "proof", {"format", "batch", "data"}, {"opening"})
        fields.one_of("format", (PROOF_FORMAT,))
        batch = fields.integer("batch", 1, LIMITS.batch)
        opening = fields.octets("opening", POINT_BYTES) if fields.has("opening") else b""

        # 2. Record: program, key and tensors are the ones that it names.
        record, specs = evidence.system, output_specs(key.program, key.bounds())
        for holds, otherwise in (
            (key.program.digest() == record.program, "the key's program is not the record's"),
            (key.digest() == record.key, "the key does not hash to the record's key"),
            (key.program.inputs == evidence.model.inputs, "program and model differ in the inputs"),
            (specs == record.outputs, "program and record differ in the outputs"),
            (not record.measurements, "no measurements belong to a record of sumcheck/v1"),
            (record.evm_codehash is None, "sumcheck/v1 has no EVM verifier of a model's own"),
        ):
            if not holds:
                raise VerificationError("proof", otherwise)
        # What calibration showed only serves those who compile the model again.
        Fields(dict(record.details), "system.details", frozenset(), {"bits", "observed"})
        if evidence.inputs is None:
            raise VerificationError("proof", "the inputs of a sumcheck/v1 proof are public")

        # 3. The proof: of the one possible length, and convincing.
        data = fields.blob("data", LIMITS.proof_bytes)
        sample = Sample(evidence.inputs, evidence.outputs, evidence.index, opening)
        check_proof(key, evidence.root, batch, [sample], data)
        return Findings(
            assurance=Assurance.PROVEN,
            hides=Hides.NONE,
            srs=srs_digest(key.tau_g2),
            established=f"{len(key.program.steps)} operations proven in {len(data)} bytes",
            rests_on=(
                "Keccak-256 drawing like a random function (sumchecks and LogUp by Fiat-Shamir)",
                "KZG over BN254, about 100 bits: nobody knows the secret of the SRS",
            ),
        )
