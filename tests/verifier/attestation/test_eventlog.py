"""Event logs: what leads to the registers, what is asked for, and lies about both."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.attestation.eventlog import (
    RUNTIME_EVENT,
    parse_event_log,
    replay,
    runtime_digest,
)
from avow.verifier.attestation.policy import RequiredEvent
from avow.verifier.canonical import Json, encode
from avow.verifier.errors import VerificationError
from tests.verifier.attestation.examples import (
    DOMAIN,
    EVENTS,
    FIRMWARE,
    event,
    event_log,
    extended,
    log_entries,
)


def logged(*names: tuple[str, bytes]) -> tuple[bytes, tuple[bytes, ...]]:
    """A log of application events, and the registers it leads to."""
    entries = [event(3, RUNTIME_EVENT, runtime_digest(*one), *one) for one in names]
    register = extended(*(runtime_digest(*one) for one in names))
    return event_log(entries), (bytes(48), bytes(48), bytes(48), register)


def test_the_log_leads_to_all_four_registers() -> None:
    required = [RequiredEvent(name, payload) for name, payload in EVENTS]
    step = replay(event_log(), DOMAIN.rtmr, required)
    assert step.detail == "6 events lead to RTMR0 to 3; 3 required ones once"
    for number in range(4):
        wrong = [bytes(48) if n == number else one for n, one in enumerate(DOMAIN.rtmr)]
        if number == 2:
            wrong[2] = FIRMWARE
        with pytest.raises(VerificationError, match=f"does not lead to RTMR{number}"):
            replay(event_log(), wrong, required)


def test_the_digest_of_an_event_binds_name_and_payload() -> None:
    hashed = hashlib.sha384(b"\x01\x00\x00\x08:compose-hash:" + b"\2" * 32).digest()
    assert runtime_digest("compose-hash", b"\2" * 32) == hashed
    for name, payload in (("compose-hash", b"\3" * 32), ("app-id", b"\2" * 32)):
        entries = [*log_entries()[:-1], event(3, RUNTIME_EVENT, hashed, name, payload)]
        with pytest.raises(VerificationError, match="does not have its digest"):
            replay(event_log(entries), DOMAIN.rtmr, ())


def test_an_event_of_rtmr3_is_the_applications() -> None:
    name, payload = EVENTS[0]
    entries = [event(3, 4, runtime_digest(name, payload), name, payload)]
    rtmr = (bytes(48), bytes(48), bytes(48), extended(runtime_digest(name, payload)))
    with pytest.raises(VerificationError, match="does not have its digest"):
        replay(event_log(entries), rtmr, ())


def test_a_digest_that_can_be_computed_may_be_left_out() -> None:
    name, payload = EVENTS[0]
    _, rtmr = logged((name, payload))
    short: list[Json] = [event(3, RUNTIME_EVENT, b"", name, payload)]
    assert replay(event_log(short), rtmr, (RequiredEvent(name, payload),))
    with pytest.raises(VerificationError, match="no digest of 48 bytes"):
        replay(event_log([event(0, 4, b"")]), rtmr, ())


@pytest.mark.parametrize("times", [0, 2])
def test_a_required_event_occurs_exactly_once(times: int) -> None:
    log, rtmr = logged(*[("app-id", b"\1")] * times, ("other", b""))
    with pytest.raises(VerificationError, match=f"exactly once, not {times} times"):
        replay(log, rtmr, (RequiredEvent("app-id", None),))


def test_a_required_event_of_another_payload_is_refused() -> None:
    log, rtmr = logged(("app-id", b"\1"))
    assert replay(log, rtmr, (RequiredEvent("app-id", b"\1"),))
    with pytest.raises(VerificationError, match="another payload"):
        replay(log, rtmr, (RequiredEvent("app-id", b"\2"),))


def test_what_the_firmware_logged_is_no_required_event() -> None:
    entries = [event(1, RUNTIME_EVENT, runtime_digest("app-id", b"\1"), "app-id", b"\1")]
    rtmr = (bytes(48), extended(runtime_digest("app-id", b"\1")), bytes(48), bytes(48))
    with pytest.raises(VerificationError, match="exactly once, not 0 times"):
        replay(event_log(entries), rtmr, (RequiredEvent("app-id", None),))


def test_a_name_with_a_colon_would_be_ambiguous() -> None:
    assert runtime_digest("a", b"b:c") == runtime_digest("a:b", b"c")
    log, rtmr = logged(("a:b", b"c"))
    with pytest.raises(VerificationError, match="colon"):
        replay(log, rtmr, ())


@pytest.mark.parametrize(
    "change",
    [
        {"imr": 4},
        {"imr": -1},
        {"event_type": 2**32},
        {"digest": "zz"},
        {"digest": "AB"},
        {"event_payload": "abc"},
        {"event_payload": 5},
        {"more": 1},
    ],
)
def test_malformed_events_are_refused(change: dict[str, Json]) -> None:
    first = log_entries()[0]
    assert isinstance(first, dict)
    with pytest.raises(VerificationError) as refusal:
        parse_event_log(encode([first | change]))
    assert refusal.value.step == "parse"


@given(st.binary(max_size=300) | st.binary(max_size=6).map(lambda put: event_log()[:-9] + put))
def test_bytes_are_no_log(data: bytes) -> None:
    try:
        replay(data, DOMAIN.rtmr, ())
    except VerificationError as refusal:
        assert refusal.step in ("parse", "events")
    else:
        raise AssertionError("random bytes led to the registers")
