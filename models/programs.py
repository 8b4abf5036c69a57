"""Which exact program a model of the store was compiled to, kept beside the programs themselves.

`programs/<program digest>/` is the program, `programs/by-model/<model digest>.json` says which one
a model got last on this machine and what its compilation reported.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.models.errors import ModelError
from avow.models.files import read_bounded, write_whole
from avow.models.program.files import ProgramStore
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program

_BY_MODEL = "by-model"
_REPORT_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class KeptProgram:
    """A model's program on this machine: its digest, its folder, what its compilation reported.

    The report is for people: nothing that is proven or answered depends on it.
    """

    digest: bytes
    folder: Path
    report: dict[str, Any]

    def load(self) -> tuple[Program, list[Blob]]:
        """The program and its blobs, checked against the digest; raises `ModelError`."""
        return ProgramStore(self.folder.parent).load(self.digest)


def keep_program(
    home: Path, model: bytes, program: Program, blobs: Sequence[Blob], report: dict[str, Any]
) -> KeptProgram:
    """Store a program with its compilation's report and note that it is the model's.

    Raises `ModelError` when nothing can be written.
    """
    store = ProgramStore.at(home)
    digest = store.add(program, blobs)
    note = {"program": digest.hex(), "report": report}
    write_whole(_note(home, model), json.dumps(note).encode("utf-8"))
    return KeptProgram(digest, store.folder(digest), report)


def kept_program(home: Path, model: bytes) -> KeptProgram | None:
    """The program that a model got last, None where it was never compiled to one here.

    Raises `ModelError` for a note that is damaged or whose program is gone.
    """
    path = _note(home, model)
    if not path.exists():
        return None
    data = read_bounded(path, _REPORT_BYTES, "program note")
    try:
        value = json.loads(data)
        digest, report = bytes.fromhex(value["program"]), value["report"]
        if len(digest) != 32 or report["program_digest"] != "0x" + digest.hex():
            raise ValueError("digests")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged; compile the model again") from error
    store = ProgramStore.at(home)
    if not store.has(digest):
        raise ModelError(f"{store.folder(digest)} is gone; compile the model again")
    return KeptProgram(digest, store.folder(digest), report)


def _note(home: Path, model: bytes) -> Path:
    return ProgramStore.at(home).root / _BY_MODEL / f"{model.hex()}.json"
