"""The powers of a string's secret in G1, from either kind of file."""

from dataclasses import dataclass
from pathlib import Path

from avow.circuits.errors import CircuitError
from avow.circuits.files import sha256_file
from avow.circuits.ptau import MAGIC, inspect_ptau
from avow.circuits.srs import inspect, unsafe_note
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.srs import G2Coordinates, srs_digest


@dataclass(frozen=True, slots=True)
class Powers:
    """2^`logrows` powers of tau in G1 from byte `offset` of a file on.

    `digest` names the secret, `sha256` the file; `made_here` as in `SrsFile`.
    """

    path: Path
    offset: int
    logrows: int
    tau_g2: G2Coordinates
    digest: bytes
    sha256: bytes
    made_here: bool
    is_ptau: bool

    def first(self, logrows: int) -> bytes:
        """The first 2^logrows points, 64 bytes each: Montgomery form, little-endian."""
        if logrows > self.logrows:
            raise CircuitError(
                f"this key needs an SRS of 2^{logrows} powers, {self.path.name} has "
                f"2^{self.logrows}"
            )
        size = 2**logrows * POINT_BYTES
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                data = stream.read(size)
        except OSError as error:
            raise CircuitError(f"cannot read {self.path}: {error.strerror}") from error
        if len(data) != size:
            raise CircuitError(f"{self.path.name} is cut off")
        return data


def read_powers(path: Path) -> Powers:
    """A halo2 `ParamsKZG` file or a snarkjs .ptau file; raises `CircuitError`."""
    try:
        if not path.is_file():
            raise CircuitError(f"expected an SRS file at {path}, found none")
        with path.open("rb") as stream:
            is_ptau = stream.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise CircuitError(f"cannot read {path}: {error.strerror}") from error
    if is_ptau:
        found = inspect_ptau(path)
        offset, logrows, tau_g2 = found.offset, found.logrows, found.tau_g2
        sha256 = sha256_file(path)
    else:
        srs = inspect(path)
        offset, logrows, tau_g2, sha256 = 4, srs.logrows, srs.tau_g2, srs.sha256
    note = unsafe_note(path).exists()
    return Powers(path, offset, logrows, tau_g2, srs_digest(tau_g2), sha256, note, is_ptau)
