"""The forms in which tools hand out a device's evidence: a report and its certificates."""

import base64
import binascii
import re
from dataclasses import dataclass

from avow.verifier.attestation.nvidia.limits import LIMITS
from avow.verifier.attestation.nvidia.spdm import NONCE_BYTES, Report, parse_report
from avow.verifier.canonical import Json, parse_lenient
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields

CERTIFICATES = 5

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_PEM = re.compile(rf"{_BEGIN}\n([A-Za-z0-9+/=\n]{{1,12000}}?)\n{_END}\n?")
_NONCE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A report and the chain of its signer, DER, the leaf first; nothing of it is checked.

    `named` is the architecture that the tool gave, where it gave one.
    """

    report: Report
    chain: tuple[bytes, ...]
    named: str | None = None


def parse_evidence_list(data: bytes) -> tuple[Evidence, ...]:
    """Read the attestation SDK's JSON: a list of {arch, certificate, evidence, nonce}.

    `certificate` is PEM and `evidence` a report, both in base64; `nonce` is hexadecimal and must be
    the one in the report.
    """
    value = parse_lenient(data, LIMITS.evidence_bytes, "evidence")
    if not isinstance(value, list) or not 1 <= len(value) <= LIMITS.devices:
        raise VerificationError("parse", f"evidence must list 1 to {LIMITS.devices} devices")
    return tuple(_parse_item(item, f"evidence[{number}]") for number, item in enumerate(value))


def parse_evidence_texts(report: bytes, chain: bytes) -> Evidence:
    """Read a report in hexadecimal and its chain in PEM, each possibly with a line feed behind."""
    try:
        # Python skips white space between digits, which nobody writes.
        text = report.decode("ascii").removesuffix("\n")
        if not re.fullmatch(r"[0-9a-f]*", text):
            raise ValueError("lower-case digits were expected")
        data = bytes.fromhex(text)
    except ValueError as error:
        raise VerificationError("parse", "report is not hexadecimal") from error
    return Evidence(parse_report(data), _parse_pem(chain))


def _parse_item(value: Json, what: str) -> Evidence:
    fields = Fields(value, what, {"arch", "certificate", "evidence", "nonce"})
    nonce = fields.text("nonce")
    if not _NONCE.fullmatch(nonce):
        raise VerificationError("parse", f"{what}.nonce must be {NONCE_BYTES} bytes in hexadecimal")
    report = parse_report(_base64(fields.text("evidence", 2 * LIMITS.report_bytes), what))
    if report.nonce.hex() != nonce:
        raise VerificationError("parse", f"{what}.nonce is not the report's")
    chain = _parse_pem(_base64(fields.text("certificate", 2 * LIMITS.chain_bytes), what))
    return Evidence(report, chain, fields.text("arch", 32))


def _parse_pem(data: bytes) -> tuple[bytes, ...]:
    if len(data) > LIMITS.chain_bytes:
        raise VerificationError("parse", "the certificates are too long")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise VerificationError("parse", "certificates in PEM were expected") from error
    found: list[bytes] = []
    at = 0
    while at < len(text) and len(found) < CERTIFICATES:
        if (match := _PEM.match(text, at)) is None:
            break
        found.append(_base64(match[1].replace("\n", ""), "a certificate"))
        at = match.end()
    if at != len(text) or len(found) != CERTIFICATES:
        raise VerificationError("parse", f"{CERTIFICATES} certificates in PEM were expected")
    return tuple(found)


def _base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("parse", f"{what} is not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise VerificationError("parse", f"{what} is not base64 in its one form")
    return data
