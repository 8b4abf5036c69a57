"""Having a bundle judged for a page: bounded in number and time, away from the event loop."""

import json
import time
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from avow.api.problems import Problem
from avow.prover import judging
from avow.prover.errors import Undecided
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.policy import FORMAT

SECONDS = 60.0
_AT_ONCE = 2
_MAY_WAIT = 6
_limiter: RunVar[CapacityLimiter] = RunVar("avow.api.console.checking.limiter")


class Outcome(Enum):
    """What became of a check."""

    ACCEPTED = "accepted"
    NOT_FINAL = "not final"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verifier's verdict as its `--json` says it; where it refused, the step and the reason."""

    outcome: Outcome
    seconds: float
    verdict: dict[str, Any] = field(default_factory=dict)
    step: str = ""
    reason: str = ""


async def judge(bundle: bytes, policy: bytes | None, allow_unsafe_srs: bool) -> Judgement:
    """What `avow verify` says of a bundle now, under a policy file that was parsed before.

    Raises `Problem` (503) where too many wait already. Whatever the bundle does to the process
    that looks at it, this one goes on.
    """
    limiter = _checks()
    if limiter.statistics().tasks_waiting >= _MAY_WAIT:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{_AT_ONCE} bundles are being checked and {_MAY_WAIT} wait already; try again",
            {"Retry-After": "5"},
        )
    wanted = _allowing(policy) if allow_unsafe_srs else policy
    return await to_thread.run_sync(_judge, bundle, wanted, limiter=limiter)


def _allowing(policy: bytes | None) -> bytes:
    value = {"format": FORMAT} if policy is None else json.loads(policy)
    return json.dumps({**value, "unsafe_allow_unsafe_srs": True}).encode("ascii")


def _judge(bundle: bytes, policy: bytes | None) -> Judgement:
    began = time.monotonic()
    try:
        # Most of what is no bundle need not cost a process.
        parse_bundle(bundle)
    except VerificationError as error:
        return _refused(began, error.step, error.message)
    # The verifier reads no clock; what may still be challenged is judged at this one.
    question = judging.Question(bundle, policy, int(time.time()))
    try:
        value = judging.judge(question, SECONDS)
    except Undecided as error:
        return Judgement(
            Outcome.UNDECIDED,
            time.monotonic() - began,
            reason=str(error).removeprefix("nothing was decided: "),
        )
    if value.get("accepted") is not True:
        return _refused(began, str(value.get("step", "")), str(value.get("reason", "")))
    outcome = Outcome.ACCEPTED if value["final"] is True else Outcome.NOT_FINAL
    return Judgement(outcome, time.monotonic() - began, verdict=value)


def _refused(began: float, step: str, reason: str) -> Judgement:
    return Judgement(Outcome.REFUSED, time.monotonic() - began, step=step, reason=reason)


def _checks() -> CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_AT_ONCE)
        _limiter.set(limiter)
        return limiter
