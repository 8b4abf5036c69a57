"""A function of one value as a table: range and scales from what was observed, error derived."""

from math import inf, isfinite

import numpy as np

from avow.models.compiler.builder import Builder, Limit
from avow.models.compiler.curves import Curve, rounded
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import FINEST, clamp, total
from avow.models.compiler.value import Value
from avow.verifier.program.operations import Table

# Entries of a table stay below this, whatever the function.
_WIDEST = 2**46


def tabulate(b: Builder, x: Value, curve: Curve) -> Value:
    """f(x), through a table of at most 2^bits entries."""
    reach = curve.reach(b.bits)
    last = reach if reach == inf else below(reach, x.scale, b.bits - 1)
    index = clamp(b, x, -reach, last, index=True)
    flat = _flat_error(x, index, curve) if isfinite(reach) else 0.0
    return look_up(b, index, curve, flat)


def below(reach: float, scale: int, bits: int) -> float:
    """The largest multiple of the step below `reach`, where 2^bits steps make `reach`."""
    return reach - max(2.0**-scale, reach / 2.0**bits)


def look_up(
    b: Builder, index: Value, curve: Curve, extra: float = 0.0, out: int | None = None
) -> Value:
    """f(index) at scale `out` (None: as fine as the precision allows), one entry per integer."""
    low, high = index.interval.low, index.interval.high
    points = np.arange(low, high + 1, dtype=np.float64) / 2.0**index.scale
    exact = curve.values(points)
    finite = np.isfinite(exact)
    first, last = (end - low for end in _seen(b, index))
    # What the scale is chosen for: the values seen, as far as the function has a value there.
    wanted = np.flatnonzero(finite[first : last + 1]) + first
    if not len(wanted):
        raise Refusal(f"{curve.name} of values at which it has none")
    if out is None:
        out = _output_scale(curve, index, wanted, exact, b.bits)
    entries = rounded(curve, index.scale, low, high, out)
    largest = max(2 ** (b.bits + 1), 2 * int(np.abs(entries[wanted]).max()))
    largest = min(largest, _WIDEST)
    good = finite & (np.abs(entries) <= largest)
    run = _run(good, int(wanted[len(wanted) // 2]))
    saturated = np.clip(np.where(np.isnan(exact), 0, entries), -largest, largest)
    _record(b, index, run, len(entries))
    error = _table_error(curve, index, points[run], entries[run] / 2.0**out)
    operation = Table((index.tensor,), b.blob(saturated), low)
    return b.emit(operation, [index], out, min(total(error, extra), _cap(curve, out)))


def _cap(curve: Curve, out: int) -> float:
    return curve.breadth + 0.5 / 2.0**out


def _seen(b: Builder, index: Value) -> tuple[int, int]:
    """The observed indices and a quarter more on each side."""
    low, high = b.ends(index)
    margin = (high - low) // 4 + 1
    return max(low - margin, index.interval.low), min(high + margin, index.interval.high)


def _output_scale(
    curve: Curve, index: Value, wanted: np.ndarray, exact: np.ndarray, bits: int
) -> int:
    """The finest scale at which the entries that matter have `bits` bits."""
    largest = max(float(np.abs(exact[wanted]).max()), 2.0**-FINEST)
    # Only where to start looking; the rounded entries decide.
    start = int(np.clip(bits + 1 - np.frexp(largest)[1], 0, FINEST))
    low, high = index.interval.low, index.interval.high
    for out in range(start, 0, -1):
        entries = rounded(curve, index.scale, low, high, out)[wanted]
        least, most = int(entries.min()), int(entries.max())
        limits = (0, 2**bits - 1) if least >= 0 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if limits[0] <= least and most <= limits[1]:
            return out
    return 0


def _run(good: np.ndarray, at: int) -> slice:
    """The unbroken run of good entries around `at`, or the nearest good one's."""
    places = np.flatnonzero(good)
    if not len(places):
        return slice(at, at + 1)
    at = int(places[np.abs(places - at).argmin()])
    bad = np.flatnonzero(~good)
    before, after = bad[bad < at], bad[bad > at]
    return slice(int(before[-1]) + 1 if len(before) else 0, int(after[0]) if len(after) else None)


def _record(b: Builder, index: Value, run: slice, size: int) -> None:
    first, stop = run.start, size if run.stop is None else run.stop
    low = index.interval.low + first if first > 0 else None
    high = index.interval.low + stop - 1 if stop < size else None
    found = Limit(b.node, index.tensor, low, high)
    if (low is not None or high is not None) and found not in b.limits:
        b.limits.append(found)


def _table_error(curve: Curve, index: Value, points: np.ndarray, entries: np.ndarray) -> float:
    """How far an entry can be from f at any argument that the index may stand for.

    Between its turns a function is monotone, so the ends of the interval and the turns suffice.
    """
    e = index.error
    if not isfinite(e):
        return inf
    worst = 0.0
    candidates = [points, points - e, points + e]
    for turn in curve.turns:
        candidates.append(np.clip(np.full_like(points, turn), points - e, points + e))
    for at in candidates:
        wrong = np.abs(curve.values(at) - entries)
        if not np.isfinite(wrong).all():
            return inf
        worst = max(worst, float(wrong.max()))
    # What float64 itself may be wrong by in computing the function.
    return total(worst, 2.0**-44 * max(1.0, float(np.abs(entries).max())))


def _flat_error(x: Value, index: Value, curve: Curve) -> float:
    """What the function still changes beyond the end of its table."""
    worst = 0.0
    for outer, end in ((x.low - x.error, index.low), (x.high + x.error, index.high)):
        if abs(outer) > abs(end) and isfinite(outer):
            values = curve.values(np.array([outer, end]))
            worst = max(worst, abs(float(values[0] - values[1])))
        elif not isfinite(outer):
            return curve.breadth
    return worst
