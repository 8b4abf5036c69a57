"""A prover of `sumcheck/v1` in plain Python, in which any message can be replaced by a lie.

Written from the description of the protocol, for small programs. It knows the secret of its
structured reference string, and uses it for nothing but to commit quickly.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avow.prover.native import _core
from avow.verifier.argument.proof import R, interpolate
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.keccak import tag
from avow.verifier.relation.relation import (
    Axis,
    Bilinear,
    Expression,
    Kind,
    Lookup,
    Read,
    Table,
)
from avow.verifier.relation.views import Point, bits, size, split
from avow.verifier.srs import srs_digest
from avow.verifier.systems.sumcheck.frame import Frame, Positions, frame
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.tensor import Tensor
from tests.relation.evaluation import Run, apply, joined, padded
from tests.soundness.checking import Bytes

# Integers modulo R.
Field = NDArray[np.object_]

GENERATOR = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
POINTS = {Label.WITNESS, Label.HELPERS, Label.FOLDS, Label.QUOTIENT}


def eq_table(point: Sequence[int]) -> Field:
    """eq(point, i) for all i, the first variable being the most significant bit."""
    table = np.ones(1, object)
    for x in point:
        table = np.stack([table * (1 - x), table * x], axis=1).reshape(-1) % R
    return table


def value_at(cells: Field, point: Sequence[int]) -> int:
    """The multilinear extension of cells at a point."""
    return int((eq_table(point) * cells).sum() % R)


def horner(coefficients: Sequence[int], x: int) -> int:
    """A polynomial's value."""
    total = 0
    for coefficient in reversed(coefficients):
        total = (total * x + coefficient) % R
    return total


def quotient(coefficients: Sequence[int], root: int) -> list[int]:
    """The quotient by X - root; the remainder is dropped."""
    result, carry = [], 0
    for coefficient in reversed(coefficients):
        carry = (carry * root + coefficient) % R
        result.append(carry)
    return list(reversed(result[:-1]))


def unity(count: int) -> int:
    """omega of that order, a power of two: 5 generates the field's multiplicative group."""
    return pow(5, (R - 1) // count, R)


def interpolated(values: Sequence[int]) -> Field:
    """The coefficients of the polynomial with these values at the powers of omega."""
    count, omega = len(values), unity(len(values))
    return np.array(
        [
            pow(count, -1, R)
            * sum(value * pow(omega, -b * k % count, R) for b, value in enumerate(values))
            % R
            for k in range(count)
        ],
        object,
    )


class Polynomial:
    """sum of products of vectors over one cube; a vector of fewer variables is repeated."""

    def __init__(self, variables: int, terms: Sequence[Sequence[Field]]) -> None:
        def wide(vector: Field) -> Field:
            return np.tile(vector, 2**variables // len(vector))

        self.terms = [[wide(vector) for vector in term] for term in terms]

    def part(self, number: int, x: int) -> int:
        """The sum of one term over all but the first variable, which is x."""
        product = np.ones(1, object)
        for vector in self.terms[number]:
            half = len(vector) // 2
            zero, one = vector[:half], vector[half:]
            line = zero + x * (one - zero) if x > 1 else one if x else zero
            product = product * line % R
        return int(product.sum() % R)

    def at(self, x: int) -> int:
        """The sum of all terms."""
        return sum(self.part(number, x) for number in range(len(self.terms))) % R

    def bind(self, x: int) -> None:
        """Set the first variable."""
        for term in self.terms:
            for number, vector in enumerate(term):
                half = len(vector) // 2
                term[number] = (vector[:half] + x * (vector[half:] - vector[:half])) % R


class Prover:
    """One proof: `run` is what the messages speak of, `committed` what the rows hold.

    With `one_sum` all tables share one sum of helpers: a protocol that is not sound.
    """

    one_sum = False

    def __init__(
        self,
        key: Key,
        tau: int,
        run: Run,
        root: bytes,
        inputs: Sequence[Sequence[Tensor]],
        outputs: Sequence[Sequence[Tensor]],
    ) -> None:
        self.key, self.tau, self.run, self.root = key, tau, run, root
        self.inputs, self.outputs = inputs, outputs
        self.committed = run
        self.relation = run.relation
        self.frame: Frame = frame(run.relation, key.logrows)
        self.batch = run.relation.batch
        self.length = 2**self.frame.stack.logrows
        self.spots = self.frame.reads()
        self.transcript = Transcript()
        self.sent: list[bytes] = []
        self.names: list[tuple[Label, int]] = []

    # What tests replace.

    def say(self, label: Label, values: list[int]) -> list[int]:
        """The words of a message, as they are sent."""
        return values

    def round(self, label: Label, number: int, claim: int, values: list[int]) -> list[int]:
        """g(0), g(2), ... of one round; `values` are the true g(0), g(1), g(2), ..."""
        return [values[0], *values[2:]]

    def helper(self, group: Table | Lookup, row: Field, live: Field, count: Field) -> Field:
        """A helper column: live * count / (alpha + fingerprint), `row` being the divisor."""
        top = live * count % R
        cells = [t * pow(int(d), -1, R) % R if t else 0 for t, d in zip(top, row, strict=True)]
        return np.array(cells, object)

    # The conversation.

    def prove(self) -> Bytes:
        """All steps in order; `openings` are made last."""
        self.statement()
        self.commit_witness()
        self.alpha, self.lam = self.draw(Label.ALPHA), self.draw(Label.LAMBDA)
        if self.batch > 1:
            self.kappa = self.draw(Label.KAPPA)
            self.u = tuple(self.draw(Label.INNER) for _ in range(self.frame.inner))
            self.shared_values = self.summaries()
            self.shared_row = interpolated(self.shared_values)
        self.make_helpers()
        if self.relation.layered:
            self.fold_layers()
        self.rho = [self.draw(Label.RHO) for _ in range(self.frame.variables)]
        self.gamma = self.draw(Label.GAMMA)
        self.identities()
        if self.relation.bilinears:
            self.theta = self.draw(Label.THETA)
            self.bilinears()
        self.eta = self.draw(Label.ETA)
        self.reduce()
        self.open()
        proof = Bytes(b"".join(self.sent))
        if self.batch > 1:
            proof.openings = tuple(self.opened(index) for index in range(self.batch))
        return proof

    def draw(self, label: Label) -> int:
        """A challenge."""
        return self.transcript.challenge(label)

    def send(self, label: Label, values: list[int]) -> list[int]:
        """Absorb and send words; return what was sent."""
        values = [value % R if label not in POINTS else value for value in self.say(label, values)]
        self.transcript.absorb(label, values)
        self.sent.append(b"".join(value.to_bytes(32, "big") for value in values))
        self.names.append((label, len(values)))
        return values

    def commit(self, vectors: Sequence[Sequence[int]]) -> list[int]:
        """The coordinates of the commitment of every vector."""
        words = []
        for vector in vectors:
            scalar = horner([int(x) for x in vector], self.tau)
            point = _core.point_mul(GENERATOR, scalar)
            words += [int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")]
        return words

    def sumcheck(
        self, label: Label, claim: int, what: Polynomial, count: int, degree: int
    ) -> Point:
        """All rounds; the point where they end. `self.claim` is what the verifier is left with."""
        point = []
        self.what = what
        for number in range(count):
            message = self.round(label, number, claim, [what.at(x) for x in range(degree + 1)])
            first, *others = self.send(label, message)
            point.append(self.draw(Label.ROUND))
            claim = interpolate((first, claim - first, *others), point[-1])
            what.bind(point[-1])
        self.claim = claim
        return tuple(point)

    # The steps.

    def statement(self) -> None:
        """What the proof is about."""
        key = self.key
        names = (
            tag("avow.sumcheck.v1"),
            self.root,
            key.program.digest(),
            key.digest(),
            srs_digest(key.tau_g2),
        )
        words = [int.from_bytes(name, "big") for name in names]
        columns = self.frame.stack.logrows
        self.transcript.absorb(Label.STATEMENT, [*words, self.batch, columns, key.width])
        if self.batch == 1:
            tensors = (*self.inputs[0], *self.outputs[0])
            digests = [int.from_bytes(one.digest(), "big") for one in tensors]
            self.transcript.absorb(Label.PUBLIC, digests)

    def rows(self, matrix: int) -> list[Field]:
        """The rows of one of the three matrices, those of the key as they are committed."""
        placed = self.frame.stack.matrices[matrix]
        width = self.length if matrix else 2**self.key.logrows
        cells = np.zeros(placed.rows * width, object)
        for number, offset in placed.places:
            column = self.helpers[number] if matrix == 2 else self.committed.cells[number] % R
            cells[offset : offset + len(column)] = column
        if matrix == 2 and self.batch > 1:
            cells[-width : len(cells) - width + len(self.shared_row)] = self.shared_row
        return list(cells.reshape(placed.rows, width))

    def summaries(self) -> list[int]:
        """e_b: what the committed inputs and outputs of each sample are worth at u, by kappa."""
        values = np.zeros(2 ** bits(self.batch), object)
        for power, number in enumerate(self.relation.ends):
            cells = (self.committed.cells[number] % R).reshape(len(values), -1)
            table = eq_table(self.u[len(self.u) - bits(cells.shape[1]) :])
            values = (values + pow(self.kappa, power, R) * (cells * table).sum(axis=1)) % R
        return [int(value) for value in values]

    def opened(self, index: int) -> bytes:
        """The commitment to (E - E(omega^index)) / (X - omega^index)."""
        root = pow(unity(len(self.shared_values)), index, R)
        x, y = self.commit([quotient([int(x) for x in self.shared_row], root)])
        return x.to_bytes(32, "big") + y.to_bytes(32, "big")

    def commit_witness(self) -> None:
        """The rows of the witness."""
        self.send(Label.WITNESS, self.commit(self.rows(1)))

    def cells(self, expression: Expression) -> Field:
        """An expression's cells, as the messages have them."""
        return self.run.value(expression) % R

    def make_helpers(self) -> None:
        """The helper columns, and their rows."""
        self.divisors, self.helpers = [], []
        for group in () if self.relation.layered else self.relation.groups:
            row = self.divisor(group.components, group.live.variables, 0)
            live = self.cells(group.live)
            count: Field = np.ones(len(row), object)
            if isinstance(group, Table):
                count = self.run.cells[group.multiplicity] % R
            self.divisors.append(row)
            self.helpers.append(self.helper(group, row, live, count))
        self.send(Label.HELPERS, self.commit(self.rows(2)))

    def divisor(self, components: Sequence[Expression], variables: int, first: int) -> Field:
        """alpha + the fingerprint of every row; `first` is the power of lambda it begins with."""
        row = np.full(2**variables, self.alpha, object)
        for power, component in enumerate(components, first):
            row = (row + pow(self.lam, power, R) * self.cells(component)) % R
        return row

    def make_leaves(self) -> tuple[Field, Field]:
        """Numerators and denominators of all fractions."""
        relation = self.relation
        p, q = np.zeros(2**self.frame.layers, object), np.ones(2**self.frame.layers, object)
        for number, group in enumerate(relation.groups):
            count, table = np.ones(1, object), number
            if isinstance(group, Table):
                count = -self.run.cells[group.multiplicity]
            else:
                table = group.table
            row = self.divisor(group.components, group.live.variables, 1)
            cells = slice(self.frame.blocks[number], self.frame.blocks[number] + len(row))
            p[cells], q[cells] = self.cells(group.live) * count % R, (row + table) % R
        return p, q

    def fold_layers(self) -> None:
        """All layers from the root on, and what is evaluated at their end."""
        tree = [self.make_leaves()]
        while len(tree[0][0]) > 2:
            p, q = tree[0]
            up = (p[::2] * q[1::2] + p[1::2] * q[::2]) % R, q[::2] * q[1::2] % R
            tree.insert(0, up)
        self.t: Point = ()
        self.claim = self.mu = 0
        for layer, (p, q) in enumerate(tree):
            four = [p[::2], p[1::2], q[::2], q[1::2]]
            if layer:
                self.mu = self.draw(Label.MU)
                self.claim = (self.claims[0] + self.mu * self.claims[1]) % R
            drawn: Point = ()
            for number in reversed(range(layer)):
                weights = eq_table(self.t[:number])
                zero, one = [v[::2] for v in four], [v[1::2] for v in four]
                lines = [(b - a) % R for a, b in zip(zero, one, strict=True)]
                at_zero, at_one = (self.node_sum(weights, v) for v in (zero, one))
                top = self.node_sum(weights, lines)
                slope, top = self.send(Label.LAYERS, [at_one - at_zero, top])
                x = self.draw(Label.ROUND)
                start = self.claim - self.t[number] * slope
                self.claim = (start + x * (slope - top + x * top)) % R
                drawn = (x, *drawn)
                four = [(a + x * line) % R for a, line in zip(zero, lines, strict=True)]
            p0, p1, q0, q1 = self.send(Label.NODES, [int(v[0]) for v in four])
            u = self.draw(Label.ROUND)
            self.claims = ((p0 + u * (p1 - p0)) % R, (q0 + u * (q1 - q0)) % R)
            self.t = (*drawn, u)
        self.point: Point = self.t
        leaves = [value_at(self.spoken(read), self.at(at)) for read, at in self.frame.leaves()]
        self.leaf_values = self.send(Label.LEAVES, leaves)

    def node_sum(self, weights: Field, four: Sequence[Field]) -> int:
        """sum of weight * (p0 q1 + p1 q0 + mu q0 q1)."""
        p0, p1, q0, q1 = four
        return int((weights * ((p0 + self.mu * q0) * q1 + p1 * q0)).sum() % R)

    t: Point = ()
    leaf_values: Sequence[int] = ()

    def identities(self) -> None:
        """The identities' sumcheck, and what is evaluated at its end."""
        relation, n = self.relation, self.frame.variables
        power = 1
        pairs: list[list[Field]] = []
        eq = eq_table(self.rho)
        linear, sums = (np.zeros(2**n, object) for _ in range(2))

        def wide(cells: Field) -> Field:
            return np.tile(cells, 2**n // len(cells))

        groups = [] if relation.layered else relation.groups
        for group, row, helper in zip(groups, self.divisors, self.helpers, strict=True):
            pairs.append([wide(power * helper % R), wide(row)])
            live = wide(-power * self.cells(group.live) % R)
            if isinstance(group, Table):
                # A product of two polynomials: equal to the multiplicities only on the cube.
                pairs.append([live, wide(self.run.cells[group.multiplicity] % R)])
            else:
                linear = (linear + live) % R
            power = power * self.gamma % R
        for product in relation.products:
            if product.factors:
                left, right = (self.cells(factor) for factor in product.factors)
                pairs.append([wide(power * left % R), wide(right)])
            linear = (linear + power * wide(self.cells(product.rest))) % R
            power = power * self.gamma % R
        for number, table in enumerate([] if relation.layered else relation.tables):
            share = pow(2, table.live.variables - n, R)
            sums = (sums - power * share * wide(self.helpers[number])) % R
            for at, lookup in enumerate(relation.lookups, len(relation.tables)):
                if lookup.table == number:
                    share = pow(2, lookup.live.variables - n, R)
                    sums = (sums + power * share * wide(self.helpers[at])) % R
            if not self.one_sum:
                power = power * self.gamma % R
        terms = [[eq, linear], [sums], *([eq, *pair] for pair in pairs)]
        self.r = self.sumcheck(Label.IDENTITIES, 0, Polynomial(n, terms), n, 3)
        self.point = (*self.t, *self.r)
        reads = [value_at(self.spoken(read), self.at(positions)) for read, positions in self.spots]
        self.read_values = self.send(Label.READS, reads)

    def spoken(self, read: Read) -> Field:
        """The cells of a view of a column or helper, as the messages have them."""
        count = len(self.relation.columns)
        if read.column >= count:
            return self.helpers[read.column - count]
        return apply(read.view, self.run.cells[read.column]) % R

    def at(self, positions: Positions) -> Point:
        """A point made of the challenges of the rounds."""
        return tuple(self.point[at] for at in positions)

    def bilinears(self) -> None:
        """The sumcheck of the products of matrices, and its factors."""
        n, summed = self.frame.variables, self.frame.summed
        terms, claim = [], 0
        for number, bilinear in enumerate(self.relation.bilinears):
            result = self.relation.whole(bilinear.result)
            tail = self.r[n - size(result.view.outs) :]
            theta = pow(self.theta, number, R)
            read = dict(zip(self.spots, self.read_values, strict=True))
            value = read[result, self.frame.tail(size(result.view.outs))]
            if bilinear.bias:
                for factor, bias in bilinear.bias.terms:
                    spot = bias, self.frame.tail(size(bias.view.outs))
                    value -= factor * read[spot]
            claim += theta * value
            share = theta * pow(2, size(bilinear.summed) - summed, R)
            left = self.bound(bilinear, bilinear.left, bilinear.left_axes, tail)
            right = self.bound(bilinear, bilinear.right, bilinear.right_axes, tail)
            term = [left * share % R, right]
            if bilinear.shared:
                term.append(self.shared(bilinear, tail))
            terms.append(term)
        degree = 3 if any(bilinear.shared for bilinear in self.relation.bilinears) else 2
        what = Polynomial(summed, terms)
        self.s = self.sumcheck(Label.BILINEAR, claim % R, what, summed, degree)
        self.point = (*self.t, *self.r, *self.s)
        factors = [
            value_at(self.spoken(read), self.at(positions))
            for read, positions in self.frame.factors()
        ]
        self.factor_values = self.send(Label.FACTORS, factors)

    def bound(
        self, bilinear: Bilinear, factor: Expression, axes: tuple[Axis, ...], tail: Point
    ) -> Field:
        """A factor at the result's point, over the cells of the summed axes."""
        parts = split(tail, self.relation.columns[bilinear.result].lengths)
        cells = self.cells(factor).reshape(padded(factor.lengths))
        kept = [axis.number for axis in axes if axis.summed]
        for place in reversed(range(len(axes))):
            if not axes[place].summed:
                table = eq_table(parts[axes[place].number])
                cells = np.tensordot(cells, table, axes=([place], [0])) % R
        cells = np.asarray(cells, object).transpose([kept.index(k) for k in sorted(kept)])
        shape = padded(bilinear.summed)
        cells = cells.reshape([n if k in kept else 1 for k, n in enumerate(shape)])
        return np.broadcast_to(cells, shape).reshape(-1) % R

    def shared(self, bilinear: Bilinear, tail: Point) -> Field:
        """eq of the axes that are summed and the result's at once."""
        parts = split(tail, self.relation.columns[bilinear.result].lengths)
        axes = dict(bilinear.shared)
        table = np.ones(1, object)
        for number, length in enumerate(padded(bilinear.summed)):
            own = eq_table(parts[axes[number]]) if number in axes else np.ones(length, object)
            table = np.outer(table, own).reshape(-1) % R
        return table

    def reduce(self) -> None:
        """From all claims to one about the stack."""
        size_ = 2**self.frame.stack.logsize
        self.entries, weights = np.zeros(size_, object), np.zeros(size_, object)
        width = self.length
        for number, matrix in enumerate(self.frame.stack.matrices):
            for at, row in enumerate(self.rows(number), matrix.first_row):
                self.entries[at * width : at * width + len(row)] = row
        power, claim = 1, 0
        values = [*self.leaf_values, *self.read_values]
        spots = [*self.frame.leaves(), *self.spots]
        if self.relation.bilinears:
            spots, values = [*spots, *self.frame.factors()], [*values, *self.factor_values]
        for (read, positions), value in zip(spots, values, strict=True):
            self.weigh(weights, power, read, positions)
            claim = (claim + power * value) % R
            power = power * self.eta % R
        if self.batch > 1:
            self.weigh_shared(weights, power)
        what = Polynomial(self.frame.stack.logsize, [[self.entries, weights % R]])
        count = self.frame.stack.logsize
        self.z = self.sumcheck(Label.REDUCTION, claim, what, count, 2)
        # What is left of the weights, for those who lie about the value.
        self.form = int(what.terms[0][1][0])
        (self.value,) = self.send(Label.STACK, [int(what.terms[0][0][0])])

    def weigh(self, weights: Field, scale: int, read: Read, positions: Positions) -> None:
        """Add a claim's linear form. Only the first entries of the key's rows are the key's."""
        outs, ins = joined(read.view)
        table = eq_table(self.at(positions))
        at, columns = self.frame.starts[read.column] + ins, self.relation.columns
        if read.column < len(columns) and columns[read.column].kind is Kind.KEY:
            row, inside = at >> self.key.logrows, at % 2**self.key.logrows
            at = row * self.length + inside
        np.add.at(weights, at, scale * table[outs] % R)

    def weigh_shared(self, weights: Field, scale: int) -> None:
        """Add the form that is zero: E's values at the batch's point less those of the tensors."""
        head = tuple(self.rho[: bits(self.batch)])
        self.point = (*self.point, *head, *self.u)
        for power, (read, positions) in enumerate(self.frame.ends()):
            self.weigh(weights, scale * pow(self.kappa, power, R), read, positions)
        count, omega = len(self.shared_values), unity(len(self.shared_values))
        table = eq_table(head)
        form = [
            sum(int(table[b]) * pow(omega, b * k, R) for b in range(count)) for k in range(count)
        ]
        helper = self.frame.stack.matrices[2]
        start = (helper.first_row + helper.rows - 1) * self.length
        whole = np.tile(np.array(form, object), self.length // count)
        weights[start : start + self.length] = (
            weights[start : start + self.length] - scale * whole
        ) % R

    def weight(self, row: int) -> int:
        """eq of the row's number and the point's first coordinates."""
        return int(eq_table(self.z[: len(self.z) - self.frame.stack.logrows])[row])

    def fold(self) -> list[int]:
        """All rows, each times its weight."""
        rows = self.entries.reshape(-1, self.length)
        weights = eq_table(self.z[: len(self.z) - self.frame.stack.logrows])
        return [int(x) for x in (weights[:, None] * rows).sum(axis=0) % R]

    def fold_eighth(self, vector: list[int], point: Sequence[int]) -> list[int]:
        """Eight neighbours become the value of their multilinear extension."""
        weights = eq_table(point)
        wide = vector + [0] * (-len(vector) % 8)
        parts = (wide[at : at + 8] for at in range(0, len(wide), 8))
        return [int((weights * np.array(part, object)).sum() % R) for part in parts]

    def open(self) -> None:
        """Fold the rows, and open the row that is left."""
        folds, inner = [self.fold()], list(self.z[len(self.z) - self.frame.stack.logrows :])
        while len(inner) > 4:
            folds.append(self.fold_eighth(folds[-1], inner[-3:]))
            del inner[-3:]
        last, self.left = folds.pop(), inner
        self.send(Label.FOLDS, self.commit(folds[1:]))
        self.last = self.send(Label.LAST, last[: 2 ** len(inner)])
        self.beta = self.draw(Label.BETA)
        self.nodes = [pow(5, (R - 1) // 8 * j, R) * self.beta % R for j in range(8)]
        values = [horner(fold, node) for fold in folds for node in self.nodes]
        self.nodes.append(pow(self.beta, 8, R))
        self.send(Label.FOLD_VALUES, [*values, horner(folds[0], self.nodes[-1])])
        batch = self.draw(Label.BATCH)
        combined = [
            sum(pow(batch, power, R) * fold[k] for power, fold in enumerate(folds) if k < len(fold))
            for k in range(len(folds[0]))
        ]
        first, vanishing = combined, 1
        for node in self.nodes:
            first = quotient(first, node)
        self.send(Label.QUOTIENT, self.commit([first]))
        zeta = self.draw(Label.ZETA)
        for node in self.nodes:
            vanishing = vanishing * (zeta - node) % R
        padded_first = [*first, *([0] * (len(combined) - len(first)))]
        rest = [(a - vanishing * b) % R for a, b in zip(combined, padded_first, strict=True)]
        self.send(Label.QUOTIENT, self.commit([quotient(rest, zeta)]))
