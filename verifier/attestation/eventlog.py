"""Replaying the event log of a trust domain, and finding in it what a policy asks for.

Source: dstack, cc-eventlog (`runtime_events`): an event of the application has the digest
SHA-384(type || ":" || name || ":" || payload); each digest extends its register.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier import canonical
from avow.verifier.attestation.policy import RequiredEvent
from avow.verifier.attestation.steps import Step, passed
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex

MAX_BYTES = 2**20
MAX_EVENTS = 4096
RUNTIME_EVENT = 0x08000001
_REGISTER_BYTES = 48


@dataclass(frozen=True, slots=True)
class Event:
    """One extension of RTMR `register` by `digest`: 48 bytes, or none where it is computed."""

    register: int
    kind: int
    digest: bytes
    name: str
    payload: bytes


def runtime_digest(name: str, payload: bytes) -> bytes:
    """The digest of an event that the application logged."""
    kind = RUNTIME_EVENT.to_bytes(4, "little")
    return hashlib.sha384(kind + b":" + name.encode("ascii") + b":" + payload).digest()


def parse_event_log(data: bytes) -> tuple[Event, ...]:
    """Read a log in dstack's JSON: a list of {imr, event_type, digest, event, event_payload}."""
    value = canonical.parse_lenient(data, MAX_BYTES, "event log")
    items = Fields({"events": value}, "event log", {"events"}).items("events", 0, MAX_EVENTS)
    return tuple(_event(item) for item in items)


def _event(value: Json) -> Event:
    fields = Fields(value, "event log", {"imr", "event_type", "digest", "event", "event_payload"})
    # A colon would let one digest stand for several events.
    if ":" in fields.text("event"):
        raise VerificationError("parse", "event log: an event's name holds a colon")
    return Event(
        fields.integer("imr", 0, 3),
        fields.integer("event_type", 0, 2**32 - 1),
        _hex(fields, "digest"),
        fields.text("event"),
        _hex(fields, "event_payload"),
    )


def _hex(fields: Fields, key: str) -> bytes:
    text = fields.text(key, 2**17)
    return parse_hex("0x" + text, len(text) // 2, f"event log.{key}")


def replay(log: bytes, rtmr: Sequence[bytes], required: Sequence[RequiredEvent]) -> Step:
    """Establish that the log leads to the four registers, and holds each required event once.

    Only events of RTMR3 count as required ones: their digests bind name and payload. Of the
    events before, which the firmware logged, the digests alone are established.
    """
    events = parse_event_log(log)
    registers = [bytes(_REGISTER_BYTES)] * 4
    for number, event in enumerate(events):
        digest = event.digest
        if event.register == 3:
            digest = runtime_digest(event.name, event.payload)
            # Short logs leave out what can be computed.
            if event.kind != RUNTIME_EVENT or event.digest not in (digest, b""):
                raise VerificationError(
                    "events", f"event {number} ({event.name[:40]!r}) does not have its digest"
                )
        if len(digest) != _REGISTER_BYTES:
            raise VerificationError("events", f"event {number} has no digest of 48 bytes")
        registers[event.register] = hashlib.sha384(registers[event.register] + digest).digest()
    for number, (replayed, quoted) in enumerate(zip(registers, rtmr, strict=True)):
        if replayed != quoted:
            raise VerificationError("events", f"the log does not lead to RTMR{number}")
    for wanted in required:
        found = [one for one in events if one.register == 3 and one.name == wanted.name]
        if len(found) != 1:
            raise VerificationError(
                "events", f"{wanted.name!r} must be logged exactly once, not {len(found)} times"
            )
        if wanted.payload is not None and found[0].payload != wanted.payload:
            raise VerificationError("events", f"{wanted.name!r} has another payload")
    return passed(
        "events", f"{len(events)} events lead to RTMR0 to 3; {len(required)} required ones once"
    )
