"""`avow bench`: measure models on proof systems, settlement on a chain included."""

import json
from pathlib import Path

import click


@click.command()
@click.option(
    "--models",
    default="digits-mlp,digits-cnn,tumour-risk",
    show_default=True,
    help="Models that come with Avow, separated by commas.",
)
@click.option("--systems", default="ezkl", show_default=True, help="Proof systems, likewise.")
@click.option(
    "--runs", type=click.IntRange(1, 100), default=3, show_default=True, help="Runs of each."
)
@click.option(
    "--json",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write medians, all samples and the machine here.",
)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write a chart, SVG.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/bench"),
    show_default=True,
    help="Scratch folder; made anew at each run.",
)
def bench(
    models: str, systems: str, runs: int, report: Path | None, plot: Path | None, folder: Path
) -> None:
    """Compile, answer, prove, verify and settle each model, several times; print the medians.

    Times are wall-clock seconds of this machine, memory is that of the proving process, gas and
    calldata are those of the transaction that settles an order on a development chain.
    """
    from avow.api.bench.plot import chart
    from avow.api.bench.rows import table
    from avow.api.bench.run import Plan, run_bench
    from avow.api.local.folder import require_writable
    from avow.api.local.interrupts import raise_on_termination
    from avow.api.local.steps import Steps
    from avow.prover.config import from_environment

    raise_on_termination()
    plan = Plan(_names(models), _names(systems), runs)
    for path in (report, plot):
        if path is not None:
            require_writable(path)
    steps = Steps()
    with steps.step("bench", "Measuring; medians follow"):
        found = run_bench(plan, folder, from_environment().contracts, steps.progress)
    rows = found["rows"]
    if not isinstance(rows, list):
        raise TypeError("a benchmark without rows")
    if report is not None:
        report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if plot is not None:
        plot.write_text(chart(rows), encoding="utf-8")
    for line in table(rows):
        click.echo(line)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
