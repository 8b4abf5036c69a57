"""The fractions of all tables and lookups, ready to be added up layer by layer."""

from collections.abc import Callable, Sequence

import numpy as np

from avow.prover.native._core import FractionTree
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
    gathered where the row is looked up.
    """
    alpha, lam = challenges
    plan, blocks = prepared.plan, prepared.plan.frame.blocks
    bottoms = [
        fingerprint(table, alpha + number, lam, 1) for number, table in enumerate(prepared.rows)
    ]
    # A dead cell's fingerprint is its table's number alone.
    dead = sum(len(each) for each in bottoms)
    below = joined([*bottoms, *(constant(alpha + number, 1) for number in range(len(bottoms)))])
    tops: dict[int, Cells] = {}
    places: dict[int, Indices] = {}
    tables = zip(plan.tables, counts, prepared.starts, blocks, strict=False)
    for table, count, start, block in tables:
        tops[block] = -count * table.live.cells(prepared.reads.__getitem__)
        places[block] = np.arange(start, start + len(count), dtype=np.int32)
    for lookup, row, block in zip(plan.lookups, rows, blocks[len(plan.tables) :], strict=True):
        at = row + np.int32(prepared.starts[lookup.table])
        places[block] = np.where(row < 0, np.int32(dead + lookup.table), at)
        tops[block] = (row >= 0).astype(np.int8)
    breathe()
    order = sorted(tops)
    top = vector(np.concatenate([tops[block] for block in order]))
    bottom = below.gather(np.concatenate([places[block] for block in order]))
    breathe()
    return FractionTree(top, bottom)
