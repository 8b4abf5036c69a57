"""Having a bundle judged for a page: bounded in number and time, away from the event loop."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from http import HTTPStatus
from typing import Any

from anyio import to_thread

from avow.api.problems import Problem
from avow.api.turns import Turns
from avow.prover import judging
from avow.prover.errors import Undecided
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError

SECONDS = 60.0
_MAY_WAIT = 6
_TURNS = Turns("avow.api.console.checking.limiter", 2)


class Outcome(Enum):
    """What became of a check."""

    ACCEPTED = "accepted"
    NOT_FINAL = "not final"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verifier's verdict as its `--json` says it; where it refused, the step and the reason.

    `evidence` is what became of each branch of an evidence policy, accepted or not.
    """

    outcome: Outcome
    seconds: float
    verdict: dict[str, Any] = field(default_factory=dict)
    step: str = ""
    reason: str = ""
    evidence: dict[str, Any] | None = None


async def judge(
    bundles: Sequence[bytes], policy: bytes | None, allow_unsafe_srs: bool
) -> Judgement:
    """What `avow verify` says of bundles now, under a policy file that was parsed before.

    One bundle, or several under an evidence policy, which one process judges together. Raises
    `Problem` (503) where too many wait already. Whatever a bundle does to the process that looks at
    it, this one goes on.
    """
    limiter = _TURNS.limiter()
    if limiter.statistics().tasks_waiting >= _MAY_WAIT:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{_TURNS.at_once} bundles are being checked and {_MAY_WAIT} wait already; try again",
            {"Retry-After": "5"},
        )
    # The verifier reads no clock; what may still be challenged is judged at this one.
    first, *beside = bundles
    question = judging.Question(first, policy, int(time.time()), tuple(beside), allow_unsafe_srs)
    return await to_thread.run_sync(_judge, question, limiter=limiter)


def _judge(question: judging.Question) -> Judgement:
    began = time.monotonic()
    try:
        # Most of what is no bundle need not cost a process. Of several one may be enough.
        if not question.beside:
            parse_bundle(question.bundle)
    except VerificationError as error:
        return _refused(began, error.step, error.message)
    try:
        value = judging.judge(question, SECONDS)
    except Undecided as error:
        return Judgement(
            Outcome.UNDECIDED,
            time.monotonic() - began,
            reason=str(error).removeprefix("nothing was decided: "),
        )
    if value.get("accepted") is not True:
        refused = _refused(began, str(value.get("step", "")), str(value.get("reason", "")))
        return replace(refused, evidence=value.get("evidence"))
    outcome = Outcome.ACCEPTED if value["final"] is True else Outcome.NOT_FINAL
    seconds = time.monotonic() - began
    return Judgement(outcome, seconds, verdict=value, evidence=value.get("evidence"))


def _refused(began: float, step: str, reason: str) -> Judgement:
    return Judgement(Outcome.REFUSED, time.monotonic() - began, step=step, reason=reason)
