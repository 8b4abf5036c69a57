"""The integers of every column of a run, padded: zero at every dead cell."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from avow.circuits.sumcheck.matrix import pad
from avow.prover.errors import Refused
from avow.prover.systems.sumcheck.plans import RANGES, LookupPlan, row_of
from avow.prover.systems.sumcheck.prepared import Prepared
from avow.prover.systems.sumcheck.wiring import Cells
from avow.verifier.program.operations import Rescale
from avow.verifier.relation.relation import (
    Column,
    Digit,
    Excess,
    Multiplicity,
    Remainder,
    Value,
)

Integers = NDArray[np.int64]


def column_cells(
    prepared: Prepared, number: int, trace: Sequence[Integers], read: Callable[[int], Cells]
) -> Cells:
    """The cells of a column that is no multiplicity; `read` gives those of earlier reads."""
    column = prepared.plan.relation.columns[number]
    match column.source:
        case Value(tensor=tensor):
            values = trace[tensor]
        case Excess(tensor=tensor, above=above):
            values = _excess(prepared, trace, tensor, above)
        case Remainder(tensor=tensor):
            n, d = (trace[at] for at in _operation(prepared, tensor).of)
            values = n - trace[tensor] * d
        case Digit(low=low, width=width):
            # Padded like the column itself: both have the expression's layout.
            expression: Cells = prepared.plan.digits[number].cells(read)
            digit: Cells = expression >> low & (2**width - 1)
            return digit
        case _:
            return prepared.columns[number]
    return pad(values, column.lengths)


def table_rows(
    prepared: Prepared, number: int, lookup: LookupPlan, components: Sequence[Cells]
) -> NDArray[np.int32]:
    """For each cell of a lookup the row of its table, -1 where the cell is dead.

    Raises `Refused` where a live cell is in no row: the run does not satisfy the relation.
    """
    live = prepared.live[number]
    table = prepared.rows[lookup.table]
    found = [_integers(component[live]) for component in components]
    if lookup.table == RANGES:
        width = lookup.width or 0
        good = (found[0] >= 0) & (found[0] < 2**width)
        row = found[0] + 2**width
    else:
        row = row_of(found[:-1], prepared.plan.tables[lookup.table].lengths)
        good = (row >= 0) & (table[-1][row] == found[-1])
    if not good.all():
        raise Refused(f"{describe(prepared, lookup)} holds a value that its table does not")
    rows = np.full(2**lookup.variables, -1, np.int32)
    rows[live] = row
    return rows


def _integers(cells: Cells) -> Integers:
    if cells.dtype != object:
        return cells
    # No table holds -2^62, which stands for whatever is no small integer.
    return np.array([cell if abs(cell) < 2**62 else -(2**62) for cell in cells], np.int64)


def describe(prepared: Prepared, lookup: LookupPlan) -> str:
    """The tensor that a lookup is about, in words."""
    columns = [prepared.plan.columns[read] for _, read in lookup.components[0].terms]
    for number in columns:
        source: Column = prepared.plan.relation.columns[number]
        if isinstance(source.source, Value | Excess | Remainder):
            return f"tensor {source.source.tensor}"
    return f"column {columns[0]}" if columns else "a constant"


def count_rows(rows: Sequence[NDArray[np.int32]], size: int) -> Integers:
    """How often each of a table's `size` rows is met in `rows`."""
    total = np.zeros(size, np.int64)
    for each in rows:
        total += np.bincount(each[each >= 0], minlength=size)
    return total


def is_multiplicity(column: Column) -> bool:
    """Whether a column counts lookups, so that it comes after all others."""
    return isinstance(column.source, Multiplicity)


def _operation(prepared: Prepared, tensor: int) -> Rescale:
    step = prepared.program.steps[tensor - len(prepared.program.inputs)]
    return step.operation  # type: ignore[return-value]


def _excess(prepared: Prepared, trace: Sequence[Integers], tensor: int, above: bool) -> Integers:
    operation = _operation(prepared, tensor)
    half = 1 << (operation.bits - 1) if operation.bits else 0
    raw = (trace[operation.of[0]] + half) >> operation.bits
    excess = raw - (operation.high or 0) if above else (operation.low or 0) - raw
    return np.asarray(np.maximum(excess, 0), np.int64)
