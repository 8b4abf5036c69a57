"""Checking a `sumcheck/v1` proof: the record against the key, and the key against the proof."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier import canonical
from avow.verifier.argument.opening import PairingCheck, check_pairing
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields
from avow.verifier.program.program import output_specs
from avow.verifier.srs import srs_digest
from avow.verifier.systems.sumcheck.check import Sample, check_proof
from avow.verifier.systems.sumcheck.key import LIMITS, PROOF_FORMAT, SYSTEM_ID, ReadTau, parse_key
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.trace.inputs import PUBLIC_SCHEMES
from avow.verifier.verdict import Assurance, Hides


@dataclass(frozen=True, slots=True)
class SumcheckSystem:
    """The checking half of `sumcheck/v1`; other ways with points are for checks beside `verify`."""

    read_tau_g2: ReadTau | None = None
    pairing: PairingCheck = check_pairing

    @property
    def system_id(self) -> str:
        """`sumcheck/v1`."""
        return SYSTEM_ID

    @property
    def input_schemes(self) -> frozenset[Scheme]:
        """Public ones only: the verifier evaluates the input itself."""
        return PUBLIC_SCHEMES

    def verify(self, evidence: Evidence) -> Findings:
        """Establish that the record's program gave these outputs, bound to `evidence.root`."""
        return self.verify_batch([evidence])

    def verify_batch(self, evidence: Sequence[Evidence]) -> Findings:
        """Establish it of several samples of one proof, whose bundles differ in nothing else."""
        # 1. Shapes: key and proof are parsed, bounded and canonical.
        first, samples, shared = evidence[0], [], set()
        key = parse_key(first.material, self.read_tau_g2)
        for one in evidence:
            fields = Fields(one.proof, "proof", {"format", "batch", "data"}, {"opening"})
            fields.one_of("format", (PROOF_FORMAT,))
            batch = fields.integer("batch", 1, LIMITS.batch)
            data = fields.blob("data", LIMITS.proof_bytes)
            opening = fields.octets("opening", POINT_BYTES) if fields.has("opening") else b""
            if one.inputs is None:
                raise VerificationError("proof", "the inputs of a sumcheck/v1 proof are public")
            samples.append(Sample(one.inputs, one.outputs, one.index, opening))
            shared.add(
                (one.root, one.model, one.system, canonical.encode(one.material), batch, data)
            )
        if len(shared) > 1:
            raise VerificationError("proof", "these bundles do not share one proof")

        # 2. Record: program, key and tensors are the ones that it names.
        record, specs = first.system, output_specs(key.program, key.bounds())
        for holds, otherwise in (
            (key.program.digest() == record.program, "the key's program is not the record's"),
            (key.digest() == record.key, "the key does not hash to the record's key"),
            (key.program.inputs == first.model.inputs, "program and model differ in the inputs"),
            (specs == record.outputs, "program and record differ in the outputs"),
            (not record.measurements, "no measurements belong to a record of sumcheck/v1"),
        ):
            if not holds:
                raise VerificationError("proof", otherwise)
        # What calibration showed only serves those who compile the model again.
        Fields(dict(record.details), "system.details", frozenset(), {"bits", "observed"})

        # 3. The proof: of the one possible length, and convincing.
        check_proof(key, first.root, batch, samples, data, self.pairing)
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
