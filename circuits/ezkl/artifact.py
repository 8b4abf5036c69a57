"""An artifact of `ezkl/v1`: the folder with its keys, and the SRS outside that they need."""

from dataclasses import dataclass
from pathlib import Path

from avow.circuits.artifact import Artifact, load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.files import SETTINGS, SRS, VK
from avow.circuits.files import read_file, read_json, sha256_file, write_json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import parse_hex, to_hex
from avow.verifier.systems.ezkl.settings import SYSTEM_ID


@dataclass(frozen=True, slots=True)
class SrsReference:
    """Where the string lies that the keys were made with; `tau_g2` is (x.c0, x.c1, y.c0, y.c1)."""

    path: Path
    sha256: bytes
    tau_g2: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class EzklArtifact(Artifact):
    """A checked artifact whose SRS file is the one that its keys were made with."""

    srs: SrsReference

    def settings(self) -> bytes:
        """The circuit's normalised settings."""
        return read_file(self.folder / SETTINGS, 2**20)

    def vk(self) -> bytes:
        """The verifying key."""
        return read_file(self.folder / VK, 2**28)


def load_ezkl(folder: Path) -> EzklArtifact:
    """Read an artifact as `load_artifact` does, and check its SRS file; raises `CircuitError`."""
    return of_ezkl(load_artifact(folder))


def of_ezkl(artifact: Artifact) -> EzklArtifact:
    """The same artifact, if it is one of `ezkl/v1`, with its SRS file checked."""
    folder, record = artifact.folder, artifact.record
    if record.system != SYSTEM_ID:
        raise CircuitError(f"expected an artifact of {SYSTEM_ID}, {folder.name} is {record.system}")
    return EzklArtifact(folder, artifact.model, record, _srs(folder))


def write_srs_reference(path: Path, reference: SrsReference) -> None:
    """Write the file `srs` of an artifact."""
    value = {
        "path": str(reference.path.absolute()),
        "sha256": to_hex(reference.sha256),
        "tau_g2": [str(number) for number in reference.tau_g2],
    }
    write_json(path, value)


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
