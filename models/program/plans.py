"""Which operations of a program are emitted together, as something else than one by one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from avow.models.program import ladders, quotients
from avow.models.program.emission import Emission


@dataclass(frozen=True, slots=True)
class Plans:
    """How to emit a tensor together with those in `inner`, which nothing else needs."""

    roots: dict[int, Callable[[Emission], None]] = field(default_factory=dict)
    inner: set[int] = field(default_factory=set)


def find_plans(state: Emission) -> Plans:
    """Every ladder and every rounded quotient of the program."""
    plans = Plans()
    inputs = len(state.program.inputs)
    for number in reversed(range(inputs, inputs + len(state.program.steps))):
        if number in plans.inner:
            continue
        ladder = ladders.find_ladder(state, number)
        if ladder and ladders.precise_carrier(state, ladder).is_float:
            plans.roots[number] = partial(ladders.emit_ladder, ladder=ladder, number=number)
            plans.inner.update(ladder.inner)
        # Accelerators may divide less precisely.
        quotient = None if state.portable else quotients.find_quotient(state, number)
        if quotient and quotients.precise_carrier(state, quotient).is_float:
            emit = partial(quotients.emit_quotient, found=quotient, number=number)
            plans.roots[number] = emit
            plans.inner.update(quotient.inner)
    return plans
