"""What `avow compile --system optimistic` does and prints."""

import json
from typing import TYPE_CHECKING

import click

from avow.api.cli.compile import description, print_record, reporter

if TYPE_CHECKING:
    from avow.models.store import StoredModel


def compile_optimistic(
    stored: "StoredModel", bits: int | None, window: int | None, force: bool, as_json: bool
) -> None:
    """Make the artifact and print its record and what refuting one element would take."""
    from avow.circuits.optimistic.compile import WINDOW_SECONDS, Options, compile_model
    from avow.prover.config import from_environment
    from avow.verifier.systems.optimistic.claim import WINDOW

    config = from_environment()
    options = Options(bits, WINDOW_SECONDS if window is None else window, force)
    made = compile_model(stored, config.home, options, config.artifacts, reporter())
    record, heaviest = made.artifact.record, made.heaviest
    if as_json:
        shown = {
            "tensor": heaviest.tensor,
            "operation": heaviest.operation,
            "calldata_bytes": heaviest.octets,
            "gas": heaviest.gas,
        }
        click.echo(json.dumps(description(made.artifact) | {"heaviest_element": shown}, indent=2))
        return
    print_record(made.artifact)
    click.echo(f"  bits         {record.detail('bits')} in the integer program")
    click.echo(f"  window       {record.detail(WINDOW)} s in which a claim may be challenged")
    click.echo(f"  elements     {record.constraints:,}, each of which can be refuted")
    click.echo(
        f"  heaviest     {heaviest.operation} of tensor {heaviest.tensor}: at most "
        f"{heaviest.gas:,} gas predicted for a contract to check one element"
    )
