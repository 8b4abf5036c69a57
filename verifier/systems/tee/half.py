"""Checking an answer of `tee/v1`: evidence, registration and receipt, each bound to the next."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from avow.verifier.attestation import steps as attestation
from avow.verifier.attestation.established import Attested, Simulated
from avow.verifier.attestation.policy import AttestationPolicy, RequiredEvent
from avow.verifier.attestation.steps import State, passed
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields
from avow.verifier.records import SystemRecord
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.systems.tee.devices import check_devices
from avow.verifier.systems.tee.material import Material, parse_material
from avow.verifier.systems.tee.receipt import Receipt, parse_receipt
from avow.verifier.systems.tee.registration import (
    PROGRAM_EVENT,
    SYSTEM_ID,
    Registration,
    read_report_data,
    record_key,
)
from avow.verifier.systems.tee.terms import Terms
from avow.verifier.trace.inputs import PUBLIC_SCHEMES
from avow.verifier.verdict import Assurance, Hides, Step


@dataclass(frozen=True, slots=True)
class TeeSystem:
    """The checking half of `tee/v1`."""

    @property
    def system_id(self) -> str:
        """`tee/v1`."""
        return SYSTEM_ID

    @property
    def input_schemes(self) -> frozenset[Scheme]:
        """Public ones only: what the enclave read is shown."""
        return PUBLIC_SCHEMES

    def verify(self, evidence: Evidence) -> Findings:
        """Establish that an enclave that the caller's terms accept signed `evidence.root`."""
        # 1. Terms: without reference values of the caller's nothing convinces.
        terms = evidence.attestation
        if terms is None:
            raise VerificationError(
                "policy", "evidence of an enclave needs reference values: policy.attestation"
            )

        # 2. Shapes: registration, evidence and receipt are parsed and bounded.
        material, receipt = parse_material(evidence.material), parse_receipt(evidence.proof)
        record, registration = evidence.system, material.registration
        _check_record(record)

        # 3. Evidence: genuine at the registration's time, and of what the policy lists.
        found = _check_evidence(material, terms, record)

        # 4. Measurement: the record's owner names it too.
        if found.measurement not in record.measurements:
            raise VerificationError("measurements", "what was measured is not in the record")

        # 5. Registration: the evidence binds the key's address and this document.
        address, digest = read_report_data(found.report_data)
        if digest != registration.digest():
            raise VerificationError("registration", "the evidence holds another registration")
        _check_registration(registration, terms, evidence)
        registered = passed("registration", f"evidence 0x{found.identity.hex()} binds the key")

        # 6. Devices: they answered this key, and the enclave registered these.
        devices = check_devices(material, terms, address)

        # 7. Receipt: that key signed this root, while it was good.
        if receipt.signer(evidence.root, registration.registry) != address:
            raise VerificationError("receipt", "the receipt is not signed by the attested key")
        _check_time(receipt, registration, found, terms)
        signed = passed("receipt", f"signed by 0x{address.hex()} at {receipt.time}")
        return _findings(found, (*found.steps, registered, *devices, signed), terms)


def _check_record(record: SystemRecord) -> None:
    if not record.measurements:
        raise VerificationError("records", "a record of tee/v1 names its measurements")
    if record.key != record_key(record.program, record.outputs, record.measurements):
        raise VerificationError(
            "records", "the record's key is not of its outputs and measurements"
        )
    Fields(dict(record.details), "system.details", frozenset(), {"bits", "observed"})


def _check_evidence(material: Material, terms: Terms, record: SystemRecord) -> Attested | Simulated:
    at, policy, root = terms.registered_at, terms.evidence, terms.simulated_root
    # Loaded late: what they rest on is only there with the extra.
    if material.kind == "nitro":
        from avow.verifier.attestation.nitro.verify import (
            verify_document,
            verify_simulated_document,
        )

        if root is None:
            return verify_document(material.evidence, at, policy)
        return verify_simulated_document(material.evidence, at, policy, root)

    from avow.verifier.attestation.intel.verify import verify_quote, verify_simulated_quote

    data, collateral, log = material.evidence, material.collateral or b"", material.event_log
    policy = _with_program(policy, record.program)
    if root is None:
        found: Attested | Simulated = verify_quote(data, collateral, at, policy, log)
    else:
        found = verify_simulated_quote(data, collateral, at, policy, root, log)
    if found.kind != material.kind:
        raise VerificationError("parse", f"the evidence is of {found.kind}, not {material.kind}")
    return found


def _with_program(policy: AttestationPolicy, program: bytes) -> AttestationPolicy:
    if policy.tdx is None:
        return policy
    others = [event for event in policy.tdx.events if event.name != PROGRAM_EVENT]
    events = (*others, RequiredEvent(PROGRAM_EVENT, program))
    return replace(policy, tdx=replace(policy.tdx, events=events))


def _check_registration(registration: Registration, terms: Terms, evidence: Evidence) -> None:
    domain = evidence.statement.domain
    for holds, otherwise in (
        (
            registration.program == evidence.system.program,
            "the enclave registered for another program",
        ),
        (
            domain == OFF_CHAIN or registration.registry.chain_id == domain.chain_id,
            "the key is registered on another chain than the statement's",
        ),
        (
            terms.registry in (None, registration.registry),
            "the policy asks for another registry",
        ),
        (
            terms.challenge in (None, registration.challenge),
            "the registration answers another challenge",
        ),
    ):
        if not holds:
            raise VerificationError("registration", otherwise)


def _check_time(
    receipt: Receipt, registration: Registration, found: Attested | Simulated, terms: Terms
) -> None:
    end = min(registration.not_after, found.expires)
    if not terms.registered_at <= receipt.time <= end:
        raise VerificationError(
            "receipt", f"the key is good from {terms.registered_at} to {end}, not at {receipt.time}"
        )


def _findings(
    found: Attested | Simulated, steps: tuple[attestation.Step, ...], terms: Terms
) -> Findings:
    simulated = isinstance(found, Simulated)
    kind = {"tdx": "Intel TDX", "sgx": "Intel SGX", "nitro": "AWS Nitro"}[found.kind]
    rests_on: tuple[str, ...] = (
        f"{kind}: its maker's keys, and nobody with physical access to this machine "
        "(TEE.fail, WireTap)",
        "whoever wrote the measured software and built the reference values",
    )
    if simulated:
        rests_on = ("nothing: a SIMULATED enclave, whose keys anybody can make",)
    return Findings(
        assurance=Assurance.SIMULATED if simulated else Assurance.ATTESTED,
        hides=Hides.NONE,
        srs=None,
        established=f"{kind} enclave signed the answer",
        rests_on=rests_on,
        not_checked=tuple(_open(steps, terms)),
        steps=tuple(Step(one.name, one.detail) for one in steps if one.state is State.PASSED),
    )


def _open(steps: tuple[attestation.Step, ...], terms: Terms) -> Iterator[str]:
    for step in steps:
        if step.state is State.NOT_CHECKED:
            yield f"{step.name}: {step.detail}"
    if terms.registry is None:
        yield "registry: the policy pins none; no chain was asked whether the key was revoked"
    else:
        yield "registry: no chain was asked whether the key was revoked"
    if terms.challenge is None:
        yield "challenge: the policy pins none, so the evidence may be older than the registration"
    yield "time: a receipt's time is of the enclave's clock, which its host can set"
