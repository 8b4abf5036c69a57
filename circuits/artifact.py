"""An artifact: the folder that a compiled model is proven from, and what was checked about it."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl import files as ezkl
from avow.circuits.files import read_file, read_json, sha256_file, write_file, write_json
from avow.circuits.lock import LOCK
from avow.circuits.optimistic import files as optimistic
from avow.circuits.placing import put, recover
from avow.circuits.sumcheck import files as sumcheck
from avow.circuits.tee import files as tee
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.records import (
    ModelRecord,
    SystemRecord,
    parse_model_record,
    parse_system_record,
)

RECORD = "record.json"
MODEL = "model.json"
INVENTORY = "inventory.json"
SIGNATURE = "signature"
INVENTORY_FORMAT = "avow-artifact/1"
_DIGEST = re.compile(r"(?:0x)?(?P<hex>[0-9a-f]{8,64})")

# What a system's artifact holds beside both records: files that must be there, others that may.
FILES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ezkl/v1": (ezkl.REQUIRED, ezkl.OPTIONAL),
    "optimistic/v1": (optimistic.REQUIRED, optimistic.OPTIONAL),
    "sumcheck/v1": (sumcheck.REQUIRED, sumcheck.OPTIONAL),
    "tee/v1": (tee.REQUIRED, tee.OPTIONAL),
}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A folder whose every file had the digest of its inventory when it was loaded."""

    folder: Path
    model: ModelRecord
    record: SystemRecord

    def path(self, name: str) -> Path:
        """The absolute path of one of the files."""
        return (self.folder / name).absolute()


def load_artifact(folder: Path) -> Artifact:
    """Read an artifact of any system and check every file against its inventory, keys included.

    Establishes: both records parse, the folder is named by the system record's digest, the
    system record is of the model record, and nothing is missing, altered or cut off. Raises
    `CircuitError`.
    """
    if not folder.is_dir():
        recover(folder.parent)
    if not folder.is_dir():
        raise CircuitError(f"expected an artifact's folder at {folder}, found none")
    listed = _check_inventory(folder)
    try:
        record = parse_system_record(_record(folder / RECORD))
        model = parse_model_record(_record(folder / MODEL))
    except VerificationError as error:
        raise CircuitError(f"artifact {folder.name} is damaged: {error.message}") from error
    if listed - set(files_of(record.system)) or set(_names(record.system)[0]) - listed:
        raise CircuitError(
            f"artifact {folder.name} is damaged: its inventory lists other files than expected"
        )
    if record.model != model.digest():
        raise CircuitError(f"artifact {folder.name} is damaged: its records do not fit each other")
    digest = record.digest().hex()
    if folder.name != digest:
        raise CircuitError(f"artifact {folder.name} is damaged: its record hashes to {digest}")
    return Artifact(folder.absolute(), model, record)


def find_artifact(text: str, artifacts: Path) -> Artifact:
    """The artifact that a command names: a folder, its record.json, or a digest's beginning."""
    path = Path(text)
    match = _DIGEST.fullmatch(text)
    if match is not None and not path.exists():
        recover(artifacts)
        found = sorted(artifacts.glob(f"{match['hex']}*"))
        if len(found) != 1:
            raise CircuitError(
                f"expected one artifact whose digest begins with {match['hex']}, "
                f"found {len(found)} in {artifacts}"
            )
        path = found[0]
    return load_artifact((path.parent if path.name == RECORD else path).resolve())


def write_signature(folder: Path, signature: bytes) -> None:
    """Keep the owner's signature under the record (65 bytes), for every bundle to come."""
    write_file(folder / SIGNATURE, (to_hex(signature) + "\n").encode("ascii"))


def files_of(system: str) -> tuple[str, ...]:
    """The names of all files that an artifact of the system may hold."""
    required, optional = _names(system)
    return (*required, *optional)


def write_inventory(folder: Path, system: str) -> None:
    """Note the digest of every file of a finished artifact."""
    required, optional = _names(system)
    names = [*required, *(name for name in optional if (folder / name).exists())]
    files = {name: to_hex(sha256_file(folder / name)) for name in names}
    write_json(folder / INVENTORY, {"format": INVENTORY_FORMAT, "files": files})


def earlier_artifact(target: Path) -> Artifact | None:
    """The artifact that was made there before; None where it is missing or damaged."""
    try:
        return load_artifact(target)
    except CircuitError:
        return None


def finish(build: Path, model: ModelRecord, record: SystemRecord) -> Artifact:
    """Complete a build folder with both records and give it the record's name; returns it checked.

    The folder lies beside the artifacts. Raises `CircuitError`.
    """
    write_file(build / RECORD, canonical.encode(record.to_json()))
    write_file(build / MODEL, canonical.encode(model.to_json()))
    return load_artifact(place(build, build.with_name(record.digest().hex()), record.system))


def place(build: Path, target: Path, system: str) -> Path:
    """Give a build folder its inventory and its name; an earlier artifact of it is replaced.

    The owner's signature under the record is kept: it is of the name, not of the files.
    """
    write_inventory(build, system)
    recover(target.parent)
    try:
        if (target / SIGNATURE).exists():
            shutil.copyfile(target / SIGNATURE, build / SIGNATURE)
        # Same record, made again: what was there may be damaged, so the new one replaces it.
        put(build, target)
        (target / LOCK).unlink(missing_ok=True)
    except OSError as error:
        raise CircuitError(f"cannot place the artifact at {target}: {error.strerror}") from error
    return target


def _names(system: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if system not in FILES:
        raise CircuitError(f"expected an artifact of {' or '.join(FILES)}, got {system[:40]!r}")
    required, optional = FILES[system]
    return (RECORD, MODEL, *required), optional


def _check_inventory(folder: Path) -> set[str]:
    inventory = read_json(folder / INVENTORY)
    files = inventory.get("files")
    if inventory.get("format") != INVENTORY_FORMAT or not isinstance(files, dict):
        raise CircuitError(f"artifact {folder.name} is damaged: its inventory cannot be read")
    known = {name for system in FILES for name in files_of(system)}
    if not {RECORD, MODEL} <= files.keys() <= known:
        raise CircuitError(
            f"artifact {folder.name} is damaged: its inventory lists other files than expected"
        )
    for name, expected in sorted(files.items()):
        found = to_hex(sha256_file(folder / name))
        if found != expected:
            raise CircuitError(
                f"artifact {folder.name} is damaged: {name} was altered; "
                "compile the model again with --force"
            )
    return set(files)


def _record(path: Path) -> canonical.Json:
    return canonical.parse(read_file(path, LIMITS.record_bytes), LIMITS.record_bytes, path.name)
