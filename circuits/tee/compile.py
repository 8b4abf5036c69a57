"""Compiling a model for `tee/v1`: program and record; no keys to make, no string."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.artifact import Artifact, earlier_artifact, finish
from avow.circuits.errors import CircuitError
from avow.circuits.files import write_file
from avow.circuits.lock import building_of
from avow.circuits.programs import obtain_program
from avow.circuits.tee.files import REFERENCE
from avow.circuits.tee.record import build_record
from avow.models.program.files import write_program
from avow.models.program.intervals import check
from avow.models.store import StoredModel
from avow.verifier.attestation.policy import AttestationPolicy
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import output_specs
from avow.verifier.systems.tee.registration import SYSTEM_ID

Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile.

    `reference` says which software may answer, and on which platforms. `bits` None takes the
    program that the model has, or the cheapest that keeps fidelity. `force` compiles the program
    again, too.
    """

    reference: AttestationPolicy
    bits: int | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A finished artifact, and whether it was made just now."""

    artifact: Artifact
    fresh: bool


def compile_model(
    stored: StoredModel, home: Path, options: Options, artifacts: Path, report: Report
) -> Made:
    """Make the artifact, or find the same one made before; returns it checked.

    `report` is told every step's name and what came of it. Raises `CircuitError`, and
    `ModelError` for a model that does not compile to a program.
    """
    with building_of(artifacts, SYSTEM_ID, stored.digest) as build:
        kept = obtain_program(stored, home, options.bits, options.force, report)
        program, blobs = kept.load()
        try:
            outputs = output_specs(program, check(program, blobs))
        except VerificationError as error:
            raise CircuitError(f"the program cannot be run: {error.message}") from error
        record = build_record(stored.record, program, outputs, kept.report, options.reference)
        report("measurements", f"{len(record.measurements)} may answer")
        target = artifacts / record.digest().hex()
        written = options.reference.encode()
        if not options.force:
            earlier = earlier_artifact(target)
            # Rows alone make the record; how far firmware may be behind can have changed.
            if earlier is not None and earlier.path(REFERENCE).read_bytes() == written:
                report("artifact", "kept")
                return Made(earlier, False)
        write_program(build, program, blobs)
        write_file(build / REFERENCE, written)
        artifact = finish(build, stored.record, record)
        report("artifact", "done")
        return Made(artifact, True)
