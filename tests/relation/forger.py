"""A complete search for forged witnesses: every field element is allowed in every committed cell.

Unknown are all cells of the witness and of the claimed outputs. A cell is only ever tried with the
values that some equation leaves it once all its other cells are known; so what the search says
holds for the whole field, fractions and -1 included. Cells that no equation pins are reported.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from avow.verifier.relation.relation import (
    Bilinear,
    Expression,
    Kind,
    Multiplicity,
    Product,
    Relation,
    Table,
    Value,
)
from avow.verifier.relation.views import Lengths, R
from tests.relation.evaluation import Cells, is_live, joined, padded

Cell = tuple[int, int]
Domain = frozenset[int]


# Combinations of values that are tried at once.
MOST_TRIED = 3000


class Unpinned(Exception):
    """An output depends on a cell that may hold any field element."""


@dataclass(frozen=True, slots=True)
class Affine:
    """constant + sum of factor * cell."""

    constant: int
    cells: tuple[tuple[Cell, int], ...]

    def at(self, known: dict[Cell, int], one: Cell | None, modulus: int) -> tuple[int, int]:
        """(a, b) of a + b x, x being that one cell and all others known."""
        a, b = self.constant, 0
        for cell, factor in self.cells:
            if cell == one:
                b += factor
            else:
                a += factor * known[cell]
        return a % modulus, b % modulus


@dataclass(frozen=True, eq=False)
class Equation:
    """sum of left * right, plus rest, is 0."""

    products: tuple[tuple[Affine, Affine], ...]
    rest: Affine

    @cached_property
    def cells(self) -> frozenset[Cell]:
        """The unknown cells in it."""
        return _cells_of((*itertools.chain(*self.products), self.rest))

    def values(
        self, known: dict[Cell, int], cell: Cell | None, modulus: int, domain: Domain | None
    ) -> Domain | None:
        """The values of one unknown cell that satisfy it, None for all."""
        c, b = self.rest.at(known, cell, modulus)
        a, roots = 0, list[tuple[int, int]]()
        for left, right in self.products:
            (l0, l1), (r0, r1) = left.at(known, cell, modulus), right.at(known, cell, modulus)
            a, b, c = a + l1 * r1, b + l0 * r1 + l1 * r0, c + l0 * r0
            roots += [(l0, l1), (r0, r1)]
        a, b, c = a % modulus, b % modulus, c % modulus
        if not a and not b:
            return None if not c else frozenset()
        if not a:
            roots = [(c, b)]
        elif len(self.products) > 1 or self.rest.at(known, cell, modulus) != (0, 0):
            # No root is taken: the cell's own lookups say what it can be, and this is checked then.
            return domain and frozenset(x for x in domain if (a * x * x + b * x + c) % modulus == 0)
        return frozenset(-x * pow(y, -1, modulus) % modulus for x, y in roots if y)


class Rows:
    """The rows of a table, and for each component its values beside those of all others."""

    def __init__(self, rows: Iterable[tuple[int, ...]]) -> None:
        self.all = frozenset(rows)
        self._beside: dict[int, dict[tuple[int, ...], list[int]]] = {}

    def beside(self, at: int, others: tuple[int, ...]) -> Sequence[int]:
        """What the component `at` is in the rows whose other components are these."""
        if at not in self._beside:
            index = self._beside[at] = defaultdict(list)
            for row in self.all:
                index[row[:at] + row[at + 1 :]].append(row[at])
        return self._beside[at].get(others, ())


@dataclass(frozen=True, eq=False)
class Membership:
    """The components are one of the rows."""

    components: tuple[Affine, ...]
    rows: Rows

    @cached_property
    def cells(self) -> frozenset[Cell]:
        """The unknown cells in it."""
        return _cells_of(self.components)

    def values(
        self, known: dict[Cell, int], cell: Cell | None, modulus: int, domain: Domain | None
    ) -> Domain | None:
        """The values of one unknown cell that satisfy it, None for all."""
        forms = [component.at(known, cell, modulus) for component in self.components]
        free = next((k for k, (_, b) in enumerate(forms) if b), None)
        if free is None:
            return None if tuple(a for a, _ in forms) in self.rows.all else frozenset()
        a, b = forms[free]
        inverse = 1 if b == 1 else pow(b, -1, modulus)
        others = forms[:free] + forms[free + 1 :]
        if not any(b for _, b in others):
            held = self.rows.beside(free, tuple(a for a, _ in others))
            return frozenset((value - a) * inverse % modulus for value in held)
        found = set()
        for row in self.rows.all:
            x = (row[free] - a) * inverse % modulus
            if all((p + q * x - v) % modulus == 0 for (p, q), v in zip(forms, row, strict=True)):
                found.add(x)
        return frozenset(found)


Constraint = Equation | Membership


def _cells_of(parts: Sequence[Affine]) -> frozenset[Cell]:
    return frozenset(cell for part in parts for cell, _ in part.cells)


@dataclass
class _State:
    """What is known of the unknown cells on one branch of the search."""

    modulus: int
    values: dict[Cell, int] = field(default_factory=dict)
    domains: dict[Cell, Domain] = field(default_factory=dict)

    def narrow(self, cell: Cell, domain: Domain) -> bool:
        """Whether the cell's domain became smaller."""
        if self.domains.get(cell) == domain:
            return False
        self.domains[cell] = domain
        if len(domain) == 1:
            (self.values[cell],) = domain
        return True

    def revise(self, constraint: Constraint) -> list[Cell] | None:
        """The cells whose values the constraint narrows; None if it cannot hold."""
        unknown = [cell for cell in constraint.cells if cell not in self.values]
        free = [cell for cell in unknown if cell not in self.domains]
        limited = [cell for cell in unknown if cell in self.domains]
        if not unknown:
            allowed = constraint.values(self.values, None, self.modulus, None)
            return None if allowed is not None else []
        if not free:
            free = [limited.pop(0)]
        sizes = [len(self.domains[cell]) for cell in limited]
        if len(free) > 1 or math.prod(sizes) > MOST_TRIED:
            return []
        one, trial = free[0], dict(self.values)
        left: dict[Cell, set[int]] = {cell: set() for cell in (one, *limited)}
        anything = False
        for values in itertools.product(*(self.domains[cell] for cell in limited)):
            trial.update(zip(limited, values, strict=True))
            own = constraint.values(trial, one, self.modulus, self.domains.get(one))
            if own is None:
                own = self.domains.get(one)
                anything |= own is None
            elif one in self.domains:
                own &= self.domains[one]
            if own is None or own:
                left[one] |= own or set()
                for cell, value in zip(limited, values, strict=True):
                    left[cell].add(value)
        if anything:
            del left[one]
        if not all(left.values()) or (anything and not all(left[cell] for cell in limited)):
            return None
        return [cell for cell, values in left.items() if self.narrow(cell, frozenset(values))]

    def choice(self, constraints: list[Constraint]) -> Cell | None:
        """A cell of the constraint that has the fewest combinations left."""
        best, fewest = None, math.inf
        for constraint in constraints:
            unknown = [cell for cell in constraint.cells if cell not in self.values]
            limited = [cell for cell in unknown if cell in self.domains]
            if limited:
                # One that some cell without a domain is part of waits.
                count = math.prod(len(self.domains[cell]) for cell in limited)
                count *= 10**6 if len(limited) < len(unknown) else 1
                if count < fewest:
                    fewest = count
                    best = min(limited, key=lambda cell: (len(self.domains[cell]), cell))
        return best


@dataclass
class Forger:
    """A relation, what everybody knows of it, and the field."""

    relation: Relation
    known: dict[int, Cells]
    modulus: int = R
    constraints: list[Constraint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._write()
        self._live = {
            number: is_live(column.lengths)
            for number, column in enumerate(self.relation.columns)
            if number not in self.known
        }

    @property
    def outputs(self) -> list[Cell]:
        """The live cells of the claimed outputs."""
        return [
            (number, cell)
            for number, live in self._live.items()
            if self.relation.columns[number].kind is Kind.PUBLIC
            for cell in live.nonzero()[0].tolist()
        ]

    def mixed(self) -> list[Constraint]:
        """Equations at live cells that dead cells are part of: none may be."""
        return [
            constraint
            for constraint in self.constraints
            if not all(self._live[number][cell] for number, cell in constraint.cells)
        ]

    def answers(self, most: int = 2) -> list[tuple[int, ...]]:
        """Up to `most` different outputs that satisfy the equations at live cells."""
        found: list[tuple[int, ...]] = []
        by_cell = defaultdict[Cell, list[Constraint]](list)
        for constraint in self.constraints:
            for cell in constraint.cells:
                by_cell[cell].append(constraint)
        self._search(_State(self.modulus), list(self.constraints), by_cell, found, most)
        return found

    def _search(
        self,
        state: _State,
        waiting: list[Constraint],
        by_cell: dict[Cell, list[Constraint]],
        found: list[tuple[int, ...]],
        most: int,
    ) -> None:
        while waiting:
            narrowed = state.revise(waiting.pop())
            if narrowed is None:
                return
            waiting += [constraint for cell in narrowed for constraint in by_cell[cell]]
        if all(cell in state.values for cell in self.outputs):
            answer = tuple(state.values[cell] for cell in self.outputs)
            if answer in found:
                return
        choice = state.choice([c for constraints in by_cell.values() for c in constraints])
        if choice is None:
            if not all(cell in state.values for cell in self.outputs):
                raise Unpinned(sorted(by_cell.keys() - state.values.keys())[:5])
            # What is still open may satisfy its equations or not: it is taken to.
            found.append(answer)
            return
        for value in sorted(state.domains[choice]):
            branch = _State(self.modulus, dict(state.values), dict(state.domains))
            branch.narrow(choice, frozenset({value}))
            self._search(branch, list(by_cell[choice]), by_cell, found, most)
            if len(found) >= most:
                return

    # The equations at live cells: those at dead ones can only exclude more.

    def _write(self) -> None:
        for lookup in self.relation.lookups:
            rows = Rows(self._rows(self.relation.tables[lookup.table]))
            components = [self._affine(component) for component in lookup.components]
            for cell in _live_cells(lookup.live.lengths):
                forms = tuple(component[cell] for component in components)
                self.constraints.append(Membership(forms, rows))
        for product in self.relation.products:
            self.constraints += self._product(product)
        for bilinear in self.relation.bilinears:
            self.constraints += self._bilinear(bilinear)

    def _rows(self, table: Table) -> Iterator[tuple[int, ...]]:
        components = [self._affine(component) for component in table.components]
        for cell in _live_cells(table.live.lengths):
            assert not any(component[cell].cells for component in components)
            yield tuple(component[cell].constant for component in components)

    def _affine(self, expression: Expression) -> list[Affine]:
        constants: dict[int, int] = defaultdict(int)
        forms: dict[int, dict[Cell, int]] = defaultdict(lambda: defaultdict(int))
        for factor, read in expression.terms:
            for o, i in zip(*(side.tolist() for side in joined(read.view)), strict=True):
                if read.column in self.known:
                    constants[o] += factor * int(self.known[read.column][i])
                else:
                    forms[o][read.column, i] += factor
        return [
            Affine(
                constants[cell] % self.modulus,
                tuple((at, f % self.modulus) for at, f in forms[cell].items() if f % self.modulus),
            )
            for cell in range(math.prod(padded(expression.lengths)))
        ]

    def _product(self, product: Product) -> Iterator[Equation]:
        rest = self._affine(product.rest)
        factors = [self._affine(factor) for factor in product.factors or ()]
        for cell in _live_cells(product.rest.lengths):
            pairs = [(factors[0][cell], factors[1][cell])] if factors else []
            yield _equation(pairs, rest[cell])

    def _bilinear(self, bilinear: Bilinear) -> Iterator[Equation]:
        lengths = self.relation.columns[bilinear.result].lengths
        summed = padded(bilinear.summed)
        left, right = self._affine(bilinear.left), self._affine(bilinear.right)
        bias = self._affine(bilinear.bias) if bilinear.bias else None
        for cell in _live_cells(lengths):
            result = _index(cell, padded(lengths))
            pairs = []
            for at in range(math.prod(summed)):
                inner = _index(at, summed)
                if any(inner[s] != result[y] for s, y in bilinear.shared):
                    continue
                places = []
                for expression, axes in (
                    (bilinear.left, bilinear.left_axes),
                    (bilinear.right, bilinear.right_axes),
                ):
                    place = 0
                    for axis, n in zip(axes, padded(expression.lengths), strict=True):
                        place = place * n + (inner if axis.summed else result)[axis.number]
                    places.append(place)
                pairs.append((left[places[0]], right[places[1]]))
            offset = bias[cell] if bias else Affine(0, ())
            own = (bilinear.result, cell)
            yield _equation(pairs, Affine(offset.constant, (*offset.cells, (own, -1))))


def _equation(pairs: list[tuple[Affine, Affine]], rest: Affine) -> Equation:
    """An equation without the products that are 0 whatever the unknown cells hold."""
    kept = [
        (left, right)
        for left, right in pairs
        if (left.constant or left.cells) and (right.constant or right.cells)
    ]
    return Equation(tuple(kept), rest)


def _live_cells(lengths: Lengths) -> list[int]:
    return [int(cell) for cell in is_live(lengths).nonzero()[0]]


def _index(cell: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index = []
    for n in reversed(shape):
        cell, at = divmod(cell, n)
        index.append(at)
    return tuple(reversed(index))


def public_and_key(relation: Relation, cells: list[Cells], inputs: int) -> dict[int, Cells]:
    """What a forger cannot choose: the key, public constants, and the first tensors, the inputs."""
    return {
        number: cells[number]
        for number, column in enumerate(relation.columns)
        if column.kind is Kind.KEY
        or (
            column.kind is Kind.PUBLIC
            and not (isinstance(column.source, Value) and column.source.tensor >= inputs)
        )
        or isinstance(column.source, Multiplicity)
    }
