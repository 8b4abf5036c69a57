"""What every system is predicted to take for a model on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avow.api.bench.machine import describe_machine
from avow.circuits.errors import CircuitError
from avow.circuits.ezkl import cost as ezkl
from avow.circuits.forecast import Forecast
from avow.circuits.memory import machine_bytes
from avow.circuits.optimistic import forecast as optimistic
from avow.circuits.sumcheck.forecast import Machine, forecast
from avow.circuits.sumcheck.key import draft_key
from avow.circuits.sumcheck.plan import Target
from avow.circuits.tee import forecast as tee
from avow.models.compiler.stored import compile_stored
from avow.models.errors import ModelError
from avow.models.programs import kept_program
from avow.models.store import StoredModel
from avow.prover.native import _core
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.records import InputVisibility


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, the home in which its program may lie, and the program's width if it was given."""

    stored: StoredModel
    home: Path
    bits: int | None = None


def forecasts(
    subject: Subject, systems: Sequence[str], batches: Sequence[int]
) -> tuple[dict[str, object], list[Forecast]]:
    """Say what was looked at, and predict: sumcheck for both targets and each batch,
    a claim of optimistic, receipts of tee for each batch, then ezkl with an input that is shown
    and with one that is hidden.

    Raises `CircuitError` for a program without proofs, `ModelError` for a model without program.
    """
    about = describe_machine()
    machine = Machine(_core.backend(), int(str(about["cores"])), machine_bytes() * 9 // 10)
    record = subject.stored.record
    head: dict[str, object] = {
        "model": f"{record.name}@{record.version}",
        "machine": f"{about['cpu']}, {about['cores']} cores, {about['native']}",
    }
    found: list[Forecast] = []
    if "sumcheck" in systems:
        program, blobs = _program(subject)
        head["program"] = f"0x{program.digest().hex()}"
        try:
            draft = draft_key(program, blobs)
        except VerificationError as error:
            raise CircuitError(f"the program cannot be proven: {error.message}") from error
        for target in Target:
            found += forecast(draft, target, tuple(dict.fromkeys(batches)), machine)
    if "optimistic" in systems:
        found.append(optimistic.forecast(*_program(subject)))
    if "tee" in systems:
        program, blobs = _program(subject)
        found += [tee.forecast(program, blobs, batch) for batch in dict.fromkeys(batches)]
    if "ezkl" in systems:
        found += [
            ezkl.forecast(subject.stored, machine.memory_bytes, visibility)
            for visibility in (InputVisibility.PUBLIC, InputVisibility.HASHED)
        ]
    return head, found


def _program(subject: Subject) -> tuple[Program, Sequence[Blob]]:
    try:
        kept = kept_program(subject.home, subject.stored.digest)
    except ModelError:
        # Damaged, so that it is made again; nothing is kept of what is made here.
        kept = None
    if kept is not None and subject.bits in (None, kept.report["bits"]):
        return kept.load()
    compiled = compile_stored(subject.stored, subject.bits)
    return compiled.program, compiled.blobs
