"""`avow remote`: asking a provider over HTTP, with all evidence verified on this machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avow.api.errors import ApiError, one_line
from avow.api.local.output import check_output, write_output
from avow.verifier.lifecycle import JobState
from avow.verifier.mixed.exits import REJECTED

if TYPE_CHECKING:
    from avow.api.client import Asked, Client, Job, Offer, Update, Verified
    from avow.api.client.asking import How
    from avow.verifier.mixed.policy import EvidencePolicy
    from avow.verifier.policy import Policy

_NO_LEGS = "--policy: several kinds of evidence (avow-evidence/1) go with --legs"
_INPUT_BYTES = 64 * 2**20
_FILE = click.Path(path_type=Path, dir_okay=False)
_at = click.option(
    "--at",
    type=click.IntRange(0, 2**53 - 1),
    metavar="TIME",
    help="Time to judge several legs at, in Unix seconds; no clock is read.",
)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What every bundle must satisfy; `evidence` is one over all bundles of several legs."""

    policy: "Policy"
    evidence: "EvidencePolicy | None" = None


@click.group()
@click.option(
    "--url",
    envvar="AVOW_API_URL",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="The provider's address; AVOW_API_URL otherwise.",
)
@click.option(
    "--key-file",
    type=_FILE,
    help="File with the API key; without one AVOW_API_KEY is read.",
)
@click.option(
    "--policy",
    "policy_file",
    type=_FILE,
    help="What every bundle must satisfy, or all of several legs together (JSON).",
)
@click.option(
    "--allow-unsafe-srs",
    is_flag=True,
    help="Accept a locally made SRS: whoever made it can forge proofs (development only).",
)
@click.pass_context
def remote(
    ctx: click.Context,
    url: str,
    key_file: Path | None,
    policy_file: Path | None,
    allow_unsafe_srs: bool,
) -> None:
    """Ask a provider over HTTP; verify its evidence here.

    Exit status 1 when evidence is rejected or the job ended without one.
    """

    def connect(terms: _Terms) -> "Client":
        import os

        from avow.api.client import Client

        key = os.environ.get("AVOW_API_KEY") or None
        if key_file is not None:
            key = _read(key_file, 4096).decode("ascii", errors="replace").strip()
        return Client(url, api_key=key, policy=terms.policy)

    ctx.meta[__name__] = connect
    ctx.meta[f"{__name__}.terms"] = lambda: _terms(policy_file, allow_unsafe_srs)


@remote.command()
def models() -> None:
    """List what the provider has compiled, with digests computed here."""
    with _client() as client:
        for offer in client.models():
            record = offer.model_record
            hidden = "hides the input" if offer.hides_input else "shows the input"
            click.echo(
                f"0x{offer.model.hex()}  {one_line(record.name)}@{one_line(record.version)}  "
                f"{offer.system_record.system}, {hidden}, record 0x{offer.record.hex()}"
            )


@remote.command()
@click.argument("model")
@click.option(
    "--input",
    "source",
    type=_FILE,
    required=True,
    help="npz with arrays named like the model's inputs, or JSON: a list of inputs.",
)
@click.option("--row", type=click.IntRange(0), default=0, help="Which row of an npz; 0 if absent.")
@click.option("--system", help="Proof system: sumcheck or ezkl. [the provider's choice]")
@click.option("--record", help="Digest of one compiled artifact.")
@click.option(
    "--legs",
    "legs_text",
    metavar="JSON|FILE",
    help="Several kinds of evidence for the one answer, in place of --system and --record.",
)
@click.option(
    "--hides",
    type=click.Choice(["none", "inputs"]),
    help="none: evidence that shows the input. inputs: one that does not.",
)
@click.option(
    "--unsafe-unseen-input",
    is_flag=True,
    help="Accept evidence that hides its input: nobody can see whether it is this one.",
)
@click.option("--idempotency-key", help="Asking again with the same key returns the first job.")
@click.option("--asked", type=_FILE, help="Write what was asked here, for `avow remote result`.")
@click.option("--no-wait", is_flag=True, help="Only submit; needs --asked.")
@click.option(
    "--output",
    type=_FILE,
    help="Write the verified bundle here; of legs ANSWER-0.avow.json and so on.",
)
@_at
@click.option("--timeout", type=click.FloatRange(0), default=3600, show_default=True)
def ask(
    model: str,
    source: Path,
    row: int,
    system: str | None,
    record: str | None,
    legs_text: str | None,
    hides: str | None,
    unsafe_unseen_input: bool,
    idempotency_key: str | None,
    asked: Path | None,
    no_wait: bool,
    output: Path | None,
    at: int | None,
    timeout: float,
) -> int:
    """Ask for MODEL's answer on an input; print it once its evidence is verified.

    MODEL is a digest, or a name, which the provider may give to whatever it likes. With --legs
    exit status 3 says that what was shown may still be challenged.
    """
    how: How = {
        "system": system,
        "record": record,
        "hides": hides,
        "unsafe_unseen_input": unsafe_unseen_input,
        "idempotency_key": idempotency_key,
    }
    if legs_text is not None:
        from avow.api.cli.remote_legs import asked_legs, check_promises

        if system is not None or record is not None:
            raise click.UsageError("--legs: expected neither --system nor --record beside it")
        how["legs"] = asked_legs(legs_text)
        terms = _wanted()
        if terms.evidence is None:
            check_promises(how["legs"], terms.policy)
    else:
        _require_single(at)
    _check_outputs(asked, output)
    if no_wait and asked is None:
        raise click.UsageError("--no-wait: needs --asked, or nobody could check the answer later")
    with _client() as client:
        made = client.submit(
            model,
            _inputs(source, row, model, client.models()),
            **how,
        )
        if asked is not None:
            write_output(asked, (json.dumps(made.to_json()) + "\n").encode("ascii"))
        if no_wait:
            click.echo(made.job)
            return 0
        return _finish(client, made, output, at, timeout)


@remote.command()
@click.argument("asked", type=_FILE)
@click.option(
    "--output",
    type=_FILE,
    help="Write the verified bundle here; of legs ANSWER-0.avow.json and so on.",
)
@_at
@click.option("--timeout", type=click.FloatRange(0), default=3600, show_default=True)
def result(asked: Path, output: Path | None, at: int | None, timeout: float) -> int:
    """Wait for what was asked earlier, and verify it; ASKED is the file of `ask --asked`."""
    from avow.api.client import parse_asked

    made = parse_asked(_parsed(asked))
    if not made.legs:
        _require_single(at)
    _check_outputs(output)
    with _client() as client:
        return _finish(client, made, output, at, timeout)


@remote.command()
@click.argument("record", type=_FILE)
@click.option(
    "--input",
    "source",
    type=_FILE,
    required=True,
    help="npz with arrays named like the first part's inputs, or JSON: a list of inputs.",
)
@click.option("--row", type=click.IntRange(0), default=0, help="Which row of an npz; 0 if absent.")
@click.option(
    "--unsafe-unseen-input",
    is_flag=True,
    help="Accept a first part that hides its input: nobody can see whether it is this one.",
)
@click.option("--idempotency-key", help="Asking again with the same key finds the same jobs.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for both bundles.")
@click.option(
    "--at",
    type=click.IntRange(0, 2**53 - 1),
    metavar="TIME",
    help="Time to judge at, in Unix seconds; no clock is read.",
)
@click.option("--timeout", type=click.FloatRange(0), default=3600, show_default=True)
def split(
    record: Path,
    source: Path,
    row: int,
    unsafe_unseen_input: bool,
    idempotency_key: str | None,
    output: Path | None,
    at: int | None,
    timeout: float,
) -> int:
    """Ask for both parts of a split model; RECORD is the split record.

    Two jobs under one nonce: the first part's, then the second's of the tensor that the first one's
    evidence ends in. Both bundles are verified together. Exit status 3 says that what was shown may
    still be challenged.
    """
    from avow.api.cli import remote_split
    from avow.api.cli.split import read_record
    from avow.verifier.fields import to_hex

    if _wanted().evidence is not None:
        raise ApiError(_NO_LEGS)
    parts = read_record(record)
    with _client() as client:
        offers = client.models()
        remote_split.check_promise(parts, offers, _wanted().policy)
        return remote_split.ask(
            client,
            parts,
            _inputs(source, row, to_hex(parts.first.model), offers),
            output,
            idempotency_key=idempotency_key,
            unsafe_unseen_input=unsafe_unseen_input,
            at=at,
            timeout=timeout,
        )


@remote.command()
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@click.option("--state", type=click.Choice([state.value for state in JobState]))
def jobs(limit: int, state: str | None) -> None:
    """List jobs, newest first."""
    states = () if state is None else (JobState(state),)
    with _client() as client:
        for found in client.jobs(states=states, limit=limit):
            click.echo(f"{found.id}  {found.state.value:13}  {found.model[:18]}...  {found.reason}")


@remote.command()
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True, help="Print what the provider said as JSON.")
def job(job_id: str, as_json: bool) -> None:
    """Show a job as the provider tells it; nothing of it was checked."""
    with _client() as client:
        _print(client.job(job_id), as_json)


@remote.command()
@click.argument("job_id")
def cancel(job_id: str) -> None:
    """Cancel a job whose evidence is not all there."""
    with _client() as client:
        _print(client.cancel(job_id), False)


def _client() -> "Client":
    connect: Callable[[_Terms], Client] = click.get_current_context().meta[__name__]
    return connect(_wanted())


def _wanted() -> _Terms:
    """What the caller insists on, by the options of the group."""
    read: Callable[[], _Terms] = click.get_current_context().meta[f"{__name__}.terms"]
    return read()


def _terms(file: Path | None, allow_unsafe_srs: bool) -> _Terms:
    from avow.verifier import canonical
    from avow.verifier.limits import LIMITS
    from avow.verifier.mixed.policy import FORMAT, parse_evidence_policy
    from avow.verifier.policy import Policy, parse_policy

    policy, evidence = Policy(), None
    if file is not None:
        data = _read(file, LIMITS.policy_bytes)
        value = canonical.parse_lenient(data, LIMITS.policy_bytes, "policy")
        if isinstance(value, dict) and value.get("format") == FORMAT:
            evidence = parse_evidence_policy(data)
        else:
            policy = parse_policy(data)
    if allow_unsafe_srs:
        policy = replace(policy, unsafe_allow_unsafe_srs=True)
    if allow_unsafe_srs and evidence is not None:
        evidence = evidence.adapted(lambda one: replace(one, unsafe_allow_unsafe_srs=True))
    return _Terms(policy, evidence)


def _require_single(at: int | None) -> None:
    """Refuses what is for several legs where one system answers."""
    if _wanted().evidence is not None:
        raise ApiError(_NO_LEGS)
    if at is not None:
        raise click.UsageError("--at: goes with --legs; of one claim nothing is final here")


def _check_outputs(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            check_output(path)


def _finish(
    client: "Client", asked: "Asked", output: Path | None, at: int | None, timeout: float
) -> int:
    from avow.api.client import JobEnded, NotVerified
    from avow.verifier.cli import describe

    if asked.legs:
        from avow.api.cli.remote_legs import finish

        return finish(client, asked, _wanted().evidence, output, timeout, at)
    shown = ""

    def show(update: "Update") -> None:
        nonlocal shown
        progress = update.progress
        known = progress is not None and progress.percent is not None
        share = f" {progress.percent} %" if progress is not None and known else ""
        now = update.state.value + (f": {progress.stage}{share}" if progress else "")
        if now != shown:
            click.echo(now, err=True)
        shown = now

    try:
        client.wait(asked, timeout=timeout, on_update=show)
        checked: Verified = client.result(asked, timeout=timeout)
    except (JobEnded, NotVerified) as error:
        click.echo(f"REJECTED: {error}")
        return REJECTED
    if output is not None:
        write_output(output, checked.bundle)
    click.echo(describe(checked.verdict))
    return 0


def _print(found: "Job", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.raw, indent=2))
        return
    click.echo(f"{found.id}  {found.state.value}: {found.reason}")
    for claim in found.claimed or ():
        numbers = ", ".join(f"{real:g}" for real in claim.reals[:16])
        click.echo(f"  claimed   {claim.name} = [{numbers}]")
    for item in found.evidence:
        size = f", bundle of {item.bundle_size} bytes" if item.bundle_size else ""
        click.echo(f"  evidence  {item.system}: {item.state}{size}")


def _inputs(source: Path, row: int, model: str, offers: "tuple[Offer, ...]") -> Any:
    if source.suffix != ".npz":
        value = _parsed(source)
        if not isinstance(value, list):
            raise ApiError(f"{source}: expected a list of inputs")
        return [item["reals"] if isinstance(item, dict) and "reals" in item else item
                for item in value]  # fmt: skip

    from avow.models.data import load_row

    specs = next((one.model_record.inputs for one in offers if one.is_called(model)), None)
    if specs is None:
        raise ApiError(f"model: the provider does not offer {model[:80]!r}")
    rows = load_row(source, specs, row)
    return [array[row] for array in rows.inputs]


def _parsed(path: Path) -> Any:
    from avow.api.client.exchange import parse_json

    return parse_json(_read(path, _INPUT_BYTES), str(path))


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ApiError(f"{path}: at most {limit} bytes are read, it has more")
    return data
