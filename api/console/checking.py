"""Having a bundle judged: the verifier itself, in a process of its own, for a bounded time."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from avow.api.problems import Problem
from avow.prover.children import before_exec
from avow.verifier.cli import ACCEPTED, NOT_FINAL, REJECTED

SECONDS = 60
_MEMORY = 4 * 2**30
# A verdict carries the outputs, which may be long; it is for reading.
_MOST_SAID = 16 * 2**20
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
    """What `avow verify` says of a bundle now. Raises `Problem` (503) where too many wait already.

    Whatever the bundle does to the process that looks at it, this one goes on.
    """
    limiter = _checks()
    if limiter.statistics().tasks_waiting >= _MAY_WAIT:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{_AT_ONCE} bundles are being checked and {_MAY_WAIT} wait already; try again",
            {"Retry-After": "5"},
        )
    return await to_thread.run_sync(_judge, bundle, policy, allow_unsafe_srs, limiter=limiter)


def _judge(bundle: bytes, policy: bytes | None, allow_unsafe_srs: bool) -> Judgement:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="avow-console-") as folder:
        path = Path(folder) / "bundle.avow.json"
        path.write_bytes(bundle)
        # The verifier reads no clock; what may still be challenged is judged at this one.
        arguments = [str(path), "--json", "--at", str(int(time.time()))]
        if policy is not None:
            wanted = Path(folder) / "policy.json"
            wanted.write_bytes(policy)
            arguments += ["--policy", str(wanted)]
        if allow_unsafe_srs:
            arguments.append("--allow-unsafe-srs")
        code, said = _run(arguments)
    seconds = time.monotonic() - began
    if code is None:
        return Judgement(
            Outcome.UNDECIDED, seconds, reason=f"the check took more than {SECONDS} seconds"
        )
    try:
        value = json.loads(said)
        if code == REJECTED:
            return Judgement(
                Outcome.REFUSED, seconds, step=str(value["step"]), reason=str(value["reason"])
            )
        if code in (ACCEPTED, NOT_FINAL) and value["accepted"] is True:
            outcome = Outcome.ACCEPTED if code == ACCEPTED else Outcome.NOT_FINAL
            return Judgement(outcome, seconds, verdict=value)
    except (ValueError, KeyError, TypeError):
        pass
    return Judgement(Outcome.UNDECIDED, seconds, reason=_ended(code, said))


def _run(arguments: list[str]) -> tuple[int | None, str]:
    """Exit status (None: it took too long) and what was printed."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter on our own files
            [sys.executable, "-P", "-m", "avow.verifier", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            preexec_fn=before_exec(_MEMORY),
        )
        try:
            code: int | None = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        output.seek(0)
        return code, output.read(_MOST_SAID + 1).decode("utf-8", errors="replace")


def _ended(code: int, said: str) -> str:
    if len(said) > _MOST_SAID:
        return "the verdict is too long for a page; run avow verify yourself"
    if code < 0:
        return f"the process that checked it was ended by signal {-code}"
    return "this machine lacks what the check needs; run avow verify to see what"


def _checks() -> CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_AT_ONCE)
        _limiter.set(limiter)
        return limiter
