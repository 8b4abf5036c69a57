"""The plan: the cheapest parameters that keep every bound, the same on every machine."""

from dataclasses import replace

import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.cost import SLOWER, UNITS, predict, survey
from avow.circuits.sumcheck.gas import Tensors, predict_gas
from avow.circuits.sumcheck.key import Draft, draft_key
from avow.circuits.sumcheck.plan import (
    LOGROWS,
    MOST_ROWS,
    WIDTHS,
    Bounds,
    Plan,
    Target,
    choose,
    weight,
)
from avow.models.compiler.stored import compile_stored
from avow.prover.systems.sumcheck.prove import STAGES
from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Relation
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED, LIMITS
from tests.circuits.sumcheck.small import compiled, stored

ROOM = 2**40


def draft(name: str = "digits-mlp") -> Draft:
    """A model's program, ready for keys."""
    program = compile_stored(stored(name), 8)
    return draft_key(program.program, program.blobs)


def test_the_prediction_has_every_stage_and_grows_with_the_backend() -> None:
    found = survey(draft().relation(10, 1), 10)
    costs = [predict(found, 9, backend) for backend in ("ifma", "mulx", "portable")]
    totals = [cost.total for cost in costs if cost is not None]
    assert len(totals) == len(SLOWER) == 3
    assert sorted(totals) == totals
    first = costs[0]
    assert first is not None
    assert tuple(UNITS) == STAGES
    assert tuple(first.seconds) == tuple(stage for stage in STAGES if stage != "layers")
    layered = predict(survey(replace(draft().relation(10, 1), layered=True), 10), 9)
    assert layered is not None
    assert tuple(layered.seconds) == tuple(stage for stage in STAGES if stage != "helpers")
    several = [predict(found, 9, threads=threads) for threads in (1, 2, 16)]
    shorter = [cost.total for cost in several if cost is not None]
    assert len(shorter) == 3
    assert shorter == sorted(shorter, reverse=True)
    assert all(value > 0 for value in first.seconds.values())


def test_longer_rows_are_fewer() -> None:
    found = survey(draft().relation(8, 1), 8)
    costs = [predict(found, logrows) for logrows in LOGROWS]
    rows = [cost.rows for cost in costs if cost is not None]
    assert rows == sorted(rows, reverse=True)
    openings = [cost.seconds["opening"] for cost in costs if cost is not None]
    assert openings == sorted(openings)
    assert predict(survey(draft("lenet5").relation(8, 1), 8), 4) is None


@pytest.mark.parametrize("target", Target)
def test_the_choice_is_the_cheapest_of_all(target: Target) -> None:
    one = draft()
    tensors = Tensors.of(one.tensors())
    chosen = choose(lambda width: one.relation(width, 1), tensors, Bounds(ROOM), target)
    assert chosen.width in WIDTHS
    assert chosen.cost.rows <= MOST_ROWS
    kinds = (False,) if target is Target.GAS else (False, True)
    for width in WIDTHS:
        for layered in kinds:
            found = survey(replace(one.relation(width, 1), layered=layered), width)
            for logrows in LOGROWS:
                cost = predict(found, logrows)
                room = target is Target.TIME or logrows <= 14
                if cost is not None and cost.rows <= MOST_ROWS and room:
                    plan = Plan(width, logrows, cost, predict_gas(found, logrows, tensors))
                    assert weight(plan, target) >= weight(chosen, target)
    if target is Target.TIME:
        assert (chosen.width, chosen.logrows) == (compiled().plan.width, compiled().plan.logrows)


def test_what_is_chosen_for_gas_is_cheaper_to_check_and_slower_to_prove() -> None:
    one = draft("lenet5")
    tensors = Tensors.of(one.tensors())
    soon, cheap = (
        choose(lambda width: one.relation(width, 1), tensors, Bounds(ROOM), target)
        for target in (Target.TIME, Target.GAS)
    )
    assert cheap.gas.total < 0.8 * soon.gas.total
    assert soon.cost.total < cheap.cost.total
    assert cheap.cost.proof_bytes <= 8_192
    # 16 answers fit in a proof.
    assert cheap.logrows + 4 <= LIMITS.logrows
    assert tensors.cells == 784 + 10


def test_what_is_given_is_kept() -> None:
    one = draft()
    tensors = Tensors.of(one.tensors())

    def chosen(bounds: Bounds) -> Plan:
        return choose(lambda width: one.relation(width, 1), tensors, bounds)

    assert chosen(Bounds(ROOM, width_given=13)).width == 13
    assert chosen(Bounds(ROOM, logrows_given=6)).logrows == 6
    assert chosen(Bounds(ROOM, logrows=6)).logrows <= 6
    for lookups in (COMMITTED, LAYERED):
        assert chosen(Bounds(ROOM, lookups_given=lookups)).lookups == lookups
    with pytest.raises(CircuitError, match="too short"):
        chosen(Bounds(ROOM, logrows=1))
    with pytest.raises(CircuitError, match="needs 2\\^9 powers"):
        chosen(Bounds(ROOM, logrows=8, logrows_given=9))
    with pytest.raises(CircuitError, match="predicted to need"):
        chosen(Bounds(2**20))


def test_a_program_that_has_no_relation_is_refused_in_one_line() -> None:
    def relation(width: int) -> Relation:
        raise VerificationError("program", "a view joins more than 5 cells")

    with pytest.raises(CircuitError, match="cannot be proven by sumcheck/v1: a view joins"):
        choose(relation, Tensors(1, 1), Bounds(ROOM))
