"""No byte of a real device's evidence or of real golden values can be changed.

A sample of the bytes in `make test`, every byte in `make campaign`.
"""

import random
from dataclasses import replace

import pytest

from avow.verifier.attestation.nvidia.device import check_gpu, check_nvswitch
from avow.verifier.attestation.nvidia.evidence import Evidence
from avow.verifier.attestation.nvidia.golden_values import check_golden_values
from avow.verifier.attestation.nvidia.spdm import parse_report
from avow.verifier.errors import VerificationError
from tests.sampling import sampled
from tests.verifier.attestation.nvidia.test_vectors import (
    DEVICES,
    GOLDEN,
    GOLDEN_DRIVER,
    JUNE_2024,
    MARCH_2025,
    NOW,
    Known,
    evidence,
)
from tests.verifier.attestation.vectors import read

SAMPLE = 40


def tampered(data: bytes, at: int) -> bytes:
    """The same bytes with another one at `at`."""
    return data[:at] + bytes([data[at] ^ random.randrange(1, 256)]) + data[at + 1 :]


def accept(found: Evidence, known: Known) -> None:
    """Check a real device's evidence."""
    nonce = bytes.fromhex(known.nonce)
    if known.driver is None:
        check_nvswitch(found, nonce, NOW, vbios=None, unsafe_missing_golden_values=True)
    else:
        check_gpu(found, nonce, NOW, driver=None, vbios=None, unsafe_missing_golden_values=True)


@pytest.mark.parametrize("known", DEVICES, ids=lambda known: known.files[0])
def test_no_byte_of_a_report_can_be_changed(known: Known) -> None:
    genuine = evidence(*known.files)
    accept(genuine, known)
    data = genuine.report.signed + genuine.report.signature
    for at in sampled(range(len(data)), SAMPLE):
        with pytest.raises(VerificationError):
            accept(replace(genuine, report=parse_report(tampered(data, at))), known)


@pytest.mark.parametrize("known", DEVICES, ids=lambda known: known.files[0])
def test_no_byte_of_a_certificate_can_be_changed(known: Known) -> None:
    genuine = evidence(*known.files)
    places = [(n, at) for n, one in enumerate(genuine.chain) for at in range(len(one))]
    for number, at in sampled(places, SAMPLE):
        chain = list(genuine.chain)
        chain[number] = tampered(chain[number], at)
        with pytest.raises(VerificationError):
            accept(replace(genuine, chain=tuple(chain)), known)


@pytest.mark.parametrize(("file", "at"), [(GOLDEN, JUNE_2024), (GOLDEN_DRIVER, MARCH_2025)])
def test_no_change_of_a_manifest_changes_what_is_believed(file: str, at: int) -> None:
    """White space inside tags and in base64 may change; what is read may not."""
    data = read(file)
    genuine = check_golden_values(data, at)
    accepted = 0
    places = sampled(range(len(data)), 4 * SAMPLE)
    for place in places:
        try:
            found = check_golden_values(tampered(data, place), at)
        except VerificationError:
            continue
        assert found == genuine
        accepted += 1
    assert accepted < len(places) / 20


@pytest.mark.parametrize(("file", "at"), [(GOLDEN, JUNE_2024), (GOLDEN_DRIVER, MARCH_2025)])
def test_no_byte_of_a_manifests_content_can_be_changed(file: str, at: int) -> None:
    data = read(file)
    start = data.index(b"<ns0:Payload")
    digits = [n for n in range(start, data.index(b"</ns0:Payload>")) if data[n : n + 1].isalnum()]
    for place in sampled(digits, 2 * SAMPLE):
        with pytest.raises(VerificationError):
            check_golden_values(tampered(data, place), at)
