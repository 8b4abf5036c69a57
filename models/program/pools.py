"""Finds max pooling in a program: a tree of maxima over shifted slices of one tensor."""

from collections import Counter
from dataclasses import dataclass

from avow.models.program.carriers import Carrier
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import Maximum, Operation, Shape, Slice
from avow.verifier.program.program import Program

# A window of 16x16. A bound, so that a long chain of maxima is not walked again and again.
MOST_STEPS = 512


@dataclass(frozen=True, slots=True)
class Pool:
    """The maximum over a window of the last axes of (batch, channels, *space).

    Spatial attributes have one entry per axis: the first window at `starts`, `sizes` windows."""

    of: int
    starts: tuple[int, ...]
    kernel: tuple[int, ...]
    dilations: tuple[int, ...]
    strides: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pools:
    """Pools by the number of the tensor they give, and the tensors that are only steps to one."""

    roots: dict[int, Pool]
    inner: frozenset[int]


def find_pools(program: Program, shapes: list[Shape], intervals: list[Interval]) -> Pools:
    """Every pool whose inner tensors have no other reader; the outermost tree wins."""
    uses = Counter(at for step in program.steps for at in step.operation.of)
    uses.update(output.tensor for output in program.outputs)
    first = len(program.inputs)
    operations = {n: step.operation for n, step in enumerate(program.steps, first)}
    roots: dict[int, Pool] = {}
    inner: set[int] = set()
    for number in reversed(operations):
        if number in inner or not isinstance(operations[number], Maximum):
            continue
        pool, members = _found(number, operations, uses, shapes)
        if pool and intervals[pool.of].magnitude < Carrier.FLOAT64.limit:
            roots[number] = pool
            inner |= members
    return Pools(roots, frozenset(inner))


def _found(
    number: int, operations: dict[int, Operation], uses: Counter[int], shapes: list[Shape]
) -> tuple[Pool | None, set[int]]:
    """The pool whose result is that tensor; pools that feed it alone become part of it."""
    leaves, members = _tree(number, operations, uses)
    pool = _pool(leaves, shapes)
    while pool and leaves and uses[pool.of] == len(leaves):
        if not isinstance(operations.get(pool.of), Maximum):
            break
        leaves, more = _tree(pool.of, operations, uses)
        before = _pool(leaves, shapes)
        joint = _joined(before, pool) if before else None
        if joint is None:
            break
        members |= more | {pool.of}
        pool = joint
    return pool, members


def _joined(first: Pool, second: Pool) -> Pool | None:
    """One pool in place of two, where their windows together are evenly spaced."""
    gaps = []
    for axis, (taps, more) in enumerate(zip(first.kernel, second.kernel, strict=True)):
        gap, jump = first.dilations[axis], first.strides[axis] * second.dilations[axis]
        if taps == 1 or (more > 1 and gap == jump * more):
            gaps.append(jump)
        elif more == 1 or jump == gap * taps:
            gaps.append(gap)
        else:
            return None
    starts = zip(first.starts, second.starts, first.strides, strict=True)
    return Pool(
        first.of,
        tuple(start + stride * later for start, later, stride in starts),
        tuple(a * b for a, b in zip(first.kernel, second.kernel, strict=True)),
        tuple(gaps),
        tuple(a * b for a, b in zip(first.strides, second.strides, strict=True)),
        second.sizes,
    )


def _tree(
    root: int, operations: dict[int, Operation], uses: Counter[int]
) -> tuple[list[Slice] | None, set[int]]:
    """The slices at the ends, None where something else is; and all numbers below the root."""
    waiting, leaves = [*operations[root].of], []
    members: set[int] = set()
    while waiting:
        number = waiting.pop()
        operation = operations.get(number)
        if (
            uses[number] != 1
            or len(members) > MOST_STEPS
            or not isinstance(operation, Maximum | Slice)
        ):
            return None, set()
        members.add(number)
        if isinstance(operation, Slice):
            leaves.append(operation)
        else:
            waiting.extend(operation.of)
    return leaves, members


def _pool(leaves: list[Slice] | None, shapes: list[Shape]) -> Pool | None:
    if not leaves:
        return None
    source, steps, sizes = leaves[0].of[0], leaves[0].steps, leaves[0].sizes
    shape = shapes[source]
    if len(shape) not in (3, 4) or sizes[:2] != shape[:2] or any(step < 1 for step in steps):
        return None
    if any((leaf.of[0], leaf.steps, leaf.sizes) != (source, steps, sizes) for leaf in leaves):
        return None
    starts = {leaf.starts for leaf in leaves}
    if any(start[:2] != (0, 0) for start in starts) or len(starts) != len(leaves):
        return None
    axes = [sorted({start[axis] for start in starts}) for axis in range(2, len(shape))]
    kernel = tuple(len(axis) for axis in axes)
    dilations = tuple(axis[1] - axis[0] if len(axis) > 1 else 1 for axis in axes)
    even = all(
        axis == [axis[0] + at * gap for at in range(len(axis))]
        for axis, gap in zip(axes, dilations, strict=True)
    )
    full = 1
    for length in kernel:
        full *= length
    # As many different starts as a full window has.
    if not even or full != len(starts):
        return None
    corner = tuple(axis[0] for axis in axes)
    return Pool(source, corner, kernel, dilations, steps[2:], sizes[2:])
