"""What it takes a contract to recompute one element: the bytes that are shown, and gas."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from avow.circuits.errors import CircuitError
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Shape, name_of
from avow.verifier.program.program import Program
from avow.verifier.program.semantics import Index, element, index_at
from avow.verifier.trace.descriptor import Given, blob_fields
from avow.verifier.trace.key import ProgramKey
from avow.verifier.trace.layout import CHUNK, Layout

# A transaction of this much fits into a block of every chain that counts.
MOST_GAS = 12_000_000
_TRANSACTION = 21_000
# EIP-7623, all bytes taken as non-zero: what calldata costs beside work, and at the very least.
_BYTE, _FLOOR_BYTE = 16, 40
# Reading and multiplying one element, and hashing 32 bytes of what is shown. The referee takes less
# for products of dense layers; other operations are not measured yet.
_READ, _HASH = 100, 250
# Selector, claim, salt and lengths around a refutation.
_ENVELOPE = 448
_RANGE = 6
_WORD = 32


@dataclass(frozen=True, slots=True)
class Heaviest:
    """The element that takes the most gas: its tensor, the operation, what is shown."""

    tensor: int
    operation: str
    octets: int
    gas: int


class _Read:
    """A tensor that only notes which chunks are read; every element is `value`."""

    def __init__(self, layout: Layout, value: int = 0, blob: Blob | None = None) -> None:
        self.layout = layout
        self.chunks: set[int] = set()
        self.count = 0
        self._value = value
        self._blob = blob

    @property
    def shape(self) -> Shape:
        return self.layout.shape

    def read(self, index: Index) -> int:
        self.count += 1
        self.chunks.add(self.layout.place(index) * self.layout.width // CHUNK)
        return self._value

    def at(self, position: int) -> int:
        self.read(index_at(position, self.shape))
        return self._value if self._blob is None else self._blob.at(position)

    def opened(self) -> int:
        """Bytes of an opening, each range taken one chunk longer and with siblings of its own."""
        ranges = sum(at - 1 not in self.chunks for at in self.chunks)
        chunks = min(len(self.chunks) + ranges, self.layout.chunks)
        shown = min(chunks * CHUNK, self.layout.size)
        return 2 + ranges * _RANGE + shown + _WORD * 2 * ranges * self.layout.depth


def heaviest_element(program: Program, blobs: Sequence[Blob], key: ProgramKey) -> Heaviest:
    """Look at three elements of every tensor: the first, the middle and the last one.

    Raises `CircuitError` for an element that takes more than `MOST_GAS`, naming the operation.
    """
    found = [
        one
        for tensor in range(len(key.descriptors))
        for one in _of_tensor(program, blobs, key, tensor)
    ]
    worst = max(found, key=lambda one: one.gas)
    if worst.gas > MOST_GAS:
        raise CircuitError(
            f"tensor {worst.tensor} ({worst.operation}): a contract would take {worst.gas:,} gas "
            f"to check one element from {worst.octets:,} bytes, at most {MOST_GAS:,} may be needed"
        )
    return worst


def _of_tensor(
    program: Program, blobs: Sequence[Blob], key: ProgramKey, tensor: int
) -> Iterable[Heaviest]:
    descriptor, outline = key.descriptors[tensor], key.outline
    layout = descriptor.result
    path = _WORD * outline.depth
    head = _ENVELOPE + len(outline.encode()) + 9 + len(descriptor.encode()) + path
    own = _Read(layout)
    own.read((0,) * len(layout.shape))
    if tensor in outline.outputs or isinstance(descriptor.maker, Given):
        # The digest of a whole input or output is computed from its data.
        octets = head + own.opened() + path + layout.size + _WORD * max(outline.inputs, 16)
        yield Heaviest(tensor, "input or output", octets, gas_of(octets, 1))
    if isinstance(descriptor.maker, Given):
        return
    operation = program.steps[tensor - outline.inputs].operation
    numbers = [getattr(operation, name) for name in blob_fields(type(operation))]
    for place in {0, layout.count // 2, layout.count - 1}:
        index = index_at(place, layout.shape)
        operands = [
            _Read(one, key.intervals[number].low)
            for number, one in zip(operation.of, descriptor.operands, strict=True)
        ]
        constants = [
            _Read(committed.layout, blob=blobs[number])
            for number, committed in zip(numbers, descriptor.blobs, strict=True)
        ]
        shapes = [one.shape for one in operands]
        _run(descriptor.maker, index, shapes, operands, constants)
        opened = [*operands, *constants]
        octets = head + own.opened() + sum(one.opened() for one in opened)
        octets += path * (1 + len(operands))
        reads = sum(one.count for one in opened)
        yield Heaviest(tensor, name_of(operation), octets, gas_of(octets, reads))


def _run(
    operation: object,
    index: Index,
    shapes: Sequence[Shape],
    operands: Sequence[_Read],
    constants: Sequence[_Read],
) -> None:
    element(operation, index, shapes, lambda number, at: operands[number].read(at), constants)  # type: ignore[arg-type]


def gas_of(octets: int, reads: int) -> int:
    """Gas of a transaction with so much calldata that reads so many elements."""
    work = _BYTE * octets + _HASH * (octets // _WORD) + _READ * reads
    return _TRANSACTION + max(_FLOOR_BYTE * octets, work)
