"""Compiling a model for `sumcheck/v1`: program, plan, powers of tau, key, record."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.artifact import MODEL, RECORD, Artifact, load_artifact, place
from avow.circuits.curve import Curve
from avow.circuits.errors import CircuitError
from avow.circuits.files import make_folder, write_file
from avow.circuits.lock import LOCK, exclusive
from avow.circuits.memory import machine_bytes
from avow.circuits.srs_choice import Srs, most_powers, obtain_powers
from avow.circuits.sumcheck.files import KEY, POWERS
from avow.circuits.sumcheck.gas import Tensors
from avow.circuits.sumcheck.key import Draft, commit_rows, draft_key
from avow.circuits.sumcheck.plan import Bounds, Plan, Target, choose
from avow.circuits.sumcheck.record import OBSERVED, build_record
from avow.models.compiler.stored import compile_stored
from avow.models.errors import ModelError
from avow.models.program.files import BLOBS, write_program
from avow.models.programs import KeptProgram, keep_program, kept_program
from avow.models.store import StoredModel
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.systems.sumcheck.key import SYSTEM_ID

Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile.

    `bits` None takes the program that the model has, or the cheapest that keeps fidelity;
    `width` and `logrows` None are chosen for `target` by predicted cost. `memory_bytes` None is
    nine tenths of this machine's. `force` compiles the program again, too.
    """

    srs: Srs
    curve: Curve
    bits: int | None = None
    width: int | None = None
    logrows: int | None = None
    memory_bytes: int | None = None
    force: bool = False
    target: Target = Target.TIME


@dataclass(frozen=True, slots=True)
class Made:
    """A finished artifact, the plan that it was made by, and whether it was made just now."""

    artifact: Artifact
    plan: Plan
    fresh: bool


def compile_model(
    stored: StoredModel, home: Path, options: Options, artifacts: Path, report: Report
) -> Made:
    """Make the artifact, or find the same one made before; returns it checked.

    `report` is told every step's name and what came of it. Raises `CircuitError`, and
    `ModelError` for a model that does not compile to a program.
    """
    make_folder(artifacts)
    name = hashlib.sha256(stored.digest).hexdigest()[:32]
    build = artifacts / f".building-sumcheck-{name}"
    with exclusive(build):
        for path in build.iterdir():
            if path.name == BLOBS:
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
        return _make(stored, home, options, artifacts, build, report)


def _make(
    stored: StoredModel,
    home: Path,
    options: Options,
    artifacts: Path,
    build: Path,
    report: Report,
) -> Made:
    kept = _program(stored, home, options, report)
    program, blobs = kept.load()
    draft = _draft(program, blobs)
    memory = options.memory_bytes or machine_bytes() * 9 // 10
    bounds = Bounds(memory, most_powers(options.srs), options.width, options.logrows)
    tensors = Tensors.of(draft.tensors())
    plan = choose(lambda width: draft.relation(width, 1), tensors, bounds, options.target)
    report("plan", f"tables of {plan.width} bits, rows of 2^{plan.logrows} entries")
    found = obtain_powers(options.srs, plan.logrows, options.curve)
    report("srs", f"2^{plan.logrows} powers")
    points = found.powers.first(plan.logrows)
    relation = draft.relation(plan.width, 1)
    rows = commit_rows(relation, blobs, points, plan.logrows, options.curve)
    key = draft.key(plan.width, plan.logrows, rows, found.powers.tau_g2)
    report("keys", f"{len(rows)} rows committed")
    record = build_record(stored.record, key, kept.report, found.safe, plan.cost.memory_bytes)
    if not any(name == OBSERVED for name, _ in record.details):
        report("record", "too many operations to name what calibration showed: no model check")
    target = artifacts / record.digest().hex()
    if not options.force:
        earlier = _earlier(target)
        if earlier is not None:
            report("artifact", "kept")
            return Made(earlier, plan, False)
    write_program(build, program, blobs)
    write_file(build / KEY, canonical.encode(key.to_json()))
    write_file(build / POWERS, points)
    write_file(build / RECORD, canonical.encode(record.to_json()))
    write_file(build / MODEL, canonical.encode(stored.record.to_json()))
    artifact = load_artifact(place(build, target, SYSTEM_ID))
    report("artifact", "done")
    return Made(artifact, plan, True)


def _program(stored: StoredModel, home: Path, options: Options, report: Report) -> KeptProgram:
    try:
        kept = None if options.force else kept_program(home, stored.digest)
    except ModelError:
        # Damaged, so that it is made again.
        kept = None
    # A note of an earlier release does not say what calibration showed.
    if kept is not None and "observed" in kept.report:
        if options.bits in (None, kept.report["bits"]):
            report("program", "kept")
            return kept
    compiled = compile_stored(stored, options.bits, lambda what: report("program", what))
    report("program", "done")
    return keep_program(home, stored.digest, compiled.program, compiled.blobs, compiled.report)


def _draft(program: Program, blobs: Sequence[Blob]) -> Draft:
    try:
        return draft_key(program, blobs)
    except VerificationError as error:
        raise CircuitError(f"the program cannot be proven: {error.message}") from error


def _earlier(target: Path) -> Artifact | None:
    try:
        return load_artifact(target)
    except CircuitError:
        # Missing, or damaged: then it is made anew.
        return None
