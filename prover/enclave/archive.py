"""Registrations of this home's sessions: public, and kept for as long as their bundles."""

import atexit
import fcntl
import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.registered import Registered, parse_registered
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.systems.tee.material import Material
from avow.verifier.systems.tee.registration import read_report_data

_FILE_BYTES = 8 * 2**20
_LOG = logging.getLogger("avow.prover")
# Registrations of this process's own keys, locked until it ends however it ends.
_HELD = ExitStack()
atexit.register(_HELD.close)


class Archive:
    """The folder with one file for each key, named by its address."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "enclave"
        self._told: set[Path] = set()

    def keep(self, registered: Registered) -> Path:
        """Write a registration of this process's own key; returns the file.

        The file stays locked for as long as the process lives, which says that its key does.
        """
        path = self._folder / f"{registered.address.hex()}.json"
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with ExitStack() as opened:
                file = opened.enter_context(draft.open("wb"))
                file.write(canonical.encode(registered.to_json()))
                file.flush()
                _lock(file, path)
                draft.replace(path)
                _HELD.push(opened.pop_all())
        except OSError as error:
            raise EnclaveRefused(f"{path} cannot be written: {error.strerror}") from error
        return path

    def find(self, address: bytes) -> Registered | None:
        """The registration of a key; None where it is not of this home."""
        path = self._folder / f"{address.hex()}.json"
        return read_registration(path) if path.exists() else None

    def of_material(self, material: Material) -> Registered | None:
        """The registration whose very bytes a bundle shows; None where it is not of this home."""
        from avow.verifier.attestation.intel.quote import TdxBody, parse_quote

        body = parse_quote(material.evidence).body
        if not isinstance(body, TdxBody):
            return None
        found = self.find(read_report_data(body.report_data)[0])
        return found if found is not None and found.material == material else None

    def all(self) -> list[Registered]:
        """Every registration, the earliest first; a file that cannot be read is left out."""
        found = [self._readable(path) for path in self._paths()]
        return sorted(filter(None, found), key=lambda one: (one.registered_at, one.address))

    def live(self) -> list[Registered]:
        """Those whose enclaves are running, so that their keys can still sign; in that order."""
        found = [self._readable(path) for path in self._paths() if _is_locked(path)]
        return sorted(filter(None, found), key=lambda one: (one.registered_at, one.address))

    def _paths(self) -> list[Path]:
        return list(self._folder.glob("[0-9a-f]*.json"))

    def _readable(self, path: Path) -> Registered | None:
        try:
            return read_registration(path)
        except EnclaveRefused as error:
            # One damaged file must not take the others away; it is named once.
            if path not in self._told:
                self._told.add(path)
                _LOG.warning("a registration is left out: %s", error)
            return None


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # It can sign all the same; only a provider of this home will take no order for it.
        _LOG.warning("%s cannot be locked: %s", path, error.strerror)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_registration(path: Path) -> Registered:
    """Read a registration file; raises `EnclaveRefused`. Nothing of its evidence is checked."""
    try:
        data = path.read_bytes()
        return parse_registered(canonical.parse(data, _FILE_BYTES, path.name))
    except OSError as error:
        raise EnclaveRefused(f"{path}: {error.strerror}") from error
    except VerificationError as error:
        raise EnclaveRefused(f"{path} is damaged: {error.message}") from error
