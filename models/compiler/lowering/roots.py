"""Square roots of wide values: a first guess from tables of the leading bits, one Newton step.

Each table covers values of half its bits' ratio, so the guess is good to a fixed number of
leading bits however small the value; r' = (r + v / r) / 2 doubles that number.
"""

from math import inf, sqrt

from avow.models.compiler.builder import Builder
from avow.models.compiler.curves import Curve, rounded
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import FINEST, coarser, total
from avow.models.compiler.value import Value
from avow.verifier.program.operations import Affine, Divide, Maximum, Rescale, Table

# The radicand is brought to this many bits, so that the root has half of them.
_RADICAND_BITS = 48


def square_root(b: Builder, v: Value) -> Value:
    """sqrt(v), correct to about one step; a negative v counts as zero (saturates)."""
    if v.interval.high <= 0:
        raise Refusal("the square root of something never positive")
    b.limit(v, 0, 0, None)
    v = b.rescale(v, 0, 0, None, v.error)
    v = _prepared(b, v)
    guess, wrong = _guess(b, v)
    scale = v.scale // 2
    doubled = b.emit(Affine((guess.tensor,), (2,), 0), [guess], scale, inf)
    dividend = b.emit(Affine((v.tensor, guess.tensor), (2, 1), 0), [v, guess], scale, inf)
    quotient = b.emit(Divide((dividend.tensor, doubled.tensor)), [dividend, doubled], scale, inf)
    added = b.emit(
        Affine((guess.tensor, quotient.tensor), (1, 1), 0), [guess, quotient], scale, inf
    )
    # The root itself never exceeds this; the interval of the division would.
    highest = int(sqrt(v.interval.high)) + 2 + int(wrong)
    lowest = max(int(sqrt(v.interval.low)) - 2 - int(wrong), 0)
    error = total(_hoelder(v), wrong / 2.0**scale)
    return b.emit(Rescale((added.tensor,), 1, lowest, highest), [added], scale, error)


def _prepared(b: Builder, v: Value) -> Value:
    """The radicand at an even scale, at `_RADICAND_BITS` bits if the scale allows."""
    excess = v.interval.high.bit_length() - _RADICAND_BITS
    if excess > 0:
        return coarser(b, v, min(excess + (v.scale - excess) % 2, v.scale))
    finer = min(-excess, 2 * FINEST - v.scale)
    finer -= (v.scale + finer) % 2
    if finer <= 0:
        finer = v.scale % 2
    if finer == 0:
        return v
    return b.emit(Affine((v.tensor,), (1 << finer,), 0), [v], v.scale + finer, v.error)


def _hoelder(v: Value) -> float:
    """|sqrt(v + e) - sqrt(v)| is at most sqrt(e), and e / sqrt(v) where v is never small."""
    bounds = [sqrt(v.error) if v.error != inf else inf]
    if v.interval.low > 0:
        bounds.append(v.error / sqrt(v.low))
    return min(bounds)


def _guess(b: Builder, v: Value) -> tuple[Value, float]:
    """A first root, at least 1, and the error in steps that one Newton step leaves."""
    half = b.bits // 2
    shift = max(v.interval.high.bit_length() - b.bits, 0)
    shifts = [shift]
    # A table that even the smallest radicand reaches is the last one needed.
    while shifts[-1] > 0 and v.interval.low >> shifts[-1] < 2**half:
        shifts.append(max(shifts[-1] - half, 0))
    roots = []
    worst = 0.0
    for at, one in enumerate(shifts):
        top = 2**b.bits - 1
        index = b.rescale(v, one, None, top, inf)
        entries = rounded(Curve("sqrt"), -one, index.interval.low, index.interval.high, 0).copy()
        last = at == len(shifts) - 1
        if not last:
            # Too few leading bits: the next table knows better.
            small = max(min(2**half - index.interval.low, len(entries)), 0)
            entries[:small] = 0
        table = Table((index.tensor,), b.blob(entries), index.interval.low)
        roots.append(b.emit(table, [index], v.scale // 2, inf))
        worst = max(worst, _newton_error(one, half, b.bits))
    found = roots[0]
    for other in roots[1:]:
        found = b.emit(Maximum((found.tensor, other.tensor)), [found, other], found.scale, inf)
    return b.rescale(found, 0, 1, None, inf), worst


def _newton_error(shift: int, half: int, bits: int) -> float:
    """Steps by which the Newton step misses, in the region of one table, plus its roundings."""
    largest = float(2.0 ** ((bits + shift) / 2))
    if shift == 0:
        # The guess is the nearest integer: its relative error is half over the root.
        return 0.25 + 1.25
    relative = float(2.0 ** -(half + 1) * 0.6 + 0.5 / 2.0 ** ((half + shift) / 2))
    return largest * relative * relative / (2 * (1 - min(relative, 0.5))) + 1.25
