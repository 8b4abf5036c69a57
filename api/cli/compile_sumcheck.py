"""What `avow compile --system sumcheck` does and prints."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from avow.api.cli.compile import description, print_record, reporter
from avow.verifier.systems.sumcheck.key import COMMITTED

if TYPE_CHECKING:
    from avow.circuits.srs_choice import Srs
    from avow.circuits.sumcheck.compile import Made
    from avow.models.store import StoredModel

# Bounds of the first proof: far beyond what the cost model admits.
_SECONDS, _LEAST_BYTES = 600.0, 2**31


def compile_sumcheck(
    stored: "StoredModel",
    srs: "Srs",
    bits: int | None,
    target: str,
    memory: int | None,
    force: bool,
    as_json: bool,
    batch: int | None = None,
    lookups: str | None = None,
) -> None:
    """Make the artifact and print its record and the predicted cost of a proof."""
    from avow.circuits.sumcheck.compile import Options, compile_model
    from avow.circuits.sumcheck.plan import Target
    from avow.prover.config import from_environment
    from avow.prover.native.curve import NativeCurve

    config = from_environment()
    curve, aim = NativeCurve(), Target(target)
    options = Options(
        srs,
        curve,
        bits=bits,
        memory_bytes=memory,
        force=force,
        target=aim,
        batch=batch,
        lookups=lookups,
    )
    report = reporter()
    made = compile_model(stored, config.home, options, config.artifacts, report)
    if made.fresh:
        _first_proof(made, stored, report)
    if as_json:
        click.echo(json.dumps(description(made.artifact) | _cost(made), indent=2))
        return
    print_record(made.artifact)
    record, plan = made.artifact.record, made.plan
    cost = plan.cost
    click.echo(f"  bits         {record.detail('bits')} in the integer program")
    click.echo(
        f"  plan         range tables of {plan.width} bits, {cost.rows} rows of "
        f"2^{plan.logrows} entries, {plan.lookups} lookups"
    )
    click.echo(f"  batches      up to {made.batch} answers in one proof")
    click.echo(f"  equations    {record.constraints:,}")
    click.echo(
        f"  predicted    {1000 * cost.total:.0f} ms for a proof of {cost.proof_bytes:,} bytes, "
        f"{cost.memory_bytes // 10**6} MB, {cost.verify_seconds:.1f} s to verify in plain Python"
    )
    if record.evm_codehash is not None:
        click.echo(f"  on chain     {plan.gas.total:,} gas for a contract that checks it")
    elif plan.lookups == COMMITTED:
        click.echo("  on chain     no contract can check it; avow plan says why")


def _first_proof(made: "Made", stored: "StoredModel", report: Callable[[str, str], None]) -> None:
    """Prove one calibration row and have the verifier check it; else nothing stays behind."""
    import shutil

    from avow.circuits.errors import CircuitError
    from avow.circuits.sumcheck.artifact import load
    from avow.models.schema import quantise_row
    from avow.prover.catalogue import Compiled
    from avow.prover.systems.sumcheck.system import SumcheckProver
    from avow.prover.systems.system import Limits
    from avow.verifier.errors import VerificationError
    from avow.verifier.systems.sumcheck.check import Sample, check_proof

    artifact = made.artifact
    compiled = Compiled(artifact.folder, stored.folder, artifact.model, artifact.record)
    inputs = tuple(quantise_row(stored.record, stored.calibration(), 0))
    # Nobody is told of this proof, so that any word does for the root of its statements.
    root = artifact.record.digest()
    prover = SumcheckProver()
    try:
        limits = Limits(_SECONDS, max(2 * made.plan.cost.memory_bytes, _LEAST_BYTES))
        proof = prover.make(compiled, [inputs], root, limits, lambda stage, percent: None)
        check_proof(load(artifact).key, root, 1, [Sample(inputs, proof.outputs[0])], proof.proof)
    except VerificationError as error:
        shutil.rmtree(artifact.folder)
        raise CircuitError(f"the first proof was refused: {error.message}") from error
    finally:
        prover.close()
    milliseconds = 1000 * sum(proof.stage_seconds.values())
    report("first proof", f"{milliseconds:.0f} ms, {len(proof.proof):,} bytes, accepted")


def _cost(made: "Made") -> dict[str, object]:
    plan = made.plan
    return {
        "width": plan.width,
        "logrows": plan.logrows,
        "batch": made.batch,
        "lookups": plan.lookups,
        "predicted": {
            "proof_bytes": plan.cost.proof_bytes,
            "gas": None if made.artifact.record.evm_codehash is None else plan.gas.total,
            "memory_bytes": plan.cost.memory_bytes,
            "verify_seconds": round(plan.cost.verify_seconds, 3),
            "seconds": {stage: round(value, 6) for stage, value in plan.cost.seconds.items()},
        },
    }
