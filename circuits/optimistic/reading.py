"""What recomputing one element reads of a committed tensor: at most so many chunks and runs.

Every bound holds for all elements of an operation's result at once: which of them it is only
changes where a pattern of nested loops begins.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from math import prod
from operator import mul
from typing import NamedTuple

from avow.verifier.program.operations import Contract, Convolution, Dense, Sum
from avow.verifier.trace.descriptor import Descriptor
from avow.verifier.trace.layout import CHUNK, Layout

_RANGE = 6
_WORD = 32
# A convolution with more taps than a transaction carries bytes has too many weights to show.
_MOST_TAPS = 2**17


class Loop(NamedTuple):
    """So many turns, each so many elements further on in the first tensor and in the second."""

    turns: int
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Shown:
    """An opening: at most so many chunks in so many ranges, and hashes that lead them upwards."""

    octets: int = 2
    chunks: int = 0
    ranges: int = 0
    siblings: int = 0
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one element takes: openings of operands and blobs, and the work on them.

    `runs` are of equally distant elements, `turns` of the loops around them. `crossed` counts how
    often a run goes on in another range, `passed` the ranges looked at on the way there. `terms`
    are the elements of a sum, `products` those of a dot product, `words` the 32 bytes that hold
    them where neighbouring bytes are multiplied.
    """

    operands: tuple[Shown, ...]
    blobs: tuple[Shown, ...]
    runs: int = 0
    turns: int = 0
    crossed: int = 0
    passed: int = 0
    terms: int = 0
    products: int = 0
    words: int = 0


NOTHING = Shown()


def siblings_of(most: int, depth: int) -> int:
    """The most siblings of leaves of a tree, of which no level has more than `most`."""
    return sum(min(most, 1 << height) for height in range(depth))


def opening(layout: Layout, loops: Iterable[tuple[int, int]] = ()) -> Shown:
    """What is shown of a tensor whose elements are read in loops of (turns, elements further).

    The loops are along axes of the tensor, or of a part of it, wherever that begins.
    """
    extent, chunks, ranges = layout.width, 1, 1
    for count, further in sorted(loops, key=lambda loop: loop[1]):
        step = further * layout.width
        if count == 1 or step == 0:
            continue
        joined = ranges == 1 and step - extent < CHUNK
        extent += (count - 1) * step
        most = _spanned(extent, layout.width)
        # Where less than a chunk lies between two turns, the chunks that they touch are neighbours.
        chunks = most if joined else min(count * chunks, most)
        ranges = 1 if joined else min(count * ranges, (most + 1) // 2)
    chunks = min(chunks, layout.chunks)
    ranges = min(ranges, chunks, (layout.chunks + 1) // 2)
    siblings = siblings_of(min(2 * ranges, chunks), layout.depth)
    size = min(chunks * CHUNK, layout.size)
    octets = 2 + ranges * _RANGE + size + _WORD * siblings
    return Shown(octets, chunks, ranges, siblings, layout.depth)


def _spanned(extent: int, width: int) -> int:
    """The most chunks that so many neighbouring bytes touch; no element lies in two chunks."""
    return (extent + CHUNK - 1 - width) // CHUNK + 1


def readings(descriptor: Descriptor) -> Iterator[Reading]:
    """All that elements of an operation's result may take, as few patterns as bound the rest."""
    maker, operands = descriptor.maker, descriptor.operands
    blobs = [blob.layout for blob in descriptor.blobs]
    match maker:
        case Dense():
            x, weight = operands[0], blobs[0]
            loop = Loop(x.shape[-1], x.strides[-1], weight.strides[1])
            yield _reading([loop], [x], [weight], blobs[1:])
        case Contract():
            a, b = operands
            yield _reading([Loop(a.shape[-1], a.strides[-1], b.strides[-2])], [a, b])
        case Convolution():
            yield from _convolution(maker, operands[0], blobs)
        case Sum(axes=axes):
            x = operands[0]
            loops = [Loop(x.shape[axis], x.strides[axis], 0) for axis in axes]
            yield _reading(loops, [x])
        case _:
            yield Reading(tuple(map(opening, operands)), tuple(map(opening, blobs)))


def _convolution(maker: Convolution, x: Layout, blobs: Sequence[Layout]) -> Iterator[Reading]:
    weight = blobs[0]
    taps = [_taps(maker, axis, x, weight) for axis in range(len(x.shape) - 2)]
    most = tuple(counts[-1] for counts in taps)
    for counts in product(*taps) if prod(most) <= _MOST_TAPS else [most]:
        loops = [
            Loop(count, maker.dilations[axis] * x.strides[axis + 2], weight.strides[axis + 2])
            for axis, count in enumerate(counts)
        ]
        loops.append(Loop(weight.shape[1], x.strides[1], weight.strides[1]))
        yield _reading(loops, [x], [weight], blobs[1:])


def _taps(maker: Convolution, axis: int, x: Layout, weight: Layout) -> range:
    """How many taps of an axis can lie inside; at least these, where none of it is padding."""
    kernel, length, dilation = weight.shape[axis + 2], x.shape[axis + 2], maker.dilations[axis]
    padded = maker.pads_before[axis] + maker.pads_after[axis] > 0
    most = min(kernel, -(-length // dilation))
    return range(1, most + 1) if padded else range(kernel, kernel + 1)


def _reading(
    loops: Sequence[Loop],
    operands: Sequence[Layout],
    weights: Sequence[Layout] = (),
    single: Sequence[Layout] = (),
) -> Reading:
    """Elements of one tensor summed, or products of two, and single elements beside them."""
    read = [*operands, *weights]
    shown = [
        opening(layout, [(loop.turns, loop[place]) for loop in loops])
        for place, layout in enumerate(read, 1)
    ]
    nest = _nested(loops)
    last = nest[-1]
    *_, runs = turned = list(accumulate((loop.turns for loop in nest[:-1]), mul, initial=1))
    crossed = passed = 0
    for place, (layout, one) in enumerate(zip(read, shown, strict=True), 1):
        within = opening(layout, [(last.turns, last[place])]).ranges
        crossed += runs * (min(one.ranges, within) - 1)
        if one.ranges > 1:
            passed += one.ranges * (1 if _forward(nest, place) else runs)
    dot = len(read) == 2
    octets = all(last[place] * layout.width == 1 for place, layout in enumerate(read, 1))
    return Reading(
        operands=tuple(shown[: len(operands)]),
        blobs=(*shown[len(operands) :], *map(opening, single)),
        runs=runs,
        turns=sum(turned[1:]),
        crossed=crossed,
        passed=passed,
        terms=0 if dot else runs * last.turns,
        products=runs * last.turns if dot and not octets else 0,
        words=crossed + runs * -(-last.turns // _WORD) if dot and octets else 0,
    )


def _nested(loops: Sequence[Loop]) -> list[Loop]:
    """As the referee nests them: one that goes on where the one around it would is part of it."""
    nest: list[Loop] = []
    for loop in loops:
        count, first, second = loop
        if count == 1:
            continue
        if nest and nest[-1][1:] == (count * first, count * second):
            count *= nest.pop().turns
        nest.append(Loop(count, first, second))
    return nest or [Loop(1, 0, 0)]


def _forward(nest: Sequence[Loop], place: int) -> bool:
    """Whether no turn goes back behind what was read before it."""
    extent = 1
    for loop in reversed(nest):
        if loop[place] < extent:
            return False
        extent += (loop.turns - 1) * loop[place]
    return True
