"""An artifact: the folder that a compiled model is proven from, and what was checked about it."""

import re
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.errors import CircuitError
from avow.circuits.files import read_file, read_json, sha256_file, write_file, write_json
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

RECORD = "record.json"
MODEL = "model.json"
GRAPH = "graph.onnx"
SETTINGS = "settings.json"
CIRCUIT = "circuit.ezkl"
VK = "vk.key"
PK = "pk.key"
SRS = "srs"
SOLIDITY = "verifier.sol"
EVM = "verifier.json"
INVENTORY = "inventory.json"
SIGNATURE = "signature"
REQUIRED = (RECORD, MODEL, GRAPH, SETTINGS, CIRCUIT, VK, PK, SRS)
OPTIONAL = (SOLIDITY, EVM)
INVENTORY_FORMAT = "avow-artifact/1"
_DIGEST = re.compile(r"(?:0x)?(?P<hex>[0-9a-f]{8,64})")


@dataclass(frozen=True, slots=True)
class SrsReference:
    """Where the string lies that the keys were made with; `tau_g2` is (x.c0, x.c1, y.c0, y.c1)."""

    path: Path
    sha256: bytes
    tau_g2: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A folder whose every file had the digest of its inventory when it was loaded."""

    folder: Path
    model: ModelRecord
    record: SystemRecord
    srs: SrsReference

    def path(self, name: str) -> Path:
        """The absolute path of one of the files."""
        return (self.folder / name).absolute()

    def settings(self) -> bytes:
        """The circuit's normalised settings."""
        return read_file(self.folder / SETTINGS, 2**20)

    def vk(self) -> bytes:
        """The verifying key."""
        return read_file(self.folder / VK, 2**28)


def load_artifact(folder: Path) -> Artifact:
    """Read an artifact and check every file against its inventory, keys included.

    Establishes: both records parse, the folder is named by the system record's digest, the
    system record is of the model record, nothing is missing, altered or cut off, and the SRS file
    is the one that the keys were made with. Raises `CircuitError`.
    """
    if not folder.is_dir():
        raise CircuitError(f"expected an artifact's folder at {folder}, found none")
    _check_inventory(folder)
    try:
        record = parse_system_record(_record(folder / RECORD))
        model = parse_model_record(_record(folder / MODEL))
    except VerificationError as error:
        raise CircuitError(f"artifact {folder.name} is damaged: {error.message}") from error
    if record.model != model.digest():
        raise CircuitError(f"artifact {folder.name} is damaged: its records do not fit each other")
    digest = record.digest().hex()
    if folder.name != digest:
        raise CircuitError(f"artifact {folder.name} is damaged: its record hashes to {digest}")
    return Artifact(folder.absolute(), model, record, _srs(folder))


def find_artifact(text: str, artifacts: Path) -> Artifact:
    """The artifact that a command names: a folder, its record.json, or a digest's beginning."""
    path = Path(text)
    match = _DIGEST.fullmatch(text)
    if match is not None and not path.exists():
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


def write_inventory(folder: Path) -> None:
    """Note the digest of every file of a finished artifact."""
    names = [*REQUIRED, *(name for name in OPTIONAL if (folder / name).exists())]
    files = {name: to_hex(sha256_file(folder / name)) for name in names}
    write_json(folder / INVENTORY, {"format": INVENTORY_FORMAT, "files": files})


def write_srs_reference(path: Path, reference: SrsReference) -> None:
    """Write the file `srs` of an artifact."""
    value = {
        "path": str(reference.path.absolute()),
        "sha256": to_hex(reference.sha256),
        "tau_g2": [str(number) for number in reference.tau_g2],
    }
    write_json(path, value)


def _check_inventory(folder: Path) -> None:
    inventory = read_json(folder / INVENTORY)
    files = inventory.get("files")
    if inventory.get("format") != INVENTORY_FORMAT or not isinstance(files, dict):
        raise CircuitError(f"artifact {folder.name} is damaged: its inventory cannot be read")
    missing = set(REQUIRED) - files.keys()
    unknown = files.keys() - {*REQUIRED, *OPTIONAL}
    if missing or unknown:
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


def _record(path: Path) -> canonical.Json:
    return canonical.parse(read_file(path, LIMITS.record_bytes), LIMITS.record_bytes, path.name)


def _srs(folder: Path) -> SrsReference:
    value = read_json(folder / SRS)
    try:
        x0, x1, y0, y1 = (int(number) for number in value["tau_g2"])
        sha256 = parse_hex(value["sha256"], 32, "srs.sha256")
        path = Path(value["path"])
    except (KeyError, ValueError, TypeError, VerificationError) as error:
        raise CircuitError(f"artifact {folder.name} is damaged: its SRS reference") from error
    if sha256_file(path) != sha256:
        raise CircuitError(f"the SRS at {path} is not the one that {folder.name} was compiled with")
    return SrsReference(path, sha256, (x0, x1, y0, y1))
