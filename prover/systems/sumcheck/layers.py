"""The fractions of all tables and lookups, ready to be added up layer by layer."""

from collections.abc import Callable, Sequence

import numpy as np

from avow.prover.native._core import FractionTree, Frs, Picked
from avow.prover.systems.sumcheck.field import constant, vector
from avow.prover.systems.sumcheck.lookups import fingerprint, joined
from avow.prover.systems.sumcheck.prepared import Prepared
from avow.prover.systems.sumcheck.wiring import Cells, Indices


def make_tree(
    prepared: Prepared,
    counts: Sequence[Cells],
    rows: Sequence[Indices],
    challenges: tuple[int, int],
    breathe: Callable[[], None],
) -> FractionTree:
    """Numerators and denominators of the leaves, block by block, and their sums.

    Arguments as of `make_helpers`. A denominator is computed once for each row of a table, and
    read where the row is looked up.
    """
    alpha, lam = challenges
    plan, blocks = prepared.plan, prepared.plan.frame.blocks
    bottoms = [
        fingerprint(table, alpha + number, lam, 1) for number, table in enumerate(prepared.rows)
    ]
    # A leaf names a row that is looked up, a table's own row, or a dead cell, whose fingerprint is
    # its table's number alone.
    rows_of = sum(len(each) for each in bottoms)
    dead = joined([constant(alpha + number, 1) for number in range(len(bottoms))])
    below = joined([*bottoms, *bottoms, dead])
    counted = zip(plan.tables, counts, strict=True)
    own = [
        vector(-count * table.live.cells(prepared.reads.__getitem__)) for table, count in counted
    ]
    above = joined([constant(1, rows_of), *own, Frs.zeros(len(bottoms))])
    index = np.empty(sum(len(each) for each in (*counts, *rows)), np.int32)
    for count, start, block in zip(counts, prepared.starts, blocks, strict=False):
        first = rows_of + start
        index[block : block + len(count)] = np.arange(first, first + len(count))
    for lookup, row, block in zip(plan.lookups, rows, blocks[len(plan.tables) :], strict=True):
        places = index[block : block + len(row)]
        np.add(row, np.int32(prepared.starts[lookup.table]), out=places)
        np.copyto(places, np.int32(2 * rows_of + lookup.table), where=row < 0)
    breathe()
    top = Picked(above, index)
    return FractionTree(top, top.of(below), prepared.stride)
