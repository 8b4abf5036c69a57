"""Verdicts on the bundles stored here, made beside the requests and kept while they fit."""

import asyncio
from collections import OrderedDict

from avow.api.console.checking import Judgement, judge
from avow.api.problems import Problem

_KEPT = 256


class Verdicts:
    """Judgements by the SHA-256 of their bundles, which never change.

    Of one event loop. A judgement is begun when somebody first asks for it and is there when it
    is asked for again.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, Judgement] = OrderedDict()
        self._begun: dict[str, asyncio.Task[None]] = {}

    def begun(self, sha256: str) -> bool:
        """Whether a judgement is there or being made."""
        return sha256 in self._known or sha256 in self._begun

    def find(self, sha256: str) -> Judgement | None:
        """The judgement, once it was made."""
        return self._known.get(sha256)

    def begin(self, sha256: str, bundle: bytes) -> None:
        """Has a bundle judged. Stored here means proven here, so an unsafe string is allowed;
        the judgement says so."""
        if not self.begun(sha256):
            task = asyncio.create_task(self._judge(sha256, bundle))
            self._begun[sha256] = task

    async def _judge(self, sha256: str, bundle: bytes) -> None:
        try:
            self._known[sha256] = await judge([bundle], None, allow_unsafe_srs=True)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        except (Problem, OSError):
            # Too many wait, or there is no room for its file: whoever looks again begins again.
            return
        finally:
            del self._begun[sha256]
