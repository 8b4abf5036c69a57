"""A folder in which a compilation is built step by step, and taken up again after a stop."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from avow.circuits.errors import CircuitError
from avow.circuits.files import read_json, sha256_file, write_json

_JOURNAL = "steps.json"

Report = Callable[[str, str], None]


class Workbench:
    """Steps whose files are there and unaltered are not done again.

    `report` is told each step's name and `kept` or `done`.
    """

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder = folder
        self._report = report
        self._journal: dict[str, Any] = {}
        if (folder / _JOURNAL).exists():
            try:
                self._journal = read_json(folder / _JOURNAL)
            except CircuitError:
                # A damaged journal only costs doing the steps again.
                self._journal = {}

    def step(
        self,
        name: str,
        depends_on: Mapping[str, Any],
        files: tuple[str, ...],
        action: Callable[[], Any],
    ) -> Any:
        """The JSON value of a step that writes `files` and is made from `depends_on` alone."""
        canonical = json.dumps(depends_on, sort_keys=True).encode("utf-8")
        key = hashlib.sha256(canonical).hexdigest()
        noted = self._journal.get(name)
        if isinstance(noted, dict) and noted.get("key") == key and self._intact(noted, files):
            self._report(name, "kept")
            return noted["value"]
        self._journal.pop(name, None)
        value = action()
        self._journal[name] = {
            "key": key,
            "files": {file: sha256_file(self.folder / file).hex() for file in files},
            "value": value,
        }
        write_json(self.folder / _JOURNAL, self._journal)
        self._report(name, "done")
        return value

    def digest(self, name: str) -> str:
        """SHA-256 of one of the folder's files, for a later step's `depends_on`."""
        return sha256_file(self.folder / name).hex()

    def discard_journal(self) -> None:
        """Forget the steps: the folder is about to become an artifact."""
        (self.folder / _JOURNAL).unlink(missing_ok=True)

    def _intact(self, noted: dict[str, Any], files: tuple[str, ...]) -> bool:
        digests = noted.get("files")
        if not isinstance(digests, dict) or set(digests) != set(files):
            return False
        try:
            return all(self.digest(file) == digests[file] for file in files)
        except CircuitError:
            return False


def discard(folder: Path) -> None:
    """Remove a build folder and all in it."""
    shutil.rmtree(folder, ignore_errors=True)
