"""The code for TDX guests, against a SIMULATED kernel: no hardware has run it."""

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from avow.prover.enclave import ccel
from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.files import KernelFiles
from avow.prover.enclave.opening import open_session
from avow.prover.enclave.platform import Measured, NoDevices
from avow.prover.enclave.registered import Registered
from avow.prover.enclave.tdx import REPORTS, RTMR3, TdxGuest
from avow.verifier.attestation.eventlog import runtime_digest
from avow.verifier.errors import VerificationError
from avow.verifier.systems.tee.registration import PROGRAM_EVENT
from tests.prover.enclave.places import NOW, Enclave, enclave, simulated_machine, started
from tests.prover.enclave.simulated_kernel import (
    SimulatedKernel,
    SimulatedTdxGuest,
    event,
    firmware_log,
    head,
)


def opened(guest: TdxGuest, made: Enclave | None = None) -> Registered:
    """A session on that guest."""
    made = made or enclave()
    source = started(simulated_machine(), NOW)
    return open_session(guest, source, NoDevices(), made.served(), made.terms, made.clock)[1]


@pytest.fixture
def kernel(tmp_path: Path) -> SimulatedKernel:
    """A machine that has just started."""
    return SimulatedKernel(tmp_path / "root")


def test_a_session_opens_by_configfs_and_sysfs(tmp_path: Path, kernel: SimulatedKernel) -> None:
    kernel.padding = bytes(100)
    log = tmp_path / "run" / "rtmr3.json"
    found = opened(SimulatedTdxGuest(log, kernel))
    assert found.platform == "tdx" and found.root is not None
    program = found.material.registration.program
    assert kernel.extended == [runtime_digest(PROGRAM_EVENT, program)]
    # Nothing is left behind, and the quote is without the driver's filling.
    assert not list((kernel.root / REPORTS).iterdir())
    assert found.material.evidence[-1:] != b"\0"
    # Another worker of the same start measures nothing again.
    again = opened(SimulatedTdxGuest(log, kernel))
    assert len(kernel.extended) == 1 and again.address != found.address


def test_without_a_test_root_it_is_hardware_that_must_vouch(
    tmp_path: Path, kernel: SimulatedKernel
) -> None:
    guest = TdxGuest(tmp_path / "log", kernel.root, kernel)
    assert guest.root is None
    with pytest.raises(EnclaveRefused, match=r"this machine does not pass.*a SIMULATED quote"):
        opened(guest)


def test_a_machine_that_started_anew_begins_anew(tmp_path: Path, kernel: SimulatedKernel) -> None:
    log = tmp_path / "log"
    opened(SimulatedTdxGuest(log, kernel))
    kernel.rtmr3 = hashlib.sha384(kernel.rtmr3 + bytes(48)).digest()
    with pytest.raises(EnclaveRefused, match="something else extends it, or the file is not of"):
        opened(SimulatedTdxGuest(log, kernel))
    kernel.rtmr3 = bytes(48)
    log.unlink()
    assert opened(SimulatedTdxGuest(log, kernel))


def test_a_stop_between_note_and_extension_is_made_good(
    tmp_path: Path, kernel: SimulatedKernel
) -> None:
    made = enclave()
    log = tmp_path / "log"
    log.write_text(json.dumps([[PROGRAM_EVENT, made.program.hex()]]))
    guest = SimulatedTdxGuest(log, kernel)
    assert guest.measured() == ()
    assert opened(guest, made) and len(kernel.extended) == 1
    assert guest.measured() == (Measured(PROGRAM_EVENT, made.program),)


def test_another_program_needs_another_start(tmp_path: Path, kernel: SimulatedKernel) -> None:
    guest = SimulatedTdxGuest(tmp_path / "log", kernel)
    opened(guest)
    with pytest.raises(EnclaveRefused, match="a machine answers with one program"):
        opened(guest, enclave("tumour-risk"))


def test_what_a_kernel_may_lack_or_do_is_said(tmp_path: Path, kernel: SimulatedKernel) -> None:
    log = tmp_path / "log"
    guest = SimulatedTdxGuest(log, kernel)
    kernel.provider = b"sev_guest\n"
    with pytest.raises(EnclaveRefused, match="provider of reports is 'sev_guest'"):
        guest.evidence(bytes(64))
    kernel.provider, kernel.busy = b"tdx_guest\n", True
    with pytest.raises(EnclaveRefused, match="somebody else wrote"):
        guest.evidence(bytes(64))
    kernel.busy = False
    with pytest.raises(EnclaveRefused, match="no quote"):
        guest.evidence(bytes(65))
    kernel.deaf = True
    with pytest.raises(EnclaveRefused, match="RTMR3 is not what extending it should have given"):
        guest.extend(Measured("a", b""))
    kernel.deaf, kernel.rtmr3 = False, bytes(47)
    with pytest.raises(EnclaveRefused, match="RTMR3 has 47 bytes"):
        guest.measured()
    kernel.rtmr3 = bytes(48)
    log.write_text("nonsense")
    with pytest.raises(EnclaveRefused, match="cannot be read"):
        guest.measured()
    log.unlink()
    (kernel.root / ccel.PATH).write_bytes(head()[:40])
    with pytest.raises(EnclaveRefused, match="CCEL"):
        guest.evidence(bytes(64))


@pytest.mark.parametrize("missing", [REPORTS, RTMR3, ccel.PATH])
def test_a_machine_without_a_device_says_which(
    tmp_path: Path, kernel: SimulatedKernel, missing: str
) -> None:
    path = kernel.root / missing
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()
    with pytest.raises(EnclaveRefused, match=f"{path.name} is missing"):
        TdxGuest(tmp_path / "log", kernel.root)


def test_a_log_that_hides_an_event_of_the_firmware_convinces_nobody(
    tmp_path: Path, kernel: SimulatedKernel
) -> None:
    (kernel.root / ccel.PATH).write_bytes(head() + event(1, 4, b"\x01" * 48))
    with pytest.raises(EnclaveRefused, match="the log does not lead to RTMR0"):
        opened(SimulatedTdxGuest(tmp_path / "log", kernel))


def test_the_firmwares_log_is_read_to_its_filling() -> None:
    for filling in (b"", bytes(50), b"\xff" * 50):
        found = ccel.parse_ccel(firmware_log(filling))
        assert [one.register for one in found] == [0, 1, 2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(64),
        firmware_log(b"")[:-1],
        head()[:4] + b"\x04" + head()[5:],
        head() + event(5, 4, bytes(48)),
        head() + struct.pack("<III", 1, 4, 0),
        head() + struct.pack("<IIIH", 1, 4, 1, 11) + bytes(36),
        head() + struct.pack("<IIIH", 1, 4, 1, 4) + bytes(20) + struct.pack("<I", 0),
        head() + event(1, 4, bytes(48))[:-4] + struct.pack("<I", 2**31),
        head().replace(b"Event03", b"Event02"),
    ],
)
def test_a_log_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError):
        ccel.parse_ccel(data)


def test_kernel_files_are_read_whole_and_written_at_once(tmp_path: Path) -> None:
    files, path = KernelFiles(), tmp_path / "file"
    path.write_bytes(b"x" * (2**20 + 7))
    assert len(files.read(path)) == 2**20 + 7
    files.write(path, b"abc")
    assert path.read_bytes()[:4] == b"abcx"
    with pytest.raises(OSError):
        files.write(tmp_path / "none", b"")
    folder = tmp_path / "made"
    files.make(folder)
    files.remove(folder)
    assert not folder.exists()


def test_registered_evidence_is_the_bundles(tmp_path: Path, kernel: SimulatedKernel) -> None:
    found = opened(SimulatedTdxGuest(tmp_path / "log", kernel))
    # The root's certificate in the file alone accepts nothing.
    terms = found.terms()
    assert terms.simulated_root is not None
    assert replace(found, root=None).terms().simulated_root is None
