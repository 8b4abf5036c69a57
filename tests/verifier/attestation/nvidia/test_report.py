"""A report is read byte for byte, or not at all."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.attestation.nvidia.limits import LIMITS
from avow.verifier.attestation.nvidia.spdm import parse_report
from avow.verifier.errors import VerificationError
from tests.verifier.attestation.nvidia.simulated import NONCE, OPAQUE, measured, unsigned_report

SIGNATURE = bytes(96)


def report(blocks: int = 3) -> bytes:
    """A report with few measurements."""
    return unsigned_report(NONCE, OPAQUE, blocks) + SIGNATURE


def test_a_report_is_taken_apart() -> None:
    found = parse_report(report())
    assert found.nonce == NONCE
    assert found.measurements == tuple(measured(n) for n in range(3))
    assert found.opaque == OPAQUE
    assert found.signed + found.signature == report()
    assert found.signature == SIGNATURE


def test_no_measurements_and_no_fields_can_be_read() -> None:
    empty = parse_report(unsigned_report(NONCE, {}, 0) + SIGNATURE)
    assert (empty.measurements, empty.opaque) == ((), {})


# Offsets in a report: the request has 37 bytes, the response's head 8, a measurement 55.
RESPONSE, RECORD = 37, 45


def put(at: int, *octets: int) -> Callable[[bytes], bytes]:
    """Replace bytes."""
    return lambda data: data[:at] + bytes(octets) + data[at + len(octets) :]


OPAQUE_AT = RECORD + 3 * 55 + 32


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put(0, 0x12), "no SPDM 1.1 request"),
        (put(1, 0x60), "no SPDM 1.1 request"),
        (put(2, 0), "no SPDM 1.1 request"),
        (put(3, 1), "no SPDM 1.1 request"),
        (put(36, 1), "slot"),
        (put(RESPONSE, 0x10), "no SPDM 1.1 response"),
        (put(RESPONSE + 1, 0x7F), "no SPDM 1.1 response"),
        (put(RESPONSE + 2, 1), "no SPDM 1.1 response"),
        (put(RESPONSE + 3, 1), "no SPDM 1.1 response"),
        (put(RESPONSE + 4, 2), "too many"),
        (put(RESPONSE + 4, 4), "in the middle"),
        (put(RESPONSE + 5, 0xFF, 0xFF, 0xFF), "in the middle"),
        (put(RESPONSE + 5, 0, 0, 0), "in the middle"),
        (put(RECORD, 2), "index"),
        (put(RECORD + 55, 1), "index"),
        (put(RECORD + 1, 2), "specification"),
        (put(RECORD + 2, 50), "size"),
        (put(RECORD + 4, 0x81), "type"),
        (put(RECORD + 5, 47), "size of the value"),
        (put(OPAQUE_AT, 0xFF, 0xFF), "in the middle"),
        (put(OPAQUE_AT, 0, 0), "too many"),
        (put(OPAQUE_AT + 2 + 12, 6), "field 6 appears twice"),
        (put(OPAQUE_AT + 4, 0xFF), "in the middle"),
        (lambda data: data + b"\0", "too many"),
        (lambda data: data[:-1], "in the middle"),
        (lambda data: data[: RESPONSE - 1], "in the middle"),
        (lambda _: b"", "in the middle"),
        (lambda _: bytes(LIMITS.report_bytes + 1), "at most"),
    ],
)
def test_what_is_written_otherwise_is_refused(change: Callable[[bytes], bytes], says: str) -> None:
    changed = change(report())
    assert changed != report()
    with pytest.raises(VerificationError, match=f"^parse: .*{says}"):
        parse_report(changed)


@given(st.binary(max_size=300))
def test_only_one_kind_of_error_leaves(data: bytes) -> None:
    try:
        parse_report(data)
    except VerificationError:
        return
    raise AssertionError("a report has more bytes than these")


@given(st.integers(0, len(report()) - 1), st.binary(min_size=1, max_size=4), st.booleans())
def test_what_is_read_of_a_damaged_report_is_what_stands_in_it(
    at: int, octets: bytes, longer: bool
) -> None:
    """Whatever is accepted can be written again to the same bytes: nothing is skipped."""
    genuine = report()
    damaged = genuine[:at] + octets + genuine[at + (0 if longer else len(octets)) :]
    try:
        found = parse_report(damaged)
    except VerificationError:
        return
    again = unsigned_report(found.nonce, found.opaque, len(found.measurements))
    assert len(again) == len(found.signed)
    assert found.signed + found.signature == damaged
    assert all(found.measurements[n] in damaged for n in range(len(found.measurements)))
