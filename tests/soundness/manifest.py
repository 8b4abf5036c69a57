"""Every element of a proof by name, and ways to change it."""

from collections.abc import Iterator
from dataclasses import dataclass

from avow.prover.native import _core
from avow.verifier.curves import curve_order, field_modulus
from avow.verifier.relation.relation import Read, Relation
from avow.verifier.systems.sumcheck.frame import Frame
from tests.soundness.reference import GENERATOR


@dataclass(frozen=True, slots=True)
class Element:
    """A scalar of 32 or a point of 64 bytes."""

    section: str
    name: str
    at: int
    size: int

    def of(self, proof: bytes) -> bytes:
        """Its bytes."""
        return proof[self.at : self.at + self.size]

    def put(self, proof: bytes, data: bytes) -> bytes:
        """The proof with other bytes in its place."""
        return proof[: self.at] + data + proof[self.at + self.size :]


SECTIONS = (
    "witness",
    "helpers",
    "layers",
    "nodes",
    "leaves",
    "identities",
    "reads",
    "bilinear",
    "factors",
    "reduction",
    "stack",
    "folds",
    "last fold",
    "fold values",
    "quotients",
)


def sections(frame: Frame) -> list[str]:
    """Those that a proof has."""
    absent = set() if frame.relation.layered else {"layers", "nodes", "leaves"}
    if not frame.stack.matrices[2].rows:
        absent = {"helpers"}
    return [section for section in SECTIONS if section not in absent]


def manifest(frame: Frame) -> list[Element]:
    """All elements in order, counted from the frame alone."""
    elements: list[Element] = []

    def add(section: str, name: str, size: int = 32) -> None:
        at = elements[-1].at + elements[-1].size if elements else 0
        elements.append(Element(section, f"{section}: {name}", at, size))

    for row in range(frame.stack.matrices[1].rows):
        add("witness", f"row {row}", 64)
    for row in range(frame.stack.matrices[2].rows):
        add("helpers", f"row {row}", 64)
    for layer in range(frame.layers):
        for number in reversed(range(layer)):
            add("layers", f"{layer}, variable {number}, slope")
            add("layers", f"{layer}, variable {number}, leading coefficient")
        for name in ("p0", "p1", "q0", "q1"):
            add("nodes", f"{layer}, {name}")
    for place, (read, _) in enumerate(frame.leaves()):
        add("leaves", f"{place}, {_named(frame.relation, read)}")
    for number in range(frame.variables):
        for x in (0, 2, 3):
            add("identities", f"round {number} g({x})")
    for place, (read, _) in enumerate(frame.reads()):
        add("reads", f"{place}, {_named(frame.relation, read)}")
    for number in range(frame.summed):
        for x in (0, 2, 3)[: frame.degree]:
            add("bilinear", f"round {number} g({x})")
    for place, (read, _) in enumerate(frame.factors()):
        add("factors", f"{place}, {_named(frame.relation, read)}")
    for number in range(frame.stack.logsize):
        for x in (0, 2):
            add("reduction", f"round {number} g({x})")
    add("stack", "value")
    columns = frame.stack.logrows
    folds = (columns - 2) // 3
    left = columns - 3 * folds
    for number in range(1, folds):
        add("folds", f"f_{number}", 64)
    for number in range(2**left):
        add("last fold", f"coefficient {number}")
    for number in range(folds):
        for power in range(8):
            add("fold values", f"f_{number}(omega^{power} beta)")
    add("fold values", "f_0(beta^8)")
    add("quotients", "W1", 64)
    add("quotients", "W2", 64)
    return elements


def _named(relation: Relation, read: Read) -> str:
    if read.column >= len(relation.columns):
        return f"helper {read.column - len(relation.columns)}"
    return f"column {read.column} through {len(read.view.links)} links"


def changes(
    proof: bytes, element: Element, following: Element | None
) -> Iterator[tuple[str, bytes]]:
    """The proof with this element changed, in all the ways that do change it."""
    ways = _scalar_ways if element.size == 32 else _point_ways
    for name, data in ways(element.of(proof)):
        if data != element.of(proof):
            yield name, element.put(proof, data)
    if following and following.size == element.size:
        first, second = element.of(proof), following.of(proof)
        if first != second:
            yield "another element's value", element.put(proof, second)
            yield "swapped with the next", following.put(element.put(proof, second), first)


def _scalar_ways(data: bytes) -> Iterator[tuple[str, bytes]]:
    value = int.from_bytes(data, "big")
    yield "plus one", ((value + 1) % curve_order).to_bytes(32, "big")
    yield "minus one", ((value - 1) % curve_order).to_bytes(32, "big")
    yield "negated", (-value % curve_order).to_bytes(32, "big")
    yield "zero", bytes(32)
    yield "r - 1", (curve_order - 1).to_bytes(32, "big")
    yield "not reduced", (value + curve_order).to_bytes(32, "big")
    yield "all ones", bytes([255]) * 32


def _point_ways(data: bytes) -> Iterator[tuple[str, bytes]]:
    x, y = data[:32], data[32:]
    height = int.from_bytes(y, "big")
    yield "another point", _core.point_add(data, GENERATOR)
    yield "twice the point", _core.point_add(data, data)
    yield "the generator", GENERATOR
    yield "the identity", bytes(64)
    yield "negated", x + (-height % field_modulus).to_bytes(32, "big")
    yield "off the curve", x + ((height + 1) % field_modulus).to_bytes(32, "big")
    yield "x and y swapped", y + x
    yield "x not reduced", (int.from_bytes(x, "big") + field_modulus).to_bytes(32, "big") + y
    yield "y not reduced", x + (height + field_modulus).to_bytes(32, "big")
