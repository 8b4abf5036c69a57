"""What `avow verify` does with several bundles, or with a policy over all of them."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace

from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.mixed.evaluate import verify_mixed
from avow.verifier.mixed.exits import ACCEPTED, NOT_FINAL, REJECTED, shown, unusable
from avow.verifier.mixed.outcome import Branch, EvidenceRefused, MixedVerdict
from avow.verifier.mixed.policy import FORMAT, EvidencePolicy, parse_evidence_policy
from avow.verifier.mixed.reading import read_anchor, read_bounded
from avow.verifier.mixed.split_cli import judge_split


def asks_for_several(options: argparse.Namespace) -> bool:
    """Whether this is for `judge`: several bundles, a split, or a policy file of its format."""
    if options.split is not None:
        return True
    if len(options.bundle) > 1 or options.policy is None:
        return len(options.bundle) > 1
    try:
        data = read_bounded(options.policy, LIMITS.policy_bytes)
        value = canonical.parse_lenient(data, LIMITS.policy_bytes, "policy")
    except (OSError, VerificationError):
        # Said by whoever reads it in earnest.
        return False
    return isinstance(value, dict) and value.get("format") == FORMAT


def judge(options: argparse.Namespace, program: str) -> int:
    """Judge the bundles together and print the verdict; returns the exit status."""
    if options.split is not None:
        return judge_split(options, program)
    try:
        policy = _policy(options)
        bundles = [read_bounded(path, LIMITS.bundle_bytes) for path in options.bundle]
        verdict = verify_mixed(bundles, policy, options.at)
    except OSError as error:
        return unusable(program, f"{error.filename}: {error.strerror}")
    except _PolicyRefused as error:
        return unusable(program, f"{options.policy}: {error}" if options.policy else str(error))
    except VerificationError as error:
        if error.step == "usage":
            return unusable(program, error.message)
        if error.step == "setup":
            return unusable(program, f"undecided: {error.message}")
        said, status = _rejection(error, options), REJECTED
    else:
        said = (
            json.dumps(verdict.to_json(), indent=2)
            if options.json
            else told(verdict, options.bundle)
        )
        status = ACCEPTED if verdict.final else NOT_FINAL
    return shown(program, said, status)


class _PolicyRefused(Exception):
    """The policy, not a bundle, is at fault."""


def _policy(options: argparse.Namespace) -> EvidencePolicy:
    if options.policy is None:
        said = f"several bundles: expected --policy with one of the format {FORMAT}"
        raise _PolicyRefused(said)
    try:
        policy = parse_evidence_policy(read_bounded(options.policy, LIMITS.policy_bytes))
        if (anchor := read_anchor(options)) is not None:
            policy = policy.adapted(lambda one: replace(one, anchor=anchor))
    except VerificationError as error:
        raise _PolicyRefused(error.message) from error
    if options.allow_unsafe_srs:
        policy = policy.adapted(lambda one: replace(one, unsafe_allow_unsafe_srs=True))
    return policy


def _rejection(error: VerificationError, options: argparse.Namespace) -> str:
    branches = error.branches if isinstance(error, EvidenceRefused) else None
    if options.json:
        value = {"accepted": False, "step": error.step, "reason": error.message}
        if branches is not None:
            value["evidence"] = branches.to_json()
        return json.dumps(value, indent=2)
    return refused(f"REJECTED at step {error.step}: {error.message}", branches, options.bundle)


def refused(headline: str, branches: Branch | None, bundles: Sequence[object]) -> str:
    """A refusal in plain words: what each bundle is, and what became of each branch."""
    lines = [headline, *_files(bundles)]
    return "\n".join(lines if branches is None else [*lines, *_lines(branches, "HOLDS")])


def told(verdict: MixedVerdict, bundles: Sequence[object]) -> str:
    """The verdict in plain words; `bundles` are their paths, or what else they are called."""
    from avow.verifier.cli import describe

    first = verdict.legs[0].verdict
    lines = [
        f"ACCEPTED: {len(verdict.legs)} kinds of evidence"
        + ("" if verdict.final else ", not final"),
        f"  model          0x{first.model.hex()} ({first.model_name!r})",
        *_files(bundles),
        *_lines(verdict.branches, "HOLDS, NOT NEEDED"),
    ]
    for leg in verdict.legs:
        told = describe(leg.verdict).replace("\n", "\n  ")
        lines.append(f"  {leg.place} by bundle {leg.bundle}\n  {told}")
    return "\n".join(lines)


def _files(bundles: Sequence[object]) -> list[str]:
    return [f"  bundle {number:<7} {name}" for number, name in enumerate(bundles, 1)]


def _lines(branch: Branch, spare: str) -> list[str]:
    """A line for each node of the tree, and for each reason why one does not hold."""
    state = "COUNTS" if branch.counts else spare if branch.held else "DOES NOT HOLD"
    lines = [f"  {branch.place:<24} {state}" + (f": {branch.why_not}" if branch.why_not else "")]
    if not branch.held:
        lines += [
            f"    bundle {one.bundle} at step {one.step}: {one.reason}" for one in branch.refusals
        ]
    return lines + [line for part in branch.parts for line in _lines(part, spare)]
