"""GPUs that register with an enclave: compared with golden values where there are any."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from avow.prover.enclave import keeper
from avow.prover.enclave.archive import Archive
from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.gpus import GpuCommand
from avow.prover.enclave.machine import machine
from avow.prover.enclave.registered import Registered, shown
from avow.prover.enclave.service import about
from avow.prover.enclave.settings import enclave_settings
from avow.verifier.attestation.steps import State
from avow.verifier.fields import to_hex
from avow.verifier.systems.tee.terms import DeviceTerms
from tests.prover.enclave.places import NOW, compiled, enclave
from tests.verifier.attestation.nvidia.simulated import MadeDevice, Maker, measured
from tests.verifier.attestation.nvidia.test_device import (
    DRIVER_VALUES,
    DRIVER_VERSION,
    VBIOS_VALUES,
    VBIOS_VERSION,
)

pytestmark = pytest.mark.usefixtures("earlier")


@pytest.fixture(scope="module")
def maker() -> Maker:
    """One simulated maker of devices."""
    return Maker()


@dataclass(frozen=True)
class Answering:
    """A simulated GPU beside a simulated enclave."""

    device: MadeDevice
    terms: DeviceTerms

    def collect(self, nonce: bytes) -> bytes:
        """Its evidence."""
        return self.device.evidence(self.device.report(nonce))


def registered(maker: Maker, manifests: Sequence[bytes]) -> Registered:
    """What an enclave with one GPU registers, as the command's golden values have it compared."""
    terms = replace(GpuCommand("x", manifests).terms, simulated_root=maker.trusted())
    return replace(enclave(), devices=Answering(maker.device(), terms)).open()[1]


def manifests(maker: Maker) -> list[bytes]:
    """What the simulated GPU's driver and VBIOS must measure."""
    return [
        maker.golden_values(DRIVER_VERSION, DRIVER_VALUES),
        maker.golden_values(VBIOS_VERSION, VBIOS_VALUES),
    ]


def test_a_gpu_that_runs_what_golden_values_name_is_registered(
    maker: Maker, tmp_path: Path
) -> None:
    found = registered(maker, manifests(maker))
    states = {step.name: step.state for step in found.devices}
    assert states["driver golden values"] is states["VBIOS golden values"] is State.PASSED
    # What was established then is kept, and shown.
    archive = Archive(tmp_path)
    archive.keep(found)
    assert archive.find(found.address) == found
    assert '"name": "driver golden values"' in shown(found)


def test_a_gpu_that_runs_something_else_is_not_registered(maker: Maker) -> None:
    driver, vbios = manifests(maker)
    other = maker.golden_values(DRIVER_VERSION, DRIVER_VALUES | {21: (measured(22),)})
    with pytest.raises(EnclaveRefused, match=f"measurements 21 are not as {DRIVER_VERSION} has"):
        registered(maker, [other, vbios])
    # Nor one of whose versions nothing is known, though something was given.
    missing = f"VBIOS golden values: none were given for GH100 {VBIOS_VERSION}"
    with pytest.raises(EnclaveRefused, match=missing):
        registered(maker, [driver])
    with pytest.raises(EnclaveRefused, match="the evidence of the GPUs: "):
        registered(maker, [driver, vbios[:-1]])


def test_without_golden_values_it_is_said_that_nothing_was_compared(
    maker: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    found = registered(maker, [])
    states = {step.name: step.state for step in found.devices}
    assert states["driver golden values"] is states["VBIOS golden values"] is State.NOT_CHECKED
    assert states["device signature"] is State.PASSED
    assert '"state": "NOT CHECKED"' in shown(found)
    with caplog.at_level(logging.INFO, "avow.prover"):
        keeper._ready(about(found))
    ready, *rest = caplog.messages
    assert ready.endswith("ready")
    assert rest == [
        f"enclave={to_hex(found.address)} NOT CHECKED {name}: none were given for GH100 {version}"
        for name, version in (
            ("driver golden values", DRIVER_VERSION),
            ("VBIOS golden values", VBIOS_VERSION),
        )
    ]


def test_simulated_gpus_stand_beside_no_genuine_enclave(maker: Maker) -> None:
    place = enclave()
    terms = DeviceTerms((), unsafe_missing_golden_values=True, simulated_root=maker.trusted())
    answering = Answering(maker.device(), terms)

    @dataclass(frozen=True)
    class Genuine:
        """A guest that says of itself that it is one."""

        root = None

        def __getattr__(self, name: str) -> object:
            return getattr(place.guest, name)

    place = replace(place, devices=answering)
    genuine = replace(place, guest=Genuine())
    with pytest.raises(EnclaveRefused, match="simulated GPUs belong to a simulated enclave"):
        genuine.open()


def test_golden_values_are_files_for_a_command(tmp_path: Path) -> None:
    (tmp_path / "driver.xml").write_bytes(b"<driver/>")
    (tmp_path / "vbios.xml").write_bytes(b"<vbios/>")
    files = ":".join(str(tmp_path / name) for name in ("driver.xml", "vbios.xml"))
    given = {
        "AVOW_ENCLAVE": "simulated",
        "AVOW_ENCLAVE_PROGRAM": to_hex(compiled()[2].record.program),
        "AVOW_ENCLAVE_GPU_COMMAND": "collect",
        "AVOW_ENCLAVE_GPU_GOLDEN_VALUES": files,
    }
    settings = enclave_settings(given)
    assert settings is not None
    devices = machine(settings, tmp_path, lambda: NOW)[2]
    assert devices.terms == DeviceTerms((b"<driver/>", b"<vbios/>"))
    (tmp_path / "vbios.xml").unlink()
    with pytest.raises(EnclaveRefused, match=r"golden values: expected a file at .*vbios\.xml"):
        machine(settings, tmp_path, lambda: NOW)
