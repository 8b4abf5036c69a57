"""What `sumcheck/v1` is predicted to take: chosen for time or for gas, alone or in a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.circuits.errors import CircuitError
from avow.circuits.forecast import Forecast
from avow.circuits.sumcheck.blob import blob
from avow.circuits.sumcheck.cost import (
    MARGIN,
    REFERENCE,
    THREADS,
    Cost,
    Survey,
    predict,
    survey,
)
from avow.circuits.sumcheck.gas import Tensors, predict_gas
from avow.circuits.sumcheck.key import Draft
from avow.circuits.sumcheck.plan import Bounds, Plan, Target, choose
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.errors import VerificationError
from avow.verifier.systems.sumcheck.key import LIMITS, SYSTEM_ID
from avow.verifier.systems.sumcheck.stack import stack

# Seconds beside the stages of a proof, fitted to `docs/proving.json`: what a kept process's caller
# waits for; what a process made for the proof takes before it proves; the making of a key.
_WARM = 2.5e-3
_FRESH = {
    "once": 0.178,
    "read_cells": 1e-7,
    "claims": 1.4e-4,
    "key_cells": 2e-8,
    "row_length": 5e-7,
}
_SETUP = {
    "once": 1e-3,
    "read_cells": 1.2e-8,
    "claims": 2.3e-5,
    "key_cells": 2.75e-8,
    "row_length": 6.9e-8,
}

_FINALITY = "with the block of the settling transaction; off chain at once"
_HIDES = "nothing"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where proofs would be made: the native core's backend, threads, memory that may be used."""

    backend: str = REFERENCE
    threads: int = THREADS
    memory_bytes: int = 2**40


def forecast(
    draft: Draft, target: Target, batches: Sequence[int], machine: Machine
) -> list[Forecast]:
    """Predict the key that `avow compile --optimize` would choose, and proofs of each batch."""
    try:
        tensors = Tensors.of(draft.tensors())
        bounds = Bounds(machine.memory_bytes)
        plan = choose(lambda width: draft.relation(width, 1), tensors, bounds, target)
    except (CircuitError, VerificationError) as error:
        return [_without(target, batch, _said(error)) for batch in batches]
    return [_forecast(draft, plan, target, batch, machine) for batch in batches]


def _forecast(draft: Draft, plan: Plan, target: Target, batch: int, machine: Machine) -> Forecast:
    logrows = plan.logrows + (batch - 1).bit_length()
    if logrows > LIMITS.logrows:
        longer = f"rows of 2^{logrows} entries are longer than the 2^{LIMITS.logrows} of any proof"
        return _without(target, batch, longer)
    try:
        alone = survey(draft.relation(plan.width, 1, plan.lookups), plan.width)
        found = alone
        if batch > 1:
            found = survey(draft.relation(plan.width, batch, plan.lookups), plan.width)
    except VerificationError as error:
        return _without(target, batch, error.message)
    cost = predict(found, plan.logrows, machine.backend, machine.threads)
    if cost is None:
        return _without(target, batch, f"more than {LIMITS.rows} rows are to be checked")
    off_chain, tensors = _off_chain(draft, plan, alone, batch), Tensors.of(draft.tensors())
    if off_chain and target is Target.GAS:
        # Keys that are chosen for a contract are worth nothing without one.
        return _without(target, batch, f"no contract can check its proofs: {off_chain}")
    warm = cost.total + _WARM
    over = cost.memory_bytes > machine.memory_bytes
    return Forecast(
        system=SYSTEM_ID,
        optimize=target.value,
        batch=batch,
        hides=_HIDES,
        finality=_FINALITY,
        setup=f"tables of {plan.width} bits, {cost.rows} rows of 2^{logrows}, "
        f"{plan.lookups} lookups",
        setup_seconds=_weighed(_SETUP, alone, plan.logrows),
        fresh_seconds=warm + _weighed(_FRESH, found, logrows),
        warm_seconds=warm,
        verify_seconds=cost.verify_seconds,
        memory_bytes=round(cost.memory_bytes / MARGIN),
        proof_bytes=cost.proof_bytes,
        gas=None if off_chain else predict_gas(found, plan.logrows, tensors, batch).total,
        off_chain=off_chain,
        beyond=_too_much(cost, machine) if over else None,
    )


def _said(error: CircuitError | VerificationError) -> str:
    return error.message if isinstance(error, VerificationError) else str(error)


def _off_chain(draft: Draft, plan: Plan, alone: Survey, batch: int) -> str | None:
    """Why no contract can check such proofs; None where one can."""
    # How lookups are proven moves nothing in the key's rows.
    key, _, _ = stack(alone.relation, plan.logrows).matrices
    # Which points the rows are does not change the length of a blob.
    rows = (bytes(POINT_BYTES),) * key.rows
    try:
        blob(draft.key(plan.width, plan.logrows, rows, (0, 0, 0, 0), plan.lookups), batch)
    except CircuitError as error:
        return str(error)
    return None


def _weighed(units: dict[str, float], found: Survey, logrows: int) -> float:
    counts = found.counts | {"row_length": float(1 << logrows)}
    return sum(unit * counts[name] for name, unit in units.items())


def _too_much(cost: Cost, machine: Machine) -> str:
    needed, most = cost.memory_bytes / 10**9, machine.memory_bytes / 10**9
    return f"a proof may need {needed:.1f} GB, {most:.1f} GB may be used"


def _without(target: Target, batch: int, missing: str) -> Forecast:
    return Forecast(SYSTEM_ID, target.value, batch, _HIDES, _FINALITY, missing=missing)
