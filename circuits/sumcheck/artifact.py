"""An artifact of `sumcheck/v1`: program, constants, key and powers of tau, enough to prove."""

from dataclasses import dataclass

from avow.circuits.artifact import Artifact
from avow.circuits.curve import POINT_BYTES
from avow.circuits.errors import CircuitError
from avow.circuits.files import read_file
from avow.circuits.sumcheck.files import KEY, POWERS
from avow.models.errors import ModelError
from avow.models.program.files import load_program
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.systems.sumcheck.half import SYSTEM_ID
from avow.verifier.systems.sumcheck.key import Key, parse_key


@dataclass(frozen=True, slots=True)
class Loaded:
    """What proofs are made from. `powers` are 2^key.logrows points of 64 bytes each."""

    program: Program
    blobs: list[Blob]
    key: Key
    powers: bytes


def load(artifact: Artifact) -> Loaded:
    """Read a checked artifact's contents.

    Establishes: the key is the record's, the program is the key's, every constant is the one
    that the program names. Raises `CircuitError`.
    """
    folder, record = artifact.folder, artifact.record
    if record.system != SYSTEM_ID:
        raise CircuitError(f"expected an artifact of {SYSTEM_ID}, {folder.name} is {record.system}")
    try:
        key = parse_key(
            canonical.parse(
                read_file(folder / KEY, LIMITS.bundle_bytes), LIMITS.bundle_bytes, "key"
            )
        )
        program, blobs = load_program(folder, record.program)
    except (VerificationError, ModelError) as error:
        raise CircuitError(f"artifact {folder.name} is damaged: {error}") from error
    if key.digest() != record.key or key.program != program:
        raise CircuitError(f"artifact {folder.name} is damaged: its key is not the record's")
    size = 2**key.logrows * POINT_BYTES
    powers = read_file(folder / POWERS, size)
    if len(powers) != size:
        raise CircuitError(f"artifact {folder.name} is damaged: it holds too few powers of tau")
    return Loaded(program, blobs, key, powers)
