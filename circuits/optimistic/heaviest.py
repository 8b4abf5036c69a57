"""What it takes a contract to recompute one element: the bytes that are shown, and gas."""

from collections.abc import Iterator
from dataclasses import dataclass

from avow.circuits.errors import CircuitError
from avow.circuits.optimistic.reading import NOTHING, Reading, Shown, opening, readings, siblings_of
from avow.verifier.program.operations import Concat, name_of
from avow.verifier.trace.descriptor import Given
from avow.verifier.trace.key import ProgramKey
from avow.verifier.trace.layout import LARGEST_SHOWN, MOST_OCTETS

# A transaction of this much fits into a block of every chain that counts.
MOST_GAS = 12_000_000
_WHOLE = "input or output"
_ROOT = "input, by its root"
_TRANSACTION = 21_000
# EIP-7623, all bytes taken as non-zero: what calldata costs beside work, and at the very least.
_BYTE, _FLOOR_BYTE = 16, 40
_WORD = 32
# Selector, claim, salt and lengths around a refutation.
_ENVELOPE = 448

# Work of the contracts, each above what tests measure of the real ones. Everything that stands
# around the openings, overturning the claim among it; a word of calldata that is copied twice, for
# its hash and for the referee, into memory that becomes dearer with its size.
_AROUND, _COPIED = 140_000, 64
# An operand or constant, and a step past another tensor in a list; opened, a range, a chunk, a
# level of its tree and a hash in it.
_OPERAND, _BESIDE = 2_500, 40
_OPENED, _RANGE, _CHUNK, _LEVEL, _NODE = 4_500, 600, 320, 240, 310
# A run of elements that are equally far apart, going on in another range, and an element: of a
# sum, of a dot product; the latter also for 32 products of bytes. A turn of the loops around the
# runs, a range that is passed by.
_SUM = (750, 800, 77)
_DOT = (1_700, 1_800, 100)
_BYTES, _TURN, _PASSED = 480, 830, 60


@dataclass(frozen=True, slots=True)
class Heaviest:
    """The element that takes the most gas: its tensor, the operation, what is shown."""

    tensor: int
    operation: str
    octets: int
    gas: int


def heaviest_element(key: ProgramKey) -> Heaviest:
    """What refuting any element of any tensor takes at most.

    Raises `CircuitError` where that is more than `MOST_GAS` or `MOST_OCTETS`, naming the operation.
    """
    found = [one for tensor in range(len(key.descriptors)) for one in of_tensor(key, tensor)]
    worst = max(found, key=lambda one: (one.octets > MOST_OCTETS, one.gas))
    what = f"tensor {worst.tensor} ({worst.operation})"
    if worst.octets > MOST_OCTETS:
        why = ""
        if worst.operation == _WHOLE:
            why = "; an order's output is committed to, and so shown, as a whole"
        raise CircuitError(
            f"{what}: a contract would have to be shown {worst.octets:,} bytes to check one "
            f"element, a transaction carries {MOST_OCTETS:,}{why}"
        )
    if worst.gas > MOST_GAS:
        raise CircuitError(
            f"{what}: a contract would take {worst.gas:,} gas to check one element from "
            f"{worst.octets:,} bytes, at most {MOST_GAS:,} may be needed"
        )
    return worst


def of_tensor(key: ProgramKey, tensor: int) -> Iterator[Heaviest]:
    """Bounds of every kind of refutation of a tensor's elements, none of which is above all."""
    descriptor, outline = key.descriptors[tensor], key.outline
    own = opening(descriptor.result)
    path = _WORD * outline.depth
    head = _ENVELOPE + len(outline.encode()) + 9 + len(descriptor.encode()) + path
    if tensor in outline.outputs or isinstance(descriptor.maker, Given):
        # The digest of a whole input or output is computed from its data, that of roots is not.
        inputs = [one.result.size for one in key.descriptors[: outline.inputs]]
        whole = tensor in outline.outputs or max(inputs) <= LARGEST_SHOWN
        others = 1 + _WORD * max(outline.inputs, len(outline.outputs))
        octets = head + own.octets + path + others
        octets += descriptor.result.size if whole else 2 * _WORD
        trace = Shown(octets=0, chunks=1, siblings=outline.depth, depth=outline.depth)
        gas = gas_of(octets, outline.depth, [own, trace], Reading((), ()))
        yield Heaviest(tensor, _WHOLE if whole else _ROOT, octets, gas)
    if isinstance(descriptor.maker, Given):
        return
    for reading in readings(descriptor):
        operands = reading.operands
        if isinstance(descriptor.maker, Concat):
            # The element comes from one of them; the others are not opened.
            most = max(operands, key=lambda one: one.octets)
            operands = (most, *(NOTHING for _ in operands[1:]))
        shown = [own, *operands, *reading.blobs]
        opened = 1 + sum(one.chunks > 0 for one in operands)
        beside = siblings_of(opened, outline.depth)
        octets = head + sum(one.octets for one in shown) + _WORD * beside
        trace = Shown(octets=0, chunks=opened, siblings=beside, depth=outline.depth)
        gas = gas_of(octets, outline.depth, [*shown, trace], reading)
        yield Heaviest(tensor, name_of(descriptor.maker), octets, gas)


def gas_of(octets: int, path: int, shown: list[Shown], reading: Reading) -> int:
    """Gas of a transaction with so much calldata that opens and reads this.

    `path` leads to the program's root.
    """
    work = _AROUND + (_BYTE + _COPIED // _WORD) * octets + (_LEVEL + _NODE) * path
    work += _BESIDE * sum(one.chunks > 0 for one in shown) ** 2
    for one in shown:
        work += _OPERAND + _OPENED * (one.chunks > 0) + _RANGE * one.ranges + _LEVEL * one.depth
        work += (_CHUNK + _NODE) * one.chunks + _NODE * one.siblings
    run, crossed, element = _DOT if reading.products or reading.words else _SUM
    work += run * reading.runs + _TURN * reading.turns
    work += crossed * reading.crossed + _PASSED * reading.passed
    work += element * (reading.terms + reading.products) + _BYTES * reading.words
    return _TRANSACTION + max(_FLOOR_BYTE * octets, work)
