"""A nonce is one enclave's at one registration; a digest names evidence of certain devices."""

from dataclasses import replace

import pytest

from avow.verifier.attestation.nvidia.binding import device_nonce, evidence_digest
from avow.verifier.attestation.nvidia.device import Device, SimulatedDevice, check_gpu
from avow.verifier.attestation.nvidia.evidence import parse_evidence_list
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from tests.verifier.attestation.nvidia.simulated import AT, Maker

CHALLENGE, ADDRESS = bytes(range(32)), bytes(range(20))


def answered(maker: Maker, nonce: bytes) -> Device | SimulatedDevice:
    """A new simulated device that answered a nonce."""
    made = maker.device()
    (evidence,) = parse_evidence_list(made.evidence(made.report(nonce)))
    return check_gpu(
        evidence,
        *(nonce, AT),
        driver=None,
        vbios=None,
        unsafe_missing_golden_values=True,
        test_root=maker.trusted(),
    )


def test_a_nonce_depends_on_challenge_and_key() -> None:
    nonce = device_nonce(CHALLENGE, ADDRESS)
    word = keccak256(b"avow.attestation.device-nonce.v1")
    assert nonce == keccak256(word + CHALLENGE + ADDRESS)
    assert device_nonce(bytes(32), ADDRESS) != nonce
    assert device_nonce(CHALLENGE, bytes(20)) != nonce
    for wrong in ((CHALLENGE[1:], ADDRESS), (CHALLENGE, ADDRESS + b"\0"), (b"", b"")):
        with pytest.raises(VerificationError, match=r"^parse: "):
            device_nonce(*wrong)


def test_a_digest_names_devices_in_any_order_and_each_once(maker: Maker) -> None:
    nonce = device_nonce(CHALLENGE, ADDRESS)
    first, second = answered(maker, nonce), answered(maker, nonce)
    both = evidence_digest([first, second])
    assert both == evidence_digest([second, first])
    word = keccak256(b"avow.attestation.devices.v1")
    pairs = sorted(device.platform + device.identity for device in (first, second))
    assert both == keccak256(word + b"".join(pairs))
    # They signed the same bytes, and yet they are two.
    assert first.identity == second.identity
    assert len({both, evidence_digest([first]), evidence_digest([second])}) == 3
    assert evidence_digest([]) == bytes(32)
    for twice in (first, replace(first, identity=bytes(32))):
        with pytest.raises(VerificationError, match="twice"):
            evidence_digest([first, twice])
