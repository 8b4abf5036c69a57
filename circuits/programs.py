"""The exact program that a model is compiled to, made where there is none yet."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from avow.models.errors import ModelError
from avow.models.programs import KeptProgram, keep_program, kept_program

if TYPE_CHECKING:
    from avow.models.store import StoredModel

Report = Callable[[str, str], None]


def obtain_program(
    stored: "StoredModel", home: Path, bits: int | None, force: bool, report: Report
) -> KeptProgram:
    """The program that is kept for the model if it has so many `bits`, else a new one.

    `force` makes it again in any case. `report` is told what came of it. Raises `ModelError` for a
    model that does not compile to a program.
    """
    try:
        kept = None if force else kept_program(home, stored.digest)
    except ModelError:
        # Damaged, so that it is made again.
        kept = None
    # A note of an earlier release does not say what calibration showed.
    if kept is not None and "observed" in kept.report and bits in (None, kept.report["bits"]):
        report("program", "kept")
        return kept
    # What reads a program that is kept needs no compiler.
    from avow.models.compiler.stored import compile_stored

    compiled = compile_stored(stored, bits, lambda what: report("program", what))
    report("program", "done")
    return keep_program(home, stored.digest, compiled.program, compiled.blobs, compiled.report)
