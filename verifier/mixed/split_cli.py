"""What `avow verify FIRST SECOND --split RECORD` does: both parts of a split model."""

import argparse
import json

from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.mixed.exits import ACCEPTED, NOT_FINAL, REJECTED, rejection, shown, unusable
from avow.verifier.mixed.reading import read_bounded, read_policy
from avow.verifier.mixed.split import SplitVerdict, verify_split
from avow.verifier.mixed.split_record import SplitRecord, parse_split_record


def judge_split(options: argparse.Namespace, program: str) -> int:
    """Judge both bundles by the split's record and print the verdict; returns the exit status."""
    try:
        if len(options.bundle) != 2:
            said = f"--split: expected two bundles, FIRST and SECOND, got {len(options.bundle)}"
            return unusable(program, said)
        record, policy = _record(options), read_policy(options)
        first, second = (read_bounded(path, LIMITS.bundle_bytes) for path in options.bundle)
    except OSError as error:
        return unusable(program, f"{error.filename}: {error.strerror}")
    except VerificationError as error:
        return unusable(program, error.message)
    try:
        verdict = verify_split(first, second, record, policy, options.at)
    except VerificationError as error:
        if error.step == "setup":
            return unusable(program, f"undecided: {error.message}")
        said, status = rejection(error, options.json), REJECTED
    else:
        said = json.dumps(verdict.to_json(), indent=2) if options.json else told(verdict)
        status = ACCEPTED if verdict.final else NOT_FINAL
    return shown(program, said, status)


def told(verdict: SplitVerdict) -> str:
    """The verdict in plain words: the whole first, then either part's own."""
    # The command line's module begins with this one.
    from avow.verifier.cli import describe

    between = verdict.record.between
    kind = f"{between.element_type.value} {'x'.join(map(str, between.shape))}"
    open_until = f" until {verdict.final_at} (says the {verdict.final_at_by}): not final"
    hides = "inputs and weights" if verdict.first.hides.value == "both" else "weights"
    lines = [
        f"ACCEPTED: {verdict.assurance.value}{'' if verdict.final else open_until}",
        "  means          no more than the weaker part: "
        f"{verdict.first.assurance.value}, then {verdict.second.assurance.value}",
        f"  split          0x{verdict.record.digest().hex()}",
        f"  hides          the first part's {hides}",
        f"  shows          {between.name!r} between the parts ({kind}, scale {between.scale}), "
        "the second part's weights",
        *(f"  {step.name:<14} {step.established}" for step in verdict.steps),
        *(f"  NOT CHECKED    {item}" for item in verdict.not_checked),
    ]
    for name, part in (("first", verdict.first), ("second", verdict.second)):
        lines.append(f"{name} part " + describe(part))
    return "\n".join(lines)


def _record(options: argparse.Namespace) -> SplitRecord:
    try:
        return parse_split_record(read_bounded(options.split, LIMITS.record_bytes))
    except VerificationError as error:
        raise VerificationError(error.step, f"{options.split}: {error.message}") from error
