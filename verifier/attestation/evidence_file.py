"""What a file of evidence holds: recognised, and taken out of the forms that tools wrap it in."""

import re
from dataclasses import dataclass

from avow.verifier import canonical
from avow.verifier.attestation.intel.quote import HEADER_BYTES, without_padding
from avow.verifier.attestation.nitro.document import document_of_dstack
from avow.verifier.errors import VerificationError

MAX_BYTES = 2**20
KINDS = ("tdx", "sgx", "nitro", "gpu", "nvswitch")
_TEXT = re.compile(rb"(?:0x)?((?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+)\s*")
_QUOTES = {bytes.fromhex(f"0{n}000200{tee}000000"): kind for n, tee, kind in (
    (3, "00", "sgx"), (4, "81", "tdx"), (5, "81", "tdx"),
)}  # fmt: skip
_DOCUMENT, _FRAME = bytes.fromhex("84"), bytes.fromhex("0002")
_SPDM_REQUEST = bytes.fromhex("11e0")


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """Evidence of `kind` (`KINDS`) as the checks take it; `form` says how it was found.

    `event_log` is there where the file held one, too.
    """

    kind: str
    data: bytes
    form: str
    event_log: bytes | None = None


def read_evidence_file(data: bytes, told: str | None = None) -> EvidenceFile:
    """Recognise evidence, or take it to be what the caller has told.

    Hexadecimal text, the padding of a quote, dstack's frame of a document and dstack's JSON of a
    quote are taken off. Raises `VerificationError` at step `read`.
    """
    if len(data) > MAX_BYTES:
        raise VerificationError("read", f"evidence has at most {MAX_BYTES} bytes")
    try:
        found = _recognise(data)
    except VerificationError as error:
        raise VerificationError("read", error.message) from error
    if found is None:
        expected = "a TDX or SGX quote, a Nitro document or evidence of NVIDIA's devices"
        raise VerificationError("read", f"expected {expected}; this is none that is known")
    # A device's report does not say of itself which of both it is.
    if told == "nvswitch" and found.kind == "gpu":
        return EvidenceFile(told, found.data, found.form)
    if told not in (None, found.kind):
        raise VerificationError("read", f"expected evidence of {told}, this is of {found.kind}")
    return found


def _recognise(data: bytes) -> EvidenceFile | None:
    if data[:1] in (b"[", b"{"):
        return _of_json(data)
    text = _TEXT.fullmatch(data)
    if text is None:
        return _of_binary(data, "binary")
    raw = bytes.fromhex(text[1].decode("ascii"))
    if raw.startswith(_SPDM_REQUEST):
        # The reader of reports takes them in hexadecimal.
        return EvidenceFile("gpu", raw.hex().encode("ascii"), "a report in hexadecimal")
    return _of_binary(raw, "hexadecimal")


def _of_binary(data: bytes, form: str) -> EvidenceFile | None:
    if kind := _QUOTES.get(data[:8]):
        if len(data) <= HEADER_BYTES:
            raise VerificationError("read", "the quote ends within its header")
        quote = without_padding(data)
        left = len(data) - len(quote)
        return EvidenceFile(kind, quote, f"{form}, {left} zero bytes behind it" if left else form)
    if data.startswith(_FRAME):
        return EvidenceFile("nitro", document_of_dstack(data), f"{form}, in dstack's frame")
    if data.startswith(_DOCUMENT):
        return EvidenceFile("nitro", data, form)
    return None


def _of_json(data: bytes) -> EvidenceFile | None:
    try:
        value = canonical.parse_lenient(data, MAX_BYTES, "evidence")
    except VerificationError as error:
        said = error.message.replace("NoneType has", "null has")
        raise VerificationError("read", f"no evidence that is known; its JSON: {said}") from error
    if isinstance(value, list):
        items = [one for one in value if isinstance(one, dict)]
        if not items or len(items) != len(value) or "evidence" not in items[0]:
            return None
        kind = "nvswitch" if items[0].get("arch") == "LS10" else "gpu"
        return EvidenceFile(kind, data, "a list of devices")
    if not isinstance(value, dict) or not isinstance(value.get("quote"), str):
        return None
    found = _recognise(str(value["quote"]).encode("ascii", "replace"))
    if found is None or found.kind not in ("tdx", "sgx"):
        return None
    log = value.get("event_log")
    logged = (
        log.encode("utf-8", "replace") if isinstance(log, str) and found.kind == "tdx" else None
    )
    return EvidenceFile(found.kind, found.data, "dstack's JSON", logged)
