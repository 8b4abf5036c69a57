"""A SIMULATED kernel: the files by which Linux shows a TDX guest, answered in this process.

It follows the kernel's documents, not a kernel: no TDX guest has run any of this.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from pathlib import Path

from avow.prover.enclave import ccel
from avow.prover.enclave.files import KernelFiles
from avow.prover.enclave.simulated import guest
from avow.prover.enclave.simulated.platform import Platform, TrustDomain
from avow.prover.enclave.tdx import REPORTS, RTMR3, TdxGuest
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from tests.prover.enclave.places import simulated_machine

_SHA1, _SHA384 = 4, 12


def event(register: int, kind: int, digest: bytes, data: bytes = b"") -> bytes:
    """One event of the firmware's log, with SHA-1 (of nothing) and SHA-384."""
    digests = struct.pack("<H", _SHA1) + bytes(20) + struct.pack("<H", _SHA384) + digest
    return struct.pack("<III", register, kind, 2) + digests + struct.pack("<I", len(data)) + data


def head() -> bytes:
    """The first event, which names the algorithms."""
    spec = b"Spec ID Event03\0" + bytes(4) + bytes([0, 2, 0, 2])
    spec += struct.pack("<I", 2) + struct.pack("<HHHH", _SHA1, 20, _SHA384, 48) + b"\0"
    return struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(spec)) + spec


def firmware_log(filling: bytes = bytes(64)) -> bytes:
    """What the firmware of the simulated guest logged."""
    noted = event(1, 3, bytes(48), b"noted, not extended")
    mrtd = event(0, 1, b"\x07" * 48)
    boot = b"".join(
        event(number + 1, 4, digest, b"boot") for number, digest in enumerate(guest._BOOT)
    )
    return head() + noted + mrtd + boot + filling


@dataclass
class SimulatedKernel(KernelFiles):
    """Answers below `root`. The fields are what a test may have it do wrongly."""

    root: Path
    machine: Platform = field(default_factory=simulated_machine)
    rtmr3: bytes = bytes(48)
    provider: bytes = b"tdx_guest\n"
    generation: dict[Path, int] = field(default_factory=dict)
    asked: dict[Path, bytes] = field(default_factory=dict)
    busy: bool = False
    deaf: bool = False
    padding: bytes = b""
    extended: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / REPORTS).mkdir(parents=True)
        for path, data in ((RTMR3, self.rtmr3), (ccel.PATH, firmware_log())):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(data)

    def make(self, path: Path) -> None:
        """A new report."""
        super().make(path)
        self.generation[path] = 0

    def remove(self, path: Path) -> None:
        """It is gone."""
        super().remove(path)
        assert not path.exists()
        del self.generation[path]

    def write(self, path: Path, data: bytes) -> None:
        """An extension, or what the next quote is to hold."""
        if path == self.root / RTMR3:
            if len(data) != 48:
                raise OSError(22, "Invalid argument", str(path))
            self.extended.append(data)
            if not self.deaf:
                self.rtmr3 = hashlib.sha384(self.rtmr3 + data).digest()
            return
        if path.name != "inblob" or len(data) > 64:
            raise OSError(22, "Invalid argument", str(path))
        self.asked[path.parent] = data
        self.generation[path.parent] += 1

    def read(self, path: Path) -> bytes:
        """A register, or one of a report's files."""
        if path == self.root / RTMR3:
            return self.rtmr3
        if path.parent not in self.generation:
            return super().read(path)
        if path.name == "provider":
            return self.provider
        if path.name == "generation":
            return f"{self.generation[path.parent]}\n".encode()
        if path.name != "outblob" or path.parent not in self.asked:
            raise OSError(22, "Invalid argument", str(path))
        if self.busy:
            self.generation[path.parent] += 1
        first, second, third = guest._REGISTERS
        domain = TrustDomain(
            guest._MR_TD, (first, second, third, self.rtmr3), self.asked[path.parent]
        )
        return self.machine.quote(domain) + self.padding


class SimulatedTdxGuest(TdxGuest):
    """A TDX guest on that kernel; only a test root vouches for it."""

    def __init__(self, event_log: Path, kernel: SimulatedKernel) -> None:
        super().__init__(event_log, kernel.root, kernel)
        self._machine = kernel.machine

    @property
    def root(self) -> TestRoot | None:
        """The simulated machine's."""
        authority = self._machine.authority
        return allow_test_root(authority.der, authority.fingerprint)
