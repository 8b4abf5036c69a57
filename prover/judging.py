"""Judging a stranger's bundle: the verifier in a process of its own, bounded in time and memory."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.prover.errors import TryAgain, Undecided
from avow.prover.selfcheck import run_module
from avow.prover.systems.system import Limits
from avow.verifier.mixed.exits import ACCEPTED, NOT_FINAL, REJECTED

_SECONDS = 60.0
_MEMORY = 8 * 2**30


@dataclass(frozen=True, slots=True)
class Question:
    """A bundle's bytes, those of a policy file (None: the mildest), the time to judge at in s.

    `beside` are further bundles, judged together with it; the policy is then one over all of them.
    """

    bundle: bytes
    policy: bytes | None = None
    at: int | None = None
    beside: tuple[bytes, ...] = ()
    allow_unsafe_srs: bool = False


def judge(question: Question, seconds: float = _SECONDS) -> dict[str, Any]:
    """The verdict as JSON, or `accepted` False with the step and reason of the rejection.

    The bundle may be made to harm whoever reads it, so that the reader is a process that may die.
    Raises Undecided when it did, or took too long, or the policy is none.
    """
    with tempfile.TemporaryDirectory(prefix="avow-judge-") as folder:
        arguments = ["--json"]
        for number, data in enumerate((question.bundle, *question.beside)):
            bundle = Path(folder) / f"bundle-{number}.avow.json"
            bundle.write_bytes(data)
            arguments.append(str(bundle))
        if question.allow_unsafe_srs:
            arguments.append("--allow-unsafe-srs")
        if question.policy is not None:
            policy = Path(folder) / "policy.json"
            policy.write_bytes(question.policy)
            arguments += ["--policy", str(policy)]
        if question.at is not None:
            arguments += ["--at", str(question.at)]
        try:
            limits = Limits(seconds, _MEMORY)
            code, output = run_module("avow.verifier", arguments, limits, _no_tick)
        except TryAgain as error:
            raise Undecided(f"nothing was decided: it took more than {seconds:g} s") from error
    if code in (ACCEPTED, NOT_FINAL, REJECTED):
        try:
            value = json.loads(output)
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value
    # What else the process printed may name files of this machine.
    _, said, reason = output.partition("error: undecided: ")
    ended = " ".join(reason.split())[:300] if said else f"the verifier ended with {code}"
    raise Undecided(f"nothing was decided: {ended}")


def _no_tick(stage: str, percent: int | None) -> None:
    return None
