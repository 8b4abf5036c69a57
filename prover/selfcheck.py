"""Checking a bundle before anybody sees it: the verifier itself, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from avow.prover.children import before_exec
from avow.prover.enclave.registered import terms_json
from avow.prover.errors import TryAgain, WorkFailed
from avow.prover.systems.system import Limits, Tick
from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.fields import to_hex
from avow.verifier.mixed.exits import ACCEPTED, NOT_FINAL
from avow.verifier.policy import FORMAT, Policy
from avow.verifier.verdict import Assurance

_TICK_SECONDS = 0.2
# Python, its libraries' address space and a bundle of the largest size.
_LEAST_MEMORY = 4 * 2**30


def check_draft(draft: Path, policy: Policy, limits: Limits, tick: Tick) -> Assurance:
    """Runs `python -m avow.verifier` on a draft, exactly what anybody else will run.

    Gives the verdict's assurance.

    The process is separate because a system's half may bring native code that must not take
    the worker down. Raises TryAgain when the draft does not convince, or the check dies or
    takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="avow-check-") as folder:
        wanted = Path(folder) / "policy.json"
        wanted.write_bytes(canonical.encode(policy_json(policy)))
        # Before anything could be final: that is not what is asked here.
        arguments = [str(draft), "--policy", str(wanted), "--at", "0", "--json"]
        code, output = run_module("avow.verifier", arguments, limits, tick)
    if code not in (ACCEPTED, NOT_FINAL):
        raise TryAgain(f"the evidence did not pass its own check: {_reason(code, output)}")
    try:
        # Whatever else was printed stands before or behind it.
        value, _ = json.JSONDecoder().raw_decode(output, f"\n{output}".rindex("\n{\n"))
        return Assurance(value["assurance"])
    except (ValueError, KeyError, TypeError):
        raise TryAgain("the evidence's own check did not say what it is worth") from None


def check_drafts(
    drafts: Sequence[tuple[Path, Policy]], limits: Limits, tick: Tick
) -> list[Assurance | WorkFailed]:
    """Runs the verifier once on all drafts of one proof: each one's assurance, or what is wrong.

    Each verdict is that of `check_draft`, but the proof that they share is checked once. Raises
    TryAgain when the check dies or takes too long: then nothing is known of any.
    """
    with tempfile.TemporaryDirectory(prefix="avow-check-") as folder:
        wanted = []
        for number, (draft, policy) in enumerate(drafts):
            path = Path(folder) / f"policy-{number}.json"
            path.write_bytes(canonical.encode(policy_json(policy)))
            wanted.append((str(draft), str(path)))
        listed = Path(folder) / "list.json"
        listed.write_text(json.dumps(wanted), "utf-8")
        code, output = run_module("avow.prover.checking", [str(listed)], limits, tick)
    try:
        # Whatever else was printed stands before it.
        found = json.loads(output.splitlines()[-1]) if code == 0 and output else None
    except ValueError:
        found = None
    if not isinstance(found, list) or len(found) != len(drafts):
        raise TryAgain(f"the evidence's own check failed: {_reason(code, output)}")
    return [_told(said) for said in found]


def _told(said: object) -> Assurance | WorkFailed:
    """One line of `avow.prover.checking`."""
    try:
        kind, text = cast(Sequence[str], said)
        if kind == "accepted":
            return Assurance(text)
    except (ValueError, TypeError):
        text = "it was not judged"
    return TryAgain(f"the evidence did not pass its own check: {text}")


def policy_json(policy: Policy) -> Json:
    """The policy file with the pins that a prover sets; see `avow.verifier.policy`."""
    value: dict[str, Json] = {
        "format": FORMAT,
        "minimum_assurance": policy.minimum_assurance.value,
        "unsafe_allow_unsafe_srs": policy.unsafe_allow_unsafe_srs,
    }
    pins = {
        "model": policy.model,
        "record": policy.record,
        "program": policy.program,
        "order": policy.order,
        "provider": policy.provider,
    }
    value |= {key: to_hex(pin) for key, pin in pins.items() if pin is not None}
    if policy.sample is not None:
        value["sample"] = policy.sample.to_json()
    if policy.attestation is not None:
        value["attestation"] = terms_json(policy.attestation)
    if policy.systems is not None:
        value["systems"] = list(policy.systems)
    if policy.nonce is not None:
        value["nonce"] = str(policy.nonce)
    if policy.domain is not None:
        market = to_hex(policy.domain.market)
        value["domain"] = {"chain_id": str(policy.domain.chain_id), "market": market}
    if policy.outputs is not None:
        value["outputs"] = [tensor.to_json() for tensor in policy.outputs]
    return value


def run_module(module: str, arguments: list[str], limits: Limits, tick: Tick) -> tuple[int, str]:
    """Runs a module in a bounded process; its status, and what it printed up to 4 MiB.

    Raises TryAgain when it takes too long.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter on our own files
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=before_exec(max(limits.memory, _LEAST_MEMORY)),
        )
        try:
            deadline = time.monotonic() + limits.seconds
            while process.poll() is None:
                tick("checking", None)
                if time.monotonic() > deadline:
                    raise TryAgain(f"the check took more than {limits.seconds:g} s")
                try:
                    process.wait(_TICK_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        output.seek(0)
        return process.returncode, output.read(2**22).decode("utf-8", errors="replace")


def _reason(code: int, output: str) -> str:
    try:
        value = json.loads(output)
        return f"{value['step']}: {value['reason']}"
    except (ValueError, KeyError, TypeError):
        said = " ".join(output.split())[-300:]
        return f"the verifier ended with {code}" + (f": {said}" if said else "")
