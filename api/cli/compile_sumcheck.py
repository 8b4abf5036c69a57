"""What `avow compile --system sumcheck` does and prints."""

import json
from typing import TYPE_CHECKING

import click

from avow.api.cli.compile import description, print_record, reporter

if TYPE_CHECKING:
    from avow.circuits.srs_choice import Srs
    from avow.circuits.sumcheck.compile import Made
    from avow.models.store import StoredModel


def compile_sumcheck(
    stored: "StoredModel",
    srs: "Srs",
    bits: int | None,
    memory: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make the artifact and print its record and the predicted cost of a proof."""
    from avow.circuits.sumcheck.compile import Options, compile_model
    from avow.prover.config import from_environment
    from avow.prover.native.curve import NativeCurve

    config = from_environment()
    options = Options(srs, NativeCurve(), bits=bits, memory_bytes=memory, force=force)
    made = compile_model(stored, config.home, options, config.artifacts, reporter())
    if as_json:
        click.echo(json.dumps(description(made.artifact) | _cost(made), indent=2))
        return
    print_record(made.artifact)
    record, plan = made.artifact.record, made.plan
    cost = plan.cost
    click.echo(f"  bits         {record.detail('bits')} in the integer program")
    click.echo(
        f"  plan         range tables of {plan.width} bits, {cost.rows} rows of "
        f"2^{plan.logrows} entries"
    )
    click.echo(f"  equations    {record.constraints:,}")
    click.echo(
        f"  predicted    {1000 * cost.total:.0f} ms for a proof of {cost.proof_bytes:,} bytes, "
        f"{cost.memory_bytes // 10**6} MB, {cost.verify_seconds:.1f} s to verify in plain Python"
    )


def _cost(made: "Made") -> dict[str, object]:
    plan = made.plan
    return {
        "width": plan.width,
        "logrows": plan.logrows,
        "predicted": {
            "proof_bytes": plan.cost.proof_bytes,
            "memory_bytes": plan.cost.memory_bytes,
            "verify_seconds": round(plan.cost.verify_seconds, 3),
            "seconds": {stage: round(value, 6) for stage, value in plan.cost.seconds.items()},
        },
    }
