"""Rewrites a program into one of fewer operations with the same outputs, for the fast executor.

Every rewriting is an identity of integers and is checked like any program; where a bound or a
machine type would widen, the operations stay as they are. Nothing but the executor sees the result:
digests and proofs speak of the program as compiled.
"""

from collections.abc import Callable, Sequence

import numpy as np

from avow.models.program.columns import join_columns, join_dense, join_tables
from avow.models.program.net import Leaned, Net, with_operands
from avow.models.program.reference import evaluate
from avow.models.program.shifts import shifted
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import BOUND
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Constant,
    Dense,
    Operation,
    Rescale,
    Reshape,
    Sum,
    Table,
    Transpose,
)
from avow.verifier.program.program import Program

# By how many views an operation is moved; a bound, so that the work grows with the program only.
_MOST_MOVES = 8
# A product with a wider matrix costs more than a sum and a difference.
_MOST_CENTRED = 64


def lean(program: Program, blobs: Sequence[Blob]) -> Leaned:
    """Return a program with equal outputs for every valid input."""
    net = Net(program, blobs)
    for rewrite in REWRITES:
        rewrite(net)
    return net.result()


def unary(operation: Operation) -> bool:
    """Whether it computes each element of the result from one element of one tensor."""
    return isinstance(operation, Rescale | Table | Affine) and len(operation.of) == 1


def drop_identities(net: Net) -> None:
    """Leave out what gives its operand."""
    for number, operation in net.steps():
        match operation:
            case Affine(coefficients=(1,), constant=0) | Rescale(bits=0, low=None, high=None):
                net.replace(number, operation.of[0])


def raise_unary(net: Net) -> None:
    """Compute element by element before elements are moved, beside what computed them."""
    for _ in range(_MOST_MOVES):
        changed = False
        for number, operation in net.steps():
            if not unary(operation) or operation.of[0] not in net.operations:
                continue
            view = net.operations[operation.of[0]]
            if not isinstance(view, Reshape | Transpose | Broadcast):
                continue
            if not net.once(operation.of[0]) or _constant(net, view.of[0]):
                continue
            if isinstance(net.operations.get(view.of[0]), Sum):
                # The exporter keeps the axis that was summed.
                continue
            below = with_operands(operation, view.of)
            moved = net.add(below, with_operands(view, (-1,)))
            if moved is not None:
                net.replace(number, moved)
                changed = True
        if not changed:
            return


def _constant(net: Net, number: int) -> bool:
    return isinstance(net.operations.get(number), Constant)


def flatten_affine(net: Net) -> None:
    """a (b x + c) + d is a b x + (a c + d)."""
    for number, operation in net.steps():
        if not isinstance(operation, Affine):
            continue
        of, factors, constant = [], [], operation.constant
        for at, factor in zip(operation.of, operation.coefficients, strict=True):
            inner = net.operations.get(at)
            if isinstance(inner, Affine) and len(inner.of) == 1 and net.once(at):
                constant += factor * inner.constant
                at, factor = inner.of[0], factor * inner.coefficients[0]
            of.append(at)
            factors.append(factor)
        flat = Affine(tuple(of), tuple(factors), constant)
        # On what is always zero a factor of any size would do, but no machine type holds it.
        held = all(abs(factor) < BOUND for factor in factors)
        if flat != operation and held and net.no_wider(net.reach(operation), net.reach(flat)):
            put = net.add(flat)
            if put is not None:
                net.replace(number, put)


def fold_tables(net: Net) -> None:
    """What is done to the entry that was looked up can be done to the table."""
    for number, operation in net.steps():
        table = net.operations.get(operation.of[0]) if operation.of else None
        if not unary(operation) or not isinstance(table, Table):
            continue
        if not net.once(operation.of[0]):
            continue
        interval = net.intervals[table.of[0]]
        start = interval.low - table.first
        values = net.array(table.blob)[start : interval.high - table.first + 1]
        folded = evaluate(operation, [values[np.newaxis]], net.blobs)[0]
        put = net.add(Table(table.of, net.blob(folded), interval.low))
        if put is not None:
            net.replace(number, put)


def join_rescales(net: Net) -> None:
    """One rescale for two: floor(floor(x) / n) is floor(x / n), and clamps keep the order.

    floor((floor((a + h) / 2^k) + 2^(m-1)) / 2^m) is floor((a + h + 2^(k+m-1)) / 2^(k+m)).
    """
    for number, second in net.steps():
        if not isinstance(second, Rescale):
            continue
        first = net.operations.get(second.of[0])
        if not isinstance(first, Rescale) or not net.once(second.of[0]):
            continue
        low, high = second.low, second.high
        if first.low is not None:
            low = _end(second, first.low)
        if first.high is not None:
            high = _end(second, first.high)
        both = Rescale(first.of, first.bits + second.bits, low, high)
        more = 1 << (first.bits - 1) if first.bits and second.bits else 0
        put = shifted(net, both, more)
        if put is not None:
            net.replace(number, put)


def _end(rescale: Rescale, value: int) -> int:
    half = 1 << (rescale.bits - 1) if rescale.bits else 0
    value = (value + half) >> rescale.bits
    value = value if rescale.low is None else max(value, rescale.low)
    return value if rescale.high is None else min(value, rescale.high)


def centre_by_dense(net: Net) -> None:
    """n x - sum(x) along the last axis is one product with a constant matrix."""
    for number, operation in net.steps():
        match operation:
            case Affine(of=(x, spread), coefficients=(times, -1), constant=constant):
                pass
            case _:
                continue
        if not net.shapes[number]:
            continue
        view, length = net.operations.get(spread), net.shapes[number][-1]
        between = [spread]
        while isinstance(view, Broadcast | Reshape):
            between.append(view.of[0])
            view = net.operations.get(view.of[0])
        if not isinstance(view, Sum) or view.of != (x,) or length > _MOST_CENTRED:
            continue
        rank = len(net.shapes[number])
        if view.axes != (rank - 1,) or not all(net.once(at) for at in between):
            continue
        if isinstance(net.operations.get(x), Constant):
            continue
        matrix = times * np.eye(length, dtype=np.int64) - 1
        dense = Dense((x,), net.blob(matrix), net.blob(np.full(length, constant)))
        if net.no_wider(net.reach(operation), net.reach(dense)):
            put = net.add(dense)
            if put is not None:
                net.replace(number, put)


def start_tables_at_zero(net: Net) -> None:
    """Shift what is looked up so that it is never negative: then a cast rounds it down."""
    for number, table in net.steps():
        if not isinstance(table, Table) or not net.once(table.of[0]):
            continue
        rescale, interval = net.operations.get(table.of[0]), net.intervals[table.of[0]]
        if not isinstance(rescale, Rescale) or not rescale.bits:
            continue
        if interval.low >= 0:
            continue
        low = interval.low
        values = net.array(table.blob)[low - table.first : interval.high - table.first + 1]
        if np.array_equal(
            values, np.clip(np.arange(low, interval.high + 1), values[0], values[-1])
        ):
            # The exporter makes a clamp of it.
            continue
        ends = [None if end is None else end - low for end in (rescale.low, rescale.high)]
        moved = Rescale(rescale.of, rescale.bits, *ends)
        put = shifted(net, moved, -low << rescale.bits, strict=True)
        if put is None:
            continue
        looked_up = net.add(Table((put,), net.blob(values), 0))
        if looked_up is not None:
            net.replace(number, looked_up)


REWRITES: tuple[Callable[[Net], None], ...] = (
    drop_identities,
    raise_unary,
    flatten_affine,
    fold_tables,
    join_rescales,
    flatten_affine,
    join_dense,
    join_columns,
    join_tables,
    centre_by_dense,
    start_tables_at_zero,
    drop_identities,
)
