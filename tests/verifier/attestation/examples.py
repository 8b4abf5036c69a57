"""A simulated platform with a quote and the policy that accepts it; policies of real quotes."""

import hashlib
from dataclasses import replace
from functools import cache

from avow.prover.enclave.simulated.platform import Platform, TrustDomain, make_platform
from avow.verifier.attestation.established import Simulated
from avow.verifier.attestation.eventlog import RUNTIME_EVENT, runtime_digest
from avow.verifier.attestation.intel.quote import Quote, TdxBody
from avow.verifier.attestation.intel.verify import verify_simulated_quote
from avow.verifier.attestation.policy import (
    AttestationPolicy,
    IntelTcb,
    RequiredEvent,
    SgxPolicy,
    TdxPolicy,
)
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from avow.verifier.canonical import Json, encode

AT = 1_800_000_000
EVENTS = (("app-id", b"\x01" * 20), ("compose-hash", b"\x02" * 32), ("system-ready", b""))


def extended(*digests: bytes) -> bytes:
    """A register after these digests."""
    register = bytes(48)
    for digest in digests:
        register = hashlib.sha384(register + digest).digest()
    return register


FIRMWARE = hashlib.sha384(b"firmware").digest()
DOMAIN = TrustDomain(
    mr_td=b"\x0a" * 48,
    rtmr=(
        extended(FIRMWARE),
        extended(FIRMWARE, FIRMWARE),
        bytes(48),
        extended(*(runtime_digest(name, payload) for name, payload in EVENTS)),
    ),
    report_data=bytes(range(64)),
)


def event(register: int, kind: int, digest: bytes, name: str = "", payload: bytes = b"") -> Json:
    """One event as dstack writes it."""
    return {
        "imr": register,
        "event_type": kind,
        "digest": digest.hex(),
        "event": name,
        "event_payload": payload.hex(),
    }


def log_entries() -> list[Json]:
    """The events that lead to the registers of `DOMAIN`."""
    return [
        event(0, 4, FIRMWARE),
        event(1, 4, FIRMWARE),
        event(1, 10, FIRMWARE),
        *(event(3, RUNTIME_EVENT, runtime_digest(*one), *one) for one in EVENTS),
    ]


def event_log(entries: list[Json] | None = None) -> bytes:
    """The same as a file."""
    return encode(log_entries() if entries is None else entries)


@cache
def platform() -> Platform:
    """One platform for all tests."""
    return make_platform(AT)


def root_of(made: Platform) -> TestRoot:
    """The platform's root, explicitly allowed."""
    return allow_test_root(made.authority.der, made.authority.fingerprint, {})


def tcb(*statuses: str, minimum: int = 17) -> IntelTcb:
    """Any platform with one of the statuses."""
    return IntelTcb(statuses or ("UpToDate",), (), minimum, None)


def td_policy(
    domain: TrustDomain = DOMAIN, events: tuple[RequiredEvent, ...] = ()
) -> AttestationPolicy:
    """What accepts `domain` on any up-to-date platform."""
    row = (domain.mr_td, *domain.rtmr[:3])
    return AttestationPolicy(tdx=TdxPolicy((row,), tcb(), domain.mr_config_id, events))


def check(
    domain: TrustDomain = DOMAIN,
    policy: AttestationPolicy | None = None,
    made: Platform | None = None,
    at: int = AT,
    log: bytes | None = None,
    data: bytes | None = None,
) -> Simulated:
    """Check a quote of the simulated platform."""
    made = made or platform()
    return verify_simulated_quote(
        made.quote(domain) if data is None else data,
        made.collateral(),
        at,
        td_policy() if policy is None else policy,
        root_of(made),
        log,
    )


def policy_of(quote: Quote, *statuses: str, advisories: tuple[str, ...] = ()) -> AttestationPolicy:
    """The policy whose reference values are those of a real quote."""
    allowed = replace(tcb(*statuses), advisories=advisories)
    body = quote.body
    if isinstance(body, TdxBody):
        row = (body.mr_td, *body.rtmr[:3])
        return AttestationPolicy(tdx=TdxPolicy((row,), allowed, body.mr_config_id, ()))
    enclave = (body.mr_enclave, body.mr_signer, body.isv_prod_id)
    return AttestationPolicy(sgx=SgxPolicy((enclave,), body.isv_svn, allowed))
