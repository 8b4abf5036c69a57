"""The compiled artifacts that this installation can serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from avow.prover.errors import RequestRefused
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.fields import parse_hex, to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.records import (
    ModelRecord,
    SystemRecord,
    parse_model_record,
    parse_system_record,
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One model compiled for one system: both records, the artifact's folder, the ONNX file.

    `signature` is the owner's under the system record, where there is one.
    """

    folder: Path
    onnx: Path
    model: ModelRecord
    record: SystemRecord
    signature: bytes | None = None

    @property
    def model_digest(self) -> str:
        """0x form of the model digest."""
        return to_hex(self.model.digest())

    @property
    def record_digest(self) -> str:
        """0x form of the system record's digest."""
        return to_hex(self.record.digest())


class Catalogue(Protocol):
    """Where compiled models are looked up."""

    def find(self, model: str, system: str, record: str | None) -> Compiled:
        """The one artifact asked for; raises RequestRefused when there is none or several."""
        ...


class FolderCatalogue:
    """The artifacts under a folder, one per system record digest; read anew at every call."""

    def __init__(self, artifacts: Path, models: Path) -> None:
        self._artifacts = artifacts
        self._models = models

    def find(self, model: str, system: str, record: str | None) -> Compiled:
        """The artifact of a model (digest, name or name@version) for a system."""
        if record is not None:
            found = [self._load(self._artifacts / record.removeprefix("0x"))]
            if not _is_model(found[0], model) or found[0].record.system != system:
                raise RequestRefused(f"record: {record} is not {model!r} compiled for {system!r}")
            return found[0]
        everything = self.all()
        named = [item for item in everything if _is_model(item, model)]
        if not named:
            known = ", ".join(sorted({item.model.name for item in everything})) or "none"
            raise RequestRefused(f"model: no compiled model {model!r}; there are: {known}")
        fitting = [item for item in named if item.record.system == system]
        if not fitting:
            known = ", ".join(sorted({item.record.system for item in named}))
            raise RequestRefused(f"system: {model!r} is not compiled for {system!r}, but: {known}")
        if len(fitting) > 1:
            digests = ", ".join(sorted(item.record_digest for item in fitting))
            raise RequestRefused(f"record: several artifacts fit, name one of {digests}")
        return fitting[0]

    def all(self) -> list[Compiled]:
        """Every readable artifact, in the order of their digests."""
        found = []
        for folder in sorted(self._artifacts.glob("[0-9a-f]*")):
            try:
                found.append(self._load(folder))
            except RequestRefused:
                # Half-written or foreign folders must not take the others out of service.
                continue
        return found

    def _load(self, folder: Path) -> Compiled:
        try:
            record = parse_system_record(_canonical(folder / "record.json"))
            model = parse_model_record(_canonical(folder / "model.json"))
            signature = _signature(folder / "signature")
        except OSError as error:
            raise RequestRefused(f"record: no artifact {folder.name}: {error.strerror}") from error
        except VerificationError as error:
            raise RequestRefused(f"artifact {folder.name} is damaged: {error.message}") from error
        if record.digest().hex() != folder.name or record.model != model.digest():
            raise RequestRefused(f"artifact {folder.name} is damaged: its records do not fit")
        onnx = self._models / model.digest().hex() / "model.onnx"
        return Compiled(folder, onnx, model, record, signature)


def _is_model(item: Compiled, model: str) -> bool:
    known = (item.model_digest, item.model.name, f"{item.model.name}@{item.model.version}")
    return model in known


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
