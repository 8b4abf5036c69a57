"""Inputs of orders on disk: what is locked must be answered, whatever becomes of its place."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from avow.models.errors import ModelError
from avow.models.files import keep_names, write_whole
from avow.prover.nodes.offers import Declined

_SUFFIX = ".input"
_DRAFTS = ".*.draft"


class KeptInputs:
    """A folder of one provider's own, a file for each name; at most `most` bytes in all.

    Nothing makes room for anything else: a file goes when no order needs it any more.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self.most = most
        self._writing = threading.Lock()
        for draft in folder.glob(_DRAFTS):
            # A crash left it: one account has one provider.
            with suppress(OSError):
                draft.unlink()

    def holds(self, name: bytes, size: int) -> bool:
        """Whether so many bytes are kept under a name."""
        try:
            return self._path(name).stat().st_size == size
        except OSError:
            return False

    def read(self, name: bytes, size: int) -> bytes | None:
        """The bytes that were kept under a name, None without `size` of them; unchecked."""
        if not self.holds(name, size):
            # Nor is a named pipe opened, which would be waited for.
            return None
        try:
            with self._path(name).open("rb") as stream:
                data = stream.read(size + 1)
        except OSError:
            return None
        return data if len(data) == size else None

    def check_room(self, name: bytes, size: int) -> None:
        """Raises Declined where there is no room for so many bytes under a name."""
        if size > self.most:
            raise Declined(f"its input has {size} bytes, at most {self.most} are kept here")
        others = self._sizes()
        others.pop(self._path(name).name, None)
        if sum(others.values()) + size > self.most:
            raise Declined(
                f"no room for its input of {size} bytes: at most {self.most} are kept for all "
                "orders together",
                final=False,
            )

    def write(self, name: bytes, data: bytes) -> None:
        """Keeps them, safe on disk; raises Declined where there is no room."""
        with self._writing:
            self.check_room(name, len(data))
            try:
                write_whole(self._path(name), data)
                keep_names(self._folder)
            except (ModelError, OSError) as error:
                raise Declined(f"its input cannot be kept: {error}", final=False) from error

    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._sizes()

    def keep_only(self, names: Collection[bytes]) -> None:
        """Removes the files of all others."""
        needed = {self._path(one).name for one in names}
        for file in set(self._sizes()).difference(needed):
            # What cannot be removed now is looked at again.
            with suppress(OSError):
                (self._folder / file).unlink()

    def remove(self, name: bytes) -> None:
        """What was kept under a name is not wanted any more."""
        with suppress(OSError):
            self._path(name).unlink()

    def _sizes(self) -> dict[str, int]:
        """Every file but drafts, which are being written."""
        sizes = {}
        # It may have gone meanwhile; and what cannot be looked at stops no order of another input.
        with suppress(OSError):
            for path in self._folder.glob(f"[0-9a-f]*{_SUFFIX}"):
                with suppress(OSError):
                    sizes[path.name] = path.lstat().st_size
        return sizes

    def _path(self, name: bytes) -> Path:
        return self._folder / f"{name.hex()}{_SUFFIX}"
