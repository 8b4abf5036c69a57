"""GPUs beside an enclave: they answered a nonce that depends on its key, and it registered them."""

from typing import TYPE_CHECKING

from avow.verifier.attestation.steps import Step, not_checked, passed
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.systems.tee.material import Material
from avow.verifier.systems.tee.terms import DeviceTerms, Terms

if TYPE_CHECKING:
    from avow.verifier.attestation.nvidia.device import Device, SimulatedDevice

STEP = "gpu"
_MEANING = "it does not show that the answer was computed there"


def check_devices(material: Material, terms: Terms, address: bytes) -> tuple[Step, ...]:
    """What is established about the devices that the enclave of `address` registered.

    Where the caller's terms ask for devices, anything missing refuses; where they do not, nothing
    is established and that is said.
    """
    named, asked = material.registration.gpu, terms.devices
    if named == ZERO_WORD:
        if material.devices is not None:
            raise VerificationError(STEP, "evidence of devices that the enclave did not register")
        if asked is not None:
            raise VerificationError(STEP, "the policy asks for a GPU, the enclave registered none")
        return (not_checked(STEP, "no evidence of a GPU; the enclave alone is attested"),)
    if asked is None:
        return (not_checked(STEP, f"the policy says nothing about devices 0x{named.hex()}"),)
    if material.devices is None:
        raise VerificationError(STEP, f"evidence of the devices 0x{named.hex()} is missing")
    # Loaded late: what they rest on is only there with the extra.
    from avow.verifier.attestation.nvidia.binding import device_nonce, evidence_digest

    nonce = device_nonce(material.registration.challenge, address)
    devices, steps = check_device_list(material.devices, nonce, terms.registered_at, asked)
    if evidence_digest(devices) != named:
        raise VerificationError(STEP, "these are not the devices that the enclave registered")
    said = f"{len(devices)} answered a nonce of the enclave's key; {_MEANING}"
    return (*steps, passed(STEP, said))


def check_device_list(
    data: bytes, nonce: bytes, at: int, asked: DeviceTerms
) -> "tuple[list[Device | SimulatedDevice], tuple[Step, ...]]":
    """The GPUs of the attestation SDK's list that answered `nonce` (32 bytes), as asked for.

    `at` is the Unix time at which they, and the golden values, are judged. Raises
    `VerificationError`.
    """
    # Loaded late: what they rest on is only there with the extra.
    from avow.verifier.attestation.nvidia.device import check_gpu
    from avow.verifier.attestation.nvidia.evidence import parse_evidence_list
    from avow.verifier.attestation.nvidia.golden_values import check_all_golden_values

    root = asked.simulated_root
    golden = check_all_golden_values(asked.golden_values, at, root)
    devices: list[Device | SimulatedDevice] = []
    steps: list[Step] = []
    for evidence in parse_evidence_list(data):
        # Versions are known once the report is authentic; the golden values of these count.
        device = check_gpu(
            evidence, nonce, at, driver=None, vbios=None,
            unsafe_missing_golden_values=True, test_root=root,
        )  # fmt: skip
        device = check_gpu(
            evidence,
            nonce,
            at,
            driver=golden.get((device.chip, (device.driver or "").upper())),
            vbios=golden.get((device.chip, device.vbios.upper())),
            unsafe_missing_golden_values=asked.unsafe_missing_golden_values,
            test_root=root,
        )
        if asked.platforms is not None and device.platform not in asked.platforms:
            raise VerificationError(
                STEP, f"the device 0x{device.platform.hex()} is not on the policy's list"
            )
        devices.append(device)
        steps.extend(device.steps)
    return devices, tuple(steps)
