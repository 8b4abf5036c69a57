"""Compiling a model for `optimistic/v1`: program, key, record; no keys to make, no string."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avow.circuits.artifact import Artifact, earlier_artifact, finish
from avow.circuits.errors import CircuitError
from avow.circuits.lock import building_of
from avow.circuits.optimistic.heaviest import Heaviest, heaviest_element
from avow.circuits.optimistic.record import build_record
from avow.circuits.programs import obtain_program
from avow.models.program.files import write_program
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.systems.optimistic.claim import MATERIAL_BYTES, SYSTEM_ID, TENSOR_BYTES
from avow.verifier.systems.optimistic.effort import refuse_endless
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.trace.key import ProgramKey, program_key

if TYPE_CHECKING:
    from avow.models.store import StoredModel

Report = Callable[[str, str], None]
WINDOW_SECONDS = 3600
# Of program, constants, tensors and inputs: as base64 they leave a bundle over a MiB for the rest.
SHOWN_BYTES = 47 * 2**20


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile.

    `bits` None takes the program that the model has, or the cheapest that keeps fidelity. `window`
    is for how many seconds a claim may be challenged. `force` compiles the program again, too.
    """

    bits: int | None = None
    window: int = WINDOW_SECONDS
    force: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A finished artifact, its heaviest element, and whether it was made just now."""

    artifact: Artifact
    heaviest: Heaviest
    fresh: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A program that can be refuted, with all that follows from it."""

    key: ProgramKey
    heaviest: Heaviest


def compile_model(
    stored: "StoredModel", home: Path, options: Options, artifacts: Path, report: Report
) -> Made:
    """Make the artifact, or find the same one made before; returns it checked.

    `report` is told every step's name and what came of it. Raises `CircuitError`, and
    `ModelError` for a model that does not compile to a program.
    """
    with building_of(artifacts, SYSTEM_ID, stored.digest) as build:
        kept = obtain_program(stored, home, options.bits, options.force, report)
        program, blobs = kept.load()
        made = draft(program, blobs)
        report("key", f"{len(made.key.descriptors)} tensors described")
        report("heaviest", f"{made.heaviest.gas:,} gas to check one element")
        record = build_record(stored.record, program, made.key, kept.report, options.window)
        target = artifacts / record.digest().hex()
        if not options.force:
            earlier = earlier_artifact(target)
            if earlier is not None:
                report("artifact", "kept")
                return Made(earlier, made.heaviest, False)
        write_program(build, program, blobs)
        artifact = finish(build, stored.record, record)
        report("artifact", "done")
        return Made(artifact, made.heaviest, True)


def draft(program: Program, blobs: list[Blob]) -> Draft:
    """The key and the heaviest element; raises `CircuitError` for what cannot be claimed."""
    material = len(program.encode()) + sum(len(blob.data) for blob in blobs)
    if material > MATERIAL_BYTES:
        raise CircuitError(
            f"program and constants have {material:,} bytes, a bundle of {SYSTEM_ID} holds "
            f"{MATERIAL_BYTES:,}"
        )
    try:
        # Whoever checks a run takes at least a sample of it.
        refuse_endless(program, Sample(1, bytes(32)))
        key = program_key(program, blobs)
    except VerificationError as error:
        raise CircuitError(f"runs of this program cannot be claimed: {error.message}") from error
    sizes = [descriptor.result.size for descriptor in key.descriptors]
    size = sum(sizes)
    if size > TENSOR_BYTES:
        raise CircuitError(
            f"the tensors of a run have {size:,} bytes, a bundle of {SYSTEM_ID} holds "
            f"{TENSOR_BYTES:,}"
        )
    # Inputs stand beside the tensors, too, and large ones could leave no room for the rest.
    shown = material + size + sum(sizes[: len(program.inputs)])
    if shown > SHOWN_BYTES:
        raise CircuitError(
            f"program, constants, the tensors of a run and its inputs have {shown:,} bytes, a "
            f"bundle of {SYSTEM_ID} holds {SHOWN_BYTES:,}"
        )
    return Draft(key, heaviest_element(key))
