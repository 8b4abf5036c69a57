"""A whole proof, step by step: each step a method, so that tests can replace any by a lie."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from avow.prover.native._core import Picked, ProductSum, Transcript, ZeroCheck
from avow.prover.systems.sumcheck.batch import Shared, make_shared, weigh_shared
from avow.prover.systems.sumcheck.bilinear import factor_values, fold_factors, product_sum
from avow.prover.systems.sumcheck.field import R, commit, dot, words
from avow.prover.systems.sumcheck.identities import zero_check
from avow.prover.systems.sumcheck.layers import make_tree
from avow.prover.systems.sumcheck.lookups import Helpers, make_helpers
from avow.prover.systems.sumcheck.opening import open_row
from avow.prover.systems.sumcheck.points import Points, Positions
from avow.prover.systems.sumcheck.prepared import Prepared
from avow.prover.systems.sumcheck.reduction import (
    Part,
    Weighing,
    fold_stack,
    fold_weights,
    sum_strips,
    weigh,
    weighing,
)
from avow.prover.systems.sumcheck.rows import Rows, stack_rows
from avow.prover.systems.sumcheck.wiring import Cells, Indices
from avow.prover.systems.sumcheck.witness import (
    Integers,
    column_cells,
    count_rows,
    is_multiplicity,
    table_rows,
)
from avow.prover.systems.system import Tick
from avow.verifier.argument.transcript import STATEMENT_TAG, Label
from avow.verifier.relation.views import bits
from avow.verifier.tensor import Tensor

# Either helpers or layers, as the key says.
STAGES = ("witness", "commit", "helpers", "layers", "identities", "linear", "reduction", "opening")
_TICK_SECONDS = 0.1
# Cells that are committed between two moments at which the work can be cancelled.
_AT_ONCE = 2**20


@dataclass(frozen=True, slots=True)
class Proved:
    """The outputs of every sample, the proof's bytes, and the seconds of every stage.

    `openings` has for each sample of a batch what makes the proof its own; alone it needs none.
    """

    outputs: tuple[tuple[Tensor, ...], ...]
    proof: bytes
    openings: tuple[bytes, ...]
    seconds: dict[str, float]


def prove(
    prepared: Prepared,
    root: bytes,
    inputs: Sequence[Sequence[Tensor]],
    tick: Tick = lambda stage, percent: None,
) -> Proved:
    """Prove the program's run on the inputs of every sample, bound to a Merkle root of statements.

    Raises `VerificationError` for inputs that the program does not take, and passes on whatever
    `tick` raises.
    """
    return Prover(prepared, root, inputs, tick).prove()


class Prover:
    """One proof in the making: fields are filled in by the steps, in the order of `prove`."""

    def __init__(
        self,
        prepared: Prepared,
        root: bytes,
        inputs: Sequence[Sequence[Tensor]],
        tick: Tick = lambda stage, percent: None,
    ) -> None:
        self.prepared = prepared
        self.plan = prepared.plan
        self.frame = prepared.plan.frame
        self.root = root
        self.inputs = inputs
        self.tick = tick
        self.transcript = Transcript()
        self.sent: list[bytes] = []
        self.seconds: dict[str, float] = {}
        self.cells: dict[int, Cells] = {}
        self.offsets = dict(prepared.stack.matrices[1].places)
        self.views: dict[int, Cells] = dict(prepared.reads)
        self.helpers: Helpers | None = None
        self.points = Points(())
        self._stage = ""
        self._ticked = 0.0

    def prove(self) -> Proved:
        """All steps in order."""
        with self.stage("witness"):
            self.trace = self.run()
            self.outputs = self.answer()
            self.integers()
        with self.stage("commit"):
            self.absorb(Label.STATEMENT, self.statement())
            if self.prepared.batch == 1:
                digests = [tensor.digest() for tensor in (*self.inputs[0], *self.outputs[0])]
                self.absorb(Label.PUBLIC, b"".join(digests))
            self.witness = self.rows()
            self.send(Label.WITNESS, b"".join(self.commit()))
        layered = self.plan.relation.layered
        with self.stage("layers" if layered else "helpers"):
            challenges = self.draw(Label.ALPHA), self.draw(Label.LAMBDA)
            if self.prepared.batch > 1:
                self.kappa = self.draw(Label.KAPPA)
                self.inner = [self.draw(Label.INNER) for _ in range(self.frame.inner)]
                self.shared = self.share()
            self.helpers = None if layered else self.help(*challenges)
            self.send(Label.HELPERS, b"".join(self.helper_rows()))
            if layered:
                self.layers(*challenges)
                self.send(Label.LEAVES, words(self.leaves()))
        with self.stage("identities"):
            self.rho = [self.draw(Label.RHO) for _ in range(self.frame.variables)]
            self.identities(self.rho, self.draw(Label.GAMMA))
            self.send(Label.READS, words([*self.reads(), *self.helper_values()]))
        if self.plan.bilinears:
            with self.stage("linear"):
                self.linear(self.draw(Label.THETA))
                self.send(Label.FACTORS, words(self.factors()))
        with self.stage("reduction"):
            point = self.reduction(self.draw(Label.ETA))
            self.send(Label.STACK, words([self.value]))
        with self.stage("opening"):
            self.sent.append(self.opening(point))
            openings = self.openings() if self.prepared.batch > 1 else ()
        return Proved(self.outputs, b"".join(self.sent), openings, self.seconds)

    def statement(self) -> bytes:
        """What the proof is about, beside inputs and outputs."""
        key = self.prepared.key
        sizes = words([self.prepared.batch, self.prepared.stack.logrows, key.width])
        return b"".join((STATEMENT_TAG, self.root, *self.prepared.digests, sizes))

    # The conversation.

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage, and say that it began."""
        self._stage = name
        self.breathe(force=True)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began

    def breathe(self, force: bool = False) -> None:
        """Tell whoever waits that work goes on; what `tick` raises ends it."""
        now = time.monotonic()
        if force or now - self._ticked > _TICK_SECONDS:
            self._ticked = now
            self.tick(self._stage, None)

    def absorb(self, label: Label, data: bytes) -> None:
        """Take up words that the verifier knows by itself."""
        self.transcript.absorb(label, data)

    def send(self, label: Label, data: bytes) -> None:
        """Absorb a message and make it part of the proof."""
        self.absorb(label, data)
        self.sent.append(data)

    def draw(self, label: Label) -> int:
        """A challenge."""
        self.breathe()
        return self.transcript.challenge(label)

    # The witness.

    def run(self) -> list[Integers]:
        """Every tensor of the program, (batch, *shape)."""
        arrays = [
            np.array([sample[number].values for sample in self.inputs], np.int64).reshape(
                len(self.inputs), *spec.shape
            )
            for number, spec in enumerate(self.prepared.program.inputs)
        ]
        return self.prepared.runner.trace(arrays)

    def answer(self) -> tuple[tuple[Tensor, ...], ...]:
        """The outputs of every sample."""
        numbers = [output.tensor for output in self.prepared.program.outputs]
        return tuple(
            tuple(
                Tensor(
                    spec.element_type,
                    spec.shape,
                    tuple(self.trace[at][sample].reshape(-1).tolist()),
                )
                for spec, at in zip(self.prepared.outputs, numbers, strict=True)
            )
            for sample in range(self.prepared.batch)
        )

    def integers(self) -> None:
        """The cells of every column, those of the multiplicities last."""
        columns = self.plan.relation.columns
        for number, column in enumerate(columns):
            if not is_multiplicity(column):
                self.cells[number] = self.column(number)
                self.breathe()
        self.looked_up = [self.rows_of(number) for number in range(len(self.plan.lookups))]
        self.counts = [self.count(number) for number in range(len(self.plan.tables))]
        for table, counts in zip(self.plan.tables, self.counts, strict=True):
            self.cells[table.multiplicity] = counts

    def column(self, number: int) -> Cells:
        """The cells of a column that is no multiplicity."""
        return column_cells(self.prepared, number, self.trace, self.read)

    def read(self, number: int) -> Cells:
        """The cells of a numbered read."""
        cells = self.views.get(number)
        if cells is None:
            cells = self.plan.reads[number].apply(self.cells[self.plan.columns[number]])
            self.views[number] = cells
        return cells

    def stored(self, number: int) -> Cells:
        """The cells of a numbered read, as they are committed where it is a whole column."""
        column = self.plan.columns[number]
        offset = self.offsets.get(column)
        if offset is None or not self.plan.reads[number].whole:
            return self.read(number)
        return self.witness.column(offset, 2 ** self.plan.relation.columns[column].variables)

    def rows_of(self, number: int) -> Indices:
        """The table's row that each cell of a lookup names."""
        lookup = self.plan.lookups[number]
        self.breathe()
        components = [component.cells(self.read) for component in lookup.components]
        return table_rows(self.prepared, number, lookup, components)

    def count(self, number: int) -> Cells:
        """The multiplicities of a table."""
        lookups = zip(self.plan.lookups, self.looked_up, strict=True)
        rows = [row for lookup, row in lookups if lookup.table == number]
        return count_rows(rows, 2 ** self.plan.tables[number].variables)

    def rows(self) -> Rows:
        """The witness columns as they are committed."""
        matrix = self.prepared.stack.matrices[1]
        placed = [(offset, self.cells[number]) for number, offset in matrix.places]
        return stack_rows(placed, matrix.rows, 2**self.prepared.stack.logrows)

    def commit(self) -> list[bytes]:
        """The commitments of the witness rows."""
        points: list[bytes] = []
        for matrices in self.witness.parts(_AT_ONCE):
            points += commit(self.prepared.bases, matrices)
            self.breathe()
        return points

    def help(self, alpha: int, lam: int) -> Helpers:
        """The helper columns, committed."""
        return make_helpers(self.prepared, self.counts, self.looked_up, (alpha, lam), self.breathe)

    def share(self) -> Shared:
        """The polynomial through what the inputs and outputs of every sample are worth."""
        ends = [self.cells[number] for number in self.plan.relation.ends]
        padded = 2 ** bits(self.prepared.batch)
        return make_shared(self.prepared.bases, ends, padded, self.kappa, self.inner)

    def helper_rows(self) -> list[bytes]:
        """The commitments of the helper rows, a batch's own one last."""
        shared = [self.shared.commitment] if self.prepared.batch > 1 else []
        return [*(self.helpers.rows if self.helpers else ()), *shared]

    # The sumchecks.

    def layers(self, alpha: int, lam: int) -> None:
        """The sum of all fractions, from the root to the leaves, layer by layer."""
        tree = make_tree(self.prepared, self.counts, self.looked_up, (alpha, lam), self.breathe)
        point: list[int] = []
        for layer in range(tree.depth):
            if layer:
                tree.descend(point[-1], self.draw(Label.MU))
            drawn = []
            for _ in range(layer):
                self.send(Label.LAYERS, words(tree.round()))
                drawn.append(self.draw(Label.ROUND))
                tree.bind(drawn[-1])
            self.send(Label.NODES, words(tree.nodes()))
            point = [*reversed(drawn), self.draw(Label.ROUND)]
        self.points = Points(point)

    def leaves(self) -> list[int]:
        """The values of the reads where the layers ended."""
        return self.values(self.plan.leaves)

    def values(self, spots: Sequence[tuple[int, Positions]]) -> list[int]:
        """The values of reads at points."""
        return [dot(self.points.eq(positions), self.stored(number)) for number, positions in spots]

    def identities(self, rho: Sequence[int], gamma: int) -> None:
        """The identities' sumcheck."""
        check = zero_check(self.plan, self.helpers, self.counts, self.read, rho, gamma)
        self.points = self.points.extended(self.rounds(Label.IDENTITIES, check, len(rho)))

    def rounds(self, label: Label, check: ZeroCheck | ProductSum, count: int) -> list[int]:
        """All rounds of a sumcheck; the challenges."""
        challenges = []
        for _ in range(count):
            self.send(label, words(check.round()))
            challenges.append(self.draw(Label.ROUND))
            check.bind(challenges[-1])
        return challenges

    def reads(self) -> list[int]:
        """The values of the reads where the identities' sumcheck ended."""
        return self.values(self.plan.claimed)

    def helper_values(self) -> list[int]:
        """The values of the helper columns there."""
        values = []
        for column in self.helpers.columns if self.helpers else ():
            weights = self.points.eq(self.frame.tail(len(column).bit_length() - 1))
            if isinstance(column, Picked):
                values.append(column.dots(weights).at(0))
            else:
                values.append(column.dot(weights))
        return values

    def linear(self, theta: int) -> None:
        """The sumcheck of the products of matrices."""
        self.partials = fold_factors(self.plan, self.cells.__getitem__, self.points, self.breathe)
        check = product_sum(self.plan, self.partials, self.points, theta)
        challenges = self.rounds(Label.BILINEAR, check, self.frame.summed)
        self.points = self.points.extended(challenges)

    def factors(self) -> list[int]:
        """The values of the committed factors where it ended."""
        return factor_values(self.plan, self.partials, self.points)

    def reduction(self, eta: int) -> list[int]:
        """From all claims to one value of the stack; where inside the folded row it is claimed."""
        stack, (key, witness, helper) = self.prepared.stack, self.prepared.stack.matrices
        parts: list[Part] = [
            (key.first_row, key.rows, self.prepared.matrix),
            (witness.first_row, witness.rows, self.witness),
        ]
        if self.helpers:
            parts.append((helper.first_row, len(self.helpers.rows), self.helpers))
        weights = self.weights(eta)
        if self.prepared.batch > 1:
            parts.append((helper.first_row + helper.rows - 1, 1, self.shared))
        over = sum_strips(weights, stack, parts, self.breathe)
        rows = self.rounds(Label.REDUCTION, over, stack.logsize - stack.logrows)
        self.row = fold_stack(rows, stack, parts)
        folded = fold_weights(weights, stack, rows)
        inside = ProductSum(stack.logrows, [(1, self.row, folded, None)])
        point = self.rounds(Label.REDUCTION, inside, stack.logrows)
        self.value = inside.values()[0][0]
        return point

    def weights(self, eta: int) -> Weighing:
        """The linear forms of all claims, each with its power of eta."""
        plan, stack = self.plan, self.prepared.stack
        weights = weighing(stack, plan.logstrip)
        batch = self.prepared.batch > 1
        count = len(plan.forms) - batch * len(plan.relation.ends)
        weigh(weights, plan.forms[:count], 1, eta, self.points, self.breathe)
        if batch:
            power, head = pow(eta, count, R), self.rho[: bits(self.prepared.batch)]
            points = self.points.extended((*head, *self.inner))
            weigh(weights, plan.forms[count:], power, self.kappa, points, self.breathe)
            row = stack.matrices[2].first_row + stack.matrices[2].rows - 1
            weigh_shared(weights.others, row, weights.strips, R - power, tuple(head))
        return weights

    def openings(self) -> tuple[bytes, ...]:
        """What opens the shared polynomial, for each sample."""
        return self.shared.openings(self.prepared.bases, self.prepared.batch, self.breathe)

    def opening(self, point: Sequence[int]) -> bytes:
        """Show that the folded row is worth that; the last message, which no challenge follows."""
        return open_row(self.row, point, self.prepared.bases, self.send, self.draw)
