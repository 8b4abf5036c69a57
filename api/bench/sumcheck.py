"""Measuring `sumcheck/v1`: compile, run, prove in a new and in a kept process, verify, check."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from avow.api.bench.order import Desk
from avow.api.bench.rows import Sample
from avow.api.bench.statements import off_chain
from avow.api.bench.step_clock import StepClock
from avow.api.errors import BenchError
from avow.circuits.artifact import Artifact
from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.child import Limits
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.compile import Options, compile_model
from avow.circuits.sumcheck.cost import predict, survey
from avow.circuits.sumcheck.plan import Target
from avow.models.schema import quantise_row
from avow.models.store import StoredModel
from avow.prover.catalogue import Compiled
from avow.prover.native import _core
from avow.prover.native.curve import NativeCurve
from avow.prover.systems.sumcheck import quick
from avow.prover.systems.sumcheck.system import Made, SumcheckProver, key_json, proof_json
from avow.prover.systems.system import Limits as ProofLimits
from avow.verifier import merkle
from avow.verifier.bundle import Bundle
from avow.verifier.chain.errors import ChainError
from avow.verifier.chain.orders import Order
from avow.verifier.commitment import commit_public
from avow.verifier.policy import Policy
from avow.verifier.records import SystemRecord
from avow.verifier.tensor import Tensor
from avow.verifier.verify import verify

SYSTEM = "sumcheck/v1"
KEYS_STEP = "keys"
# Proofs of milliseconds vary more than proofs of minutes.
WARM_PROOFS = 5
QUICK_CHECKS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """One run, the record of what it proved with, what was predicted; why it settled nowhere."""

    sample: Sample
    record: SystemRecord
    predicted: Mapping[str, float]
    unsettled: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What keys are chosen for, and where the proof is settled, if anywhere.

    `desk` registers an artifact; it raises `ChainError` or
    `CircuitError` where no contract can check its proofs.
    """

    target: Target = Target.TIME
    desk: Callable[[Artifact], Desk] | None = None


def measure_once(
    stored: StoredModel,
    home: Path,
    number: int,
    limits: Limits,
    wish: Wish,
    say: Callable[[str], None],
) -> Measured:
    """Compile from nothing, answer and prove a held-out row, check the bundle, settle an order."""
    say("compile")
    clock = StepClock()
    began = time.monotonic()
    artifact = _compile(stored, home, wish.target, clock)
    compile_seconds = time.monotonic() - began
    rows = stored.held_out()
    if rows is None:
        raise BenchError(f"{stored.record.name} has no held-out rows")
    inputs = tuple(quantise_row(stored.record, rows, number % len(rows)))
    market, unsettled = _open(wish, artifact, inputs)
    compiled = Compiled(artifact.folder, stored.folder, artifact.model, artifact.record)
    bounds = ProofLimits(limits.seconds, limits.memory_bytes)
    prover = SumcheckProver()
    try:
        say("answer")
        began = time.monotonic()
        answered = prover.answer(compiled, inputs, bytes(32), bounds, _nothing)
        infer_seconds = time.monotonic() - began
        statement = (
            off_chain(artifact.record, inputs, answered.outputs, 1)
            if market is None
            else market[0].statement(market[1], commit_public(answered.outputs))
        )
        root, (path,) = merkle.build([statement.digest()])
        # What production does for the first job of a worker: a process is made, and loads.
        prover.close()
        say("prove")
        began = time.monotonic()
        made = prover.make(compiled, [inputs], root, bounds, _nothing)
        prove_seconds = time.monotonic() - began
        warm = [_warm(prover, compiled, inputs, root, bounds) for _ in range(WARM_PROOFS)]
        # The stages of the proof in the middle, so that they add up to no more than it took.
        middle, usual = sorted(warm, key=lambda one: one[0])[WARM_PROOFS // 2]
    finally:
        prover.close()
    bundle = Bundle(
        statement=statement,
        path=path,
        model=artifact.model,
        system=artifact.record,
        signature=None,
        inputs=inputs,
        salt=None,
        outputs=made.outputs[0],
        proof=proof_json(made.proof),
        material=key_json(compiled),
    )
    data = bundle.encode()
    say("verify")
    began = time.monotonic()
    verify(data, Policy(unsafe_allow_unsafe_srs=True))
    verify_seconds = time.monotonic() - began
    say("check")
    quick_seconds = _quick(data)
    settled = None
    if market is not None:
        say("settle")
        settled = market[0].settle(market[1], bundle)
    sample = Sample(
        compile_s=round(compile_seconds, 4),
        setup_s=round(clock.seconds[KEYS_STEP], 4),
        infer_s=round(infer_seconds, 4),
        prove_s=round(prove_seconds, 4),
        verify_s=round(verify_seconds, 4),
        peak_rss_bytes=made.peak_rss_bytes,
        key_bytes=sum(one.stat().st_size for one in artifact.folder.rglob("*") if one.is_file()),
        proof_bytes=len(made.proof),
        bundle_bytes=len(data),
        calldata_bytes=None if settled is None else settled.calldata_bytes,
        gas=None if settled is None else settled.gas,
        verify_gas=None if settled is None else settled.verify_gas,
        prove_warm_s=round(middle, 6),
        quick_s=round(quick_seconds, 6),
        stages={stage: round(seconds, 6) for stage, seconds in usual.stage_seconds.items()},
    )
    return Measured(sample, artifact.record, _predicted(artifact), unsettled)


def _open(
    wish: Wish, artifact: Artifact, inputs: tuple[Tensor, ...]
) -> tuple[tuple[Desk, Order] | None, str | None]:
    """A desk with an order for the inputs, or why there is none."""
    if wish.desk is None:
        return None, None
    try:
        desk = wish.desk(artifact)
    except (ChainError, CircuitError) as error:
        # The folder is this machine's.
        return None, str(error).removeprefix(f"{artifact.folder}: ")
    return (desk, desk.open(inputs)), None


def _compile(stored: StoredModel, home: Path, target: Target, clock: StepClock) -> Artifact:
    curve = NativeCurve()
    options = Options(UnsafeSrs(home / "srs", curve), curve, force=True, target=target)
    return compile_model(stored, home, options, home / "artifacts", clock).artifact


def _predicted(artifact: Artifact) -> Mapping[str, float]:
    key = load(artifact).key
    cost = predict(survey(key.relation(1), key.width), key.logrows, _core.backend())
    return {} if cost is None else cost.seconds


def _warm(
    prover: SumcheckProver,
    compiled: Compiled,
    inputs: tuple[Tensor, ...],
    root: bytes,
    bounds: ProofLimits,
) -> tuple[float, Made]:
    began = time.monotonic()
    made = prover.make(compiled, [inputs], root, bounds, _nothing)
    return time.monotonic() - began, made


def _quick(data: bytes) -> float:
    """Seconds of the native check in this process, which has verified before: the middle one."""
    taken = []
    for _ in range(QUICK_CHECKS):
        began = time.monotonic()
        quick.check(data, Policy(unsafe_allow_unsafe_srs=True))
        taken.append(time.monotonic() - began)
    return sorted(taken)[QUICK_CHECKS // 2]


def _nothing(stage: str, percent: int | None) -> None:
    """A tick that wants nothing."""
