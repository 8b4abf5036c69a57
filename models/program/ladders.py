"""The greatest of several tables of one tensor, looked up at once.

A table over a wide range is compiled into several, coarse to fine, each behind a rescale of its
own, of which the greatest entry counts. Here all positions stand side by side on the last axis and
all entries in one table.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from avow.models.program.blobs import Integers, integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.emission import Emission
from avow.models.program.emit_elementwise import half
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import Maximum, Rescale, Table

# Fewer are not worth it.
_LEAST_RUNGS = 3
# A bound, so that a long chain of maxima is not walked again and again.
_MOST_STEPS = 64


@dataclass(frozen=True, slots=True)
class Ladder:
    """Tables by the number of the rescale that each reads; all rescales read tensor `of`."""

    of: int
    rungs: tuple[tuple[int, Table], ...]
    inner: frozenset[int]


def find_ladder(state: Emission, root: int) -> Ladder | None:
    """The ladder whose greatest entries tensor `root` holds, if it is one."""
    rungs = list[tuple[int, Table]]()
    inner, sources = set[int](), set[int]()
    waiting = [root]
    while waiting:
        number = waiting.pop()
        operation = state.operation(number)
        if number != root and state.sole_reader(number) is None:
            return None
        inner.add(number)
        if len(inner) > _MOST_STEPS:
            return None
        if isinstance(operation, Maximum):
            waiting += operation.of
            continue
        if not isinstance(operation, Table):
            return None
        below = operation.of[0]
        rescale = state.operation(below)
        if not isinstance(rescale, Rescale) or state.sole_reader(below) is None:
            return None
        inner.add(below)
        sources.add(rescale.of[0])
        rungs.append((below, operation))
    if len(rungs) < _LEAST_RUNGS or len(sources) != 1:
        return None
    source = sources.pop()
    if state.shapes[source][-1:] != (1,):
        return None
    return Ladder(source, tuple(rungs), frozenset(inner - {root}))


def precise_carrier(state: Emission, ladder: Ladder) -> Carrier:
    """The first type that holds every position; not a float if none does."""
    wide, place = 0, 0
    for rescale, interval, _ in _rungs(state, ladder):
        # A position counts 2^-bits, so it must be exact in units of that.
        most = max(abs(place - interval.low), place + interval.high - interval.low) + 1
        add = state.magnitude(ladder.of) + half(rescale)
        wide = max(wide, add + (most << rescale.bits))
        place += interval.high - interval.low + 1
    return carrier_for(wide)


def _rungs(state: Emission, ladder: Ladder) -> Iterator[tuple[Rescale, Interval, Table]]:
    for below, table in ladder.rungs:
        rescale = state.operation(below)
        if isinstance(rescale, Rescale):
            yield rescale, state.interval(below), table


def emit_ladder(state: Emission, ladder: Ladder, number: int) -> None:
    """All positions side by side, one lookup, and the greatest entry."""
    scales, adds, highs, lows = list[float](), list[float](), list[float](), list[float]()
    values, place, clamped = list[Integers](), 0, False
    for rescale, interval, table in _rungs(state, ladder):
        move = place - interval.low
        start = interval.low - table.first
        entries = integers(state.blobs[table.blob])[start : interval.high - table.first + 1]
        values.append(entries)
        scales.append(2.0**-rescale.bits)
        adds.append(half(rescale) * 2.0**-rescale.bits + move)
        lows.append(float(place))
        highs.append(float(interval.high + move))
        lowest = (state.interval(ladder.of).low + half(rescale)) >> rescale.bits
        clamped = clamped or lowest < interval.low
        place += len(entries)
    carrier = state.settle(precise_carrier(state, ladder), ladder.of)
    graph, kind = state.graph, np.dtype(carrier.value)
    name = state.read(ladder.of, carrier)
    name = graph.node("Mul", name, graph.constant(np.array(scales, kind)))
    name = graph.node("Add", name, graph.constant(np.array(adds, kind)))
    if clamped:
        name = graph.node("Max", name, graph.constant(np.array(lows, kind)))
    name = graph.node("Min", name, graph.constant(np.array(highs, kind)))
    # Never negative, so that the cast rounds down.
    name = graph.node("Cast", name, to=Carrier.INT32.onnx_type)
    result = state.choose(number)
    table_name = graph.constant(result.array(np.concatenate(values)))
    name = graph.node("Gather", table_name, name, axis=0)
    name = graph.node("ReduceMax", name, axes=[-1], keepdims=1)
    state.write(number, name, result)
