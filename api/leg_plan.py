"""Which system could serve each leg of a request, by when, for how much gas; and the cheapest."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from avow.api.errors import ApiError
from avow.circuits.forecast import Forecast
from avow.prover.asked_legs import WHOLE_BPS, AskedLeg
from avow.prover.legs import BY_COST

# Of a claim, as contracts/snapshots/claims.json measures it, and of the transaction that it is in.
CLAIM_GAS, _TRANSACTION = 198_000, 21_000
_OPTIMISTIC, _EZKL = "optimistic/v1", "ezkl/v1"


@dataclass(frozen=True, slots=True)
class Option:
    """One system for one leg: seconds until its bundle is there, when that is final, its gas.

    `seconds` None: a run of the program, which is not predicted. `gas` None: no contract checks
    it. `unable` says why it cannot serve, empty where it can.
    """

    system: str
    key: str
    seconds: float | None
    final: str
    gas: int | None
    unable: str = ""

    @property
    def name(self) -> str:
        """The system, with what its key is made for."""
        return f"{self.system} for {self.key}" if self.key else self.system


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """A leg, what could serve it, and the cheapest that can; `share_bps` is suggested."""

    asked: AskedLeg
    options: tuple[Option, ...]
    chosen: Option
    share_bps: int

    def to_json(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "any_of": list(self.asked.any_of),
            "within_seconds": self.asked.within_seconds,
            "options": [asdict(one) for one in self.options],
            "chosen": asdict(self.chosen),
            "suggested_share_bps": self.share_bps,
        }


def plan_legs(legs: Sequence[AskedLeg], forecasts: Sequence[Forecast]) -> tuple[PlannedLeg, ...]:
    """The cheapest assignment: no system is in two legs, so each leg's choice stands alone.

    Cheapest is least gas, then least time, then the order of `BY_COST`. Raises ApiError for a leg
    that nothing can serve in time, and for systems that would not give the same answer.
    """
    _same_answer(legs)
    found = [tuple(_options(leg, forecasts)) for leg in legs]
    chosen = [_cheapest(at, legs[at], options) for at, options in enumerate(found)]
    shares = suggested_shares(chosen)
    return tuple(
        PlannedLeg(leg, options, one, share)
        for leg, options, one, share in zip(legs, found, chosen, shares, strict=True)
    )


def suggested_shares(chosen: Sequence[Option]) -> list[int]:
    """Shares in basis points, 10,000 in all, in proportion to gas; evenly where some has none."""
    gas = [one.gas for one in chosen]
    costs = [float(value) for value in gas if value]
    if len(costs) < len(chosen):
        costs = [1.0] * len(chosen)
    shares = [max(1, int(WHOLE_BPS * cost / sum(costs))) for cost in costs]
    shares[shares.index(max(shares))] += WHOLE_BPS - sum(shares)
    return shares


def _same_answer(legs: Sequence[AskedLeg]) -> None:
    systems = [system for leg in legs for system in leg.any_of]
    if _EZKL in systems and len(systems) > 1:
        raise ApiError(
            f"legs: {_EZKL} proves a circuit of its own, so that its answer is another one: "
            "all legs of a job must have the same answer"
        )


def _options(leg: AskedLeg, forecasts: Sequence[Forecast]) -> list[Option]:
    return [_option(one, leg) for system in leg.any_of for one in forecasts if one.system == system]


def _option(one: Forecast, leg: AskedLeg) -> Option:
    seconds = None if one.system == _OPTIMISTIC else one.seconds
    claim = CLAIM_GAS + _TRANSACTION
    gas = claim if one.system == _OPTIMISTIC else one.gas_per_answer
    unable = one.missing or one.beyond or ""
    if one.system == _OPTIMISTIC:
        # What is too long to recompute whole is sampled, and served all the same.
        unable = one.missing or ""
    within = leg.within_seconds
    if not unable and seconds is not None and within is not None and seconds > within:
        unable = f"takes about {seconds:.3g} s"
    return Option(one.system, one.optimize or "", seconds, one.finality, gas, unable)


def _cheapest(at: int, leg: AskedLeg, options: Sequence[Option]) -> Option:
    able = [one for one in options if not one.unable]
    if not able:
        time = "" if leg.within_seconds is None else f" within {leg.within_seconds} s"
        why = "; ".join(f"{one.name}: {one.unable}" for one in options)
        raise ApiError(f"legs[{at}]: nothing of {', '.join(leg.any_of)} can be there{time} ({why})")

    def cost(one: Option) -> tuple[float, float, int]:
        gas = float("inf") if one.gas is None else float(one.gas)
        order = BY_COST.index(one.system) if one.system in BY_COST else len(BY_COST)
        return gas, 0.0 if one.seconds is None else one.seconds, order

    return min(able, key=cost)
