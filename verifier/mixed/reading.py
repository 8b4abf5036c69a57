"""Reading what a command was given: files without trusting their size, policies, times."""

import argparse
from dataclasses import replace
from pathlib import Path

from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.systems.optimistic.settlement import Anchor, parse_anchor


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's bytes, one more than `limit` where it has more."""
    # One byte more than allowed is enough to refuse a file without reading all of it.
    with path.open("rb") as stream:
        return stream.read(limit + 1)


def moment(text: str) -> int:
    """A time as an option has it: Unix seconds, in [0, 2^53)."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) < 2**53):
        raise argparse.ArgumentTypeError(f"expected Unix seconds below 2^53, got {text[:40]!r}")
    return int(text)


def read_policy(options: argparse.Namespace) -> Policy:
    """The policy of the options `--policy`, `--anchor` and `--allow-unsafe-srs`.

    Raises `VerificationError`, which names the file where that is wrong, or `OSError`.
    """
    policy = Policy()
    if options.policy is not None:
        try:
            policy = parse_policy(read_bounded(options.policy, LIMITS.policy_bytes))
        except VerificationError as error:
            raise VerificationError(error.step, f"{options.policy}: {error.message}") from error
    if (anchor := read_anchor(options)) is not None:
        policy = replace(policy, anchor=anchor)
    if options.allow_unsafe_srs:
        policy = replace(policy, unsafe_allow_unsafe_srs=True)
    return policy


def read_anchor(options: argparse.Namespace) -> Anchor | None:
    """The contract and the block of `--anchor`; None without it."""
    if options.anchor is None:
        return None
    claims, block = options.anchor
    return parse_anchor({"claims": claims, "block": block})
