"""The content-addressed store: one folder per model, named by its digest, whole or not there."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from avow.models.data import Rows, load_rows
from avow.models.errors import ModelError
from avow.models.files import read_bounded, reason, write_whole
from avow.models.load import Model, load_model
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS as FORMAT_LIMITS
from avow.verifier.records import ModelRecord, parse_model_record

ONNX = "model.onnx"
RECORD = "record.json"
CALIBRATION = "calibration.npz"
HELD_OUT = "heldout.npz"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model in the store whose record hashes to its folder's name and fits its ONNX file."""

    record: ModelRecord
    digest: bytes
    folder: Path

    @property
    def onnx_path(self) -> Path:
        """The ONNX file that the record's `onnx_sha256` names."""
        return self.folder / ONNX

    @property
    def calibration_path(self) -> Path:
        """The npz file that the owner calibrated with."""
        return self.folder / CALIBRATION

    @property
    def held_out_path(self) -> Path | None:
        """The npz file to measure on, where the owner gave one."""
        path = self.folder / HELD_OUT
        return path if path.exists() else None

    def model(self) -> Model:
        """The parsed graph."""
        return load_model(self.onnx_path)

    def calibration(self) -> Rows:
        """The calibration rows."""
        return load_rows(self.calibration_path, self.model().inputs)

    def held_out(self) -> Rows | None:
        """The held-out rows, where the owner gave some."""
        path = self.held_out_path
        return None if path is None else load_rows(path, self.model().inputs)


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Models under `root`, each in a folder named by the 64 hex digits of its digest."""

    root: Path

    @classmethod
    def at(cls, home: Path) -> "ModelStore":
        """The store of an Avow home folder."""
        return cls(home / "models")

    def add(
        self, record: ModelRecord, onnx: bytes, calibration: bytes, held_out: bytes | None
    ) -> StoredModel:
        """Store a model; doing it again changes nothing.

        Raises `ModelError` when other data lies there already under the same digest, or when
        nothing can be written; then nothing is left behind.
        """
        files = {ONNX: onnx, RECORD: canonical.encode(record.to_json()), CALIBRATION: calibration}
        if held_out is not None:
            files[HELD_OUT] = held_out
        final = self.root / record.digest().hex()
        if not final.exists():
            self._place(files, final)
        for name in (ONNX, RECORD, CALIBRATION, HELD_OUT):
            path = final / name
            stored = path.read_bytes() if path.exists() else None
            if stored != files.get(name):
                raise ModelError(
                    f"model 0x{final.name} is stored already with another {name}; "
                    "give it another version to keep both"
                )
        return self.open(record.digest())

    def open(self, digest: bytes) -> StoredModel:
        """The model of this digest; refuses a folder whose content does not hash to its name."""
        found = self.peek(digest)
        onnx = load_model(found.onnx_path).sha256
        if onnx != found.record.onnx_sha256:
            raise ModelError(
                f"{found.onnx_path} is damaged: expected SHA-256 "
                f"{found.record.onnx_sha256.hex()}, got {onnx.hex()}"
            )
        return found

    def peek(self, digest: bytes) -> StoredModel:
        """As `open`, without reading the ONNX file: for lists and lookups."""
        folder = self.root / digest.hex()
        if not folder.is_dir():
            raise ModelError(f"no model 0x{digest.hex()} in {self.root}")
        data = read_bounded(folder / RECORD, FORMAT_LIMITS.record_bytes, "model record")
        try:
            record = parse_model_record(
                canonical.parse(data, FORMAT_LIMITS.record_bytes, "model record")
            )
        except VerificationError as error:
            raise ModelError(f"{folder / RECORD} is damaged: {error.message}") from error
        if record.digest() != digest:
            raise ModelError(f"{folder} is damaged: its record hashes to 0x{record.digest().hex()}")
        return StoredModel(record, digest, folder)

    def digests(self) -> tuple[bytes, ...]:
        """Every digest in the store, in order."""
        if not self.root.is_dir():
            return ()
        names = (path.name for path in self.root.iterdir() if path.is_dir())
        return tuple(sorted(bytes.fromhex(name) for name in names if _is_digest(name)))

    def survey(self) -> tuple[tuple[StoredModel, ...], tuple[ModelError, ...]]:
        """Every model whose record is sound, and why the others are not.

        One damaged folder must not hide the rest of the store.
        """
        sound, damaged = [], []
        for digest in self.digests():
            try:
                sound.append(self.peek(digest))
            except ModelError as error:
                damaged.append(error)
        return tuple(sound), tuple(damaged)

    def _place(self, files: dict[str, bytes], final: Path) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=self.root, prefix=".new-"))
        except OSError as error:
            raise ModelError(f"cannot write {self.root}: {reason(error)}") from error
        try:
            fresh.chmod(0o755)
            for name, data in files.items():
                write_whole(fresh / name, data)
            os.rename(fresh, final)
        except OSError as error:
            # Another process may have placed the same model meanwhile; `add` compares.
            if not final.is_dir():
                raise ModelError(f"cannot write {final}: {reason(error)}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _is_digest(name: str) -> bool:
    return len(name) == 2 * 32 and all(character in "0123456789abcdef" for character in name)
