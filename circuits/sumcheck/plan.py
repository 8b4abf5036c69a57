"""Choosing range table, length of a row and lookup argument by predicted cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.cost import Cost, Survey, predict, survey
from avow.circuits.sumcheck.gas import Gas, Tensors, predict_gas
from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Relation
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED, LIMITS

WIDTHS = range(8, 17)
LOGROWS = range(LIMITS.least_logrows, LIMITS.logrows + 1)
# What the verifier in plain Python still reads within seconds.
MOST_ROWS = 2000
# A kilobyte of proof, which somebody stores or pays for, counts as two milliseconds, and so do
# 40 ms of the plain verifier.
_SECONDS_PER_BYTE = 2e-6
_SHARE_OF_VERIFYING = 0.05
# Keys for a contract leave room for batches: rows of at most 2^16 entries, so that 16 answers fit
# in a proof, as long as these are few; else the shortest that are.
_ROOM_FOR_BATCHES = range(LIMITS.logrows - 4, LIMITS.logrows + 1)
_FEW_ROWS = 128
# On the way to a contract a second of proving counts as so much gas.
_GAS_PER_SECOND = 100_000


# Of plans that gas does not choose among, only the chosen one's is predicted.
_UNKNOWN = Gas({}, 0, 0)


class Target(Enum):
    """What a plan is chosen for: soon proven, or cheaply checked by a contract."""

    TIME = "time"
    GAS = "gas"


@dataclass(frozen=True, slots=True)
class Plan:
    """The parameters of a key, and what proofs under it are predicted to take.

    `gas` is that of a contract which checks one proof.
    """

    width: int
    logrows: int
    cost: Cost
    gas: Gas
    lookups: str = COMMITTED


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a plan must keep: memory, the powers at hand, and parameters that are given."""

    memory_bytes: int
    logrows: int | None = None
    width_given: int | None = None
    logrows_given: int | None = None
    lookups_given: str | None = None


def choose(
    relation: Callable[[int], Relation],
    tensors: Tensors,
    bounds: Bounds,
    target: Target = Target.TIME,
) -> Plan:
    """The plan of the least predicted weight; `relation` derives it for a width.

    The prediction is that of one reference machine, so that the choice is the same everywhere.
    Raises `CircuitError`, saying what is in the way.
    """
    widths = WIDTHS if bounds.width_given is None else (bounds.width_given,)
    most = LIMITS.logrows if bounds.logrows is None else min(bounds.logrows, LIMITS.logrows)
    lengths = LOGROWS if bounds.logrows_given is None else (bounds.logrows_given,)
    if bounds.logrows_given is not None and bounds.logrows_given > most:
        raise CircuitError(
            f"rows of 2^{bounds.logrows_given} entries: that needs 2^{bounds.logrows_given} "
            f"powers, there are 2^{most}"
        )
    if lengths[0] not in LOGROWS:
        raise CircuitError(f"rows have 2^{LOGROWS[0]} to 2^{LOGROWS[-1]} entries")
    # No contract checks layers.
    arguments = (COMMITTED,) if target is Target.GAS else (COMMITTED, LAYERED)
    if bounds.lookups_given is not None:
        arguments = (bounds.lookups_given,)
    by_gas = target is Target.GAS
    plans: list[tuple[Plan, Survey]] = []
    refused = ""
    for width in widths:
        try:
            derived = relation(width)
            surveys = [
                (lookups, survey(replace(derived, layered=lookups == LAYERED), width))
                for lookups in arguments
            ]
        except VerificationError as error:
            refused = error.message
            continue
        for logrows in lengths:
            for lookups, found in surveys if logrows <= most else ():
                cost = predict(found, logrows)
                if cost is not None:
                    gas = predict_gas(found, logrows, tensors) if by_gas else _UNKNOWN
                    plans.append((Plan(width, logrows, cost, gas, lookups), found))
    if refused and not plans:
        raise CircuitError(f"this program cannot be proven by sumcheck/v1: {refused}")
    short = [one for one in plans if one[0].cost.rows <= MOST_ROWS]
    if not short and bounds.logrows_given is None:
        raise CircuitError(
            f"an SRS of 2^{most} powers is too short for this program: "
            f"its constants and values would need more than {MOST_ROWS} rows"
        )
    fitting = [one for one in short or plans if one[0].cost.memory_bytes <= bounds.memory_bytes]
    if not fitting:
        least = min((plan.cost.memory_bytes for plan, _ in short or plans), default=0)
        raise CircuitError(
            f"a proof is predicted to need {least // 2**20} MiB of memory, "
            f"{bounds.memory_bytes // 2**20} MiB may be used"
        )
    if by_gas:
        return min(_batched([plan for plan, _ in fitting]), key=lambda plan: weight(plan, target))
    plan, found = min(fitting, key=lambda one: weight(one[0], target))
    return replace(plan, gas=predict_gas(found, plan.logrows, tensors))


def _batched(plans: list[Plan]) -> list[Plan]:
    """Those with the most room for batches that have few rows; all where none has."""
    for most in _ROOM_FOR_BATCHES:
        found = [p for p in plans if p.logrows <= most and p.cost.rows <= _FEW_ROWS]
        if found:
            return found
    return plans


def weight(plan: Plan, target: Target = Target.TIME) -> float:
    """What a plan is chosen by.

    For time seconds of proving, and some for bytes and verifying; for gas that of a proof alone
    in its transaction, and some for the seconds.
    """
    cost = plan.cost
    if target is Target.GAS:
        return plan.gas.total + _GAS_PER_SECOND * cost.total
    verifying = _SHARE_OF_VERIFYING * cost.verify_seconds
    return cost.total + _SECONDS_PER_BYTE * cost.proof_bytes + verifying
