"""`avow remote ask --legs`: several kinds of evidence over HTTP, each leg told of, all verified."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.cli.plan_legs import read_legs
from avow.api.errors import ApiError, one_line
from avow.api.local.output import write_output
from avow.verifier.mixed.exits import ACCEPTED, NOT_FINAL, REJECTED

if TYPE_CHECKING:
    from avow.api.client import Asked, Client, Job, Leg, Missing, Shown, Update
    from avow.verifier.mixed.outcome import Branch
    from avow.verifier.mixed.policy import EvidencePolicy
    from avow.verifier.policy import Policy


def asked_legs(given: str) -> "tuple[Leg, ...]":
    """The legs of `--legs`, as `avow job submit --legs` reads them."""
    from avow.api.client import Leg

    return tuple(Leg(one.any_of, one.within_seconds, one.share_bps) for one in read_legs(given))


def check_promises(legs: "Sequence[Leg]", policy: "Policy") -> None:
    """Refuses a leg of which every bundle would be too weak for the policy, before it is sent."""
    from avow.prover.systems.assurance import promised

    least = policy.minimum_assurance
    for at, leg in enumerate(legs):
        best = max((promised(system) for system in leg.any_of), key=lambda one: one.rank)
        if best.rank < least.rank:
            raise ApiError(
                f"--legs: leg {at} would be {best.value} at most, the policy asks for "
                f"{least.value}: name one of the format avow-evidence/1 (--policy)"
            )


class Telling:
    """Says on stderr what becomes of a job and of each of its legs, as the server tells it."""

    def __init__(self, look: "Callable[[], Job]", count: int) -> None:
        self._look, self._count = look, count
        self._legs: dict[int, str] = {}
        self._stage = self._line = ""

    def hear(self, update: "Update") -> None:
        """Told of every change; how the legs stand is asked for when the work is another."""
        progress = update.progress
        stage = f"{update.state.value}: {progress.stage}" if progress else update.state.value
        known = progress is not None and progress.percent is not None
        line = f"{stage} {progress.percent} %" if progress is not None and known else stage
        if stage != self._stage:
            self.legs(self._look())
        if line != self._line:
            click.echo(line, err=True)
        self._stage, self._line = stage, line

    def legs(self, job: "Job") -> None:
        """Say what is new of each leg that was asked for, however many the server has."""
        for leg in job.evidence[: self._count]:
            ended = f"{leg.outcome}: {leg.reason}" if leg.reason else leg.outcome
            now = f"leg {leg.leg}: {one_line(leg.system)}, {one_line(ended or 'open')}"
            if self._legs.get(leg.leg) != now:
                click.echo(now, err=True)
                self._legs[leg.leg] = now


def finish(
    client: "Client",
    asked: "Asked",
    evidence: "EvidencePolicy | None",
    output: Path | None,
    timeout: float,
    at: int | None,
) -> int:
    """Wait for every leg, verify what is there, say what each shows; returns the exit status.

    Under an evidence policy that decides what is enough; without one every leg must be shown.
    """
    from avow.api.client import JobEnded, NotVerified
    from avow.verifier.mixed.cli import refused, told
    from avow.verifier.mixed.outcome import EvidenceRefused

    telling = Telling(lambda: client.job(asked), len(asked.legs))
    try:
        telling.legs(client.wait(asked, timeout=timeout, on_update=telling.hear))
        shown = client.together(asked, policies=evidence, timeout=timeout, at=at)
    except JobEnded as error:
        click.echo(f"REJECTED: {error}")
        return REJECTED
    except NotVerified as error:
        cause = error.__cause__
        branches = cause.branches if isinstance(cause, EvidenceRefused) else None
        click.echo(refused(f"REJECTED: {error}", branches, ()))
        return REJECTED
    names = _write(shown, output)
    for one in shown.missing:
        click.echo(f"MISSING: {_missing(one)}")
    enough = evidence is not None or not shown.missing
    if not enough:
        count = len(asked.legs)
        click.echo(f"INCOMPLETE: {count - len(shown.missing)} of {count} legs are shown")
    click.echo(told(shown.verdict, names))
    if not enough:
        return REJECTED
    return ACCEPTED if shown.verdict.final else NOT_FINAL


def _missing(one: "Missing") -> str:
    why = f": {one_line(one.reason)}" if one.reason else ""
    return f"leg {one.leg} is {one_line(one.outcome or 'open')}{why}"


def _write(shown: "Shown", output: Path | None) -> list[str]:
    """Each leg's bundle in a file of its own, where one is named; what they are called.

    Where one is enough another may show nothing: that is the server's word and is not kept.
    """
    names = []
    for at, (number, data) in enumerate(shown.bundles.items(), 1):
        name = f"leg {number}"
        if not _convinces(shown.verdict.branches, at):
            name = f"{name}, NOT VERIFIED"
        elif output is not None:
            path = leg_file(output, number)
            write_output(path, data)
            name = f"{name}, {path}"
        names.append(name)
    return names


def _convinces(branch: "Branch", bundle: int) -> bool:
    """Whether a bundle, counted from 1, satisfies any policy of the tree."""
    if branch.parts:
        return any(_convinces(part, bundle) for part in branch.parts)
    return all(refusal.bundle != bundle for refusal in branch.refusals)


def leg_file(output: Path, leg: int) -> Path:
    """Where a leg's bundle is written: the number stands before the suffixes of the name."""
    stem, dot, rest = output.name.partition(".")
    return output.with_name(f"{stem}-{leg}{dot}{rest}")
