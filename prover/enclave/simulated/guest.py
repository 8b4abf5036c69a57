"""A simulated trust domain as a session sees it: real layout, and no protection whatever."""

import hashlib
import json
from dataclasses import replace

from avow.prover.enclave.platform import Evidence, Measured
from avow.prover.enclave.simulated.platform import Platform, TrustDomain
from avow.verifier.attestation.eventlog import RUNTIME_EVENT, runtime_digest
from avow.verifier.attestation.policy import AttestationPolicy, IntelTcb, TdxPolicy
from avow.verifier.attestation.testroot import TestRoot, allow_test_root

_SEPARATOR = 4


def _extended(register: bytes, digest: bytes) -> bytes:
    return hashlib.sha384(register + digest).digest()


# What the firmware of a simulated guest would have measured: one event for each of three registers.
_BOOT = tuple(hashlib.sha384(b"SIMULATED guest, RTMR%d" % number).digest() for number in range(3))
_MR_TD = hashlib.sha384(b"SIMULATED guest, MRTD").digest()
_REGISTERS = tuple(_extended(bytes(48), digest) for digest in _BOOT)


def simulated_reference() -> AttestationPolicy:
    """The reference values of every simulated guest: they say nothing about any software."""
    tcb = IntelTcb(("UpToDate",), (), 17, None)
    return AttestationPolicy(tdx=TdxPolicy(((_MR_TD, *_REGISTERS),), tcb, bytes(48), ()))


class SimulatedGuest:
    """A trust domain that "starts" with this object, on a simulated machine.

    Construction raises `VerificationError` where the environment says production.
    """

    def __init__(self, machine: Platform) -> None:
        self._machine = machine
        self._root = allow_test_root(machine.authority.der, machine.authority.fingerprint)
        self._events: list[Measured] = []

    @property
    def name(self) -> str:
        """`simulated`."""
        return "simulated"

    @property
    def root(self) -> TestRoot | None:
        """The machine's own."""
        return self._root

    def measured(self) -> tuple[Measured, ...]:
        """The events since the object was made."""
        return tuple(self._events)

    def extend(self, event: Measured) -> None:
        """Note the event."""
        self._events.append(event)

    def evidence(self, report_data: bytes) -> Evidence:
        """A quote under the machine's test root."""
        rtmr3, log = bytes(48), []
        for number, digest in enumerate(_BOOT):
            log.append(_entry(number, _SEPARATOR, digest, "", b""))
        for event in self._events:
            digest = runtime_digest(event.name, event.payload)
            rtmr3 = _extended(rtmr3, digest)
            log.append(_entry(3, RUNTIME_EVENT, digest, event.name, event.payload))
        first, second, third = _REGISTERS
        domain = TrustDomain(_MR_TD, (first, second, third, rtmr3), report_data)
        return Evidence(self._machine.quote(domain), json.dumps(log).encode("ascii"))

    def collateral(self, quote: bytes) -> bytes:
        """What the simulated vendor says of its machine today."""
        return self._machine.collateral()


def started(machine: Platform, at: int) -> SimulatedGuest:
    """A guest of a machine whose collateral is of the Unix time `at`."""
    return SimulatedGuest(replace(machine, at=at))


def _entry(register: int, kind: int, digest: bytes, name: str, payload: bytes) -> dict[str, object]:
    return {
        "imr": register,
        "event_type": kind,
        "digest": digest.hex(),
        "event": name,
        "event_payload": payload.hex(),
    }
