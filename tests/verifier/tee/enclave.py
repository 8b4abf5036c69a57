"""Bundles of `tee/v1` answered by simulated enclaves, and the policies that accept them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from eth_account import Account

from avow.prover.enclave.simulated.authority import Holder
from avow.prover.enclave.simulated.document import SecurityModule, make_security_module
from avow.verifier.attestation.established import measurement_digest
from avow.verifier.attestation.eventlog import RUNTIME_EVENT, runtime_digest
from avow.verifier.attestation.policy import AttestationPolicy, NitroPolicy
from avow.verifier.bundle import Bundle
from avow.verifier.canonical import Json, encode
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import build
from avow.verifier.policy import FORMAT, Policy, parse_policy
from avow.verifier.records import SystemRecord
from avow.verifier.statement import OFF_CHAIN, Domain, Statement
from avow.verifier.systems.tee.material import Material
from avow.verifier.systems.tee.receipt import Receipt, receipt_digest
from avow.verifier.systems.tee.registration import (
    PROGRAM_EVENT,
    SYSTEM_ID,
    Registration,
    record_key,
)
from tests.verifier import examples
from tests.verifier.attestation.examples import (
    AT,
    DOMAIN,
    event,
    event_log,
    extended,
    log_entries,
    platform,
    td_policy,
)

KEY = Account.from_key(keccak256(b"the enclave's key"))
OTHER_KEY = Account.from_key(keccak256(b"not the enclave's key"))
PCRS = {number: bytes([number + 1]) * 48 for number in range(3)}
TD_MEASUREMENT = measurement_digest("tdx", DOMAIN.mr_td, *DOMAIN.rtmr[:3])
PCR_MEASUREMENT = measurement_digest("nitro", *PCRS.values())
MEASUREMENTS = (TD_MEASUREMENT, PCR_MEASUREMENT)
REGISTRATION = Registration(
    program=examples.PROGRAM,
    registry=OFF_CHAIN,
    challenge=keccak256(b"challenge"),
    gpu=bytes(32),
    tls_key=bytes(32),
    not_after=AT + 7 * 86_400,
)


def address(account: object = KEY) -> bytes:
    """The account's 20 bytes."""
    return bytes.fromhex(account.address[2:])  # type: ignore[attr-defined]


def record(measurements: Sequence[bytes] = MEASUREMENTS) -> SystemRecord:
    """The example's record under `tee/v1`."""
    return replace(
        examples.system_record(),
        system=SYSTEM_ID,
        key=record_key(examples.PROGRAM, examples.system_record().outputs, measurements),
        measurements=tuple(measurements),
        evm_codehash=None,
        details=(),
    )


def statement(of: SystemRecord, nonce: int = 7, domain: Domain = OFF_CHAIN) -> Statement:
    """A statement of the example model under the record."""
    return replace(
        examples.statement(nonce=nonce),
        system=SYSTEM_ID,
        key=of.key,
        domain=domain,
        order=bytes(32) if domain == OFF_CHAIN else keccak256(b"order"),
    )


@dataclass(frozen=True)
class Enclave:
    """A simulated enclave that registered and answers; each field is a place for a lie.

    `program` is the one that RTMR3's log names; `bound` overrides what evidence holds.
    """

    kind: str = "tdx"
    registration: Registration = REGISTRATION
    record: SystemRecord = field(default_factory=record)
    program: bytes = examples.PROGRAM
    bound: bytes | None = None
    signer: object = KEY
    time: int = AT + 3600
    domain: Domain = OFF_CHAIN
    devices: bytes | None = None

    def evidence(self) -> Material:
        """The material of the enclave's bundles."""
        bound = self.bound or self.registration.report_data(address())
        if self.kind == "nitro":
            document = security_module().document(PCRS, bound)
            return Material(self.registration, "nitro", document, None, None, self.devices)
        extra = (PROGRAM_EVENT, self.program)
        entries = [*log_entries(), event(3, RUNTIME_EVENT, runtime_digest(*extra), *extra)]
        digests = [
            bytes.fromhex(str(one["digest"]))
            for one in entries
            if isinstance(one, dict) and one["imr"] == 3
        ]
        domain = replace(DOMAIN, report_data=bound, rtmr=(*DOMAIN.rtmr[:3], extended(*digests)))
        quote = platform().quote(domain)
        return Material(
            self.registration,
            "tdx",
            quote,
            platform().collateral(),
            event_log(entries),
            self.devices,
        )

    def bundle(self, nonces: Sequence[int] = (7,), index: int = 0) -> Bundle:
        """The bundle of one of several answers under one receipt."""
        statements = [statement(self.record, nonce, self.domain) for nonce in nonces]
        root, paths = build([one.digest() for one in statements])
        unsigned = receipt_digest(root, self.time, self.registration.registry)
        signature = bytes(self.signer.unsafe_sign_hash(unsigned).signature)  # type: ignore[attr-defined]
        return replace(
            examples.bundle(),
            statement=statements[index],
            path=paths[index],
            system=self.record,
            signature=examples.sign(self.record.digest()),
            proof=Receipt(self.time, signature).to_json(),
            material=self.evidence().to_json(),
        )


@cache
def security_module() -> SecurityModule:
    """One Nitro security module for all tests."""
    return make_security_module(AT)


def root(kind: str = "tdx") -> Holder:
    """The test root of the simulated vendor."""
    return platform().authority if kind == "tdx" else security_module().authority


def evidence_policy() -> AttestationPolicy:
    """Reference values of both simulated enclaves."""
    return replace(td_policy(), nitro=NitroPolicy((tuple(PCRS.values()),), None))


def policy_json(kind: str = "tdx", **changes: Json) -> dict[str, Json]:
    """The policy file that accepts the simulation; a change of "absent" leaves a term out."""
    terms: dict[str, Json] = {
        "registered_at": AT,
        "evidence": evidence_policy().to_json(),
        "unsafe_simulated_root": {
            "certificate": base64.b64encode(root(kind).der).decode(),
            "sha256": to_hex(root(kind).fingerprint),
        },
    }
    terms = {key: one for key, one in (terms | changes).items() if one != "absent"}
    return {"format": FORMAT, "minimum_assurance": "SIMULATED", "attestation": terms}


def policy(kind: str = "tdx", **changes: Json) -> Policy:
    """The same, parsed."""
    return parse_policy(encode(policy_json(kind, **changes)))
