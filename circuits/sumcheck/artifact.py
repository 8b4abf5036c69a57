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
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.key import LIMITS as KEY_LIMITS
from avow.verifier.systems.sumcheck.key import SYSTEM_ID, Key, gathered


@dataclass(frozen=True, slots=True)
class Loaded:
    """What proofs are made from.

    `string` holds the powers of tau, 64 bytes each: as many as the largest batch needs.
    """

    program: Program
    blobs: list[Blob]
    key: Key
    string: bytes

    @property
    def powers(self) -> bytes:
        """The 2^key.logrows powers that the key and a proof of one sample are made with."""
        return self.powers_for(1)

    @property
    def largest_batch(self) -> int:
        """The most samples of one proof for which there are powers."""
        points = len(self.string) // POINT_BYTES
        return points >> self.key.logrows

    def powers_for(self, batch: int) -> bytes:
        """The powers that proofs of `batch` samples are made with."""
        return self.string[: POINT_BYTES << self.key.logrows + bits(batch)]


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
    powers = read_file(folder / POWERS, POINT_BYTES << KEY_LIMITS.logrows)
    found = Loaded(program, blobs, key, powers)
    whole = POINT_BYTES << key.logrows
    if len(powers) < whole or len(powers) != whole * found.largest_batch:
        raise CircuitError(f"artifact {folder.name} is damaged: it holds too few powers of tau")
    return found


def _key(value: Json, program: Program, blobs: list[Blob]) -> Key:
    """The key as its maker wrote it; that it is the record's is for its digest to say.

    Its points are not checked: that takes as long as a proof, and every verifier does it.
    """
    names = {"format", "program", "intervals", "gathers", "width", "logrows", "rows", "tau_g2"}
    fields = Fields(value, "key", names)
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
    )


def _interval(value: Json) -> Interval:
    if not isinstance(value, list) or len(value) != 2:
        raise VerificationError("parse", "an interval of the key is no pair")
    try:
        low, high = (int(str(end)) for end in value)
    except ValueError as error:
        raise VerificationError("parse", "an interval of the key is no pair of integers") from error
    return Interval(low, high)
