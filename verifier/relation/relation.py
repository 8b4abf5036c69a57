"""What a proof establishes: columns of integers, and every equation that must hold between them.

The verifier and the prover derive the same relation from program, bounds, table width and batch.
"""

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from avow.verifier.relation.views import Lengths, View, identity, live, size

# An activation's axes: the batch, then those of the program's tensor. An axis can be composite,
# made of several padded ones, and one of length 1 has none.
Layout = tuple[Lengths, ...]


@lru_cache(maxsize=4096)
def flat(layout: Layout) -> Lengths:
    """All padded axes of a layout, in order."""
    return tuple(length for axis in layout for length in axis)


class Kind(Enum):
    """Who knows a column: everybody (never committed), the key, or the prover alone."""

    PUBLIC = "public"
    KEY = "key"
    WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class Value:
    """The tensor of that number, for every sample of the batch."""

    tensor: int


@dataclass(frozen=True, slots=True)
class Constant:
    """The program's blob, its elements row-major over the column's axes."""

    blob: int


@dataclass(frozen=True, slots=True)
class Fixed:
    """Integers known to everybody, row-major over the column's axes."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Excess:
    """How far the unclamped result of a rescale lies above (or below) its clamp, at least 0."""

    tensor: int
    above: bool


@dataclass(frozen=True, slots=True)
class Remainder:
    """n - q d of the division whose quotient is that tensor."""

    tensor: int


@dataclass(frozen=True, slots=True)
class Digit:
    """floor(expression / 2^low) mod 2^width."""

    expression: "Expression"
    low: int
    width: int


@dataclass(frozen=True, slots=True)
class Multiplicity:
    """How often each row of that table is looked up, over all its lookups."""

    table: int


Source = Value | Constant | Fixed | Excess | Remainder | Digit | Multiplicity


@dataclass(frozen=True, slots=True)
class Column:
    """Integers over padded axes; honest dead cells are zero, and nothing trusts that."""

    kind: Kind
    lengths: Lengths
    source: Source

    @property
    def variables(self) -> int:
        """Number of variables of its multilinear polynomial."""
        return size(self.lengths)


@dataclass(frozen=True, slots=True)
class Read:
    """A view of the column of that number."""

    column: int
    view: View


@dataclass(frozen=True, slots=True)
class Expression:
    """sum of coefficient * read, over one layout."""

    layout: Layout
    terms: tuple[tuple[int, Read], ...]

    @property
    def lengths(self) -> Lengths:
        """Its padded axes."""
        return flat(self.layout)

    @property
    def variables(self) -> int:
        """Number of variables of its multilinear polynomial."""
        return size(self.lengths)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that may be looked up: one expression for each component, and how often each was."""

    components: tuple[Expression, ...]
    live: Expression
    multiplicity: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """At every live cell the components together are a live row of the table."""

    table: int
    components: tuple[Expression, ...]
    live: Expression


@dataclass(frozen=True, slots=True)
class Product:
    """left * right + rest = 0 at every cell; without factors just rest = 0."""

    factors: tuple[Expression, Expression] | None
    rest: Expression


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a factor: the result's (`summed` false) or a summed one, of that number."""

    summed: bool
    number: int


@dataclass(frozen=True, slots=True)
class Bilinear:
    """result = bias + sum over the summed axes of left * right.

    `summed` are their lengths; `shared` pairs those that are also axes of the result with them:
    (summed, result). The axes of a factor stand in the order of its layout.
    """

    result: int
    bias: Expression | None
    left: Expression
    left_axes: tuple[Axis, ...]
    right: Expression
    right_axes: tuple[Axis, ...]
    summed: Lengths
    shared: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Relation:
    """Everything that a proof about one program and batch size establishes.

    `ends` are the columns of the inputs, then of the outputs, in the program's order: public for
    one sample, the prover's for a batch, of which nobody has to know all. `layered` says how
    lookups are proven: by a sum of fractions, or by committed helpers.
    """

    batch: int
    columns: list[Column] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    bilinears: list[Bilinear] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    layered: bool = False

    @property
    def groups(self) -> list[Table | Lookup]:
        """Tables, then lookups."""
        return [*self.tables, *self.lookups]

    def reads(self) -> list[Read]:
        """What the prover evaluates after the identities, each once, in order of first use."""
        expressions = [] if self.layered else self._looked_up()
        found: dict[Read, None] = {}
        for table in () if self.layered else self.tables:
            found[self.whole(table.multiplicity)] = None
        for product in self.products:
            expressions += [*(product.factors or ()), product.rest]
        for bilinear in self.bilinears:
            found[self.whole(bilinear.result)] = None
            expressions += [bilinear.bias] if bilinear.bias else []
        return self._committed(found, expressions)

    def leaves(self) -> list[Read]:
        """What the prover evaluates where the layers end, each once, in order of first use."""
        if not self.layered:
            return []
        counts = {self.count(table): None for table in self.tables}
        return self._committed(counts, self._looked_up())

    def whole(self, column: int) -> Read:
        """A column as it stands."""
        return Read(column, identity(self.columns[column].lengths))

    def count(self, table: Table) -> Read:
        """The multiplicities of the live rows: whatever a dead row has counts for nothing."""
        return Read(table.multiplicity, live(self.columns[table.multiplicity].lengths))

    @property
    def variables(self) -> int:
        """Number of variables of the identities' sumcheck: those of the longest term."""
        return max(
            [group.live.variables for group in self.groups if not self.layered]
            + [product.rest.variables for product in self.products]
            + [self.columns[bilinear.result].variables for bilinear in self.bilinears],
            default=0,
        )

    def _looked_up(self) -> list[Expression]:
        return [part for group in self.groups for part in (*group.components, group.live)]

    def _committed(self, found: dict[Read, None], expressions: list[Expression]) -> list[Read]:
        for expression in expressions:
            found.update((read, None) for _, read in expression.terms)
        return [read for read in found if self.columns[read.column].kind is not Kind.PUBLIC]
