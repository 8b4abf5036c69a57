"""`avow job dead-letters`: work that was given up, and asking for it again."""

import json

import click

from avow.api.errors import ApiError


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at failed jobs, and ask for them again."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_letters(limit: int, as_json: bool) -> None:
    """List the jobs that were given up, newest first."""
    from avow.api.cli.job import open_installation

    found = open_installation()[0].dead_letters(limit)
    if as_json:
        click.echo(json.dumps([letter.to_json() for letter in found], indent=2))
        return
    for letter in found:
        leg = f" leg {letter.leg}" if letter.leg else ""
        click.echo(f"{letter.job_id}  {letter.task}{leg} x {letter.attempts}  {letter.reason}")


@dead_letters.command()
@click.argument("job_id")
def show(job_id: str) -> None:
    """Show a job that was given up, with all that was tried."""
    from avow.api.cli.job import open_installation, print_job

    job = open_installation()[0].status(job_id)
    print_job(job, False)
    for step in job.history:
        came_from = "" if step.from_state == step.to_state else f"{step.from_state} -> "
        click.echo(f"  history   {came_from}{step.to_state}: {step.reason}")


@dead_letters.command()
@click.argument("job_ids", nargs=-1, metavar="[JOB_ID]...")
@click.option("--all", "every", is_flag=True, help="Every job in the list.")
@click.option("--leg", type=click.IntRange(0), help="Only this leg of the jobs that are named.")
def retry(job_ids: tuple[str, ...], every: bool, leg: int | None) -> None:
    """Ask again for jobs that have failed, each with all its attempts anew.

    A published answer and stored evidence are kept.
    """
    from avow.api.cli.job import open_installation
    from avow.prover.errors import IllegalTransition

    if every == bool(job_ids):
        raise ApiError("retry: give either job ids or --all")
    if every and leg is not None:
        raise ApiError("retry: --leg is for jobs that are named")
    queue = open_installation()[0]
    refused = 0
    given_up = dict.fromkeys(letter.job_id for letter in queue.dead_letters(1000))
    for job_id in job_ids or given_up:
        try:
            job = queue.retry(job_id, leg)
        except IllegalTransition as error:
            if not every:
                raise
            # An order whose time has passed must not keep the others from their turn.
            click.echo(f"{job_id}  stays: {error}", err=True)
            refused += 1
            continue
        click.echo(f"{job.id}  {job.state.value}: {job.reason}")
    if refused:
        click.echo(f"{refused} cannot be tried again", err=True)
