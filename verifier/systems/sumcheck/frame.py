"""Everything about a proof that its relation and the length of a row determine."""

from collections.abc import Iterator
from dataclasses import dataclass

from avow.verifier.errors import VerificationError
from avow.verifier.relation.publics import inner
from avow.verifier.relation.relation import Axis, Bilinear, Expression, Kind, Read, Relation
from avow.verifier.relation.views import bits, identity, size
from avow.verifier.systems.sumcheck.key import LIMITS
from avow.verifier.systems.sumcheck.stack import Stack, helpers, stack

# A point is named by the challenges that it is made of: those where the layers ended by 0 to
# `layers` - 1, then those of the identities' sumcheck, of the bilinear one, of a batch's tensors.
Positions = tuple[int, ...]
Spot = tuple[Read, Positions]


@dataclass(frozen=True, slots=True)
class Frame:
    """How many rounds there are, and what is evaluated where.

    `variables` and `summed` are the rounds of the two sumchecks, `degree` that of the second.
    `layers` is how many there are, `blocks` where each table's and lookup's leaves begin.
    `starts` has every committed column's first entry in the stack (of a key's column: in the key
    matrix); the helpers' numbers follow those of the relation's columns. `inner` is the number of
    variables of the largest input or output, the batch left out.
    """

    relation: Relation
    stack: Stack
    layers: int
    variables: int
    summed: int
    degree: int
    inner: int
    starts: dict[int, int]
    blocks: tuple[int, ...]

    def end(self, variables: int) -> Positions:
        """Where a block of so many variables is evaluated: the end of the layers' last point."""
        return tuple(range(self.layers - variables, self.layers))

    def tail(self, variables: int) -> Positions:
        """Where a term of so many variables is evaluated in the identities' sumcheck."""
        if variables > self.variables:
            raise VerificationError("key", "a term has more variables than the longest one")
        end = self.layers + self.variables
        return tuple(range(end - variables, end))

    def leaves(self) -> list[Spot]:
        """What the prover evaluates where the layers end."""
        return [(read, self.end(size(read.view.outs))) for read in self.relation.leaves()]

    def helpers(self) -> list[Spot]:
        """The helper columns, one for each table, then one for each lookup."""
        first = len(self.relation.columns)
        return [
            (Read(number, identity((2**variables,))), self.tail(variables))
            for number, variables in enumerate(helpers(self.relation), first)
        ]

    def reads(self) -> list[Spot]:
        """What the prover evaluates where the identities' sumcheck ends."""
        reads = [(read, self.tail(size(read.view.outs))) for read in self.relation.reads()]
        return [*reads, *self.helpers()]

    def factors(self) -> list[Spot]:
        """What the prover evaluates after the bilinear sumcheck, each once in order of first use.

        One that was already read is sent again: it is a claim of its own.
        """
        found: dict[Spot, None] = {}
        for bilinear in self.relation.bilinears:
            for factor, positions in self.sides(bilinear):
                found.update(((read, positions), None) for _, read in factor.terms)
        columns = self.relation.columns
        return [spot for spot in found if columns[spot[0].column].kind is not Kind.PUBLIC]

    def ends(self) -> list[Spot]:
        """A batch's inputs and outputs, each at (tau, the last coordinates of u)."""
        first = self.layers + self.variables + self.summed
        batch = bits(self.relation.batch)
        end, spots = first + batch + self.inner, []
        for number in self.relation.ends:
            at = end - size(inner(self.relation, number))
            positions = (*range(first, first + batch), *range(at, end))
            spots.append((self.relation.whole(number), positions))
        return spots

    def sides(self, bilinear: Bilinear) -> Iterator[tuple[Expression, Positions]]:
        """Left and right factor, and where each is evaluated."""
        axes_of = (bilinear.left_axes, bilinear.right_axes)
        for factor, axes in zip((bilinear.left, bilinear.right), axes_of, strict=True):
            parts = [self.axis(bilinear, axis) for axis in axes]
            if [len(part) for part in parts] != [bits(length) for length in factor.lengths]:
                raise VerificationError("key", "a factor's axes are not those of the sum")
            yield factor, tuple(at for part in parts for at in part)

    def axis(self, bilinear: Bilinear, axis: Axis) -> Positions:
        """The challenges that belong to an axis of the result, or to a summed one."""
        result = self.relation.columns[bilinear.result].lengths
        lengths = bilinear.summed if axis.summed else result
        end = self.layers + self.variables + (self.summed if axis.summed else 0)
        start = end - size(lengths[axis.number :])
        return tuple(range(start, start + bits(lengths[axis.number])))


def frame(relation: Relation, key_logrows: int) -> Frame:
    """Derive it; refuses a relation of more or longer rows than are checked."""
    placed = stack(relation, key_logrows)
    rows = sum(matrix.rows for matrix in placed.matrices)
    if rows > LIMITS.rows or placed.logrows > LIMITS.logrows:
        raise VerificationError("key", f"{rows} rows of 2^{placed.logrows} are too many to check")
    starts = {
        first + number: (matrix.first_row << placed.logrows) + at
        for matrix, first in zip(placed.matrices, (0, 0, len(relation.columns)), strict=True)
        for number, at in matrix.places
    }
    summed = max((size(bilinear.summed) for bilinear in relation.bilinears), default=0)
    degree = 3 if any(bilinear.shared for bilinear in relation.bilinears) else 2
    most = max((size(inner(relation, number)) for number in relation.ends), default=0)
    layers, blocks = _blocks(relation)
    n = relation.variables
    return Frame(relation, placed, layers, n, summed, degree, most, starts, blocks)


def _blocks(relation: Relation) -> tuple[int, tuple[int, ...]]:
    """Leaves by decreasing size, so that each block stands at a multiple of its own."""
    if not relation.layered:
        return 0, ()
    sizes = [2**group.live.variables for group in relation.groups]
    starts, at = [0] * len(sizes), 0
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        starts[number], at = at, at + sizes[number]
    return (at - 1).bit_length(), tuple(starts)
