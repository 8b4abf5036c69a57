"""An artifact of `optimistic/v1`: program and constants, enough to run and to commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avow.circuits.artifact import Artifact
from avow.circuits.errors import CircuitError
from avow.models.errors import ModelError
from avow.models.program.files import load_program
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.systems.optimistic.claim import SYSTEM_ID, WINDOW
from avow.verifier.trace.key import ProgramKey, program_key


@dataclass(frozen=True, slots=True)
class Loaded:
    """What claims are made from; `window` is for how many seconds one may be challenged."""

    program: Program
    blobs: list[Blob]
    key: ProgramKey
    window: int


def load(
    artifact: Artifact,
    key_of: Callable[[Program, Sequence[Blob]], ProgramKey] = program_key,
) -> Loaded:
    """Read a checked artifact's contents.

    Establishes: the key is the record's, every constant is the one that the program names. Where
    the native core is, `key_of` is the faster `avow.prover.trace.fast_key`. Raises
    `CircuitError`.
    """
    folder, record = artifact.folder, artifact.record
    if record.system != SYSTEM_ID:
        raise CircuitError(f"expected an artifact of {SYSTEM_ID}, {folder.name} is {record.system}")
    try:
        program, blobs = load_program(folder, record.program)
        key, window = key_of(program, blobs), int(record.detail(WINDOW))
    except (VerificationError, ModelError, ValueError) as error:
        raise CircuitError(f"artifact {folder.name} is damaged: {error}") from error
    if key.digest != record.key:
        raise CircuitError(f"artifact {folder.name} is damaged: its key is not the record's")
    return Loaded(program, blobs, key, window)
