"""Claims about views of columns as linear forms on the stack: weights of its entries."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from avow.circuits.sumcheck.matrix import widths
from avow.prover.native._core import Frs, contract, outer_add
from avow.prover.systems.sumcheck.field import constant
from avow.prover.systems.sumcheck.points import Points, Positions
from avow.prover.systems.sumcheck.wiring import Indices, Joint, Wiring
from avow.verifier.relation.views import Lengths, bits, size

# How much shorter than a row a strip may be, in bits.
_SHORTER = 4


@dataclass(frozen=True, slots=True)
class Part:
    """The weights of the cells of some axes: eq itself, or its sums over joined cells."""

    point: Positions
    cells: int
    pairs: tuple[Indices, Indices] | None

    def weights(self, points: Points) -> Frs:
        """One weight for each of the cells."""
        table = points.eq(self.point)
        if self.pairs is None:
            return table
        rows, cols = self.pairs
        ones = constant(1, len(rows))
        return contract(table, 1, 1, self.cells, len(table), cols, rows, ones)


class Weights:
    """Weights of all entries of the stack as a sum of products: over strips, and inside a strip.

    A strip is a run of 2^`logstrip` entries, at most a row. So the weights are never written out,
    and neither is the stack: `groups` holds the factors.
    """

    def __init__(self, logsize: int, logstrip: int) -> None:
        self.logstrip = logstrip
        self.groups: dict[object, tuple[Frs, Frs]] = {}
        self._strips = 2 ** (logsize - logstrip)

    def group(self, key: object, inside: Callable[[], Frs]) -> tuple[Frs, Frs]:
        """The factors known by a key, none over strips yet when it is new."""
        if key not in self.groups:
            self.groups[key] = (Frs.zeros(self._strips), inside())
        return self.groups[key]

    def strip(self, number: int) -> Frs:
        """The weights inside one strip, to be added to."""
        if number not in self.groups:
            over, _ = self.group(number, lambda: Frs.zeros(2**self.logstrip))
            over.set_range(number, constant(1, 1))
        return self.groups[number][1]


@dataclass(frozen=True, slots=True)
class Form:
    """The linear form of one claim: a product of parts, at entries from `start` on.

    `arrange` is where the parts' axes are not in the column's order: for each cell its place.
    `split` is how many parts vary over strips, None where the product does not fall apart so.
    Entries, rows and strips are those of the key matrix where the column is the key's.
    """

    in_key: bool
    start: int
    variables: int
    parts: tuple[Part, ...]
    arrange: Indices | None
    logstrip: int
    split: int | None

    def groups(self) -> Iterable[object]:
        """The keys of the groups that it adds to."""
        if self.split is not None:
            return [tuple((part.point, id(part.pairs)) for part in self.parts[self.split :])]
        first = self.start >> self.logstrip
        return range(first, first + max(2**self.variables >> self.logstrip, 1))

    def add(self, target: Weights, scale: int, points: Points) -> None:
        """Add `scale` times the form."""
        strip, at = divmod(self.start, 2**self.logstrip)
        if self.split is not None:
            inside = self.parts[self.split :]
            (key,) = self.groups()
            over, _ = target.group(key, lambda: _product(inside, points))
            outer_add(over, strip, scale, _factors(self.parts[: self.split], points))
        elif self.variables < self.logstrip and self.arrange is None:
            outer_add(target.strip(strip), at, scale, _factors(self.parts, points))
        else:
            whole = _product(self.parts, points)
            if self.arrange is not None:
                whole = whole.gather(self.arrange)
            width = min(len(whole), 2**self.logstrip)
            for first in range(0, len(whole), width):
                cells = np.arange(first, first + width, dtype=np.int32)
                outer_add(target.strip(strip + first // width), at, scale, [whole.gather(cells)])


# Equal pairs must be one object, so that their groups are one.
Known = dict[tuple[bytes, bytes], tuple[Indices, Indices]]

# What a claim is about: whether its column is the key's, the first entry, the view, the point.
Claim = tuple[bool, int, Wiring, Positions]


def make_forms(claims: Sequence[Claim], logrows: int, key_logrows: int) -> tuple[list[Form], int]:
    """Prepare all claims, with strips of the length that leaves the fewest groups: its logarithm.

    The strips of the key's rows are shorter by as much as the rows are.
    """
    known: Known = {}
    whole = [_form(claim, known) for claim in claims]
    shorter = logrows - key_logrows
    choices = [
        ([_cut(form, logstrip - shorter * form.in_key) for form in whole], logstrip)
        for logstrip in range(logrows, max(logrows - _SHORTER, 1 + shorter) - 1, -1)
    ]
    return min(choices, key=lambda choice: _count_groups(choice[0]))


def _count_groups(forms: Sequence[Form]) -> int:
    return len({(form.in_key, key) for form in forms for key in form.groups()})


def _form(claim: Claim, known: Known) -> Form:
    in_key, start, wiring, positions = claim
    own, at = [], 0
    for length in wiring.view.outs:
        own.append(positions[at : at + bits(length)])
        at += bits(length)
    joints = sorted(wiring.joints, key=lambda joint: joint.ins)
    order = [axis for joint in joints for axis in joint.ins]
    parts: list[Part] = []
    for joint in joints:
        part = _part(joint, own, known)
        if part.pairs is None and parts and parts[-1].pairs is None:
            before = parts.pop()
            part = Part((*before.point, *part.point), before.cells * part.cells, None)
        parts.append(part)
    arrange = None if order == sorted(order) else _arrange(order, wiring.view.ins)
    return Form(in_key, start, size(wiring.view.ins), tuple(parts), arrange, 0, None)


def _cut(form: Form, logstrip: int) -> Form:
    """The same form with strips of that length."""
    if form.arrange is not None or form.variables < logstrip:
        return replace(form, logstrip=logstrip)
    parts = list(form.parts)
    split = _split(parts, logstrip)
    if split == 0 and len(parts) > 1:
        # It lies in one strip, whose weights it shares with other claims there.
        split = None
    return replace(form, parts=tuple(parts), logstrip=logstrip, split=split)


def _split(parts: list[Part], logstrip: int) -> int | None:
    """Cut one part in two, if need be, so that the last ones are exactly what is inside a strip."""
    at, inside = len(parts), 0
    while inside < logstrip:
        at -= 1
        inside += parts[at].cells.bit_length() - 1
    if inside > logstrip:
        over = parts[at]
        if over.pairs is not None:
            return None
        cut = inside - logstrip
        parts[at : at + 1] = [
            Part(over.point[:cut], 2**cut, None),
            Part(over.point[cut:], over.cells >> cut, None),
        ]
        at += 1
    return at


def _factors(parts: Sequence[Part], points: Points) -> list[Frs]:
    return [part.weights(points) for part in parts] or [constant(1, 1)]


def _product(parts: Sequence[Part], points: Points) -> Frs:
    factors = _factors(parts, points)
    if len(factors) == 1:
        return factors[0]
    whole = Frs.zeros(prod(len(factor) for factor in factors))
    outer_add(whole, 0, 1, factors)
    return whole


def _part(joint: Joint, own: Sequence[Positions], known: Known) -> Part:
    point = tuple(at for axis in joint.outs for at in own[axis])
    pairs = joint.pairs
    if pairs is not None:
        pairs = known.setdefault((pairs[0].tobytes(), pairs[1].tobytes()), pairs)
    return Part(point, joint.cols, pairs)


def _arrange(order: Sequence[int], lengths: Lengths) -> Indices:
    # Cells numbered along `order`, read off in the order of the axes.
    shape = widths(lengths)
    cells = np.arange(np.prod(shape), dtype=np.int32).reshape([shape[axis] for axis in order])
    return cells.transpose(np.argsort(order)).reshape(-1)
