"""The verifying key of a program: its structure, its commitment, and the string it stands under."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex, to_base64, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import BOUND, Interval, result_interval
from avow.verifier.program.operations import (
    Constant,
    Convolution,
    Dense,
    Gather,
    LookupRow,
    Operation,
    Table,
)
from avow.verifier.program.program import Program, parse_program
from avow.verifier.relation.lower import lower
from avow.verifier.relation.relation import Relation
from avow.verifier.srs import G2Coordinates, parse_tau_g2
from avow.verifier.systems.sumcheck.limits import LIMITS
from avow.verifier.systems.sumcheck.points import POINT_BYTES, parse_point
from avow.verifier.tensor import ElementType

FORMAT = "avow-sumcheck-key/1"
_KEY_TAG = tag("avow.key.sumcheck.v1")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")

# Their intervals depend on constants that the verifier does not hold. A wrong one can only make
# answers unprovable: every interval that an equation relies on is established by a lookup.
_STATED = (Constant, Dense, Convolution, Table, LookupRow)
_ABSENT = Blob(ElementType.INT8, (), bytes(1))


@dataclass(frozen=True, slots=True)
class Key:
    """What a verifier needs beside a proof.

    `intervals` are those of the operations that depend on constants, `gathers` the blobs that
    name cells, both in the program's order. `width` is the number of bits of the range table,
    2^`logrows` the length of a row. `rows` commit to the constants: 64 bytes x || y each.
    """

    program: Program
    intervals: tuple[Interval, ...]
    gathers: tuple[Blob, ...]
    width: int
    logrows: int
    rows: tuple[bytes, ...]
    tau_g2: G2Coordinates

    def to_json(self) -> Json:
        """The object that `parse_key` reads."""
        x0, x1, y0, y1 = self.tau_g2
        return {
            "format": FORMAT,
            "program": self.program.to_json(),
            "intervals": [[str(item.low), str(item.high)] for item in self.intervals],
            "gathers": [to_base64(blob.data) for blob in self.gathers],
            "width": self.width,
            "logrows": self.logrows,
            "rows": [to_hex(row) for row in self.rows],
            "tau_g2": to_hex(b"".join(part.to_bytes(32, "big") for part in (x1, x0, y1, y0))),
        }

    def digest(self) -> bytes:
        """keccak256(tag || canonical JSON)."""
        return keccak256(_KEY_TAG + canonical.encode(self.to_json()))

    def bounds(self) -> tuple[Interval, ...]:
        """Every tensor's interval: stated where constants decide it, computed where not."""
        shapes = self.program.shapes()
        known = [Interval(spec.minimum, spec.maximum) for spec in self.program.inputs]
        gathers = dict(zip(gathered(self.program), self.gathers, strict=True))
        blobs = [gathers.get(number, _ABSENT) for number in range(len(self.program.blobs))]
        stated = iter(self.intervals)
        for step in self.program.steps:
            operation = step.operation
            if isinstance(operation, _STATED):
                known.append(next(stated))
                continue
            operands = [known[at] for at in operation.of]
            of = [shapes[at] for at in operation.of]
            known.append(result_interval(operation, operands, of, blobs))
        return tuple(known)

    def relation(self, batch: int) -> Relation:
        """What a proof of `batch` runs establishes; refuses a batch too large to be checked."""
        cells = batch * sum(prod(shape) for shape in self.program.shapes())
        if batch > LIMITS.batch or cells > LIMITS.cells:
            raise VerificationError("key", f"{cells} cells exceed the limit of {LIMITS.cells}")
        gathers = zip(gathered(self.program), self.gathers, strict=True)
        values = {number: tuple(blob.values()) for number, blob in gathers}
        return lower(self.program, self.bounds(), values, self.width, batch)


def gathered(program: Program) -> list[int]:
    """The blobs that gathers read, each once, in order of first use."""
    operations = (step.operation for step in program.steps)
    return list(dict.fromkeys(item.indices for item in operations if isinstance(item, Gather)))


def stated(program: Program) -> list[Operation]:
    """The operations whose intervals a key states, in order."""
    return [step.operation for step in program.steps if isinstance(step.operation, _STATED)]


def parse_key(value: Json) -> Key:
    """Read a key; all of it is bounded, canonical, and fits its program."""
    names = {"format", "program", "intervals", "gathers", "width", "logrows", "rows", "tau_g2"}
    fields = Fields(value, "key", names)
    fields.one_of("format", (FORMAT,))
    width = fields.integer("width", 1, LIMITS.width)
    program = _parse_program(fields.raw("program"), width)
    wanted = len(stated(program))
    intervals = [_parse_interval(item) for item in fields.items("intervals", wanted, wanted)]
    numbers = gathered(program)
    data = fields.items("gathers", len(numbers), len(numbers))
    point = fields.octets("tau_g2", 128)
    x1, x0, y1, y0 = (int.from_bytes(point[at : at + 32], "big") for at in range(0, 128, 32))
    key = Key(
        program=program,
        intervals=tuple(intervals),
        gathers=tuple(
            _parse_gather(item, program, number)
            for item, number in zip(data, numbers, strict=True)
        ),
        width=width,
        logrows=fields.integer("logrows", 1, LIMITS.logrows),
        rows=tuple(_parse_row(item) for item in fields.items("rows", 0, LIMITS.key_rows)),
        tau_g2=parse_tau_g2((x0, x1, y0, y1)),
    )
    key.bounds()
    return key


def _parse_program(value: Json, width: int) -> Program:
    program = parse_program(canonical.encode(value))
    operations = len(program.steps)
    sizes: Sequence[tuple[str, int, int]] = (
        ("operations", operations, LIMITS.operations),
        ("operands", sum(len(step.operation.of) for step in program.steps), LIMITS.operands),
        ("digits", operations * -(-62 // width), LIMITS.digits),
        ("cells", sum(prod(shape) for shape in program.shapes()), LIMITS.cells),
    )
    for name, size, limit in sizes:
        if size > limit:
            raise VerificationError("key", f"{size} {name} of a program, at most {limit} are read")
    return program


def _parse_interval(value: Json) -> Interval:
    if not isinstance(value, list) or len(value) != 2:
        raise VerificationError("parse", "key.intervals must hold pairs [low, high]")
    ends = []
    for end in value:
        if not isinstance(end, str) or not _INTEGER.fullmatch(end) or abs(int(end)) >= BOUND:
            raise VerificationError(
                "parse", f"key.intervals must be decimal strings below 2^62, got {str(end)[:40]!r}"
            )
        ends.append(int(end))
    if ends[0] > ends[1]:
        raise VerificationError("parse", f"key.intervals: [{ends[0]}, {ends[1]}] is empty")
    return Interval(*ends)


def _parse_gather(value: Json, program: Program, number: int) -> Blob:
    ref = program.blobs[number]
    if ref.count > LIMITS.cells:
        raise VerificationError("key", f"a gather names {ref.count} cells")
    data = Fields({"data": value}, "key.gathers", {"data"}).blob(
        "data", ref.count * ref.element_type.width
    )
    blob = Blob(ref.element_type, ref.shape, data)
    if blob.ref() != ref:
        raise VerificationError("key", f"gathers: blob {number} is not the one the program names")
    return blob


def _parse_row(value: Json) -> bytes:
    row = parse_hex(value, POINT_BYTES, "key.rows")
    parse_point(row, "a row of the key")
    return row
