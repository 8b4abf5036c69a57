"""The machine that an enclave's settings ask for, or the one thing that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from avow.models.errors import ModelError
from avow.models.files import read_bounded
from avow.prover.enclave.dstack import DstackGuest
from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.gpus import GpuCommand
from avow.prover.enclave.pccs import CollateralFile, Pccs
from avow.prover.enclave.platform import CollateralSource, Devices, NoDevices, Platform
from avow.prover.enclave.settings import NO_CHALLENGE, EnclaveSettings
from avow.prover.enclave.simulated.guest import started
from avow.prover.enclave.simulated.keeping import kept_machine
from avow.prover.enclave.tdx import REPORTS, TdxGuest
from avow.verifier.errors import VerificationError
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.systems.tee.terms import MANIFEST_BYTES


def machine(
    settings: EnclaveSettings, home: Path, clock: Callable[[], float], root: Path = Path("/")
) -> tuple[Platform, CollateralSource, Devices]:
    """The platform, where its collateral comes from, and its GPUs; raises `EnclaveRefused`.

    `root` is where /sys lies.
    """
    if settings.registry != OFF_CHAIN and settings.challenge == NO_CHALLENGE:
        raise EnclaveRefused(
            "AVOW_ENCLAVE_CHALLENGE: the registry of AVOW_ENCLAVE_REGISTRY gives one to the "
            "account that will register the key (avow attestation challenge)"
        )
    devices: Devices = NoDevices()
    if settings.gpu_command is not None:
        devices = GpuCommand(settings.gpu_command, _manifests(settings.golden_values))
    if settings.platform == "simulated":
        now = int(clock())
        try:
            guest = started(kept_machine(home / "enclave" / "simulated", now), now)
        except VerificationError as error:
            raise EnclaveRefused(f"simulated enclave: {error.message}") from error
        return guest, guest, devices
    return _hardware(settings, root), _source(settings), devices


def _manifests(paths: Sequence[Path]) -> list[bytes]:
    try:
        return [read_bounded(path, MANIFEST_BYTES, "golden values") for path in paths]
    except ModelError as error:
        raise EnclaveRefused(str(error)) from error


def _hardware(settings: EnclaveSettings, root: Path) -> Platform:
    name = settings.platform
    if name == "auto":
        # Inside dstack, RTMR3 is its agent's. Nothing here ever chooses a simulation.
        if settings.dstack_socket.exists():
            name = "dstack"
        elif (root / REPORTS).exists():
            name = "tdx"
        else:
            raise EnclaveRefused(
                f"auto: neither {settings.dstack_socket} nor {root / REPORTS} is there: this "
                "machine is no TDX guest, and a simulation has to be asked for by its name"
            )
    if name == "dstack":
        return DstackGuest(settings.dstack_socket)
    return TdxGuest(settings.event_log, root)


def _source(settings: EnclaveSettings) -> CollateralSource:
    if settings.pccs is not None:
        return Pccs(settings.pccs)
    if settings.collateral is None:
        raise EnclaveRefused("collateral: neither a service nor a file is configured")
    return CollateralFile(settings.collateral)
