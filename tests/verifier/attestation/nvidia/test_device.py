"""A simulated device's evidence in the real layout, and everybody who lies about it."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from avow.verifier.attestation.nvidia.chip import Architecture
from avow.verifier.attestation.nvidia.device import (
    CHAIN,
    DRIVER,
    FIRMWARE,
    NONCE,
    SIGNATURE,
    VBIOS,
    Device,
    SimulatedDevice,
    check_gpu,
    check_nvswitch,
)
from avow.verifier.attestation.nvidia.evidence import parse_evidence_list, parse_evidence_texts
from avow.verifier.attestation.nvidia.golden_values import GoldenValues
from avow.verifier.attestation.steps import State
from avow.verifier.attestation.testroot import allow_test_root
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from tests.verifier.attestation.nvidia import simulated
from tests.verifier.attestation.nvidia.simulated import (
    AT,
    COMPOSITE_DEVICE_ID,
    OPAQUE,
    SWITCH_OPAQUE,
    TCB_INFO,
    Authority,
    MadeDevice,
    Maker,
    certify,
    composite_device_id,
    measured,
    pem,
    tcb_info,
)
from tests.verifier.attestation.nvidia.simulated import (
    FIRMWARE as DIGEST,
)

VBIOS_VERSION, DRIVER_VERSION = "96.00.5E.00.01", "570.1.2"
DRIVER_VALUES = {7: (measured(7),), 21: (measured(21),)}
VBIOS_VALUES = {0: (measured(0),), 1: (bytes(48), measured(1)), 63: (measured(63),)}


@pytest.fixture(scope="session")
def hopper(maker: Maker) -> MadeDevice:
    """A simulated GH100."""
    return maker.device()


@pytest.fixture(scope="session")
def driver(maker: Maker) -> GoldenValues:
    """What its driver must measure."""
    return maker.checked(DRIVER_VERSION, DRIVER_VALUES)


@pytest.fixture(scope="session")
def vbios(maker: Maker) -> GoldenValues:
    """What its VBIOS must measure."""
    return maker.checked(VBIOS_VERSION, VBIOS_VALUES)


def check(data: bytes, maker: Maker, **other: Any) -> SimulatedDevice | Device:
    """Check one simulated GPU; without golden values unless they are given."""
    (found,) = parse_evidence_list(data)
    choices = {
        "driver": None,
        "vbios": None,
        "unsafe_missing_golden_values": True,
        "test_root": maker.trusted(),
    }
    return check_gpu(found, simulated.NONCE, AT, **(choices | other))


def flipped(data: bytes) -> bytes:
    """With another last bit: keys are random, and any constant may be there already."""
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_simulated_device_passes_every_step_but_revocation(
    maker: Maker, hopper: MadeDevice, driver: GoldenValues, vbios: GoldenValues
) -> None:
    device = check(
        hopper.evidence(),
        maker,
        driver=driver,
        vbios=vbios,
        unsafe_missing_golden_values=False,
    )
    assert isinstance(device, SimulatedDevice)
    assert (device.architecture, device.chip) == (Architecture.HOPPER, "GH100")
    assert (device.driver, device.vbios) == (DRIVER_VERSION, VBIOS_VERSION)
    assert device.measurements == tuple(measured(n) for n in range(simulated.BLOCKS))
    assert device.serial == hopper.leaf.certificate.serial_number
    assert device.identity == keccak256(hopper.report()[:-96])
    assert device.expires == AT + 1000
    not_passed = [step.name for step in device.steps if step.state is not State.PASSED]
    assert not_passed == ["device revocation", *2 * ["golden values revocation"]]
    assert "SIMULATED" in device.steps[0].detail


def test_a_simulated_device_is_refused_by_default(hopper: MadeDevice) -> None:
    (found,) = parse_evidence_list(hopper.evidence())
    with pytest.raises(VerificationError, match=f"^{CHAIN}: .*pinned root"):
        check_gpu(found, simulated.NONCE, AT, driver=None, vbios=None)


def test_another_test_root_vouches_for_nothing(hopper: MadeDevice, maker: Maker) -> None:
    other = certify("SIMULATED Device Identity CA", None)
    root = allow_test_root(other.encoded, hashlib.sha256(other.encoded).digest(), environment={})
    with pytest.raises(VerificationError, match=f"^{CHAIN}: "):
        check(hopper.evidence(), maker, test_root=root)


def test_missing_golden_values_refuse(
    maker: Maker, hopper: MadeDevice, driver: GoldenValues, vbios: GoldenValues
) -> None:
    for step, given in ((DRIVER, {"vbios": vbios}), (VBIOS, {"driver": driver})):
        with pytest.raises(VerificationError, match=f"^{step}: none were given"):
            check(hopper.evidence(), maker, unsafe_missing_golden_values=False, **given)
        device = check(hopper.evidence(), maker, **given)
        states = {one.name: one.state for one in device.steps}
        assert states[step] is State.NOT_CHECKED


def test_a_report_for_another_nonce_is_refused(maker: Maker, hopper: MadeDevice) -> None:
    replayed = hopper.report(nonce=bytes(32))
    with pytest.raises(VerificationError, match=f"^{NONCE}: "):
        check(hopper.evidence(replayed), maker)
    # Its request is rewritten to the nonce that was asked, which nobody signed.
    rewritten = replayed[:4] + simulated.NONCE + replayed[36:]
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: "):
        check(hopper.evidence(rewritten), maker)


def test_a_report_by_another_device_is_refused(maker: Maker, hopper: MadeDevice) -> None:
    other = maker.device()
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: "):
        check(hopper.evidence(other.report()), maker)


def test_a_key_that_no_device_has_is_refused(maker: Maker, hopper: MadeDevice) -> None:
    stranger = certify("SIMULATED FMC LF", None, authority=False)
    fake = MadeDevice(stranger, [stranger.encoded, *hopper.chain[1:]])
    with pytest.raises(VerificationError, match=f"^{CHAIN}: "):
        check(fake.evidence(), maker)


def longer(maker: Maker) -> list[Authority]:
    """A chain in which a boot ROM's key made one more authority."""
    rom = certify("GH100 A01 GSP BROM", maker.provisioner, path_length=0)
    extra = certify("GH100 A01 GSP BROM", rom)
    leaf = certify("SIMULATED leaf", extra, authority=False)
    return [leaf, extra, rom, maker.provisioner, maker.root]


def pathless(maker: Maker) -> list[Authority]:
    """A chain with an authority below one that may have none below it."""
    first = certify("SIMULATED Identity", maker.root, path_length=0)
    second = certify("SIMULATED Provisioner", first)
    rom = certify("GH100 A01 GSP BROM", second)
    return [certify("SIMULATED leaf", rom, authority=False), rom, second, first, maker.root]


def no_authority(maker: Maker) -> list[Authority]:
    """A device's signing key that makes certificates."""
    rom = certify("GH100 A01 GSP BROM", maker.provisioner, authority=False)
    leaf = certify("SIMULATED leaf", rom, authority=False)
    return [leaf, rom, maker.provisioner, maker.identity, maker.root]


def of(maker: Maker, leaf_of: Callable[[Authority], Authority]) -> list[Authority]:
    """A chain whose leaf is made by a function of its boot ROM."""
    rom = certify("GH100 A01 GSP BROM", maker.provisioner)
    return [leaf_of(rom), rom, maker.provisioner, maker.identity, maker.root]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (longer, "names another issuer|so long a chain"),
        (pathless, "so long a chain"),
        (no_authority, "no authority"),
        (
            lambda maker: of(maker, lambda rom: certify("leaf", rom)),
            "authority's, not a signer's",
        ),
        (
            lambda maker: of(maker, lambda rom: certify("leaf", rom, authority=False, signs=False)),
            "may not sign evidence",
        ),
        (
            lambda maker: of(
                maker, lambda rom: certify("leaf", rom, authority=False, curve=ec.SECP256R1())
            ),
            "not of P-384",
        ),
        (
            lambda maker: of(
                maker, lambda rom: certify("leaf", rom, authority=False, algorithm=hashes.SHA256())
            ),
            "not of P-384 and SHA-384",
        ),
        (
            lambda maker: of(maker, lambda rom: certify("leaf", rom, authority=False, end=AT - 1)),
            "is valid from",
        ),
        (
            lambda maker: of(
                maker, lambda rom: certify("leaf", rom, authority=False, start=AT + 1)
            ),
            "is valid from",
        ),
        (
            lambda maker: [certify("leaf", maker.root, authority=False), *4 * [maker.root]],
            "no boot ROM",
        ),
    ],
)
def test_a_chain_that_does_not_hold_is_refused(
    make: Callable[[Maker], list[Authority]], says: str, maker: Maker
) -> None:
    chain = make(maker)
    device = MadeDevice(chain[0], [one.encoded for one in chain])
    report = device.report() if chain[0].key.curve.key_size == 384 else maker.device().report()
    with pytest.raises(VerificationError, match=f"^({CHAIN}|parse): .*({says})"):
        check(device.evidence(report), maker)


@pytest.mark.parametrize("name", ["GH100 A01 GSP FMC LF", "GV100 A01 GSP BROM", "", "gh100"])
def test_an_unknown_chip_is_refused(name: str, maker: Maker) -> None:
    if not name:
        name = "GH100 A01 GSP BROM "
    with pytest.raises(VerificationError, match=r"^parse: .*no boot ROM of a known device"):
        check(maker.device(name).evidence(), maker)


def test_the_tools_word_for_the_architecture_must_be_the_chains(
    maker: Maker, hopper: MadeDevice
) -> None:
    with pytest.raises(VerificationError, match=f"^{CHAIN}: .*names BLACKWELL.*HOPPER"):
        check(hopper.evidence(arch="BLACKWELL"), maker)


def test_blackwell_names_its_firmware_in_its_own_way(maker: Maker) -> None:
    made = maker.device("GB100 A01 GSP BROM")
    device = check(made.evidence(arch="BLACKWELL"), maker)
    assert (device.architecture, device.chip) == (Architecture.BLACKWELL, "GB100")
    (step,) = (one for one in device.steps if one.name == FIRMWARE)
    assert (step.state, step.detail) == (State.PASSED, DIGEST.hex())


FWIDS = simulated.der(0xA6, simulated.fwid())
# Of the same length, by SHA3-384.
SHA3_FWIDS = FWIDS.replace(bytes.fromhex("03040202"), bytes.fromhex("03040209"))
OTHER = hashlib.sha384(b"other firmware").digest()


@pytest.mark.parametrize(
    ("extension", "step"),
    [
        (lambda rom: (COMPOSITE_DEVICE_ID, composite_device_id(rom.public, OTHER)), FIRMWARE),
        (lambda rom: (TCB_INFO, tcb_info(OTHER)), FIRMWARE),
        (lambda _: None, FIRMWARE),
        # The key in a device id must be the issuer's.
        (lambda rom: (COMPOSITE_DEVICE_ID, composite_device_id(flipped(rom.public))), "parse"),
        (lambda rom: (COMPOSITE_DEVICE_ID, composite_device_id(rom.public) + b"\0"), "parse"),
        (lambda rom: (COMPOSITE_DEVICE_ID, composite_device_id(rom.public)[:-1]), "parse"),
        (lambda _: (COMPOSITE_DEVICE_ID, tcb_info()), "parse"),
        (lambda rom: (TCB_INFO, composite_device_id(rom.public)), "parse"),
        (lambda _: (TCB_INFO, tcb_info() + b"\0"), "parse"),
        (lambda _: (TCB_INFO, tcb_info()[:-1]), "parse"),
        (lambda _: (TCB_INFO, simulated.der(0x30, b"\x83\x01\x01")), "parse"),
        (lambda _: (TCB_INFO, simulated.der(0x30, b"\x83\x01\x01\x83\x01\x01")), "parse"),
        (lambda _: (TCB_INFO, simulated.der(0x30, b"\x30\x00")), "parse"),
        (lambda _: (TCB_INFO, simulated.der(0x30, FWIDS + FWIDS)), "parse"),
        (lambda _: (TCB_INFO, simulated.der(0x30, SHA3_FWIDS)), "parse"),
        (lambda _: (TCB_INFO, simulated.der(0x30, simulated.der(0xA6, b""))), "parse"),
        (lambda _: (TCB_INFO, b"\x30\x81\x05\xa6\x03\x30\x01\x00"), "parse"),
        (lambda _: (TCB_INFO, b"\x30\x80\x00\x00"), "parse"),
        (lambda _: (TCB_INFO, b""), "parse"),
    ],
)
def test_firmware_that_the_certificate_was_not_made_for_is_refused(
    extension: Callable[[Authority], tuple[str, bytes] | None], step: str, maker: Maker
) -> None:
    with pytest.raises(VerificationError, match=f"^{step}: "):
        check(maker.device(extension=extension).evidence(), maker)


def test_a_report_that_names_no_firmware_is_not_passed(maker: Maker, hopper: MadeDevice) -> None:
    silent = {kind: data for kind, data in OPAQUE.items() if kind != 20}
    device = check(hopper.evidence(hopper.report(opaque=silent)), maker)
    (step,) = (one for one in device.steps if one.name == FIRMWARE)
    assert step.state is State.NOT_CHECKED


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (3, None),
        (3, b"570.1.2"),
        (3, b"570.1.2\0\0"),
        (3, b"570\0"),
        (3, b"570.1.x\0"),
        (3, b""),
        (3, b"570.1.2\n\0"),
        (6, None),
        (6, bytes(7)),
        (6, bytes(9)),
        (6, bytes.fromhex("005e009601000001")),
        (6, b"96.00.5E.00.01"),
    ],
)
def test_versions_that_mean_nothing_are_refused(
    kind: int, data: bytes | None, maker: Maker, hopper: MadeDevice
) -> None:
    opaque = {other: value for other, value in OPAQUE.items() if other != kind}
    if data is not None:
        opaque[kind] = data
    with pytest.raises(VerificationError, match=r"^parse: report: .*version"):
        check(hopper.evidence(hopper.report(opaque=opaque)), maker)


def test_golden_values_that_differ_refuse(maker: Maker, hopper: MadeDevice) -> None:
    wrong = maker.checked(DRIVER_VERSION, {7: (OTHER, measured(8)), 21: (measured(21),)})
    with pytest.raises(VerificationError, match=f"^{DRIVER}: measurements 7 are not"):
        check(hopper.evidence(), maker, driver=wrong)
    beyond = maker.checked(VBIOS_VERSION, {1: (measured(1),), 2: (OTHER,), 3: (OTHER,)})
    with pytest.raises(VerificationError, match=f"^{VBIOS}: measurements 2, 3 are not"):
        check(hopper.evidence(), maker, vbios=beyond)


def test_an_index_that_the_device_did_not_measure_refuses(maker: Maker, hopper: MadeDevice) -> None:
    short = hopper.leaf.key
    unsigned = simulated.unsigned_report(simulated.NONCE, OPAQUE, blocks=63)
    report = unsigned + simulated.raw_signature(short, unsigned)
    with pytest.raises(VerificationError, match=f"^{VBIOS}: measurements 63 are not"):
        check(hopper.evidence(report), maker, vbios=maker.checked(VBIOS_VERSION, VBIOS_VALUES))


def test_driver_and_vbios_cannot_both_claim_an_index(maker: Maker, hopper: MadeDevice) -> None:
    driver = maker.checked(DRIVER_VERSION, {0: (measured(0),)})
    vbios = maker.checked(VBIOS_VERSION, VBIOS_VALUES)
    with pytest.raises(VerificationError, match=f"^{DRIVER}: .*both .*measurement 0"):
        check(hopper.evidence(), maker, driver=driver, vbios=vbios)


def test_golden_values_of_others_refuse(
    maker: Maker, hopper: MadeDevice, driver: GoldenValues, vbios: GoldenValues
) -> None:
    with pytest.raises(VerificationError, match=f"^{VBIOS}: .*{DRIVER_VERSION} was given"):
        check(hopper.evidence(), maker, vbios=driver)
    blackwell = maker.checked(DRIVER_VERSION, DRIVER_VALUES, product="GB100")
    with pytest.raises(VerificationError, match=f"^{DRIVER}: GB100 .*GH100"):
        check(hopper.evidence(), maker, driver=blackwell)


def test_an_engine_that_is_off_has_no_measurement(maker: Maker, hopper: MadeDevice) -> None:
    wrong = maker.checked(DRIVER_VERSION, {35: (OTHER,), 7: (measured(7),)})
    device = check(hopper.evidence(), maker, driver=wrong)
    assert any(step.name == DRIVER and "1 measurements" in step.detail for step in device.steps)
    for status in (b"\xaa", b"\x55\0", b"", None):
        opaque = {kind: data for kind, data in OPAQUE.items() if kind != 11}
        if status is not None:
            opaque[11] = status
        with pytest.raises(VerificationError, match=f"^{DRIVER}: measurements 35 are not"):
            check(hopper.evidence(hopper.report(opaque=opaque)), maker, driver=wrong)


def test_simulated_and_genuine_do_not_go_together(
    maker: Maker, hopper: MadeDevice, vbios: GoldenValues
) -> None:
    genuine = GoldenValues(
        *(vbios.product, vbios.version, vbios.measurements, vbios.expires), False, vbios.steps
    )
    with pytest.raises(VerificationError, match=f"^{VBIOS}: simulated and genuine"):
        check(hopper.evidence(), maker, vbios=genuine)


def test_an_nvswitch_is_checked_as_one(maker: Maker) -> None:
    made = maker.device("LS_10 A01 FSP BROM")
    (found,) = parse_evidence_list(made.evidence(made.report(opaque=SWITCH_OPAQUE), "LS10"))
    vbios = maker.checked("96.10.55.00.01", {0: (measured(0),)}, product="LS10")
    device = check_nvswitch(found, simulated.NONCE, AT, vbios=vbios, test_root=maker.trusted())
    assert (device.architecture, device.driver) == (Architecture.NVSWITCH, None)
    assert device.vbios == "96.10.55.00.01"
    with pytest.raises(VerificationError, match=f"^{CHAIN}: .*not a GPU"):
        check_gpu(found, simulated.NONCE, AT, driver=None, vbios=vbios, test_root=maker.trusted())
    with pytest.raises(VerificationError, match=f"^{VBIOS}: none were given"):
        check_nvswitch(found, simulated.NONCE, AT, vbios=None, test_root=maker.trusted())
    (text,) = parse_evidence_list(made.evidence(made.report(), "LS10"))
    with pytest.raises(VerificationError, match=r"^parse: .*VBIOS version"):
        check_nvswitch(text, simulated.NONCE, AT, vbios=vbios, test_root=maker.trusted())


def test_a_gpu_is_no_nvswitch(maker: Maker, hopper: MadeDevice) -> None:
    (found,) = parse_evidence_list(hopper.evidence())
    with pytest.raises(VerificationError, match=f"^{CHAIN}: .*not an NVSwitch"):
        check_nvswitch(found, simulated.NONCE, AT, vbios=None, test_root=maker.trusted())


def test_both_forms_of_evidence_are_read_alike(hopper: MadeDevice) -> None:
    report = hopper.report()
    texts = parse_evidence_texts(report.hex().encode() + b"\n", pem(hopper.chain))
    (listed,) = parse_evidence_list(hopper.evidence(report))
    assert (texts.report, texts.chain) == (listed.report, listed.chain)
    assert texts.chain == tuple(hopper.chain)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"nonce": "00" * 32}, "not the report's"),
        ({"nonce": "AB" * 32}, "in hexadecimal"),
        ({"nonce": "00" * 31}, "in hexadecimal"),
        ({"evidence": "!"}, "not base64"),
        ({"evidence": ""}, "in the middle"),
        ({"certificate": ""}, "5 certificates"),
        ({"certificate": "AAAA"}, "5 certificates"),
        ({"certificate": "/w=="}, "PEM"),
        ({"certificate": "/x=="}, "one form"),
        ({"more": "1"}, "unknown"),
    ],
)
def test_a_list_that_means_nothing_is_refused(
    other: dict[str, str], says: str, hopper: MadeDevice
) -> None:
    with pytest.raises(VerificationError, match=f"^parse: .*{says}"):
        parse_evidence_list(hopper.evidence(None, **other))


@pytest.mark.parametrize("data", [b"[]", b"{}", b"[1]", b"[" * 5000, b"", b"[{}]", b"\xff"])
def test_what_is_no_list_of_devices_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError, match=r"^parse: "):
        parse_evidence_list(data)


def test_a_list_has_an_end(hopper: MadeDevice) -> None:
    (item,) = json.loads(hopper.evidence())
    assert len(parse_evidence_list(json.dumps([item] * 8).encode())) == 8
    with pytest.raises(VerificationError, match=r"^parse: "):
        parse_evidence_list(json.dumps([item] * 65).encode())


def test_certificates_come_five_together_and_nothing_else(hopper: MadeDevice) -> None:
    text = pem(hopper.chain)
    single = pem(hopper.chain[:1])
    body = base64.b64encode(hopper.chain[0])
    wrong = [
        text + single,
        text[len(single) :],
        text + b"x",
        b"x" + text,
        text.replace(b"\n", b"\r\n"),
        text.replace(b"BEGIN", b"begin"),
        text.replace(body[:8], b"!" + body[1:8]),
        text * 400,
    ]
    for certificates in wrong:
        with pytest.raises(VerificationError, match=r"^parse: "):
            parse_evidence_texts(hopper.report().hex().encode(), certificates)


@pytest.mark.parametrize("text", [b"0", b"0g", b"\xff", b"1 1", b" 11", b"11\n\n", b"AB"])
def test_a_report_in_hexadecimal_has_one_form(text: bytes, hopper: MadeDevice) -> None:
    with pytest.raises(VerificationError, match=r"^parse: report is not hexadecimal"):
        parse_evidence_texts(text, pem(hopper.chain))
