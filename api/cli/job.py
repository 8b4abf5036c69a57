"""`avow job`: submitting work to this installation's queue and following it."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avow.api.cli.dead_letters import dead_letters
from avow.api.errors import ApiError
from avow.api.local.output import write_output
from avow.verifier.lifecycle import EVIDENCE_STATES, job_ends

if TYPE_CHECKING:
    from avow.prover.asked_legs import AskedLeg
    from avow.prover.job import Batch, Job
    from avow.prover.queue import Queue
    from avow.prover.request import Numbers

_POLL_SECONDS = 0.2
_INPUT_BYTES = 64 * 2**20


@click.group()
def job() -> None:
    """Submit work to this installation's queue and follow it."""


job.add_command(dead_letters)


@job.command()
@click.argument("model")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    help="npz with arrays named like the model's inputs, or JSON: a list of inputs.",
)
@click.option("--row", type=click.IntRange(0), default=0, help="Which row of an npz; 0 if absent.")
@click.option(
    "--system",
    help="System: sumcheck, ezkl, optimistic or tee. [one that hides the input if MODEL is "
    "compiled for that, else the first of these that it is compiled for]",
)
@click.option(
    "--hides",
    type=click.Choice(["none", "inputs"]),
    help="inputs: the evidence must not show the input. none: it may.",
)
@click.option("--record", help="Digest of one compiled artifact, where several fit.")
@click.option(
    "--legs",
    "legs_text",
    metavar="JSON|FILE",
    help="Several kinds of evidence for the one answer, as the HTTP API takes them.",
)
@click.option("--client-key", help="Submitting again with the same key returns the first job.")
@click.option("--wait", is_flag=True, help="Follow the job until its evidence is there or it ends.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def submit(
    model: str,
    source: Path,
    row: int,
    system: str | None,
    hides: str | None,
    record: str | None,
    legs_text: str | None,
    client_key: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Ask for MODEL's answer on an input, and for evidence of it.

    A worker (`avow worker`) does the work; exit status 1 when the job fails with --wait. The
    state says of which kind the evidence is: proven, challengeable, attested or simulated.
    """
    from avow.prover.request import Request, request_from

    queue, config = open_installation()
    legs: tuple[AskedLeg, ...] = ()
    if legs_text is not None:
        from avow.api.cli.plan_legs import read_legs

        legs = read_legs(legs_text)
    if source.suffix == ".npz":
        from avow.prover.catalogue import FolderCatalogue, system_id
        from avow.verifier.verdict import Hides

        chosen = None if system is None else system_id(system)
        wanted = None if hides is None else Hides(hides)
        catalogue = FolderCatalogue(config.artifacts, config.models)
        # Which input there is to read follows from the model alone.
        chosen = legs[0].any_of[0] if legs and chosen is None else chosen
        inputs = _row(source, row, catalogue.find(model, chosen, record, wanted).model.inputs)
        one = None if legs and system is None else chosen
        request = Request(
            *(model, one, inputs),
            client_key=client_key,
            record=record,
            hides=wanted,
            legs=legs,
        )
    else:
        given = {"system": system, "hides": hides, "client_key": client_key, "record": record}
        value: dict[str, Any] = {"model": model, "inputs": _json(source)}
        request = request_from(
            value | {key: item for key, item in given.items() if item is not None}
        )
        request = replace(request, legs=legs)
    found = queue.submit(request)
    if wait:
        found = _follow(queue, found.id)
    print_job(found, as_json)
    return int(wait and found.state not in EVIDENCE_STATES)


@job.command()
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(job_id: str, as_json: bool) -> None:
    """Show a job: state, answer, evidence, history."""
    print_job(open_installation()[0].status(job_id), as_json)


@job.command(name="list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_jobs(limit: int) -> None:
    """List the newest jobs."""
    for found in open_installation()[0].jobs(limit=limit):
        click.echo(f"{found.id}  {found.state.value:13}  {found.model[:18]}...  {found.reason}")


@job.command()
@click.argument("job_id")
def cancel(job_id: str) -> None:
    """Cancel a job whose evidence is not all there."""
    print_job(open_installation()[0].cancel(job_id), False)


@job.command()
@click.argument("job_id")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.option("--leg", type=click.IntRange(0), help="Of a job with several. [the first]")
def bundle(job_id: str, output: Path, leg: int | None) -> None:
    """Write the bundle of a job, or of one leg, to a file, for `avow verify`."""
    data = open_installation()[0].bundle(job_id, leg)
    write_output(output, data)
    click.echo(f"wrote {output} ({len(data)} bytes)")


def _shared(batch: "Batch | None") -> str:
    """Which answer of a proof of several is the job's."""
    if batch is None or batch.size == 1:
        return ""
    return f", answer {batch.index + 1} of {batch.members} in one proof with room for {batch.size}"


def open_installation() -> "tuple[Queue, Any]":
    """The queue of this installation, and its configuration."""
    from avow.prover.config import from_environment
    from avow.prover.queue import open_queue

    config = from_environment()
    return open_queue(config), config


def _row(source: Path, row: int, specs: Any) -> "tuple[Numbers, ...]":
    from avow.models.data import load_row
    from avow.prover.request import Numbers

    rows = load_row(source, specs, row)
    return tuple(
        Numbers(spec.shape, tuple(array[row].reshape(-1).tolist()), True)
        for spec, array in zip(specs, rows.inputs, strict=True)
    )


def _json(source: Path) -> Any:
    from avow.api.bodies import parse_json
    from avow.api.problems import Problem

    with source.open("rb") as stream:
        data = stream.read(_INPUT_BYTES + 1)
    if len(data) > _INPUT_BYTES:
        raise ApiError(f"{source}: at most {_INPUT_BYTES} bytes are read, it has more")
    try:
        return parse_json(data, "the file")
    except Problem as problem:
        raise ApiError(f"{source}: {problem.detail}") from problem


def _follow(queue: "Queue", job_id: str) -> "Job":
    shown = ""
    while True:
        found = queue.status(job_id)
        progress = found.progress
        percent = f" {progress.percent} %" if progress and progress.percent is not None else ""
        now = f"{found.state.value}: {progress.stage}{percent}" if progress else ""
        if now != shown and now:
            click.echo(now, err=True)
        shown = now
        if found.state in EVIDENCE_STATES or job_ends(found.state):
            return found
        time.sleep(_POLL_SECONDS)


def print_job(found: "Job", as_json: bool) -> None:
    """A job in some lines, or as JSON."""
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    click.echo(f"{found.id}  {found.state.value}: {found.reason}")
    if found.answer is not None:
        for spec, reals in zip(found.answer.specs, found.answer.reals(), strict=True):
            numbers = ", ".join(f"{real:g}" for real in reals[:16])
            click.echo(f"  answer    {spec.name} = [{numbers}]")
    if found.answered_on:
        click.echo(f"  ran on    {found.answered_on}")
    for item in found.evidence:
        size = f", bundle of {item.bundle_size} bytes" if item.bundle_size else ""
        state = f"{item.outcome}, {item.state}" if item.outcome else item.state
        if len(found.evidence) > 1:
            state = f"leg {item.leg}, {item.share_bps} bps, {item.outcome or 'open'}"
        click.echo(f"  evidence  {item.system}: {state}{size}{_shared(item.batch)}")
        for system, reason in item.given_up:
            click.echo(f"  given up  {system}: {reason}")
