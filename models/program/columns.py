"""Rewrites of dense layers whose outputs are cut apart, as the gates of an LSTM are."""

import itertools

import numpy as np

from avow.models.program.blobs import blob_of
from avow.models.program.carriers import carrier_for
from avow.models.program.intervals import linear_bounds
from avow.models.program.net import Net
from avow.models.program.shifts import shifted
from avow.verifier.program.operations import (
    Affine,
    Concat,
    Constant,
    Dense,
    Operation,
    Rescale,
    Slice,
    Table,
)

# Above it, copying weights costs more than a few steps of a graph.
_MOST_WEIGHTS = 2**16


def join_dense(net: Net) -> None:
    """A sum of two dense layers is one layer on both inputs."""
    for number, operation in net.steps():
        if not isinstance(operation, Affine) or len(operation.of) != 2:
            continue
        parts = [net.operations.get(at) for at in operation.of]
        a, b = parts
        if not isinstance(a, Dense) or not isinstance(b, Dense) or a.of == b.of:
            continue
        if not all(net.once(at) for at in operation.of):
            continue
        sources = a.of[0], b.of[0]
        if any(isinstance(net.operations.get(at), Constant) for at in sources):
            continue
        weights = [net.array(part.weight) for part in (a, b)]
        biases = [net.array(part.bias) for part in (a, b)]
        wide = net.reach(operation) + sum(
            abs(factor) * net.reach(part)
            for factor, part in zip(operation.coefficients, (a, b), strict=True)
        )
        if sum(weight.size for weight in weights) > _MOST_WEIGHTS or wide >= 2**62:
            continue
        first, second = operation.coefficients
        weight = np.concatenate([first * weights[0], second * weights[1]], axis=1)
        bias = first * biases[0] + second * biases[1] + operation.constant
        # One interval must do for both inputs, so the bound may grow.
        magnitude = max(net.intervals[at].magnitude for at in sources)
        reach = linear_bounds(blob_of(weight), blob_of(bias)).reach(magnitude)
        if not net.no_wider(net.reach(operation), reach):
            continue
        joint = Concat(sources, len(net.shapes[number]) - 1)
        put = net.add(joint, Dense((-1,), net.blob(weight), net.blob(bias)))
        if put is not None:
            net.replace(number, put)


def _cuts(net: Net, number: int) -> dict[int, tuple[int, int]]:
    """Slices of whole columns that are all the readers of a tensor: number to (start, stop)."""
    shape, found = net.shapes[number], {}
    if not shape:
        return {}
    for reader in net.readers[number]:
        cut = net.operations.get(reader)
        if not isinstance(cut, Slice) or cut.steps[-1] != 1 or cut.sizes[:-1] != shape[:-1]:
            return {}
        if any(step != 1 for step in cut.steps[:-1]) or not net.once(reader):
            return {}
        found[reader] = (cut.starts[-1], cut.starts[-1] + cut.sizes[-1])
    ends = sorted(found.values())
    apart = all(a[1] <= b[0] for a, b in itertools.pairwise(ends))
    return found if len(found) > 1 and apart else {}


def join_columns(net: Net) -> None:
    """One rescale of a dense layer in place of one for each part of its outputs.

    A part that is rescaled by fewer bits gets its weights and biases multiplied.
    """
    for number, operation in net.steps():
        if not isinstance(operation, Dense):
            continue
        cuts = _cuts(net, number)
        after = {cut: net.operations.get(net.readers[cut][0]) for cut in cuts}
        rescales = {cut: op for cut, op in after.items() if isinstance(op, Rescale)}
        if not cuts or len(rescales) != len(cuts):
            continue
        weight, bias = net.array(operation.weight), net.array(operation.bias)
        most = max(rescale.bits for rescale in rescales.values())
        if not most or weight.size > _MOST_WEIGHTS:
            continue
        factors = np.ones(weight.shape[0], np.int64)
        for cut, rescale in rescales.items():
            factors[slice(*cuts[cut])] = 1 << (most - rescale.bits)
        reach = net.reach(operation)
        if reach * int(factors.max()) >= 2**61:
            continue
        scaled = Dense(
            operation.of,
            net.blob(weight * factors[:, np.newaxis]),
            net.blob(bias * factors),
        )
        if carrier_for(net.reach(scaled) + (1 << most)) is not carrier_for(reach + (1 << most)):
            continue
        clamps = {(rescale.low, rescale.high) for rescale in rescales.values()}
        low, high = clamps.pop() if len(clamps) == 1 else (None, None)
        rounded = net.add(scaled, Rescale((-1,), most, low, high))
        if rounded is None:
            continue
        for cut, rescale in rescales.items():
            part = net.operations[cut]
            last: tuple[Operation, ...] = ()
            if clamps:
                last = (Rescale((-1,), 0, rescale.low, rescale.high),)
            if not isinstance(part, Slice):
                continue
            moved = Slice((rounded,), part.starts, part.steps, part.sizes)
            put = net.add(moved, *last)
            if put is not None:
                net.replace(net.readers[cut][0], put)


def join_tables(net: Net) -> None:
    """One lookup in all tables behind each other, where each part of a tensor has its own."""
    for number, operation in net.steps():
        cuts = _cuts(net, number)
        if not cuts or not isinstance(operation, Rescale):
            continue
        after = {cut: net.operations.get(net.readers[cut][0]) for cut in cuts}
        tables = {cut: op for cut, op in after.items() if isinstance(op, Table)}
        covered = sum(stop - start for start, stop in cuts.values())
        if len(tables) != len(cuts) or covered != net.shapes[number][-1]:
            continue
        low, high = net.intervals[number].low, net.intervals[number].high
        source, begin = number, low
        if low and operation.bits:
            # Never negative, so that a cast rounds it down.
            ends = [None if end is None else end - low for end in (operation.low, operation.high)]
            moved_up = Rescale(operation.of, operation.bits, *ends)
            found = shifted(net, moved_up, -low << operation.bits, strict=True)
            if found is not None:
                source, begin = found, 0
        places: dict[tuple[int, int], int] = {}
        values = []
        offsets = np.zeros(net.shapes[number], np.int64)
        for cut, table in tables.items():
            key = table.blob, table.first
            if key not in places:
                places[key] = len(places) * (high - low + 1)
                start = low - table.first
                values.append(net.array(table.blob)[start : high - table.first + 1])
            offsets[..., slice(*cuts[cut])] = places[key]
        joined = net.blob(np.concatenate(values))
        looked_up = Table((-1,), joined, begin)
        if len(places) == 1:
            put = net.add(Table((source,), joined, begin))
        else:
            moves = net.add(Constant((), net.blob(offsets)))
            if moves is None:
                continue
            put = net.add(Affine((source, moves), (1, 1), 0), looked_up)
        if put is None:
            continue
        for cut in tables:
            part = net.operations[cut]
            if isinstance(part, Slice):
                moved = net.add(Slice((put,), part.starts, part.steps, part.sizes))
                if moved is not None:
                    net.replace(net.readers[cut][0], moved)
