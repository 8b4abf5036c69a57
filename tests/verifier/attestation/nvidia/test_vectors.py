"""The evidence of real devices, and NVIDIA's real golden values, give what their source says."""

import json
from dataclasses import dataclass

import pytest

from avow.verifier.attestation.nvidia.chip import Architecture
from avow.verifier.attestation.nvidia.device import (
    CHAIN,
    DRIVER,
    FIRMWARE,
    NONCE,
    REVOCATION,
    SIGNATURE,
    VBIOS,
    Device,
    SimulatedDevice,
    check_gpu,
    check_nvswitch,
)
from avow.verifier.attestation.nvidia.evidence import (
    Evidence,
    parse_evidence_list,
    parse_evidence_texts,
)
from avow.verifier.attestation.nvidia.golden_values import (
    CHAIN as GOLDEN_CHAIN,
)
from avow.verifier.attestation.nvidia.golden_values import (
    REVOCATION as GOLDEN_REVOCATION,
)
from avow.verifier.attestation.nvidia.golden_values import (
    SIGNATURE as GOLDEN_SIGNATURE,
)
from avow.verifier.attestation.nvidia.golden_values import (
    check_golden_values,
    compare,
)
from avow.verifier.attestation.steps import State
from avow.verifier.errors import VerificationError
from tests.verifier.attestation.vectors import read

# Devices' certificates have no end; golden values' have one.
NOW = 1_795_000_000
LAST_SECOND = 253_402_300_799
JUNE_2024 = 1_717_200_000
MARCH_2025 = 1_740_787_200

ANSWER = "931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb"
SDK_ANSWER = "e97b23a1718095a0e9e35edca810768c70a6a5a389b705e753b197912bc11576"
SDK_OLD_ANSWER = "27a328247bf7935c993341cf587be6f05986ccce4fe7ba2c54100bd616a58f66"

GOLDEN = "gpu/1010_0200_882_96005E0001_PROD.swidtag"
GOLDEN_OTHER_VERSION = "gpu/1010_0200_882_96005E0003_PROD.swidtag"
GOLDEN_MISMATCH = "gpu/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml"
GOLDEN_DRIVER = "gpu/NV_GPU_DRIVER_GH100_550.144.03.xml"
GOLDEN_WRONG_SIGNATURE = "gpu/incorrect_signature_driver_rim.xml"


@dataclass(frozen=True)
class Known:
    """What a device's evidence must say; `firmware` is whether its report names its firmware."""

    files: tuple[str, ...]
    architecture: Architecture
    chip: str
    driver: str | None
    vbios: str
    nonce: str
    firmware: bool = True
    blocks: int = 64


DEVICES = [
    Known(
        ("gpu/hopper_evidence.json",),
        *(Architecture.HOPPER, "GH100", "590.12", "96.00.A5.00.01", SDK_ANSWER),
    ),
    Known(
        # On hold by OCSP, which nothing offline can know.
        ("gpu/hopper_evidence_cert_hold.json",),
        *(Architecture.HOPPER, "GH100", "570.86.10", "96.00.AF.00.01", ANSWER),
    ),
    Known(
        ("gpu/evidence_hopper_590_12.json",),
        *(Architecture.HOPPER, "GH100", "590.12", "96.00.A5.00.01", SDK_ANSWER),
    ),
    Known(
        ("gpu/blackwellAttestationReport.txt", "gpu/blackwellCertChain.txt"),
        *(Architecture.BLACKWELL, "GB100", "575.32", "97.00.88.00.0F", ANSWER),
    ),
    Known(
        ("gpu/sdk_hopperAttestationReport.txt", "gpu/sdk_hopperCertChain.txt"),
        *(Architecture.HOPPER, "GH100", "535.86.09", "96.00.5E.00.01", SDK_OLD_ANSWER, False),
    ),
    Known(
        ("gpu/nvtrust_hopperAttestationReport.txt", "gpu/nvtrust_hopperCertChain.txt"),
        *(Architecture.HOPPER, "GH100", "550.90.07", "96.00.9F.00.01", ANSWER),
    ),
    Known(
        ("gpu/switch_evidence_ls10.json",),
        *(Architecture.NVSWITCH, "LS10", None, "96.10.55.00.01", ANSWER, False, 31),
    ),
]


def evidence(*files: str) -> Evidence:
    """A device's evidence in either form."""
    if len(files) == 2:
        return parse_evidence_texts(read(files[0]), read(files[1]))
    (found,) = parse_evidence_list(read(files[0]))
    return found


def check(known: Known, nonce: bytes | None = None) -> Device | SimulatedDevice:
    """Check a device without golden values, for the nonce that it answered or for another."""
    asked = bytes.fromhex(known.nonce) if nonce is None else nonce
    if known.driver is None:
        return check_nvswitch(
            evidence(*known.files), asked, NOW, vbios=None, unsafe_missing_golden_values=True
        )
    return check_gpu(
        evidence(*known.files),
        *(asked, NOW),
        driver=None,
        vbios=None,
        unsafe_missing_golden_values=True,
    )


@pytest.mark.parametrize("known", DEVICES, ids=lambda known: known.files[0])
def test_a_real_device_is_recognised(known: Known) -> None:
    device = check(known)
    assert device.architecture is known.architecture
    assert (device.chip, device.driver, device.vbios) == (known.chip, known.driver, known.vbios)
    assert device.nonce.hex() == known.nonce
    assert len(device.measurements) == known.blocks
    assert isinstance(device, Device)
    assert device.expires == LAST_SECOND
    firmware = State.PASSED if known.firmware else State.NOT_CHECKED
    golden = [] if known.driver is None else [(DRIVER, State.NOT_CHECKED)]
    assert [(step.name, step.state) for step in device.steps] == [
        (CHAIN, State.PASSED),
        (REVOCATION, State.NOT_CHECKED),
        (SIGNATURE, State.PASSED),
        (NONCE, State.PASSED),
        (FIRMWARE, firmware),
        *golden,
        (VBIOS, State.NOT_CHECKED),
    ]


@pytest.mark.parametrize("known", DEVICES, ids=lambda known: known.files[0])
def test_a_real_device_that_answered_another_nonce_is_refused(known: Known) -> None:
    with pytest.raises(VerificationError, match=f"^{NONCE}: "):
        check(known, bytes.fromhex(known.nonce)[:-1] + b"\0")


def test_a_real_device_is_told_from_every_other() -> None:
    found = [check(known) for known in DEVICES]
    for of in ("identity", "serial", "platform"):
        assert len({getattr(device, of) for device in found}) == len(found)


def test_the_serial_is_what_nvidias_service_calls_ueid() -> None:
    (claims,) = json.loads(read("gpu/hopperClaimsv3_decoded.json")).values()
    device = check(DEVICES[5])
    assert device.serial == int(claims["ueid"])
    assert device.driver == claims["x-nvidia-gpu-driver-version"]
    assert device.vbios == claims["x-nvidia-gpu-vbios-version"]
    assert device.nonce.hex() == claims["eat_nonce"]


def test_a_real_report_whose_signature_was_altered_is_refused() -> None:
    forged = parse_evidence_texts(
        read("gpu/hopperAttestationReportInvalidSignature.txt"),
        read("gpu/sdk_hopperCertChain.txt"),
    )
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: "):
        check_gpu(
            forged,
            *(forged.report.nonce, NOW),
            driver=None,
            vbios=None,
            unsafe_missing_golden_values=True,
        )


def test_a_real_report_is_refused_with_another_devices_chain() -> None:
    mixed = parse_evidence_texts(
        read("gpu/nvtrust_hopperAttestationReport.txt"), read("gpu/sdk_hopperCertChain.txt")
    )
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: "):
        check_gpu(
            mixed,
            *(mixed.report.nonce, NOW),
            driver=None,
            vbios=None,
            unsafe_missing_golden_values=True,
        )


def test_a_real_device_from_before_its_certificates_is_refused() -> None:
    old = evidence("gpu/hopper_evidence.json")
    with pytest.raises(VerificationError, match=f"^{CHAIN}: "):
        check_gpu(old, bytes.fromhex(SDK_ANSWER), 1_500_000_000, driver=None, vbios=None)


def test_real_golden_values_match_a_real_device() -> None:
    golden = check_golden_values(read(GOLDEN), JUNE_2024)
    assert (golden.product, golden.version) == ("GH100", "96.00.5E.00.01")
    assert sorted(golden.measurements) == [*range(7), 8, 9, 10, 11, 12]
    assert len(golden.measurements[12]) == 4
    assert not golden.simulated
    assert [(step.name, step.state) for step in golden.steps] == [
        (GOLDEN_CHAIN, State.PASSED),
        (GOLDEN_SIGNATURE, State.PASSED),
        (GOLDEN_REVOCATION, State.NOT_CHECKED),
    ]
    known = DEVICES[4]
    device = check_gpu(
        evidence(*known.files),
        *(bytes.fromhex(known.nonce), NOW),
        driver=None,
        vbios=golden,
        unsafe_missing_golden_values=True,
    )
    assert [(step.name, step.state) for step in device.steps[5:]] == [
        (DRIVER, State.NOT_CHECKED),
        *((step.name, step.state) for step in golden.steps),
        (VBIOS, State.PASSED),
    ]
    assert "12 measurements" in device.steps[-1].detail
    assert device.expires == golden.expires == 1_750_584_633


def test_a_real_device_without_golden_values_is_refused_by_default() -> None:
    known = DEVICES[4]
    golden = check_golden_values(read(GOLDEN), JUNE_2024)
    with pytest.raises(VerificationError, match=f"^{DRIVER}: none were given"):
        check_gpu(
            evidence(*known.files), bytes.fromhex(known.nonce), NOW, driver=None, vbios=golden
        )


@pytest.mark.parametrize(
    ("file", "wrong", "says"),
    [
        (GOLDEN_MISMATCH, [9], "measurements 9 are not"),
        # Of another version of the VBIOS, which is noticed first.
        (GOLDEN_OTHER_VERSION, [11], r"96\.00\.5E\.00\.03 was given"),
    ],
)
def test_golden_values_that_a_real_device_does_not_have_refuse_it(
    file: str, wrong: list[int], says: str
) -> None:
    golden = check_golden_values(read(file), JUNE_2024)
    known = DEVICES[4]
    found = evidence(*known.files)
    assert compare(found.report.measurements, golden.measurements) == wrong
    with pytest.raises(VerificationError, match=f"^{VBIOS}: .*{says}"):
        check_gpu(
            found,
            *(bytes.fromhex(known.nonce), NOW),
            driver=None,
            vbios=golden,
            unsafe_missing_golden_values=True,
        )


def test_real_golden_values_of_a_driver_are_those_of_its_version_only() -> None:
    golden = check_golden_values(read(GOLDEN_DRIVER), MARCH_2025)
    assert (golden.product, golden.version) == ("GH100", "550.144.03")
    assert len(golden.measurements) == 21
    known = DEVICES[5]
    with pytest.raises(VerificationError, match=f"^{DRIVER}: .*550.144.03 was given.*550.90.07"):
        check_gpu(
            evidence(*known.files), bytes.fromhex(known.nonce), NOW, driver=golden, vbios=None
        )


@pytest.mark.parametrize(
    ("file", "inside", "outside"),
    [
        (GOLDEN, (1_687_512_633, JUNE_2024, 1_750_584_633), (1_687_512_632, 1_750_584_634)),
        (GOLDEN_DRIVER, (1_735_577_810, 1_798_649_810), (JUNE_2024, 1_798_649_811)),
    ],
)
def test_real_golden_values_have_their_time(
    file: str, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    for at in inside:
        check_golden_values(read(file), at)
    for at in outside:
        with pytest.raises(VerificationError, match=f"^{GOLDEN_CHAIN}: certificate 0 is valid"):
            check_golden_values(read(file), at)


def test_real_golden_values_with_an_altered_signature_are_refused() -> None:
    with pytest.raises(VerificationError, match=f"^{GOLDEN_SIGNATURE}: "):
        check_golden_values(read(GOLDEN_WRONG_SIGNATURE), MARCH_2025)
