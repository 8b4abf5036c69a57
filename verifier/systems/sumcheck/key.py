"""The verifying key: a program's structure, a commitment to its constants, and the SRS."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from avow.verifier import canonical
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex, to_base64, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import BOUND, Interval, result_interval
from avow.verifier.program.program import Program, parse_program
from avow.verifier.relation.lower import lower
from avow.verifier.relation.relation import Relation
from avow.verifier.srs import G2Coordinates, read_tau_g2, tau_g2_octets
from avow.verifier.tensor import ElementType

SYSTEM_ID = "sumcheck/v1"
FORMAT = "avow-sumcheck-key/1"
PROOF_FORMAT = "avow-sumcheck-proof/1"
COMMITTED, LAYERED = "committed", "layered"  # Helper columns, or layers of a sum of fractions.
_KEY_TAG = tag("avow.key.sumcheck.v1")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")

# Their intervals depend on constants that the verifier does not hold. A wrong one can only make
# answers unprovable: what an equation relies on, a clamp too, is established by a lookup.
_STATED = (op.Constant, op.Dense, op.Convolution, op.Table, op.LookupRow)
_ABSENT = Blob(ElementType.INT8, (), bytes(1))
ReadTau = Callable[[bytes], G2Coordinates]


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """Bounds, so that a stranger's key keeps no verifier busy for more than minutes.

    `steps` are operations and operands, times the digits that a range check of 62 bits needs;
    `cells` the elements of all tensors of a batch and the lengths of tables; `rows` those of the
    stack; `work` the cells of views and public columns that one proof makes us go through.
    """

    steps: int = 2**16
    cells: int = 2**22
    rows: int = 2**12
    work: int = 2**23
    width: int = 16
    logrows: int = 20
    least_logrows: int = 5
    batch: int = 2**10
    proof_bytes: int = 2**22


LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True)
class Key:
    """What a verifier needs beside a proof.

    `intervals` are those of the operations that depend on constants, `gathers` the blobs that
    name cells, both in the program's order. `width` is the number of bits of the range table,
    2^`logrows` the length of a row, `lookups` how lookups are proven. `rows` commit to the
    constants: 64 bytes x || y each.
    """

    program: Program
    intervals: tuple[Interval, ...]
    gathers: tuple[Blob, ...]
    width: int
    logrows: int
    rows: tuple[bytes, ...]
    tau_g2: G2Coordinates
    lookups: str = COMMITTED

    def to_json(self) -> Json:
        """The object that `parse_key` reads."""
        return {
            "format": FORMAT,
            "program": self.program.to_json(),
            "intervals": [[str(item.low), str(item.high)] for item in self.intervals],
            "gathers": [to_base64(blob.data) for blob in self.gathers],
            "width": self.width,
            "logrows": self.logrows,
            "lookups": self.lookups,
            "rows": [to_hex(row) for row in self.rows],
            "tau_g2": to_hex(tau_g2_octets(self.tau_g2)),
        }

    def digest(self) -> bytes:
        """keccak256(tag || canonical JSON)."""
        return keccak256(_KEY_TAG + canonical.encode(self.to_json()))

    def bounds(self) -> tuple[Interval, ...]:
        """Every tensor's interval: stated where constants decide it, computed where not."""
        shapes, stated = self.program.shapes(), iter(self.intervals)
        gathers, count = self._gathers(), len(self.program.blobs)
        blobs = [gathers.get(number, _ABSENT) for number in range(count)]
        known = [Interval(spec.minimum, spec.maximum) for spec in self.program.inputs]
        for step in self.program.steps:
            of = step.operation.of
            operands, sizes = [known[at] for at in of], [shapes[at] for at in of]
            known.append(
                next(stated)
                if isinstance(step.operation, _STATED)
                else result_interval(step.operation, operands, sizes, blobs)
            )
        return tuple(known)

    def relation(self, batch: int) -> Relation:
        """What a proof of `batch` runs establishes; refuses a batch too large to be checked."""
        cells = batch * sum(prod(shape) for shape in self.program.shapes())
        if not 1 <= batch <= LIMITS.batch or cells > LIMITS.cells:
            raise VerificationError("key", f"a batch of {batch} has {cells} cells")
        values = {number: tuple(blob.values()) for number, blob in self._gathers().items()}
        relation = lower(self.program, self.bounds(), values, self.width, batch)
        relation.layered = self.lookups == LAYERED
        return relation

    def _gathers(self) -> dict[int, Blob]:
        return dict(zip(gathered(self.program), self.gathers, strict=True))


def gathered(program: Program) -> list[int]:
    """The blobs that gathers read, each once, in order of first use."""
    operations = (step.operation for step in program.steps)
    return list(dict.fromkeys(item.indices for item in operations if isinstance(item, op.Gather)))


def stated(program: Program) -> list[op.Operation]:
    """The operations whose intervals a key states, in order."""
    return [step.operation for step in program.steps if isinstance(step.operation, _STATED)]


def parse_key(value: Json, read: ReadTau | None = None) -> Key:
    """Read a key, tau G2 by `read`; all of it is bounded, canonical, and fits its program."""
    names = {"format", "program", "intervals", "gathers", "width", "logrows", "lookups", "rows"}
    fields = Fields(value, "key", names | {"tau_g2"})
    fields.one_of("format", (FORMAT,))
    width = fields.integer("width", 1, LIMITS.width)
    program = _parse_program(fields.raw("program"), width)
    count, blobs = len(stated(program)), gathered(program)
    rows = fields.items("rows", 0, LIMITS.rows)
    gathers = zip(blobs, fields.items("gathers", len(blobs), len(blobs)), strict=True)
    return Key(
        program=program,
        intervals=tuple(map(_parse_interval, fields.items("intervals", count, count))),
        gathers=tuple(_parse_gather(item, program, number) for number, item in gathers),
        width=width,
        logrows=fields.integer("logrows", LIMITS.least_logrows, LIMITS.logrows),
        rows=tuple(parse_hex(item, POINT_BYTES, "key.rows") for item in rows),
        tau_g2=(read or read_tau_g2)(fields.octets("tau_g2", 128)),
        lookups=fields.one_of("lookups", (COMMITTED, LAYERED)),
    )


def _parse_program(value: Json, width: int) -> Program:
    program = parse_program(canonical.encode(value))
    operations = [step.operation for step in program.steps]
    steps = sum(1 + len(each.of) for each in operations) * -(-62 // width)
    tables = {each.blob for each in operations if isinstance(each, op.Table | op.LookupRow)}
    cells = sum(prod(shape) for shape in program.shapes())
    cells += sum(sum(program.blobs[number].shape) for number in tables)
    if steps > LIMITS.steps or cells > LIMITS.cells:
        raise VerificationError("key", f"a program of {steps} steps and {cells} cells is too large")
    return program


def _parse_interval(value: Json) -> Interval:
    ends = value if isinstance(value, list) else []
    numbers = [int(end) for end in ends if isinstance(end, str) and _INTEGER.fullmatch(end)]
    if len(ends) == len(numbers) == 2 and -BOUND < numbers[0] <= numbers[1] < BOUND:
        return Interval(*numbers)
    raise VerificationError("parse", f"key.intervals: {str(value)[:60]} is no interval in 2^62")


def _parse_gather(value: Json, program: Program, number: int) -> Blob:
    ref = program.blobs[number]
    size = ref.count * ref.element_type.width
    data = Fields({"data": value}, "key.gathers", {"data"}).blob("data", size)
    blob = Blob(ref.element_type, ref.shape, data)
    if blob.ref() != ref:
        raise VerificationError("key", f"gathers: blob {number} is not the one the program names")
    return blob
