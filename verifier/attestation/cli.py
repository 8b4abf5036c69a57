"""`avow-attestation`, also `avow attestation check`: one piece of evidence, given by path."""

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from avow.verifier.attestation.eventlog import parse_event_log
from avow.verifier.attestation.evidence_file import KINDS, MAX_BYTES, read_evidence_file
from avow.verifier.attestation.intel.collateral import parse_collateral
from avow.verifier.attestation.judgement import Judgement, Question, Verdict, judge
from avow.verifier.attestation.policy import parse_attestation_policy
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from avow.verifier.errors import VerificationError
from avow.verifier.mixed.exits import shown, unusable
from avow.verifier.mixed.reading import moment

T = TypeVar("T")
CONVINCED, REFUSED = 0, 1
_PEM = (b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Check evidence of an enclave or of NVIDIA's devices offline, step by step.",
        epilog="exit status: 0 genuine (or SIMULATED, where that was asked for), 1 refused, "
        "2 usage, or something is missing",
    )
    add = parser.add_argument
    add("evidence", type=Path, help="quote, document or device evidence; binary, hex or JSON")
    when = "Unix time to judge at: of the block that registered the key (no clock is read)"
    add("--at", type=moment, metavar="TIME", required=True, help=when)
    add("--kind", choices=KINDS, help="refuse every other kind (default: as recognised)")
    add("--collateral", type=Path, metavar="FILE", help="Intel's, for a quote")
    add("--policy", type=Path, metavar="FILE", help="avow-attestation-policy/1; none: not judged")
    add("--event-log", type=Path, metavar="FILE", help="RTMR events of a trust domain")
    add("--report-data", metavar="HEX", help="what the enclave must have put in")
    add("--certificates", type=Path, metavar="FILE", help="PEM, for a device's bare report")
    add("--nonce", metavar="HEX", help="what devices must have answered")
    values = "NVIDIA's manifest of a driver or VBIOS; may be given again"
    add("--golden-values", type=Path, metavar="FILE", action="append", default=[], help=values)
    unsafe = "accept devices without golden values: what they run is then unknown"
    add("--unsafe-missing-golden-values", action="store_true", help=unsafe)
    root = "certificate under which a SIMULATED enclave convinces, and its SHA-256"
    add("--unsafe-simulated-root", nargs=2, metavar=("FILE", "SHA256"), help=root)
    add("--json", action="store_true", help="print JSON")
    return parser


def main(arguments: Sequence[str] | None = None, program: str = "avow-attestation") -> int:
    """Run the command; returns the exit status."""
    options = _parser(program).parse_args(arguments)
    try:
        found = judge(read_evidence_file(_read(options.evidence), options.kind), _asked(options))
    except OSError as error:
        return unusable(program, f"{error.filename}: {error.strerror}")
    except VerificationError as error:
        what = "undecided: " if error.step == "setup" else ""
        return unusable(program, f"{what}{error.message}")
    said = describe(found)
    if options.json:
        said = json.dumps(found.to_json() | {"at": options.at}, indent=2)
    status = REFUSED if found.verdict is Verdict.REFUSED else CONVINCED
    return shown(program, said, status)


def describe(found: Judgement) -> str:
    """The verdict, a line for each step, and what the evidence says of itself."""
    said = {"SIMULATED": "SIMULATED: it establishes nothing about hardware"}
    lines = [f"{said.get(found.verdict.value, found.verdict.value)} ({found.kind}; {found.form})"]
    lines += [f"  {state:<11}  {name:<20} {detail}" for name, state, detail in found.steps]
    facts = found.facts.get("devices", [found.facts])
    for one in facts if isinstance(facts, list) else ():
        if isinstance(one, dict):
            lines += [f"  {name:<12} {value}" for name, value in one.items()]
    return "\n".join(lines)


def _asked(options: argparse.Namespace) -> Question:
    """The question that the options are; each file is read and refused under its own name."""
    if not 0 <= options.at < 2**40:
        raise VerificationError("read", f"--at: {options.at} is no Unix time in seconds")
    policy = collateral = log = None
    if options.policy is not None:
        policy = _named(options.policy, parse_attestation_policy, _read(options.policy))
    if options.collateral is not None:
        collateral = _read(options.collateral)
        _named(options.collateral, parse_collateral, collateral)
    if options.event_log is not None:
        log = _read(options.event_log)
        _named(options.event_log, parse_event_log, log)
    certificates = None if options.certificates is None else _read(options.certificates)
    return Question(
        at=options.at,
        policy=policy,
        collateral=collateral,
        event_log=log,
        report_data=_hex("--report-data", options.report_data),
        nonce=_hex("--nonce", options.nonce, 32),
        certificates=certificates,
        golden_values=[_read(path) for path in options.golden_values],
        missing_golden_values=options.unsafe_missing_golden_values,
        test_root=_root(options.unsafe_simulated_root),
    )


def _root(given: tuple[str, str] | None) -> TestRoot | None:
    if given is None:
        return None
    path, fingerprint = given
    data = _read(Path(path)).strip()
    if data.startswith(_PEM[0]):
        try:
            inner = data.removeprefix(_PEM[0]).removesuffix(_PEM[1])
            data = base64.b64decode(b"".join(inner.split()), validate=True)
        except binascii.Error as error:
            raise VerificationError("read", f"{path}: expected one certificate in PEM") from error
    return allow_test_root(data, _hex("--unsafe-simulated-root", fingerprint, 32) or b"")


def _hex(option: str, text: str | None, length: int | None = None) -> bytes | None:
    if text is None:
        return None
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise VerificationError("read", f"{option}: expected hexadecimal digits") from error
    if length is not None and len(data) != length:
        raise VerificationError("read", f"{option}: expected {length} bytes, got {len(data)}")
    return data


def _named(path: Path, parse: Callable[[bytes], T], data: bytes) -> T:
    try:
        return parse(data)
    except VerificationError as error:
        raise VerificationError("read", f"{path}: {error.message}") from error


def _read(path: Path) -> bytes:
    # One byte more than allowed is enough to refuse a file without reading all of it.
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


if __name__ == "__main__":
    sys.exit(main())
