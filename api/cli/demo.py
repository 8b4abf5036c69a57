"""`avow demo`: the whole line on this machine, checked at every step."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/demo"),
    show_default=True,
    help="Scratch folder; made anew at each run.",
)
@click.option(
    "--json",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("build/demo.json"),
    show_default=True,
    help="Where to write what was found.",
)
@click.option(
    "--row", type=click.IntRange(0), default=0, show_default=True, help="Held-out image to ask."
)
@click.option(
    "--system",
    type=click.Choice(["sumcheck", "ezkl"]),
    default="sumcheck",
    show_default=True,
    help="Proof system; ezkl takes longer.",
)
def demo(folder: Path, report: Path, row: int, system: str) -> int:
    """Run the whole line once: ask, answer, prove, settle, pay, verify, refuse forgeries.

    Everything is real but the chain (anvil, on this machine), its worthless tokens and its
    publicly known keys, and the SRS (made here, so unsafe). Exit status 1 when anything is not
    as it must be. Leaves no process behind, also after Ctrl-C.
    """
    from avow.api.demo.run import Demo
    from avow.api.errors import DemoError
    from avow.api.local.interrupts import raise_on_termination
    from avow.prover.config import from_environment

    raise_on_termination()
    run = Demo(folder, from_environment().contracts, report, row, system)
    try:
        found = run.run()
    except DemoError as error:
        click.echo(f"avow: error: {error}", err=True)
        return 1
    click.echo(
        f"\nThe contract holds {found.callback_value}, proven ({found.offline_verdict}) and paid, "
        f"in {found.seconds:.0f} s. Report: {report}"
    )
    return 0
