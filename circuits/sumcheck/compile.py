"""Compiling a model for `sumcheck/v1`: program, plan, powers of tau, key, record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.artifact import Artifact, earlier_artifact, finish
from avow.circuits.curve import Curve
from avow.circuits.details import OBSERVED
from avow.circuits.errors import CircuitError
from avow.circuits.files import write_file
from avow.circuits.lock import building_of
from avow.circuits.memory import machine_bytes
from avow.circuits.programs import obtain_program
from avow.circuits.srs_choice import Srs, most_powers, obtain_powers
from avow.circuits.sumcheck.cost import predict, survey
from avow.circuits.sumcheck.files import KEY, POWERS
from avow.circuits.sumcheck.gas import Tensors
from avow.circuits.sumcheck.key import Draft, commit_rows, draft_key
from avow.circuits.sumcheck.plan import Bounds, Plan, Target, choose
from avow.circuits.sumcheck.record import build_record
from avow.models.program.files import write_program
from avow.models.store import StoredModel
from avow.verifier import canonical
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.key import LIMITS, SYSTEM_ID

Report = Callable[[str, str], None]
# How many samples a proof can hold unless told otherwise, and how long a string that may ask for:
# 2^18 powers are 16 MiB.
BATCH = 16
_STRING = 18


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile.

    `bits` None takes the program that the model has, or the cheapest that keeps fidelity;
    `width`, `logrows` and `lookups` None are chosen for `target` by predicted cost. `memory_bytes`
    None is nine tenths of this machine's. `force` compiles the program again, too. `batch` is how
    many samples one proof shall hold at most; None for `BATCH` of them, where that is cheap.
    """

    srs: Srs
    curve: Curve
    bits: int | None = None
    width: int | None = None
    logrows: int | None = None
    memory_bytes: int | None = None
    force: bool = False
    target: Target = Target.TIME
    batch: int | None = None
    lookups: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A finished artifact, the plan that it was made by, and whether it was made just now.

    `batch` is how many samples one proof can hold at most.
    """

    artifact: Artifact
    plan: Plan
    fresh: bool
    batch: int


def compile_model(
    stored: StoredModel, home: Path, options: Options, artifacts: Path, report: Report
) -> Made:
    """Make the artifact, or find the same one made before; returns it checked.

    `report` is told every step's name and what came of it. Raises `CircuitError`, and
    `ModelError` for a model that does not compile to a program.
    """
    with building_of(artifacts, SYSTEM_ID, stored.digest) as build:
        return _make(stored, home, options, artifacts, build, report)


def _make(
    stored: StoredModel,
    home: Path,
    options: Options,
    artifacts: Path,
    build: Path,
    report: Report,
) -> Made:
    kept = obtain_program(stored, home, options.bits, options.force, report)
    program, blobs = kept.load()
    draft = _draft(program, blobs)
    memory = options.memory_bytes or machine_bytes() * 9 // 10
    most = most_powers(options.srs)
    bounds = Bounds(
        memory, _longest(options, most), options.width, options.logrows, options.lookups
    )
    tensors = Tensors.of(draft.tensors())
    plan = choose(lambda width: draft.relation(width, 1), tensors, bounds, options.target)
    report(
        "plan",
        f"tables of {plan.width} bits, rows of 2^{plan.logrows} entries, {plan.lookups} lookups",
    )
    doublings = _doublings(draft, plan, options.batch, most, memory)
    batch = 2**doublings
    report("batches", f"up to {batch} answers in one proof")
    powers = plan.logrows + doublings
    found = obtain_powers(options.srs, powers, options.curve)
    report("srs", f"2^{powers} powers")
    points = found.powers.first(plan.logrows)
    relation = draft.relation(plan.width, 1)
    rows = commit_rows(relation, blobs, points, plan.logrows, options.curve)
    key = draft.key(plan.width, plan.logrows, rows, found.powers.tau_g2, plan.lookups)
    report("keys", f"{len(rows)} rows committed")
    record = build_record(stored.record, key, kept.report, found.safe, plan.cost.memory_bytes)
    if not any(name == OBSERVED for name, _ in record.details):
        report("record", "too many operations to name what calibration showed: no model check")
    target = artifacts / record.digest().hex()
    if not options.force:
        earlier = earlier_artifact(target)
        if earlier is not None and (earlier.path(POWERS)).stat().st_size >= POINT_BYTES << powers:
            report("artifact", "kept")
            return Made(earlier, plan, False, batch)
    write_program(build, program, blobs)
    write_file(build / KEY, canonical.encode(key.to_json()))
    write_file(build / POWERS, found.powers.first(powers))
    artifact = finish(build, stored.record, record)
    report("artifact", "done")
    return Made(artifact, plan, True, batch)


def _longest(options: Options, most: int | None) -> int | None:
    """The longest rows, as a power of two: keys for a contract have room for a batch asked for."""
    if options.target is Target.TIME or options.batch is None or options.logrows is not None:
        return most
    room = LIMITS.logrows if most is None else min(most, LIMITS.logrows)
    return max(room - bits(options.batch), LIMITS.least_logrows)


def _doublings(draft: Draft, plan: Plan, batch: int | None, most: int | None, memory: int) -> int:
    """How often the samples of a proof may double; raises `CircuitError` for a batch asked for."""
    room = LIMITS.logrows if most is None else min(most, LIMITS.logrows)
    if batch is not None:
        wanted = bits(batch)
        why = _too_large(draft, plan, wanted, room, memory)
        if why is not None:
            raise CircuitError(f"batches of {batch}: {why}")
        return wanted
    wanted = max(0, min(bits(BATCH), _STRING - plan.logrows))
    return next(
        (at for at in range(wanted, 0, -1) if not _too_large(draft, plan, at, room, memory)), 0
    )


def _too_large(draft: Draft, plan: Plan, doublings: int, room: int, memory: int) -> str | None:
    powers = plan.logrows + doublings
    if powers > room:
        return f"that needs 2^{powers} powers, at most 2^{room} can be used"
    try:
        relation = draft.relation(plan.width, 2**doublings, plan.lookups)
        found = survey(relation, plan.width)
    except VerificationError as error:
        return error.message
    cost = predict(found, plan.logrows)
    if cost is None:
        return "a proof would have too many rows to be checked"
    if cost.memory_bytes > memory:
        return (
            f"a proof is predicted to need {cost.memory_bytes // 2**20} MiB of memory, "
            f"{memory // 2**20} MiB may be used"
        )
    return None


def _draft(program: Program, blobs: Sequence[Blob]) -> Draft:
    try:
        return draft_key(program, blobs)
    except VerificationError as error:
        raise CircuitError(f"the program cannot be proven: {error.message}") from error
