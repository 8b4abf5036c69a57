"""What every store of bundles does: one immutable object per statement, whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from avow.prover.errors import NotReady, TryAgain

SUFFIX = ".avow.json"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object of the store: its name, SHA-256 and size in bytes."""

    name: str
    sha256: bytes
    size: int


class StoredAlready(TryAgain):
    """Other bytes are stored under the same statement; `stored` describes them.

    They may be another proof of the same statement, so who is told must check them anew.
    """

    def __init__(self, stored: StoredFile) -> None:
        super().__init__(f"another bundle {stored.name} is stored already")
        self.stored = stored


class BundleStore(Protocol):
    """Bundles by the digest of their statement; nothing is ever overwritten.

    Every method raises TryAgain when the store does not answer or refuses.
    """

    def draft(self, data: bytes) -> Path:
        """Writes unpublished bytes to a file of this machine, safe on disk; the caller checks them.

        Raises TryAgain when the disk is full or refuses.
        """
        ...

    def publish(self, draft: Path, statement: bytes) -> StoredFile:
        """Stores a checked draft under its statement and removes the draft.

        The same bytes may be there already. Raises StoredAlready when others are.
        """
        ...

    def find(self, statement: bytes) -> StoredFile | None:
        """The bundle of a statement, when one is stored."""
        ...

    def read(self, name: str, sha256: bytes, span: range | None = None) -> bytes:
        """A stored bundle's bytes, or those at the positions in `span` (step 1, within its size).

        Raises NotReady when the bundle is missing or its bytes do not have this digest: also for a
        part, whose whole is read first unless this very object was checked before.
        """
        ...

    def free(self) -> int:
        """Bytes that the disk under the drafts has left."""
        ...

    def sweep(self, now: float | None = None) -> int:
        """Deletes drafts that a crash left a day ago or more; returns how many."""
        ...


class CheckedObjects:
    """Which versions of which objects had the digest that was asked for; the last ones only.

    `version` is whatever tells one content of a name from the next: a file's identity and time, a
    bucket's entity tag.
    """

    _MOST = 1024

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], str] = {}

    def read(
        self,
        name: str,
        sha256: bytes,
        span: range | None,
        version: str,
        whole: Callable[[], bytes],
        part: Callable[[range], bytes],
    ) -> bytes:
        """The bytes wanted, by `part` where this version of the object was checked before."""
        if span is not None and self._known.get((name, sha256)) == version:
            data = part(span)
            if len(data) != len(span):
                raise NotReady(f"the stored bundle {name} is shorter than it was")
            return data
        data = whole()
        if hashlib.sha256(data).digest() != sha256:
            raise NotReady(f"the stored bundle {name} was altered after it was written")
        while len(self._known) >= self._MOST:
            self._known.pop(next(iter(self._known)), None)
        self._known[name, sha256] = version
        return data if span is None else data[span.start : span.stop]
