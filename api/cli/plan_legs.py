"""`avow plan --legs`: what could serve each leg of a request, and the cheapest that can."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.errors import ApiError

if TYPE_CHECKING:
    from avow.api.leg_plan import PlannedLeg
    from avow.circuits.forecast import Forecast
    from avow.prover.asked_legs import AskedLeg

_MOST_BYTES = 64 * 2**10
_WEI = 10**9


def read_legs(given: str) -> "tuple[AskedLeg, ...]":
    """Legs as JSON on the command line or in a file: the list itself, or {"legs": the list}.

    Other keys beside it are refused: what a request over HTTP says there is said by options here.
    """
    from avow.api.bodies import parse_json
    from avow.api.problems import Problem
    from avow.prover.asked_legs import check_legs, parse_legs
    from avow.prover.errors import RequestRefused

    if not given.strip():
        raise ApiError("--legs: expected JSON, or a file that holds it, got nothing")
    if given.lstrip()[:1] in ("[", "{"):
        what, data = "the text", given.encode()
    else:
        with Path(given).open("rb") as stream:
            what, data = "the file", stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ApiError(f"--legs: at most {_MOST_BYTES} bytes are read, there are more")
    try:
        value = parse_json(data, what)
        if isinstance(value, dict):
            if value.keys() != {"legs"}:
                got = ", ".join(repr(key)[:40] for key in sorted(value)[:5]) or "none"
                said = "expected a list, or an object with 'legs' alone"
                raise ApiError(f"--legs: {said}, got {got}")
            value = value["legs"]
        legs = parse_legs(value)
        check_legs(legs)
    except Problem as problem:
        raise ApiError(f"--legs: {problem.detail}") from problem
    except RequestRefused as error:
        raise ApiError(f"--legs: {error}") from error
    return legs


def say(
    head: dict[str, object],
    legs: "Sequence[AskedLeg]",
    forecasts: "Sequence[Forecast]",
    gwei: float,
    as_json: bool,
) -> None:
    """Print the plan; raises ApiError where a leg cannot be met."""
    from avow.api.leg_plan import plan_legs

    planned = plan_legs(legs, forecasts)
    if as_json:
        value = {"gas_price_gwei": gwei, "legs": [one.to_json() for one in planned]}
        click.echo(json.dumps(head | value, indent=2))
        return
    click.echo(f"{head['model']}: predicted on {head['machine']}; gas at {gwei:g} gwei")
    for at, one in enumerate(planned):
        for line in _leg(at, one, gwei):
            click.echo(line)
    total = sum(one.chosen.gas or 0 for one in planned)
    click.echo(f"cheapest: {total:,} gas, {total * gwei / _WEI:.6f} ether")
    shares = ", ".join(f"{one.share_bps}" for one in planned)
    click.echo(f"suggested shares: {shares} of 10000")


def _leg(at: int, planned: "PlannedLeg", gwei: float) -> list[str]:
    from avow.api.bench.rows import aligned

    within = planned.asked.within_seconds
    time = "whenever any job must" if within is None else f"within {within} s"
    rows = [["", "system", "there after", "gas", "ether", "final"]]
    for one in planned.options:
        mark = "*" if one == planned.chosen else "-" if one.unable else " "
        there = "a run" if one.seconds is None else f"{one.seconds:.3g} s"
        gas = "-" if one.gas is None else f"{one.gas:,}"
        ether = "-" if one.gas is None else f"{one.gas * gwei / _WEI:.6f}"
        rows.append([mark, one.name, there, gas, ether, one.unable or one.final])
    return [f"leg {at}, {time}:", *aligned(rows, len(rows[0]))]
