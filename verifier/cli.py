"""`avow-verify`, also `avow verify`: check one bundle on the command line."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.mixed.cli import asks_for_several, judge
from avow.verifier.mixed.exits import ACCEPTED, NOT_FINAL, REJECTED, rejection, shown, unusable
from avow.verifier.mixed.reading import moment, read_bounded, read_policy
from avow.verifier.verdict import Verdict
from avow.verifier.verify import verify


def parser(program: str) -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Check a bundle offline: that this model, on this input, gave this output.",
        epilog="exit status: 0 accepted, 1 rejected, 2 usage or undecided, 3 not final yet",
    )
    several = "bundle file (.avow.json); several with a policy over all of them"
    parser.add_argument("bundle", type=Path, nargs="+", help=several)
    parser.add_argument("--policy", type=Path, metavar="FILE", help="policy file (JSON)")
    parser.add_argument("--split", type=Path, metavar="FILE", help="record of a model in two parts")
    asked = "time to judge at, in Unix seconds (no clock is read)"
    parser.add_argument("--at", type=moment, metavar="TIME", help=asked)
    known = "contract of claims and hash of a block of its chain: what was settled there is final"
    parser.add_argument("--anchor", nargs=2, metavar=("CLAIMS", "BLOCK_HASH"), help=known)
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    parser.add_argument(
        "--allow-unsafe-srs",
        action="store_true",
        help="accept a locally made SRS: whoever made it can forge proofs (development only)",
    )
    return parser


def main(arguments: Sequence[str] | None = None, program: str = "avow-verify") -> int:
    """Run the command; returns the exit status."""
    options = parser(program).parse_args(arguments)
    if asks_for_several(options):
        return judge(options, program)
    try:
        data = read_bounded(options.bundle[0], LIMITS.bundle_bytes)
        policy = read_policy(options)
    except OSError as error:
        return unusable(program, f"{error.filename}: {error.strerror}")
    except VerificationError as error:
        return unusable(program, error.message)
    try:
        verdict = verify(data, policy, options.at)
    except VerificationError as error:
        if error.step == "setup":
            return unusable(program, f"undecided: {error.message}")
        said, status = rejection(error, options.json), REJECTED
    else:
        said = json.dumps(verdict.to_json(), indent=2) if options.json else describe(verdict)
        status = ACCEPTED if verdict.final else NOT_FINAL
    return shown(program, said, status)


def describe(verdict: Verdict) -> str:
    """The verdict in plain words, a line for each thing established or left open."""
    open_until = f" until {verdict.final_at} (says the {verdict.final_at_by}): not final"
    lines = [
        f"ACCEPTED: {verdict.assurance.value}{'' if verdict.final else open_until}",
        f"  statement      0x{verdict.statement.hex()}",
        f"  model          0x{verdict.model.hex()} ({verdict.model_name!r})",
        f"  system         {verdict.system}",
        f"  hides          {verdict.hides.value}",
        f"  model binding  {verdict.model_binding.value}",
    ]
    if verdict.srs is not None:
        safety = verdict.srs_name or "trusted by the policy"
        if not verdict.srs_safe:
            safety = "UNSAFE: whoever made it can forge proofs"
        lines.append(f"  srs            0x{verdict.srs.hex()} ({safety})")
    for spec, tensor in zip(verdict.output_specs, verdict.outputs, strict=True):
        shown = ", ".join(f"{real:g}" for real in spec.dequantise(tensor)[:16])
        more = ", ..." if len(tensor.values) > 16 else ""
        lines.append(f"  output         {spec.name!r} = [{shown}{more}]")
    lines += [f"  {step.name:<14} {step.established}" for step in verdict.steps]
    lines += [f"  rests on       {item}" for item in verdict.rests_on]
    lines += [f"  NOT CHECKED    {item}" for item in verdict.not_checked]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
