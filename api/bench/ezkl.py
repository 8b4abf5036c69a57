"""Measuring `ezkl/v1`: compile, run, prove, verify, settle."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avow.api.bench.order import Desk
from avow.api.bench.rows import Sample
from avow.api.bench.step_clock import StepClock
from avow.api.errors import BenchError
from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.child import Limits
from avow.circuits.ezkl.compile import Options, Source, compile_model
from avow.circuits.ezkl.files import PK, VK
from avow.circuits.ezkl.settings import Target, Wishes
from avow.circuits.ezkl.witness import Circuit, answer, material, prove
from avow.circuits.srs_choice import UnsafeSrs
from avow.models.schema import quantise_row
from avow.models.store import StoredModel
from avow.prover.native.curve import NativeCurve
from avow.verifier import merkle
from avow.verifier.bundle import Bundle
from avow.verifier.commitment import commit_public
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.verify import verify

SYSTEM = "ezkl/v1"
_KEYS_STEP = "keys"


@dataclass(frozen=True, slots=True)
class Compilation:
    """An artifact, and how long everything and the making of keys took, in seconds."""

    artifact: EzklArtifact
    seconds: float
    setup_seconds: float


def compile_once(stored: StoredModel, home: Path, contracts: Path, limits: Limits) -> Compilation:
    """Compile from nothing, public input and fixed weights, with an SRS made here."""
    wishes = Wishes(
        input=InputVisibility.PUBLIC,
        weights=WeightVisibility.FIXED,
        target=Target.RESOURCES,
        scale=None,
    )
    source = Source(stored.record, stored.model(), stored.calibration(), stored.held_out())
    options = Options(
        wishes, UnsafeSrs(home / "srs", NativeCurve()), contracts / "solc", limits, force=True
    )
    clock = StepClock()
    began = time.monotonic()
    artifact = compile_model(source, options, home / "artifacts", clock)
    if _KEYS_STEP not in clock.seconds:
        raise BenchError(f"the compilation has no step {_KEYS_STEP!r}: {sorted(clock.seconds)}")
    return Compilation(artifact, time.monotonic() - began, clock.seconds[_KEYS_STEP])


def measure_once(
    compiled: Compilation,
    stored: StoredModel,
    row: int,
    desk: Desk,
    limits: Limits,
    say: Callable[[str], None],
) -> Sample:
    """One order for a held-out row: the circuit's answer, a proof, its check, its settlement."""
    artifact = compiled.artifact
    rows = stored.held_out()
    if rows is None:
        raise BenchError(f"{stored.record.name} has no held-out rows")
    inputs = quantise_row(stored.record, rows, row % len(rows))
    circuit = Circuit.of(artifact)
    salt = bytes(32)
    order = desk.open(tuple(inputs))

    say("answer")
    began = time.monotonic()
    ran = answer(circuit, inputs, salt, limits)
    infer_seconds = time.monotonic() - began

    statement = desk.statement(order, commit_public(ran.outputs))
    root, (path,) = merkle.build([statement.digest()])
    say("prove")
    proved = prove(circuit, inputs, salt, root, limits)
    bundle = Bundle(
        statement=statement,
        path=path,
        model=artifact.model,
        system=artifact.record,
        signature=None,
        inputs=tuple(inputs),
        salt=None,
        outputs=proved.run.outputs,
        proof=proved.proof.to_json(),
        material=material(artifact).to_json(),
    )
    data = bundle.encode()
    say("verify")
    began = time.monotonic()
    verify(data, Policy(unsafe_allow_unsafe_srs=True))
    verify_seconds = time.monotonic() - began
    say("settle")
    settled = desk.settle(order, bundle)
    return Sample(
        compile_s=round(compiled.seconds, 4),
        setup_s=round(compiled.setup_seconds, 4),
        infer_s=round(infer_seconds, 4),
        prove_s=round(proved.seconds, 4),
        verify_s=round(verify_seconds, 4),
        peak_rss_bytes=proved.peak_rss_bytes,
        key_bytes=sum(artifact.path(name).stat().st_size for name in (PK, VK)),
        proof_bytes=len(proved.proof.data),
        bundle_bytes=len(data),
        calldata_bytes=settled.calldata_bytes,
        gas=settled.gas,
        verify_gas=settled.verify_gas,
    )
