"""Verdicts on the bundles stored here, made beside the requests and kept while they fit."""

import asyncio
from collections import OrderedDict
from pathlib import Path

from anyio import to_thread

from avow.api.console.checking import Judgement, judge
from avow.api.problems import Problem
from avow.prover.errors import TryAgain
from avow.prover.selfcheck import policy_json
from avow.prover.systems.assurance import own_policy
from avow.verifier import canonical

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

    def begin(self, sha256: str, bundle: bytes, system: str, home: Path) -> None:
        """Has a bundle of a system judged under the policy of whoever made it in `home`.

        Where nobody here did it is judged under the default one. Stored here means made here, so
        an unsafe string is allowed; the judgement says so.
        """
        if not self.begun(sha256):
            task = asyncio.create_task(self._judge(sha256, bundle, system, home))
            self._begun[sha256] = task

    async def _judge(self, sha256: str, bundle: bytes, system: str, home: Path) -> None:
        try:
            policy = await to_thread.run_sync(_policy, bundle, system, home)
            self._known[sha256] = await judge([bundle], policy, allow_unsafe_srs=True)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        except (Problem, OSError):
            # Too many wait, or there is no room for its file: whoever looks again begins again.
            return
        finally:
            del self._begun[sha256]


def _policy(bundle: bytes, system: str, home: Path) -> bytes | None:
    try:
        return canonical.encode(policy_json(own_policy(system, home, bundle)))
    except (TryAgain, ImportError):
        # Also where what evidence of an enclave rests on is not installed.
        return None
