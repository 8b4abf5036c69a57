"""`avow bench`: measure models on proof systems, settlement on a chain included for some."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from avow.api.cli.systems import systems_in
from avow.api.local.output import check_output, write_output

_ZOO = "digits-mlp,digits-cnn,tumour-risk"
_PROFILED = "lenet5,mlp-784-64-10,dense-4m,cnn-264k,transformer-4,lstm-small"
_RUNS, _ROUNDS = 3, 15


@click.command()
@click.option(
    "--models",
    metavar="NAMES",
    help="Models that come with Avow, separated by commas. "
    "[digits-mlp,digits-cnn,tumour-risk; with --executors or --profile those of the bench]",
)
@click.option(
    "--executors",
    is_flag=True,
    help="Measure the exact executor beside onnxruntime float32 instead: no proofs, no chain.",
)
@click.option(
    "--batches",
    is_flag=True,
    help="Measure sumcheck proofs of 1, 4, 16 and 64 answers instead, settled together on a chain.",
)
@click.option(
    "--load",
    "loaded",
    is_flag=True,
    help="Measure a service under concurrent requests instead: rates, percentiles, memory.",
)
@click.option(
    "--workers",
    default="1,2",
    show_default=True,
    metavar="NUMBERS",
    help="Of --load: numbers of workers, each measured with a service of its own.",
)
@click.option(
    "--clients",
    type=click.IntRange(1, 1000),
    default=16,
    show_default=True,
    help="Of --load: how many ask at the same time.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    default=60,
    show_default=True,
    help="Of --load: for how long each.",
)
@click.option(
    "--profile",
    "profiled",
    is_flag=True,
    help="Also print the parts of each sumcheck proof, beside what was predicted.",
)
@click.option(
    "--systems",
    metavar="NAMES",
    help="Proof systems, likewise. [ezkl,sumcheck; with --profile sumcheck]",
)
@click.option("--runs", type=click.IntRange(1, 100), help="Runs of each. [3; with --executors 15]")
@click.option(
    "--json",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write medians, all samples and the machine here.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write a chart, .svg."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/bench"),
    show_default=True,
    help="Scratch folder; made anew at each run.",
)
def bench(
    models: str | None,
    executors: bool,
    batches: bool,
    loaded: bool,
    workers: str,
    clients: int,
    seconds: float,
    profiled: bool,
    systems: str | None,
    runs: int | None,
    report: Path | None,
    plot: Path | None,
    folder: Path,
) -> None:
    """Compile, answer, prove, verify and settle each model, several times; print the medians.

    Times are wall-clock seconds of this machine: `prove s` in a process made for the proof, `warm
    s` in one that is kept, as a worker keeps it. `verify s` is the check that decides, `quick s` a
    native one beside it. Memory is that of the proving process. Gas and calldata are those of the
    transaction that settles an order on a development chain, `check gas` is that of one which has
    the router check the proof alone. Sumcheck is measured with the key for time, off chain, and
    with the key for gas.
    """
    from avow.api.bench.plot import chart
    from avow.api.bench.profile import profile
    from avow.api.bench.rows import table
    from avow.api.bench.run import Plan, run_bench
    from avow.api.local.interrupts import raise_on_termination
    from avow.api.local.steps import Steps
    from avow.prover.config import from_environment

    raise_on_termination()
    if executors:
        _bench_executors(_names(models or ""), runs or _ROUNDS, report, plot)
        return
    if batches:
        _bench_batches(_names(models or ""), runs, report, plot, folder)
        return
    if loaded:
        _bench_load(_names(models or ""), _counts(workers), clients, seconds, report, plot, folder)
        return
    chosen = (_PROFILED if profiled else _ZOO) if models is None else models
    wanted = ("sumcheck" if profiled else "ezkl,sumcheck") if systems is None else systems
    plan = Plan(_names(chosen), systems_in(wanted), runs or _RUNS)
    for path in (report, plot):
        if path is not None:
            check_output(path)
    steps = Steps()
    with steps.step("bench", "Measuring; medians follow"):
        found = run_bench(plan, folder, from_environment().contracts, steps.progress)
    rows = found["rows"]
    if not isinstance(rows, list):
        raise TypeError("a benchmark without rows")
    if report is not None:
        write_output(report, (json.dumps(found, indent=2) + "\n").encode("utf-8"))
    if plot is not None:
        write_output(plot, chart(rows).encode("utf-8"))
    for line in table(rows):
        click.echo(line)
    for row in rows if profiled else ():
        for line in profile(row):
            click.echo(line)


def _bench_executors(
    models: tuple[str, ...], rounds: int, report: Path | None, plot: Path | None
) -> None:
    from avow.api.bench.executors import check_names, draw, run_executors, table
    from avow.api.local.steps import Steps

    check_names(models)
    _require_places(report, plot)
    steps = Steps()
    with (
        TemporaryDirectory(prefix="avow-bench-") as home,
        steps.step("bench", "Measuring executors; medians follow"),
    ):
        found = run_executors(models, Path(home), rounds, steps.progress)
    _keep(found, report, plot, draw)
    machine = found["machine"]
    click.echo(f"{machine['cores']} x {machine['cpu']}, one thread, one sample, {rounds} rounds")
    for line in table(found["rows"]):
        click.echo(line)


def _bench_batches(
    models: tuple[str, ...],
    proofs: int | None,
    report: Path | None,
    plot: Path | None,
    folder: Path,
) -> None:
    from avow.api.bench.batches import MODEL, PROOFS, TITLES, cells, draw, measure
    from avow.api.bench.rows import aligned
    from avow.api.local.steps import Steps
    from avow.prover.config import from_environment

    if len(models) > 1:
        raise click.UsageError("--batches measures one model at a time")
    _require_places(report, plot)
    model, steps = (models or (MODEL,))[0], Steps()
    with steps.step("bench", "Measuring batches; medians follow"):
        contracts = from_environment().contracts
        found = measure(folder, contracts, steps.progress, model, proofs=proofs or PROOFS)
    _keep(found, report, plot, draw)
    for line in aligned([TITLES, *map(cells, found["rows"])], 0):
        click.echo(line)


def _bench_load(
    models: tuple[str, ...],
    workers: tuple[int, ...],
    clients: int,
    seconds: float,
    report: Path | None,
    plot: Path | None,
    folder: Path,
) -> None:
    from avow.api.bench.load import MODEL, measure
    from avow.api.bench.load_report import TITLES, cells, draw
    from avow.api.bench.rows import aligned
    from avow.api.local.steps import Steps

    if len(models) > 1:
        raise click.UsageError("--load measures one model at a time")
    _require_places(report, plot)
    model, steps = (models or (MODEL,))[0], Steps()
    with steps.step("bench", "Measuring a service under load"):
        found = measure(folder, steps.progress, model, workers, clients, seconds)
    _keep(found, report, plot, draw)
    for line in aligned([TITLES, *map(cells, found["rows"])], 0):
        click.echo(line)


def _require_places(report: Path | None, plot: Path | None) -> None:
    """That both files can be made, found out before minutes of measuring."""
    from avow.api.figures import figure_of_matplotlib

    for path in (report, plot):
        if path is not None:
            check_output(path)
    if plot is not None:
        figure_of_matplotlib(plot)


def _keep(
    found: dict[str, Any],
    report: Path | None,
    plot: Path | None,
    draw: Callable[[dict[str, Any], Path], object],
) -> None:
    if report is not None:
        write_output(report, (json.dumps(found, indent=2) + "\n").encode("utf-8"))
    if plot is not None:
        draw(found, plot)


def _counts(text: str) -> tuple[int, ...]:
    names = _names(text)
    if not names or not all(name.isdecimal() and 1 <= int(name) <= 64 for name in names):
        raise click.UsageError(f"--workers: expected numbers from 1 to 64, got {text[:40]!r}")
    return tuple(map(int, names))


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
