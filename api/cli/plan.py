"""`avow plan`: what proving a model would take on every system, before any key is made."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from avow.api.cli.systems import systems_in

if TYPE_CHECKING:
    from avow.circuits.forecast import Forecast
    from avow.models.store import StoredModel
    from avow.prover.asked_legs import AskedLeg

_BATCHES = (1, 16)
_GWEI, _ETHER = 10**9, 10**18
_SUMCHECK, _EZKL = "sumcheck/v1", "ezkl/v1"


@click.command()
@click.argument("argument", metavar="MODEL")
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(1, 1024),
    help="Answers in one sumcheck proof or tee receipt; may be repeated.  [1 and 16]",
)
@click.option(
    "--gas-price",
    "gwei",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="GWEI",
    help="Price of gas.",
)
@click.option(
    "--token-price",
    "token",
    type=click.FloatRange(0, min_open=True),
    metavar="PRICE",
    help="What one ether (the chain's own token) costs, in any currency.",
)
@click.option("--bits", type=click.Choice(["8", "12", "16"]), help="As for avow compile.")
@click.option(
    "--systems",
    metavar="NAMES",
    default="sumcheck,optimistic,tee,ezkl",
    show_default=True,
    help="Systems to predict, separated by commas.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="npz rows for an ONNX file that is not in the store; made up where left out.",
)
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="[INPUT=]LO:HI",
    help="Likewise, what the input may hold. [0:1 for made-up rows]",
)
@click.option(
    "--legs",
    "legs_text",
    metavar="JSON|FILE",
    help="Several kinds of evidence for one answer, as the HTTP API takes them: which system "
    "serves each leg the cheapest.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def plan(
    argument: str,
    batches: tuple[int, ...],
    gwei: float,
    token: float | None,
    bits: str | None,
    systems: str,
    calibration: Path | None,
    ranges: tuple[str, ...],
    legs_text: str | None,
    as_json: bool,
) -> None:
    """Predict what evidence for MODEL takes, of each system: nothing is made or kept.

    MODEL is what `avow compile` takes, or an ONNX file that is in no store. Sumcheck is predicted
    with the keys of `--optimize time` and of `--optimize gas`, on this machine; ezkl, where it is
    installed, from the rows that it counts, on two cores; optimistic proves nothing, and what its
    verifier recomputes is said; for tee the program is run here, and a signature added. Gas is that
    of a transaction which has a contract check one proof; in a batch each answer pays its share.
    """
    legs: tuple[AskedLeg, ...] = ()
    wanted = systems_in(systems, ("ezkl", "optimistic", "sumcheck", "tee"))
    if legs_text is not None:
        from avow.api.cli.plan_legs import read_legs

        _refuse_beside_legs("systems", "token")
        legs = read_legs(legs_text)
        named = {name.partition("/")[0] for leg in legs for name in leg.any_of}
        wanted = tuple(name for name in ("sumcheck", "optimistic", "tee", "ezkl") if name in named)
        batches = batches or (1,)
    with TemporaryDirectory(prefix="avow-plan-") as folder:
        stored = _model(argument, calibration, ranges, Path(folder))
        head, found = _forecasts(stored, wanted, batches or _BATCHES, bits)
    if legs:
        from avow.api.cli.plan_legs import say

        say(head, legs, found, gwei, as_json)
        return
    if as_json:
        prices = {"gas_price_gwei": gwei, "token_price": token}
        rows = [one.to_json() | _prices(one, gwei, token) for one in found]
        click.echo(json.dumps(head | prices | {"forecasts": rows}, indent=2))
        return
    for line in _page(head, found, gwei, token):
        click.echo(line)


def _refuse_beside_legs(*names: str) -> None:
    """Options that a plan of legs would not heed."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            (option,) = (one for one in context.command.params if one.name == name)
            raise click.UsageError(f"{option.opts[0]} is not for --legs")


def _model(
    argument: str, calibration: Path | None, ranges: tuple[str, ...], folder: Path
) -> "StoredModel":
    from avow.models.catalogue import resolve
    from avow.models.errors import ModelError, NotInStore
    from avow.models.schema import parse_range
    from avow.models.sketch import sketch
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment

    given = calibration is not None or bool(ranges)
    is_file = "/" in argument or argument.endswith(".onnx")
    if given and not is_file:
        raise ModelError("--calibration and --range are for ONNX files that are in no store")
    if is_file and not given:
        try:
            return resolve(ModelStore.at(from_environment().home), argument)
        except NotInStore:
            # Then it is looked at as a stranger's file.
            pass
    if not is_file:
        return resolve(ModelStore.at(from_environment().home), argument)
    if calibration is None:
        click.echo(
            f"avow: {argument} is in no store: planned with made-up rows; "
            "give --calibration FILE for better ones",
            err=True,
        )
    return sketch(Path(argument), calibration, tuple(map(parse_range, ranges)), folder)


def _forecasts(
    stored: "StoredModel", systems: Sequence[str], batches: Sequence[int], bits: str | None
) -> "tuple[dict[str, object], list[Forecast]]":
    from avow.api.forecasts import Subject, forecasts
    from avow.prover.config import from_environment

    subject = Subject(stored, from_environment().home, None if bits is None else int(bits))
    return forecasts(subject, systems, batches)


def _prices(one: "Forecast", gwei: float, token: float | None) -> dict[str, object]:
    gas = one.gas_per_answer
    if gas is None:
        return {"ether_per_answer": None, "price_per_answer": None}
    ether = gas * gwei * _GWEI / _ETHER
    return {
        "ether_per_answer": ether,
        "price_per_answer": None if token is None else ether * token,
    }


_TITLES = (
    "system", "for", "hides", "batch", "setup s", "prove s", "fresh s", "verify s", "MB", "proof B",
    "gas", "gas/answer", "ether/answer",
)  # fmt: skip


def _page(
    head: dict[str, object], found: "Sequence[Forecast]", gwei: float, token: float | None
) -> list[str]:
    from avow.api.bench.rows import aligned

    titles = [*_TITLES, *(["price/answer"] if token is not None else [])]
    lines = [titles, *(_cells(one, gwei, token) for one in found if one.missing is None)]
    out = [f"{head['model']}: predicted on {head['machine']}; gas at {gwei:g} gwei"]
    out += aligned(lines, 3)
    for one in found:
        name = " ".join([one.system, *([f"for {one.optimize}"] if one.optimize else [])])
        name += f", batch {one.batch}" if one.batch > 1 else ""
        name += "" if one.hides == "nothing" else f", hidden {one.hides}"
        if one.missing is not None:
            out.append(f"{name}: no prediction: {one.missing}")
            continue
        notes = [one.setup, *([f"not on chain: {one.off_chain}"] if one.off_chain else [])]
        out.append(f"{name}: {'; '.join([*notes, *([one.beyond] if one.beyond else [])])}")
    for finality in dict.fromkeys(one.finality for one in found):
        systems = dict.fromkeys(one.system for one in found if one.finality == finality)
        out.append(f"{' and '.join(systems)}: final {finality}")
    return out


def _cells(one: "Forecast", gwei: float, token: float | None) -> list[str]:
    prices = _prices(one, gwei, token)
    ether, price = prices["ether_per_answer"], prices["price_per_answer"]
    cells = [
        one.system,
        one.optimize or "",
        one.hides,
        str(one.batch),
        _seconds(one.setup_seconds),
        _seconds(one.seconds),
        _seconds(one.fresh_seconds),
        _seconds(one.verify_seconds),
        "-" if one.memory_bytes is None else f"{one.memory_bytes / 10**6:,.0f}",
        _whole(one.proof_bytes),
        _whole(one.gas),
        _whole(one.gas_per_answer),
        f"{ether:.6f}" if isinstance(ether, float) else "-",
    ]
    if token is not None:
        cells.append(f"{price:.4f}" if isinstance(price, float) else "-")
    return cells


def _whole(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:,.1f}"
