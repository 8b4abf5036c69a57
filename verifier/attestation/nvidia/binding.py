"""How an enclave ties devices' evidence to its key: the nonce before it, the digest after it."""

from collections.abc import Sequence

from avow.verifier.attestation.nvidia.device import Device, SimulatedDevice
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256, tag

_NONCE = tag("avow.attestation.device-nonce.v1")
_DEVICES = tag("avow.attestation.devices.v1")
NO_DEVICES = bytes(32)


def device_nonce(challenge: bytes, address: bytes) -> bytes:
    """keccak256(tag || challenge || address): what an enclave asks its devices to sign.

    `challenge` are the 32 bytes of the registration, `address` the 20 of the enclave's key, which
    must be there before the devices are asked.
    """
    if len(challenge) != 32 or len(address) != 20:
        raise VerificationError("parse", "a challenge has 32 bytes and an address 20")
    return keccak256(_NONCE + challenge + address)


def evidence_digest(devices: Sequence[Device | SimulatedDevice]) -> bytes:
    """keccak256(tag || (platform || identity) in increasing order), or zeros without any device.

    What a registration document names. A device's signature does not cover its own certificate, so
    the platform belongs to it. The same device twice is refused, whatever it signed.
    """
    if len({device.platform for device in devices}) != len(devices):
        raise VerificationError("parse", "the same device appears twice")
    if not devices:
        return NO_DEVICES
    pairs = sorted(device.platform + device.identity for device in devices)
    return keccak256(_DEVICES + b"".join(pairs))
