"""What is made once for a key and a batch size, and kept for every proof."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avow.circuits.sumcheck.matrix import key_blocks, pad
from avow.prover.errors import Refused
from avow.prover.native._core import Bases
from avow.prover.systems.sumcheck.plans import RANGES, Plan, Terms, make_plan, row_of
from avow.prover.systems.sumcheck.rows import Rows
from avow.prover.systems.sumcheck.run import Runner
from avow.prover.systems.sumcheck.wiring import Cells
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, output_specs
from avow.verifier.relation.relation import Fixed
from avow.verifier.srs import srs_digest
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.systems.sumcheck.stack import Stack
from avow.verifier.tensor import TensorSpec

_MOST_STRIDE = 12


@dataclass(frozen=True, slots=True)
class Prepared:
    """A key made ready for proofs of `batch` samples.

    `digests` are those of program, key and SRS.
    `columns` and `reads` hold the cells that no input changes, `rows` the components of each
    table, `starts` where its rows begin when all tables stand one behind the other, `live` the
    live cells of each lookup, `stride` the logarithm of how far apart the layers' leaves best lie
    that are worked on together.
    """

    program: Program
    key: Key
    digests: tuple[bytes, bytes, bytes]
    outputs: tuple[TensorSpec, ...]
    runner: Runner
    plan: Plan
    bases: Bases
    matrix: Rows
    columns: dict[int, Cells]
    reads: dict[int, Cells]
    rows: tuple[tuple[Cells, ...], ...]
    starts: tuple[int, ...]
    live: tuple[NDArray[np.intp], ...]
    stride: int

    @property
    def stack(self) -> Stack:
        """Where every committed column stands."""
        return self.plan.frame.stack

    @property
    def batch(self) -> int:
        """How many samples a proof speaks of."""
        return self.plan.relation.batch


def prepare(
    program: Program, blobs: Sequence[Blob], key: Key, powers: bytes, batch: int = 1
) -> Prepared:
    """Make a key ready. `powers` are the powers of tau in G1 that a row of so large a batch needs.

    There are 2^(logrows + bits(batch)) of them, 64 bytes each.

    The powers are checked to lie on the curve, not to be those of the key's tau: a proof made
    with others is refused by the verifier.
    """
    if key.program != program:
        raise Refused("the key is of another program")
    relation = key.relation(batch)
    places = frame(relation, key.logrows)
    if len(powers) != 64 << places.stack.logrows:
        raise Refused(f"expected {2**places.stack.logrows} powers of tau, got {len(powers)} bytes")
    plan = make_plan(places)
    placed = plan.frame.stack.matrices[0]
    matrix = Rows(placed.rows, key_blocks(relation, blobs, plan.frame.stack))
    columns: dict[int, Cells] = {
        number: matrix.column(offset, 2 ** relation.columns[number].variables)
        for number, offset in placed.places
    }
    for number, column in enumerate(relation.columns):
        if isinstance(column.source, Fixed):
            columns[number] = pad(np.array(column.source.values, np.int64), column.lengths)
    reads = {
        number: plan.reads[number].apply(columns[plan.columns[number]].astype(np.int64))
        for number in sorted(plan.evaluated)
        if plan.is_fixed(number)
    }
    sizes = [2**table.variables for table in plan.tables]
    live = _live_cells(plan, reads)
    return Prepared(
        program=program,
        key=key,
        digests=(program.digest(), key.digest(), srs_digest(key.tau_g2)),
        outputs=output_specs(program, key.bounds()),
        runner=Runner(program, blobs),
        plan=plan,
        bases=Bases(powers),
        matrix=matrix,
        columns=columns,
        reads=reads,
        rows=_table_rows(plan, reads),
        starts=tuple(sum(sizes[:at]) for at in range(len(sizes))),
        live=live,
        stride=_best_stride(plan, live) if relation.layered else 0,
    )


def _table_rows(plan: Plan, reads: dict[int, Cells]) -> tuple[tuple[Cells, ...], ...]:
    rows = tuple(
        tuple(component.cells(reads.__getitem__) for component in table.components)
        for table in plan.tables
    )
    for table, components in zip(plan.tables[RANGES + 1 :], rows[RANGES + 1 :], strict=True):
        cells = np.flatnonzero(table.live.cells(reads.__getitem__))
        if not np.array_equal(row_of([c[cells] for c in components[:-1]], table.lengths), cells):
            raise Refused("the coordinates of a table are not those of its cells")
    return rows


def _live_cells(plan: Plan, reads: dict[int, Cells]) -> tuple[NDArray[np.intp], ...]:
    # Many lookups share their live cells.
    live: dict[Terms, NDArray[np.intp]] = {}
    for lookup in plan.lookups:
        if lookup.live not in live:
            live[lookup.live] = np.flatnonzero(lookup.live.cells(reads.__getitem__))
    return tuple(live[lookup.live] for lookup in plan.lookups)


def _best_stride(plan: Plan, live: Sequence[NDArray[np.intp]]) -> int:
    """With which the fewest groups of eight leaves hold a live one; the largest of equal ones."""
    many: dict[int, int] = {}
    for cells in live:
        many[id(cells)] = many.get(id(cells), 0) + 1
    counts = [0] * (_MOST_STRIDE + 1)
    for lookup, cells in zip(plan.lookups, live, strict=True):
        alive = np.zeros(2**lookup.variables, bool)
        alive[cells] = True
        for stride in range(len(counts)):
            if 8 << stride <= len(alive):
                groups = alive.reshape(-1, 8, 2**stride).any(axis=1)
                counts[stride] += many[id(cells)] * int(groups.sum())
            else:
                counts[stride] += many[id(cells)] * len(alive) // 8
        many[id(cells)] = 0
    return min(range(len(counts)), key=lambda stride: (counts[stride], -stride))
