"""An artifact of `sumcheck/v1`: program, constants, key and powers of tau, enough to prove."""

from dataclasses import dataclass, field
from pathlib import Path

from avow.circuits.artifact import Artifact
from avow.circuits.errors import CircuitError
from avow.circuits.files import read_file
from avow.circuits.sumcheck.files import KEY, POWERS
from avow.models.errors import ModelError
from avow.models.program.files import load_program
from avow.verifier import canonical
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED, SYSTEM_ID, Key, gathered
from avow.verifier.systems.sumcheck.key import LIMITS as KEY_LIMITS


@dataclass(frozen=True, slots=True)
class Loaded:
    """What proofs are made from.

    `points` powers of tau, 64 bytes each, lie in the file `string`: as many as the largest batch
    needs. They are read when they are asked for, since most proofs need few of them.
    """

    program: Program
    blobs: list[Blob]
    key: Key
    points: int
    string: Path = field(compare=False)

    @property
    def powers(self) -> bytes:
        """The 2^key.logrows powers that the key and a proof of one sample are made with."""
        return self.powers_for(1)

    @property
    def largest_batch(self) -> int:
        """The most samples of one proof for which there are powers."""
        return self.points >> self.key.logrows

    def powers_for(self, batch: int) -> bytes:
        """The powers that proofs of `batch` samples are made with."""
        size = POINT_BYTES << self.key.logrows + bits(batch)
        try:
            with self.string.open("rb") as stream:
                powers = stream.read(size)
        except OSError as error:
            raise CircuitError(f"cannot read {self.string}: {error.strerror}") from error
        if len(powers) != size:
            raise CircuitError(f"{self.string} holds too few powers of tau")
        return powers


def load(artifact: Artifact) -> Loaded:
    """Read a checked artifact's contents.

    Establishes: the key is the record's, the program is the key's, every constant is the one
    that the program names. Raises `CircuitError`.
    """
    folder, record = artifact.folder, artifact.record
    if record.system != SYSTEM_ID:
        raise CircuitError(f"expected an artifact of {SYSTEM_ID}, {folder.name} is {record.system}")
    try:
        program, blobs = load_program(folder, record.program)
        data = read_file(folder / KEY, LIMITS.bundle_bytes)
        key = _key(canonical.parse(data, LIMITS.bundle_bytes, "key"), program, blobs)
    except (VerificationError, ModelError) as error:
        raise CircuitError(f"artifact {folder.name} is damaged: {error}") from error
    if key.digest() != record.key:
        raise CircuitError(f"artifact {folder.name} is damaged: its key is not the record's")
    string = folder / POWERS
    points, rest = divmod(string.stat().st_size, POINT_BYTES)
    found = Loaded(program, blobs, key, points, string)
    if rest or not found.largest_batch or points != found.largest_batch << key.logrows:
        raise CircuitError(f"artifact {folder.name} is damaged: it holds too few powers of tau")
    return found


def _key(value: Json, program: Program, blobs: list[Blob]) -> Key:
    """The key as its maker wrote it; that it is the record's is for its digest to say.

    Its points are not checked: that takes as long as a proof, and every verifier does it.
    """
    names = {"format", "program", "intervals", "gathers", "width", "logrows", "lookups", "rows"}
    fields = Fields(value, "key", names | {"tau_g2"})
    tau_g2 = fields.octets("tau_g2", 2 * POINT_BYTES)
    x1, x0, y1, y0 = (int.from_bytes(tau_g2[at : at + 32], "big") for at in range(0, 128, 32))
    return Key(
        program=program,
        intervals=tuple(map(_interval, fields.items("intervals", 0, LIMITS.list_items))),
        gathers=tuple(blobs[number] for number in gathered(program)),
        width=fields.integer("width", 1, KEY_LIMITS.width),
        logrows=fields.integer("logrows", KEY_LIMITS.least_logrows, KEY_LIMITS.logrows),
        rows=tuple(
            parse_hex(row, POINT_BYTES, "key.rows")
            for row in fields.items("rows", 0, KEY_LIMITS.rows)
        ),
        tau_g2=(x0, x1, y0, y1),
        lookups=fields.one_of("lookups", (COMMITTED, LAYERED)),
    )


def _interval(value: Json) -> Interval:
    if not isinstance(value, list) or len(value) != 2:
        raise VerificationError("parse", "an interval of the key is no pair")
    try:
        low, high = (int(str(end)) for end in value)
    except ValueError as error:
        raise VerificationError("parse", "an interval of the key is no pair of integers") from error
    return Interval(low, high)
