"""A confidential GPU's or NVSwitch's evidence: who signed it, for which nonce, running what.

It shows that a genuine device, running this, answered this nonce; it does not show that any
computation was done on it.
"""

from dataclasses import dataclass, replace

from avow.verifier.attestation.certificates import check_raw_signature
from avow.verifier.attestation.nvidia.chain import DEVICE_ROOT, Signer, chain_detail, check_signer
from avow.verifier.attestation.nvidia.chip import (
    FIRMWARE_ID,
    NVDEC0_STATUS,
    Architecture,
    driver_version,
    parse_chip,
    vbios_version,
)
from avow.verifier.attestation.nvidia.evidence import Evidence
from avow.verifier.attestation.nvidia.firmware_id import certified_firmware
from avow.verifier.attestation.nvidia.golden_values import GoldenValues, compare
from avow.verifier.attestation.nvidia.spdm import Report
from avow.verifier.attestation.steps import Step, not_checked, passed
from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256

CHAIN = "device chain"
REVOCATION = "device revocation"
SIGNATURE = "device signature"
NONCE = "device nonce"
FIRMWARE = "device firmware id"
DRIVER = "driver golden values"
VBIOS = "VBIOS golden values"

# The state of the engine NVDEC0 when it is off; the measurement of its firmware then says nothing.
_NVDEC0_OFF = b"\x55"
_NVDEC0_MEASUREMENT = 35


@dataclass(frozen=True, slots=True)
class _Answered:
    """What is established about a device that answered, and how.

    `identity` is Keccak-256 of the signed bytes alone: anybody can rewrite an ECDSA signature.
    `platform` is that of the DER key that this one device was born with, `serial` the number of its
    certificate, which NVIDIA's tools call `ueid`. `chip` is as golden values name it ("GH100").
    `driver` is None for an NVSwitch. `measurements` are SHA-384 digests. `expires` is the Unix time
    at which a certificate ends first.
    """

    identity: bytes
    platform: bytes
    serial: int
    architecture: Architecture
    chip: str
    driver: str | None
    vbios: str
    nonce: bytes
    measurements: tuple[bytes, ...]
    expires: int
    steps: tuple[Step, ...]


class Device(_Answered):
    """Vouched for by NVIDIA's root."""

    __slots__ = ()


class SimulatedDevice(_Answered):
    """Vouched for by a test root that anybody can make: it establishes nothing about hardware."""

    __slots__ = ()


def check_gpu(
    evidence: Evidence,
    nonce: bytes,
    at: int,
    *,
    driver: GoldenValues | None,
    vbios: GoldenValues | None,
    unsafe_missing_golden_values: bool = False,
    test_root: TestRoot | None = None,
    steps: list[Step] | None = None,
) -> Device | SimulatedDevice:
    """Check a Hopper or Blackwell GPU's evidence for `nonce` (32 bytes) at the Unix time `at`.

    Golden values that are missing refuse it, or with `unsafe_missing_golden_values` are a step that
    was not checked. `steps` is given what was established, also before a refusal. Raises
    `VerificationError`.
    """
    steps = [] if steps is None else steps
    device = _authenticate(evidence, nonce, at, test_root, steps)
    if device.driver is None:
        raise VerificationError(CHAIN, "this is an NVSwitch, not a GPU")
    if driver is not None and vbios is not None:
        both = driver.measurements.keys() & vbios.measurements.keys()
        if both:
            raise VerificationError(
                DRIVER, f"driver and VBIOS both have golden values for measurement {min(both)}"
            )
    off = evidence.report.opaque.get(NVDEC0_STATUS) == _NVDEC0_OFF
    skipped = frozenset({_NVDEC0_MEASUREMENT}) if off else frozenset()
    needed = [(DRIVER, device.driver, driver), (VBIOS, device.vbios, vbios)]
    return _measured(device, needed, unsafe_missing_golden_values, skipped, steps)


def check_nvswitch(
    evidence: Evidence,
    nonce: bytes,
    at: int,
    *,
    vbios: GoldenValues | None,
    unsafe_missing_golden_values: bool = False,
    test_root: TestRoot | None = None,
    steps: list[Step] | None = None,
) -> Device | SimulatedDevice:
    """The same for an NVSwitch, which has no driver of its own."""
    steps = [] if steps is None else steps
    device = _authenticate(evidence, nonce, at, test_root, steps)
    if device.driver is not None:
        raise VerificationError(CHAIN, "this is a GPU, not an NVSwitch")
    needed = [(VBIOS, device.vbios, vbios)]
    return _measured(device, needed, unsafe_missing_golden_values, frozenset(), steps)


def _authenticate(
    evidence: Evidence,
    nonce: bytes,
    at: int,
    test_root: TestRoot | None,
    steps: list[Step],
) -> Device | SimulatedDevice:
    report = evidence.report
    signer = check_signer(evidence.chain, DEVICE_ROOT, test_root, at, CHAIN)
    chip, architecture = parse_chip(signer.issuer)
    if evidence.named not in (None, architecture.value):
        raise VerificationError(
            CHAIN, f"the evidence names {evidence.named}, its chain {architecture.value}"
        )
    steps.append(passed(CHAIN, chain_detail(evidence.chain, test_root, at)))
    steps.append(not_checked(REVOCATION, "only NVIDIA's OCSP service knows"))
    check_raw_signature(signer.key, report.signature, report.signed, SIGNATURE)
    steps.append(passed(SIGNATURE, f"by {signer.issuer}, number {signer.serial}"))
    if report.nonce != nonce:
        raise VerificationError(
            NONCE, f"{nonce.hex()[:64]} was asked, {report.nonce.hex()} answered"
        )
    steps.append(passed(NONCE, report.nonce.hex()))
    steps.append(_firmware(report, signer))
    is_switch = architecture is Architecture.NVSWITCH
    made = Device if test_root is None else SimulatedDevice
    return made(
        identity=keccak256(report.signed),
        platform=keccak256(signer.issuer_key),
        serial=signer.serial,
        architecture=architecture,
        chip=chip,
        driver=None if is_switch else driver_version(report),
        vbios=vbios_version(report, architecture),
        nonce=report.nonce,
        measurements=report.measurements,
        expires=signer.expires,
        steps=tuple(steps),
    )


def _firmware(report: Report, signer: Signer) -> Step:
    certified = certified_firmware(signer.extensions, signer.issuer_key)
    reported = report.opaque.get(FIRMWARE_ID)
    if reported is None:
        return not_checked(FIRMWARE, "the report, of an older driver or a switch, names none")
    if reported != certified:
        raise VerificationError(
            FIRMWARE, "the report names other firmware than the certificate was made for"
        )
    return passed(FIRMWARE, reported.hex())


def _measured(
    device: Device | SimulatedDevice,
    needed: list[tuple[str, str, GoldenValues | None]],
    missing_allowed: bool,
    skipped: frozenset[int],
    steps: list[Step],
) -> Device | SimulatedDevice:
    expires = device.expires
    for step, version, golden in needed:
        if golden is None:
            if not missing_allowed:
                raise VerificationError(step, f"none were given for {device.chip} {version}")
            steps.append(not_checked(step, f"none were given for {device.chip} {version}"))
            continue
        if golden.simulated is not isinstance(device, SimulatedDevice):
            raise VerificationError(step, "simulated and genuine evidence do not go together")
        if (golden.product, golden.version.upper()) != (device.chip, version.upper()):
            raise VerificationError(
                step,
                f"{golden.product} {golden.version} was given, "
                f"the device has {device.chip} {version}",
            )
        if wrong := compare(device.measurements, golden.measurements, skipped):
            raise VerificationError(
                step, f"measurements {', '.join(map(str, wrong))} are not as {version} has them"
            )
        expires = min(expires, golden.expires)
        compared = len(golden.measurements.keys() - skipped)
        steps.extend(golden.steps)
        steps.append(passed(step, f"{device.chip} {version}: {compared} measurements are right"))
    return replace(device, steps=tuple(steps), expires=expires)
