"""A TDX guest as the Linux kernel shows it: quotes by configfs, RTMR3 by sysfs.

Sources, in Linux: Documentation/ABI/testing/configfs-tsm-report (6.7; inblob, outblob, provider,
generation) and sysfs-devices-virtual-misc-tdx_guest (6.16; reading rtmr3:sha384 gives the register,
writing 48 bytes at offset 0 extends it). The kernel keeps no log of RTMR3, so it is kept here.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avow.prover.enclave import ccel
from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.files import KernelFiles
from avow.prover.enclave.platform import Evidence, Measured
from avow.verifier.attestation.eventlog import RUNTIME_EVENT, runtime_digest
from avow.verifier.attestation.intel.quote import without_padding
from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.errors import VerificationError

REPORTS = "sys/kernel/config/tsm/report"
RTMR3 = "sys/class/misc/tdx_guest/measurements/rtmr3:sha384"
_PROVIDER = b"tdx_guest"
_REGISTER_BYTES = 48
_LOG_BYTES = 2**20


class TdxGuest:
    """This machine, when it is a TDX guest; construction raises `EnclaveRefused` when it is not.

    `event_log` is where the events of RTMR3 are kept; it has to be gone when the machine starts
    anew, as in /run. `root` is where /sys lies.
    """

    def __init__(
        self, event_log: Path, root: Path = Path("/"), files: KernelFiles | None = None
    ) -> None:
        self._files = KernelFiles() if files is None else files
        self._reports, self._rtmr3 = root / REPORTS, root / RTMR3
        self._ccel, self._log = root / ccel.PATH, event_log
        for path, what in (
            (self._reports, "quotes (configfs-tsm, Linux 6.7; is configfs mounted?)"),
            (self._rtmr3, "RTMR3 (Linux 6.16)"),
            (self._ccel, "the firmware's event log"),
        ):
            if not path.exists():
                raise EnclaveRefused(f"tdx: {path} is missing, by which the kernel gives {what}")

    @property
    def name(self) -> str:
        """`tdx`."""
        return "tdx"

    @property
    def root(self) -> TestRoot | None:
        """None: Intel's."""
        return None

    def measured(self) -> tuple[Measured, ...]:
        """The events that are kept, once they are seen to lead to the register."""
        events, register = self._kept(), self._register()
        if _replayed(events) == register:
            return events
        # It was noted, and the machine stopped this program before the register was extended.
        if events and _replayed(events[:-1]) == register:
            return events[:-1]
        raise EnclaveRefused(
            f"tdx: {self._log} does not lead to RTMR3: something else extends it, or the file is "
            "not of this start of the machine; a new start makes both anew"
        )

    def extend(self, event: Measured) -> None:
        """Note the event, then extend the register, and see that it is extended."""
        events = (*self.measured(), event)
        self._keep(events)
        try:
            self._files.write(self._rtmr3, runtime_digest(event.name, event.payload))
        except OSError as error:
            raise EnclaveRefused(f"tdx: RTMR3 cannot be extended: {_said(error)}") from error
        if self._register() != _replayed(events):
            raise EnclaveRefused("tdx: RTMR3 is not what extending it should have given")

    def evidence(self, report_data: bytes) -> Evidence:
        """A quote, and the log: the firmware's events, then those of RTMR3."""
        quote, log = self._quote(report_data), []
        try:
            for one in ccel.parse_ccel(self._files.read(self._ccel)):
                log.append(_entry(one.register, one.kind, one.digest, "", b""))
        except (OSError, VerificationError) as error:
            raise EnclaveRefused(f"tdx: {self._ccel}: {error}") from error
        for event in self.measured():
            digest = runtime_digest(event.name, event.payload)
            log.append(_entry(3, RUNTIME_EVENT, digest, event.name, event.payload))
        return Evidence(quote, json.dumps(log).encode("ascii"))

    def _quote(self, report_data: bytes) -> bytes:
        try:
            with self._report() as report:
                provider = self._files.read(report / "provider").strip()
                if provider != _PROVIDER:
                    name = provider[:40].decode("ascii", "replace")
                    raise EnclaveRefused(f"tdx: the kernel's provider of reports is {name!r}")
                before = self._generation(report)
                self._files.write(report / "inblob", report_data)
                quote = self._files.read(report / "outblob")
                # A write by anybody else in between would have counted, too.
                if self._generation(report) != before + 1:
                    raise EnclaveRefused("tdx: somebody else wrote to the report meanwhile")
        except OSError as error:
            raise EnclaveRefused(f"tdx: no quote: {_said(error)}") from error
        return without_padding(quote)

    @contextmanager
    def _report(self) -> Iterator[Path]:
        report = self._reports / f"avow-{os.getpid()}-{secrets.token_hex(4)}"
        self._files.make(report)
        try:
            yield report
        finally:
            self._files.remove(report)

    def _generation(self, report: Path) -> int:
        text = self._files.read(report / "generation").strip()
        if not text.isdigit():
            raise EnclaveRefused(f"tdx: the report's generation is {text[:40]!r}")
        return int(text)

    def _register(self) -> bytes:
        try:
            found = self._files.read(self._rtmr3)
        except OSError as error:
            raise EnclaveRefused(f"tdx: RTMR3 cannot be read: {_said(error)}") from error
        if len(found) != _REGISTER_BYTES:
            raise EnclaveRefused(f"tdx: RTMR3 has {len(found)} bytes, expected {_REGISTER_BYTES}")
        return found

    def _kept(self) -> tuple[Measured, ...]:
        try:
            with self._log.open("rb") as stream:
                value = json.loads(stream.read(_LOG_BYTES))
            return tuple(Measured(str(name), bytes.fromhex(payload)) for name, payload in value)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError) as error:
            raise EnclaveRefused(f"tdx: {self._log} cannot be read: {error}") from error

    def _keep(self, events: tuple[Measured, ...]) -> None:
        draft = self._log.with_name(f".{self._log.name}-{os.getpid()}")
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="ascii") as stream:
                json.dump([[event.name, event.payload.hex()] for event in events], stream)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._log)
        except OSError as error:
            raise EnclaveRefused(f"tdx: {self._log} cannot be written: {_said(error)}") from error


def _replayed(events: tuple[Measured, ...]) -> bytes:
    register = bytes(_REGISTER_BYTES)
    for event in events:
        digest = runtime_digest(event.name, event.payload)
        register = hashlib.sha384(register + digest).digest()
    return register


def _entry(register: int, kind: int, digest: bytes, name: str, payload: bytes) -> dict[str, object]:
    return {
        "imr": register,
        "event_type": kind,
        "digest": digest.hex(),
        "event": name,
        "event_payload": payload.hex(),
    }


def _said(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)
