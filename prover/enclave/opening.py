"""Opening a session: measure, make the key, bind it, and check the evidence as a stranger would."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.key import SessionKey
from avow.prover.enclave.platform import CollateralSource, Devices, Evidence, Measured, Platform
from avow.prover.enclave.registered import OwnWord, Registered
from avow.prover.enclave.served import Offer, Served
from avow.verifier.attestation.established import Attested, Simulated
from avow.verifier.attestation.intel.quote import TdxBody, parse_quote
from avow.verifier.attestation.intel.verify import verify_quote, verify_simulated_quote
from avow.verifier.attestation.nvidia.binding import device_nonce, evidence_digest
from avow.verifier.attestation.policy import AttestationPolicy, RequiredEvent
from avow.verifier.attestation.steps import Step
from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.statement import Domain
from avow.verifier.systems.tee.devices import check_device_list
from avow.verifier.systems.tee.material import Material
from avow.verifier.systems.tee.registration import PROGRAM_EVENT, Registration

_KIND = "tdx"
_SAID = {True: "an enclave that is SIMULATED", False: "this machine"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a key is registered with.

    `registry` is the key registry, both parts zero off chain; `challenge` has 32 bytes. The key
    is good for at most `lifetime` seconds. `operator` (20 bytes) is who will register a simulated
    key, for which only its own signature speaks.
    """

    registry: Domain
    challenge: bytes
    lifetime: int
    operator: bytes | None = None


def open_session(
    platform: Platform,
    source: CollateralSource,
    devices: Devices,
    served: Served,
    terms: Terms,
    clock: Callable[[], float],
) -> tuple[SessionKey, Registered]:
    """Make a key and the evidence for it; raises `EnclaveRefused` with the one thing missing.

    The program is measured before the key exists, and the key before anything that names it.
    """
    # 1. Program: its files are checked by `served`; from here on this machine answers with it.
    _measure(platform, served.program)

    # 2. Key, in memory alone.
    key, now = SessionKey(), int(clock())

    # 3. Devices: what they say answers a nonce that depends on the key.
    gpu, digest, steps = _devices(devices, platform, terms.challenge, key, now)

    # 4. Registration, and a quote that holds its digest.
    registration = Registration(
        served.program,
        terms.registry,
        terms.challenge,
        digest,
        ZERO_WORD,
        now + terms.lifetime,
    )
    evidence = platform.evidence(registration.report_data(key.address))
    _check_report_data(evidence, registration.report_data(key.address))

    # 5. Collateral, archived with the quote.
    material = Material(
        registration,
        _KIND,
        evidence.quote,
        source.collateral(evidence.quote),
        evidence.event_log,
        gpu,
    )

    # 6. As a stranger would check it, now, with what the models' owners accept.
    offer, found = _convincing(material, served, platform.root, now)
    registered = Registered(
        key.address,
        platform.name,
        None if platform.root is None else platform.root.certificate,
        material,
        offer.reference,
        found.measurement,
        found.identity,
        now,
        min(registration.not_after, found.expires),
        _own_word(key, registration, terms.operator, platform),
        steps,
    )
    return key, registered


def _measure(platform: Platform, program: bytes) -> None:
    logged = [event for event in platform.measured() if event.name == PROGRAM_EVENT]
    if not logged:
        platform.extend(Measured(PROGRAM_EVENT, program))
        logged = [event for event in platform.measured() if event.name == PROGRAM_EVENT]
    if [event.payload for event in logged] != [program]:
        other = ", ".join(to_hex(event.payload[:32]) for event in logged) or "nothing"
        raise EnclaveRefused(
            f"RTMR3 names {other}, not {to_hex(program)}: a machine answers with one program; "
            "start a new one for another"
        )


def _devices(
    devices: Devices, platform: Platform, challenge: bytes, key: SessionKey, now: int
) -> tuple[bytes | None, bytes, tuple[Step, ...]]:
    asked, nonce = devices.terms, device_nonce(challenge, key.address)
    if asked.simulated_root is not None and platform.root is None:
        raise EnclaveRefused("simulated GPUs belong to a simulated enclave")
    data = devices.collect(nonce)
    if data is None:
        return None, ZERO_WORD, ()
    try:
        found, steps = check_device_list(data, nonce, now, asked)
        return data, evidence_digest(found), steps
    except VerificationError as error:
        raise EnclaveRefused(f"the evidence of the GPUs: {error}") from error


def _own_word(
    key: SessionKey, registration: Registration, operator: bytes | None, platform: Platform
) -> OwnWord | None:
    if operator is None:
        return None
    if platform.root is None:
        raise EnclaveRefused("only a simulated key signs its own registration")
    # Loaded late: the chain's half is not needed to answer.
    from avow.verifier.chain.attestation_records import Enrolment

    digest = Enrolment(key.address, registration, 0).digest(operator)
    return OwnWord(operator, key.sign(digest))


def _check_report_data(evidence: Evidence, wanted: bytes) -> None:
    try:
        body = parse_quote(evidence.quote).body
    except VerificationError as error:
        raise EnclaveRefused(f"the platform's quote: {error}") from error
    if not isinstance(body, TdxBody) or body.report_data != wanted:
        raise EnclaveRefused("the platform's quote holds other report data than were asked for")


def _convincing(
    material: Material, served: Served, root: TestRoot | None, now: int
) -> tuple[Offer, Attested | Simulated]:
    refused = ""
    for offer in served.offers():
        try:
            found = check_material(material, offer.reference, served.program, root, now)
        except VerificationError as error:
            refused = str(error)
            continue
        if found.measurement in offer.record.measurements:
            return offer, found
        refused = "what was measured is not in the record"
    raise EnclaveRefused(
        f"the evidence of {_SAID[root is not None]} does not pass the reference values of any "
        f"artifact of the program: {refused}"
    )


def check_material(
    material: Material, reference: AttestationPolicy, program: bytes, root: TestRoot | None, at: int
) -> Attested | Simulated:
    """Check a quote as `tee/v1` does, with the event of the program; raises `VerificationError`."""
    if reference.tdx is None:
        raise VerificationError("policy", "the reference values have none of tdx")
    events = (RequiredEvent(PROGRAM_EVENT, program), *reference.tdx.events)
    policy = replace(reference, tdx=replace(reference.tdx, events=events))
    collateral = material.collateral or b""
    if root is None:
        return verify_quote(material.evidence, collateral, at, policy, material.event_log)
    return verify_simulated_quote(
        material.evidence, collateral, at, policy, root, material.event_log
    )
