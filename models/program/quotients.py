"""Quotients rounded to nearest, floor((2 a + b) / (2 b)) and alike: one division of floats.

With a = A alpha, b = B and the rescale by k bits that follows, the result is the floor of
v = A / B 2^m + d, where 2^m = alpha / gamma 2^-k and d = (beta / gamma + half) 2^-k. A division and
a sum are each rounded to nearest, with a relative error below u = 2^-p. If v is an integer, A / B
has few enough bits to be exact, and so is the sum. If not, v is at least 1 / (gamma B 2^k) away
from every integer, and the errors together are below u (2 |A / B| 2^m + d): too small to cross it
while 2 alpha |A| + (beta + gamma half) B < 2^p. Where b and a constant c are added before the
rescale, as in Newton's step to a root, the inner floor can go, since what is added is whole; there
is one sum more, so 3 alpha |A| + gamma B (2 B + |c| + half + 1) must be below 2^p.
"""

from dataclasses import dataclass

from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.emission import Emission, held_shape
from avow.models.program.emit_elementwise import clamp_and_floor, half
from avow.verifier.program.operations import Affine, Broadcast, Divide, Rescale, Shape


@dataclass(frozen=True, slots=True)
class Quotient:
    """floor((alpha a + beta b) / (gamma b)), alpha / gamma = 2^shift and gamma = 2 beta."""

    a: int
    b: int
    alpha: int
    beta: int
    shift: int
    inner: frozenset[int]
    rescale: tuple[int, Rescale] | None
    plus: int | None


def find_quotient(state: Emission, number: int) -> Quotient | None:
    """The rounded quotient that a division is, with the rescale behind it, if it is one."""
    operation = state.operation(number)
    if not isinstance(operation, Divide):
        return None
    top, bottom = operation.of
    sum_, inner = state.operation(top), set[int]()
    if not isinstance(sum_, Affine) or len(sum_.of) != 2 or sum_.constant:
        return None
    if state.sole_reader(top) is None:
        return None
    inner.add(top)
    below, gamma, passed = _multiple(state, bottom)
    for at in passed:
        if state.sole_reader(at) is None:
            break
        inner.add(at)
    for at in (0, 1):
        a, b = sum_.of[at], sum_.of[1 - at]
        alpha, beta = sum_.coefficients[at], sum_.coefficients[1 - at]
        base, factor, _ = _multiple(state, b)
        if base != below or 2 * beta * factor != gamma or alpha < 1 or beta < 1:
            continue
        shift = (alpha.bit_length() - 1) - (gamma.bit_length() - 1)
        if (alpha << max(-shift, 0)) != (gamma << max(shift, 0)):
            continue
        melted, plus = _rescale_after(state, number), None
        if melted is None:
            plus = _mean_after(state, number, base)
            after = state.sole_reader(number)
            if plus is not None and after is not None:
                melted = _rescale_after(state, after)
                inner.add(after)
        return Quotient(a, base, alpha, gamma // 2, shift, frozenset(inner), melted, plus)
    return None


def _rescale_after(state: Emission, number: int) -> tuple[int, Rescale] | None:
    after = state.sole_reader(number)
    rescale = state.operation(after) if after is not None else None
    return (after, rescale) if after is not None and isinstance(rescale, Rescale) else None


def _mean_after(state: Emission, number: int, b: int) -> int | None:
    """The constant c where the quotient is only read as quotient + b + c, to be rescaled."""
    after = state.sole_reader(number)
    operation = state.operation(after) if after is not None else None
    if after is None or not isinstance(operation, Affine) or operation.coefficients != (1, 1):
        return None
    if sorted(operation.of) != sorted((number, b)) or state.shapes[b] != state.shapes[number]:
        return None
    rescale = _rescale_after(state, after)
    return operation.constant if rescale and rescale[1].bits else None


def _multiple(state: Emission, number: int) -> tuple[int, int, list[int]]:
    """The tensor of which this one is a multiple, how often, and what lies between."""
    factor, passed = 1, list[int]()
    while True:
        match state.operation(number):
            case Broadcast(of=of, shape=shape) if _held_alike(shape, state.shapes[of[0]]):
                step, times = of[0], 1
            case Affine(of=(inner,), coefficients=(times,), constant=0) if times > 0:
                step = inner
            case _:
                return number, factor, passed
        passed.append(number)
        number, factor = step, factor * times


def _held_alike(shape: Shape, before: Shape) -> bool:
    return len(held_shape(shape)) == len(held_shape(before))


def precise_carrier(state: Emission, found: Quotient) -> Carrier:
    """The first type that is precise enough; not a float if none is."""
    a, b, gamma = state.magnitude(found.a), state.magnitude(found.b), 2 * found.beta
    add = 1 + (half(found.rescale[1]) if found.rescale else 0)
    if found.plus is None:
        errors = 2 * found.alpha * a + gamma * b * add
    else:
        errors = 3 * found.alpha * a + gamma * b * (2 * b + abs(found.plus) + add)
    # Twice over, to be plainly on the safe side.
    return carrier_for(2 * errors)


def emit_quotient(state: Emission, found: Quotient, number: int) -> None:
    """A division, a sum, the clamp and the floor, all of floats."""
    rescale = found.rescale
    carrier = state.settle(precise_carrier(state, found), found.a, found.b)
    bits = rescale[1].bits if rescale else 0
    add = half(rescale[1]) if rescale else 0
    graph = state.graph
    top, bottom = state.read(found.a, carrier), state.read(found.b, carrier)
    name = graph.node("Div", top, bottom)
    shift = found.shift
    if found.plus is not None:
        if shift:
            name = graph.node("Mul", name, state.scalar(2.0**shift, carrier))
        name, shift, add = graph.node("Add", name, bottom), 0, add + found.plus
    if shift != bits:
        name = graph.node("Mul", name, state.scalar(2.0 ** (shift - bits), carrier))
    name = graph.node("Add", name, state.scalar((0.5 + add) * 2.0**-bits, carrier))
    if rescale:
        target = rescale[0]
        name = clamp_and_floor(state, name, rescale[1], carrier, target, always=True)
    else:
        target, name = number, graph.node("Floor", name)
    state.write(target, name, carrier)
