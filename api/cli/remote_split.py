"""`avow remote split`: both parts of a split model over HTTP, verified together here."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.errors import ApiError
from avow.api.local.output import check_output, write_output
from avow.verifier.mixed.exits import ACCEPTED, NOT_FINAL, REJECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avow.api.client import Client, Offer, Update
    from avow.api.client.asking import Inputs
    from avow.verifier.mixed.split_record import SplitRecord
    from avow.verifier.policy import Policy


def check_promise(record: "SplitRecord", offers: "Sequence[Offer]", policy: "Policy") -> None:
    """Refuses a second part of which every bundle would be too weak for the policy."""
    from avow.prover.systems.assurance import promised

    least = policy.minimum_assurance
    for offer in offers:
        if (offer.model, offer.record) == (record.second.model, record.second.record):
            best = promised(offer.system_record.system)
            if best.rank < least.rank:
                raise ApiError(
                    f"split: the second part would be {best.value} at most, the policy asks for "
                    f"{least.value} (--policy)"
                )


def ask(
    client: "Client",
    record: "SplitRecord",
    inputs: "Inputs",
    output: Path | None,
    *,
    idempotency_key: str | None,
    unsafe_unseen_input: bool,
    at: int | None,
    timeout: float,
) -> int:
    """Ask for both parts, print the verdict on both together; returns the exit status."""
    from avow.api.client import JobEnded, NotVerified
    from avow.verifier.mixed.split_cli import told

    paths = _places(output)
    line = ""

    def show(update: "Update") -> None:
        nonlocal line
        stage = f": {update.progress.stage}" if update.progress else ""
        now = f"{update.job[:8]} {update.state.value}{stage}"
        if now != line:
            click.echo(now, err=True)
        line = now

    try:
        shown = client.ask_split(
            record,
            inputs,
            idempotency_key=idempotency_key,
            unsafe_unseen_input=unsafe_unseen_input,
            timeout=timeout,
            at=at,
            on_update=show,
        )
    except (JobEnded, NotVerified) as error:
        click.echo(f"REJECTED: {error}")
        return REJECTED
    for path, data in zip(paths, (shown.first, shown.second), strict=False):
        write_output(path, data)
    click.echo(told(shown.verdict))
    return ACCEPTED if shown.verdict.final else NOT_FINAL


def _places(folder: Path | None) -> tuple[Path, ...]:
    """Where both bundles go, found to be possible before anything is asked."""
    if folder is None:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "first.avow.json", folder / "second.avow.json"
    for path in paths:
        check_output(path)
    return paths
