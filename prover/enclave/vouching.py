"""What a registrar establishes before it vouches for a key with its bond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eth_abi.abi import encode
from eth_typing import Hash32, HexStr
from web3.types import TxParams

from avow.prover.enclave.registered import Registered
from avow.verifier.attestation.established import Attested
from avow.verifier.attestation.policy import AttestationPolicy, RequiredEvent
from avow.verifier.attestation.steps import Step, not_checked, passed
from avow.verifier.canonical import Json
from avow.verifier.chain.attestation_records import Enrolment, MeasurementState
from avow.verifier.chain.attested_keys import AttestedKeys
from avow.verifier.chain.client import checksum
from avow.verifier.chain.errors import Reverted, RpcRefused
from avow.verifier.chain.orders import NOBODY
from avow.verifier.chain.registrars import Registrars
from avow.verifier.chain.signer import Signer
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.statement import Domain
from avow.verifier.systems.tee.devices import check_devices
from avow.verifier.systems.tee.registration import PROGRAM_EVENT, read_report_data
from avow.verifier.systems.tee.terms import DeviceTerms, Terms

FORMAT = "avow-vouching/1"
_SECONDS_OF_LIFE = 31 * 86_400
_GENUINE = 1
_CHECK_GAS = 10_000_000
_CHECKED = "chain's check"


@dataclass(frozen=True, slots=True)
class Vouching:
    """A registrar's signature of a registration; `quote` is the Keccak-256 of the whole quote."""

    key: bytes
    operator: bytes
    platform: bytes
    quote: bytes
    registrar: bytes
    signature: bytes

    def to_json(self) -> Json:
        """The object that `parse_vouching` reads."""
        return {
            "format": FORMAT,
            "key": to_hex(self.key),
            "operator": to_hex(self.operator),
            "platform": to_hex(self.platform),
            "quote": to_hex(self.quote),
            "registrar": to_hex(self.registrar),
            "signature": to_hex(self.signature),
        }


def parse_vouching(value: Json) -> Vouching:
    """Read what `Vouching.to_json` writes; the signature is the contract's to check."""
    names = {"key", "operator", "platform", "quote", "registrar", "signature"}
    fields = Fields(value, "vouching", {"format"} | names)
    fields.one_of("format", (FORMAT,))
    return Vouching(
        key=fields.octets("key", 20),
        operator=fields.octets("operator", 20),
        platform=fields.octets("platform", 32),
        quote=fields.octets("quote", 32),
        registrar=fields.octets("registrar", 20),
        signature=fields.octets("signature", 65),
    )


def check_evidence(
    registered: Registered,
    policy: AttestationPolicy,
    registry: Domain,
    at: int,
    golden_values: Sequence[bytes] = (),
) -> tuple[Attested, tuple[Step, ...]]:
    """Establish, offline at the Unix time `at`, that genuine hardware registers this key there.

    Only `policy` counts, which is the registrar's own; what the file says of itself is compared
    with the evidence. Registered GPUs must be genuine and have answered the key; with
    `golden_values`, NVIDIA's manifests, each must run what those of its own versions name. Raises
    `VerificationError`, for every simulation too.
    """
    # Loaded late: what it rests on is only there with the extra.
    from avow.verifier.attestation.intel.verify import verify_quote

    material, registration = registered.material, registered.material.registration
    if registered.root is not None:
        raise VerificationError("root", "a SIMULATED enclave: no registrar vouches for it")
    if material.kind == "nitro":
        raise VerificationError("parse", "the contract of attested keys reads quotes alone")
    if policy.tdx is not None:
        others = [event for event in policy.tdx.events if event.name != PROGRAM_EVENT]
        events = (*others, RequiredEvent(PROGRAM_EVENT, registration.program))
        policy = replace(policy, tdx=replace(policy.tdx, events=events))
    collateral, log = material.collateral or b"", material.event_log
    found = verify_quote(material.evidence, collateral, at, policy, log)
    address, digest = read_report_data(found.report_data)
    for holds, otherwise in (
        (found.kind == material.kind, f"the evidence is of {found.kind}"),
        (digest == registration.digest(), "the evidence holds another registration"),
        (address == registered.address, "the evidence holds another key"),
        (registration.registry == registry, "the key registers elsewhere"),
        (
            at < registration.not_after <= found.expires,
            f"the key is to end at {registration.not_after}, not between {at} and the end of its "
            f"collateral, {found.expires}",
        ),
    ):
        if not holds:
            raise VerificationError("registration", otherwise)
    bound = passed("registration", f"evidence 0x{found.identity.hex()} binds the key")
    asked = None
    if registration.gpu != ZERO_WORD or golden_values:
        asked = DeviceTerms(tuple(golden_values), unsafe_missing_golden_values=not golden_values)
    devices = check_devices(material, Terms(at, policy, devices=asked), address)
    return found, (*found.steps, bound, *devices)


def check_chain(
    keys: AttestedKeys,
    registrars: Registrars,
    enrolment: Enrolment,
    measurement: bytes,
    operator: bytes,
    quote: bytes,
    at: int,
    *,
    unchecked: bool = False,
) -> tuple[Step, ...]:
    """Establish what the contract and its check of quotes say; raises `VerificationError`.

    A signature does not say under which check the key will be registered. So a contract without one
    is refused unless `unchecked`: it may have one by then, which the quote was never shown to.
    """
    document, window = enrolment.document, keys.parameters.challenge_window
    if keys.key(enrolment.key) is not None:
        raise VerificationError("chain", "the key is registered already")
    issued_to, expires = registrars.issued_to(document.challenge)
    if issued_to != operator or at > expires:
        whom = "nobody" if issued_to == NOBODY else checksum(issued_to)
        raise VerificationError(
            "challenge", f"it was issued to {whom}, until {expires}, not to {checksum(operator)}"
        )
    if not at + window < document.not_after <= at + _SECONDS_OF_LIFE:
        raise VerificationError(
            "registration", "the key would end before its challenge window, or live too long"
        )
    state = keys.measurement(measurement[:32])
    if state not in (MeasurementState.ATTENDED, MeasurementState.APPROVED):
        raise VerificationError("measurements", f"the contract holds it to be {state.name}")
    steps = [
        passed("challenge", f"issued to {checksum(operator)}"),
        passed("approval", f"the measurement is {state.name}"),
    ]
    check = registrars.quote_check()
    if check == NOBODY:
        if not unchecked:
            raise VerificationError(
                _CHECKED,
                "the contract has none, and one that is set before the registration may refuse the "
                "quote: --no-check-on-chain signs nevertheless",
            )
        return (*steps, not_checked(_CHECKED, "the contract has none: nobody can disprove"))
    if _asked(keys, check, quote) != _GENUINE:
        raise VerificationError(
            _CHECKED,
            f"{checksum(check)} does not hold the quote to be genuine: who vouches loses its bond",
        )
    return (*steps, passed(_CHECKED, f"{checksum(check)} holds it to be genuine"))


def _asked(keys: AttestedKeys, check: bytes, quote: bytes) -> int:
    data = keccak256(b"check(bytes)")[:4] + encode(["bytes"], [quote])
    sender = checksum(keys.contract.address)
    question: TxParams = {
        "to": checksum(check),
        "from": sender,
        "data": HexStr("0x" + data.hex()),
        # What the contract gives it. A little is the call's own here: rather too strict than a key
        # that this signature registers and any disproof ends.
        "gas": _CHECK_GAS,
    }
    try:
        answer = keys.chain.call(question, "the check of quotes")
    except RpcRefused as error:
        # An end of the gas among others, which every node words in its own way.
        raise VerificationError(_CHECKED, f"{checksum(check)} cannot answer: {error}") from error
    except Reverted:
        # As the contract of keys takes it: nothing was found.
        return 0
    return int.from_bytes(answer, "big") if len(answer) == 32 else 0


def vouch(
    signer: Signer, registered: Registered, operator: bytes, platform: bytes = ZERO_WORD
) -> Vouching:
    """Sign a registration that was checked before; `platform` is what the registrar says of it."""
    quote = registered.material.evidence
    enrolment = Enrolment(registered.address, registered.material.registration, 0)
    digest = enrolment.digest(operator, platform, quote)
    signature = bytes(signer.account.unsafe_sign_hash(Hash32(digest)).signature)
    return Vouching(
        registered.address, operator, platform, keccak256(quote), signer.address, signature
    )
