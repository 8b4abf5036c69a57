"""Views: sparse 0/1 linear maps between padded index spaces, products of links between axes.

Every re-indexing of the integer program (and every sum over axes) is such a map, so that an
evaluation of a view of a column is a linear form on the column that anyone can evaluate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from avow.verifier.bn254 import curve_order
from avow.verifier.errors import VerificationError

R = curve_order
# Cells that the views of one relation may join, counted wherever a view is made.
MAX_PAIRS = 2**21

Lengths = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
Point = tuple[int, ...]


def bits(length: int) -> int:
    """How many index bits an axis of this length has once padded to a power of two."""
    return (length - 1).bit_length()


@lru_cache(maxsize=4096)
def size(lengths: Lengths) -> int:
    """How many index bits the padded axes have together."""
    return sum(bits(length) for length in lengths)


def split(point: Point, lengths: Lengths) -> list[Point]:
    """A point of all axes, axis by axis; the first axis holds the most significant bits."""
    parts, at = [], 0
    for length in lengths:
        parts.append(point[at : at + bits(length)])
        at += bits(length)
    return parts


@lru_cache(maxsize=256)
def eq_table(point: Point, length: int) -> tuple[int, ...]:
    """eq(point, i) for i below `length`, the first variable being the most significant bit."""
    table = [1]
    for variable in point:
        highs = [value * variable % R for value in table]
        table = [x for value, high in zip(table, highs, strict=True) for x in (value - high, high)]
    return tuple(value % R for value in table[:length])


def eq(left: Point, right: Point) -> int:
    """The multilinear polynomial that is 1 where two equal corners of the cube meet."""
    product = 1
    for a, b in zip(left, right, strict=True):
        product = product * (1 - a - b + 2 * a * b) % R
    return product


def corner(number: int, point: Point) -> int:
    """eq(point, number), the first variable being the most significant bit."""
    return eq(tuple(number >> shift & 1 for shift in reversed(range(len(point)))), point)


@dataclass(frozen=True, slots=True)
class Link:
    """Axes of the result, axes of the source (by position), and which cells meet.

    `pairs` holds (result, source) as row-major indices over the true lengths of those axes, and
    leaves every dead cell out. None stands for two equal axes, dead cells included.
    """

    outs: tuple[int, ...]
    ins: tuple[int, ...]
    pairs: Pairs | None


@dataclass(frozen=True, slots=True)
class View:
    """result[o] = sum of source[i] over all (o, i) that every link joins.

    Every axis of the result and of the source belongs to exactly one link.
    """

    outs: Lengths
    ins: Lengths
    links: tuple[Link, ...]
    # Made once: reads are keys of many dictionaries.
    code: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", hash((self.outs, self.ins, self.links)))

    def __hash__(self) -> int:
        return self.code

    @property
    def pairs(self) -> int:
        """How many pairs its links have."""
        return sum(len(link.pairs or ()) for link in self.links)

    def coefficient(self, out_point: Point, in_point: Point) -> int:
        """The map's own multilinear extension: sum over pairs of eq(out, o) eq(in, i)."""
        outs, ins = split(out_point, self.outs), split(in_point, self.ins)
        product = 1
        for link in self.links:
            if link.pairs is None:
                product = product * eq(outs[link.outs[0]], ins[link.ins[0]]) % R
            else:
                sources = _table([ins[axis] for axis in link.ins], self._lengths(link.ins, True))
                form = self._form(link, outs)
                product = product * sum(sources[i] * v for i, v in form.items()) % R
        return product

    def forms(self, out_point: Point) -> list[tuple[tuple[int, ...], dict[int, int]]]:
        """For each link its source axes and the weight of each of their live cells."""
        outs = split(out_point, self.outs)
        return [(link.ins, self._form(link, outs)) for link in self.links]

    def _form(self, link: Link, outs: list[Point]) -> dict[int, int]:
        if link.pairs is None:
            length = self.outs[link.outs[0]]
            return dict(enumerate(eq_table(outs[link.outs[0]], length)))
        results = _table([outs[axis] for axis in link.outs], self._lengths(link.outs, False))
        form: dict[int, int] = {}
        for o, i in link.pairs:
            form[i] = (form.get(i, 0) + results[o]) % R
        return form

    def _lengths(self, axes: tuple[int, ...], source: bool) -> Lengths:
        return tuple((self.ins if source else self.outs)[axis] for axis in axes)


def _table(points: Sequence[Point], lengths: Lengths) -> list[int]:
    table = [1]
    for point, length in zip(points, lengths, strict=True):
        axis = eq_table(point, length)
        table = [left * right % R for left in table for right in axis]
    return table


@dataclass(slots=True)
class Budget:
    """How many cells may still be joined, so that no stranger's program takes hours to lower."""

    left: int = MAX_PAIRS

    def spend(self, count: int) -> None:
        """Account for pairs that are about to be made."""
        self.left -= count
        if self.left < 0:
            raise VerificationError("program", f"its views join more than {MAX_PAIRS} cells")


def identity(lengths: Lengths) -> View:
    """The view that changes nothing."""
    return View(lengths, lengths, tuple(Link((k,), (k,), None) for k in range(len(lengths))))


def live(lengths: Lengths) -> View:
    """The view that puts 0 at dead cells and changes nothing else."""
    pairs = [tuple((k, k) for k in range(n)) if n.bit_count() > 1 else None for n in lengths]
    return View(lengths, lengths, tuple(Link((k,), (k,), pairs[k]) for k in range(len(lengths))))


def compose(outer: View, inner: View, budget: Budget) -> View:
    """The view `outer` of the view `inner`."""
    links = []
    for outers, inners in _components(outer, inner):
        outs = tuple(axis for link in outers for axis in link.outs)
        ins = tuple(axis for link in inners for axis in link.ins)
        if all(link.pairs is None for link in outers) and len(inners) == 1:
            renamed = {link.ins[0]: link.outs[0] for link in outers}
            links.append(Link(tuple(renamed[a] for a in inners[0].outs), ins, inners[0].pairs))
        elif all(link.pairs is None for link in inners) and len(outers) == 1:
            renamed = {link.outs[0]: link.ins[0] for link in inners}
            links.append(Link(outs, tuple(renamed[a] for a in outers[0].ins), outers[0].pairs))
        else:
            links.append(Link(outs, ins, _join(outer, outers, inner, inners, budget)))
    composed = View(outer.outs, inner.ins, tuple(sorted(links, key=lambda x: (x.outs, x.ins))))
    budget.spend(composed.pairs)
    return composed


def _components(outer: View, inner: View) -> list[tuple[list[Link], list[Link]]]:
    # Links that share an axis of the tensor between the two views must be joined together.
    groups = [([link], list[Link](), set(link.ins)) for link in outer.links]
    for link in inner.links:
        met = [group for group in groups if group[2].intersection(link.outs)]
        groups = [group for group in groups if not group[2].intersection(link.outs)]
        outers = [one for group in met for one in group[0]]
        inners = [one for group in met for one in group[1]]
        groups.append((outers, [*inners, link], set(link.outs).union(*(x[2] for x in met))))
    return [(outers, inners) for outers, inners, _ in groups]


def _join(
    outer: View, outers: list[Link], inner: View, inners: list[Link], budget: Budget
) -> Pairs:
    sources: dict[tuple[int, ...], list[int]] = {}
    axes = sorted(axis for link in inners for axis in link.outs)
    for cells, i in _cells(inner.outs, inner.ins, inners, False, budget):
        sources.setdefault(tuple(cells[axis] for axis in axes), []).append(i)
    pairs: list[tuple[int, int]] = []
    for cells, o in _cells(outer.ins, outer.outs, outers, True, budget):
        found = sources.get(tuple(cells[axis] for axis in axes), ())
        budget.spend(len(found))
        pairs += [(o, i) for i in found]
    return tuple(pairs)


def _cells(
    middle: Lengths, far: Lengths, links: list[Link], outer: bool, budget: Budget
) -> list[tuple[dict[int, int], int]]:
    """Every cell that links join: its coordinates on the middle axes, its index on the far ones."""
    found: list[tuple[dict[int, int], int]] = [({}, 0)]
    for link in links:
        near_axes, far_axes = (link.ins, link.outs) if outer else (link.outs, link.ins)
        pairs = link.pairs
        if pairs is None:
            pairs = tuple((k, k) for k in range(middle[near_axes[0]]))
        width = math.prod(far[axis] for axis in far_axes)
        budget.spend(len(found) * len(pairs))
        found = [
            (cells | _coordinates(pair[outer], near_axes, middle), at * width + pair[not outer])
            for cells, at in found
            for pair in pairs
        ]
    return found


def _coordinates(index: int, axes: tuple[int, ...], lengths: Lengths) -> dict[int, int]:
    found = {}
    for axis in reversed(axes):
        index, found[axis] = divmod(index, lengths[axis])
    return found
