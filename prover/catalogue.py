"""The compiled artifacts that this installation can serve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from avow.circuits.placing import recover
from avow.prover.errors import RequestRefused
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.fields import parse_hex, to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.records import (
    InputVisibility,
    ModelRecord,
    SystemRecord,
    parse_model_record,
    parse_system_record,
)
from avow.verifier.verdict import Hides

_RECORD, _MODEL, _SIGNATURE = "record.json", "model.json", "signature"
# Which system serves a request that names none, the first that the model is compiled for.
PREFERRED = ("sumcheck/v1", "ezkl/v1", "optimistic/v1", "tee/v1")
_Stamp = tuple[tuple[int, int, int, int] | None, ...]
_SHORT = {name.partition("/")[0]: name for name in PREFERRED}


def system_id(name: str) -> str:
    """The id of a system; `ezkl`, `optimistic`, `sumcheck` and `tee` stand for version 1."""
    return _SHORT.get(name, name)


@dataclass(frozen=True)
class Compiled:
    """One model compiled for one system: both records, the artifact's folder, the ONNX file.

    `signature` is the owner's under the system record, where there is one.
    """

    folder: Path
    onnx: Path
    model: ModelRecord
    record: SystemRecord
    signature: bytes | None = None

    # Hashing a record costs more than all else that a look-up does.
    @cached_property
    def model_digest(self) -> str:
        """0x form of the model digest."""
        return to_hex(self.model.digest())

    @cached_property
    def record_digest(self) -> str:
        """0x form of the system record's digest."""
        return to_hex(self.record.digest())

    @property
    def hides_input(self) -> bool:
        """Whether its bundles hold a salted hash of the input instead of the input."""
        return self.record.input_visibility is not InputVisibility.PUBLIC


class Catalogue(Protocol):
    """Where compiled models are looked up."""

    def find(
        self, model: str, system: str | None, record: str | None, hides: Hides | None = None
    ) -> Compiled:
        """The one artifact asked for; raises RequestRefused when there is none or several.

        `hides` INPUTS admits only artifacts that hide the input, NONE prefers others.
        """
        ...


class FolderCatalogue:
    """The artifacts under a folder, one per system record digest.

    The folder is looked at for every call, an artifact's files are read when they have changed.
    """

    def __init__(self, artifacts: Path, models: Path) -> None:
        self._artifacts = artifacts
        self._models = models
        self._read: dict[str, tuple[_Stamp, Compiled]] = {}

    def find(
        self, model: str, system: str | None, record: str | None, hides: Hides | None = None
    ) -> Compiled:
        """The artifact of a model (digest, name or name@version) for a system.

        Without a system: never one that shows an input where another of the model hides it,
        unless `hides` is NONE; then the first of `PREFERRED` that there is.
        """
        if record is not None:
            return self._pinned(model, system, record, hides)
        everything = self.all()
        named = [item for item in everything if _is_model(item, model)]
        if not named:
            known = ", ".join(sorted({item.model.name for item in everything})) or "none"
            raise RequestRefused(f"model: no compiled model {model!r}; there are: {known}")
        fitting = [item for item in named if system is None or item.record.system == system]
        if not fitting:
            known = ", ".join(sorted({item.record.system for item in named}))
            raise RequestRefused(f"system: {model!r} is not compiled for {system!r}, but: {known}")
        fitting = _fitting(fitting, system, hides)
        if not fitting:
            raise RequestRefused(
                f"hides: no artifact of {model!r} hides the input; "
                "avow compile --system ezkl --input private makes one"
            )
        if len(fitting) > 1:
            digests = ", ".join(sorted(item.record_digest for item in fitting))
            raise RequestRefused(f"record: several artifacts fit, name one of {digests}")
        return fitting[0]

    def _pinned(self, model: str, system: str | None, record: str, hides: Hides | None) -> Compiled:
        recover(self._artifacts)
        found = self._load(self._artifacts / record.removeprefix("0x"))
        if not _is_model(found, model) or system not in (None, found.record.system):
            compiled = "" if system is None else f" compiled for {system!r}"
            raise RequestRefused(f"record: {record} is not {model!r}{compiled}")
        if hides is Hides.INPUTS and not found.hides_input:
            raise RequestRefused(f"record: {record} does not hide the input")
        return found

    def all(self) -> list[Compiled]:
        """Every readable artifact, in the order of their digests."""
        recover(self._artifacts)
        found = []
        for folder in sorted(self._artifacts.glob("[0-9a-f]*")):
            try:
                found.append(self._load(folder))
            except RequestRefused:
                # Half-written or foreign folders must not take the others out of service.
                continue
        return found

    def _load(self, folder: Path) -> Compiled:
        stamp = _stamp(folder)
        known = self._read.get(folder.name)
        if known is not None and known[0] == stamp:
            return known[1]
        found = self._load_anew(folder)
        # What changed meanwhile has another stamp by now.
        self._read[folder.name] = (stamp, found)
        return found

    def _load_anew(self, folder: Path) -> Compiled:
        try:
            record = parse_system_record(_canonical(folder / _RECORD))
            model = parse_model_record(_canonical(folder / _MODEL))
            signature = _signature(folder / _SIGNATURE)
        except OSError as error:
            raise RequestRefused(f"record: no artifact {folder.name}: {error.strerror}") from error
        except VerificationError as error:
            raise RequestRefused(f"artifact {folder.name} is damaged: {error.message}") from error
        if record.digest().hex() != folder.name or record.model != model.digest():
            raise RequestRefused(f"artifact {folder.name} is damaged: its records do not fit")
        onnx = self._models / model.digest().hex() / "model.onnx"
        return Compiled(folder, onnx, model, record, signature)


def _fitting(items: list[Compiled], system: str | None, hides: Hides | None) -> list[Compiled]:
    hidden = [item for item in items if item.hides_input]
    if hides is Hides.INPUTS:
        items = hidden
    elif hides is Hides.NONE:
        items = [item for item in items if not item.hides_input] or items
    elif system is None:
        items = hidden or items
    if system is not None:
        return items
    for preferred in PREFERRED:
        if found := [item for item in items if item.record.system == preferred]:
            return found
    return items


def _is_model(item: Compiled, model: str) -> bool:
    known = (item.model_digest, item.model.name, f"{item.model.name}@{item.model.version}")
    return model in known


def _stamp(folder: Path) -> _Stamp:
    found: list[tuple[int, int, int, int] | None] = []
    for name in (_RECORD, _MODEL, _SIGNATURE):
        try:
            about = (folder / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns))
    return tuple(found)


def _canonical(path: Path) -> canonical.Json:
    with path.open("rb") as stream:
        data = stream.read(LIMITS.record_bytes + 1)
    return canonical.parse(data, LIMITS.record_bytes, path.name)


def _signature(path: Path) -> bytes | None:
    try:
        text = path.read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    return parse_hex(text, 65, "signature")
