"""The layout of Intel's quotes (TDX version 4 and 5, SGX version 3), read byte for byte.

Source: Intel TDX DCAP Quoting Library API, appendix A; Intel SGX ECDSA QuoteLibReference.
"""

from dataclasses import dataclass
from enum import Enum

from avow.verifier.attestation.reader import Reader
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256

MAX_BYTES = 32 * 1024
HEADER_BYTES = 48
_INTEL_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_ECDSA_P256 = 2
_SGX, _TDX = 0x00, 0x81
_TD10_BYTES, _TD15_BYTES, _SGX_BYTES = 584, 648, 384
_QE_CERTIFICATION, _PCK_CHAIN = 6, 5


class Kind(Enum):
    """What made the quote; the value is its wire name."""

    TDX = "tdx"
    SGX = "sgx"


@dataclass(frozen=True, slots=True)
class TdxBody:
    """A TD's report. Registers have 48 bytes, SVNs 16, attributes 8, `report_data` 64.

    `tee_tcb_svn2` and `mr_service_td` came with TDX 1.5; None in a report of TDX 1.0.
    """

    tee_tcb_svn: bytes
    mr_seam: bytes
    mr_signer_seam: bytes
    seam_attributes: bytes
    td_attributes: bytes
    xfam: bytes
    mr_td: bytes
    mr_config_id: bytes
    mr_owner: bytes
    mr_owner_config: bytes
    rtmr: tuple[bytes, bytes, bytes, bytes]
    report_data: bytes
    tee_tcb_svn2: bytes | None
    mr_service_td: bytes | None


@dataclass(frozen=True, slots=True)
class SgxBody:
    """An enclave's report. `flags` are the attributes' first 8 bytes, little-endian."""

    cpu_svn: bytes
    misc_select: int
    flags: int
    xfrm: bytes
    mr_enclave: bytes
    mr_signer: bytes
    isv_prod_id: int
    isv_svn: int
    report_data: bytes


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote of the right layout, of which no signature was checked yet.

    `signed` is the header and the body, all that the attestation key signs; `data` the whole.
    """

    version: int
    kind: Kind
    user_data: bytes
    body: TdxBody | SgxBody
    signed: bytes
    data: bytes

    @property
    def identity(self) -> bytes:
        """Keccak-256 of the signed part alone: the rest can be changed without invalidating it."""
        return keccak256(self.signed)


def parse_quote(data: bytes) -> Quote:
    """Read a quote; anything cut short, left over or of another kind is refused."""
    if len(data) > MAX_BYTES:
        raise VerificationError("parse", f"a quote has at most {MAX_BYTES} bytes, not {len(data)}")
    reader = Reader(data, "the quote")
    version, key_type, tee = reader.unsigned(2), reader.unsigned(2), reader.unsigned(4)
    # QE and PCE versions in version 3, reserved since: signed like all of the header.
    reader.take(4)
    vendor, user_data = reader.take(16), reader.take(20)
    if (version, tee) not in ((3, _SGX), (4, _TDX), (5, _TDX)):
        raise VerificationError(
            "parse",
            f"expected TDX (version 4 or 5) or SGX (3), got version {version} of 0x{tee:x}",
        )
    if key_type != _ECDSA_P256:
        raise VerificationError("parse", f"expected an ECDSA P-256 quote (2), got {key_type}")
    if vendor != _INTEL_VENDOR:
        raise VerificationError("parse", f"unknown quoting enclave vendor {vendor.hex()}")
    body: TdxBody | SgxBody
    if version == 3:
        body = _sgx_body(reader)
    else:
        body = _tdx_body(reader, _td_size(reader) if version == 5 else _TD10_BYTES)
    signed = data[: reader.at]
    size = reader.unsigned(4)
    _check_signature_data(Reader(reader.take(size), "the quote's signature data"), version)
    reader.end()
    kind = Kind.SGX if version == 3 else Kind.TDX
    return Quote(version, kind, user_data, body, signed, data)


def without_padding(data: bytes) -> bytes:
    """The quote without the zero bytes with which some drivers fill their buffer.

    For whoever collects a quote; `parse_quote` refuses a padded one.
    """
    reader = Reader(data, "the quote")
    version = reader.unsigned(2)
    reader.take(HEADER_BYTES - 2)
    if version == 5:
        reader.take(_td_size(reader))
    else:
        reader.take(_SGX_BYTES if version == 3 else _TD10_BYTES)
    reader.take(reader.unsigned(4))
    if any(data[reader.at :]):
        raise VerificationError("parse", "what follows the quote is no padding")
    return data[: reader.at]


def _td_size(reader: Reader) -> int:
    kind, size = reader.unsigned(2), reader.unsigned(4)
    if (kind, size) not in ((2, _TD10_BYTES), (3, _TD15_BYTES)):
        raise VerificationError("parse", f"unknown body type {kind} of {size} bytes")
    return size


def _tdx_body(reader: Reader, size: int) -> TdxBody:
    later = size == _TD15_BYTES
    return TdxBody(
        tee_tcb_svn=reader.take(16),
        mr_seam=reader.take(48),
        mr_signer_seam=reader.take(48),
        seam_attributes=reader.take(8),
        td_attributes=reader.take(8),
        xfam=reader.take(8),
        mr_td=reader.take(48),
        mr_config_id=reader.take(48),
        mr_owner=reader.take(48),
        mr_owner_config=reader.take(48),
        rtmr=(reader.take(48), reader.take(48), reader.take(48), reader.take(48)),
        report_data=reader.take(64),
        tee_tcb_svn2=reader.take(16) if later else None,
        mr_service_td=reader.take(48) if later else None,
    )


def _sgx_body(reader: Reader) -> SgxBody:
    cpu_svn, misc_select, _reserved = reader.take(16), reader.unsigned(4), reader.take(28)
    flags, xfrm = reader.unsigned(8), reader.take(8)
    mr_enclave, _reserved = reader.take(32), reader.take(32)
    mr_signer, _reserved = reader.take(32), reader.take(96)
    isv_prod_id, isv_svn, _reserved = reader.unsigned(2), reader.unsigned(2), reader.take(60)
    return SgxBody(
        cpu_svn,
        misc_select,
        flags,
        xfrm,
        mr_enclave,
        mr_signer,
        isv_prod_id,
        isv_svn,
        report_data=reader.take(64),
    )


def _check_signature_data(reader: Reader, version: int) -> None:
    # Signature and attestation key; then, nested since version 4, what vouches for the key.
    reader.take(64 + 64)
    if version > 3:
        nested = _certification(reader, _QE_CERTIFICATION)
        reader.end()
        reader = Reader(nested, "the quote's certification data")
    reader.take(_SGX_BYTES + 64)
    reader.take(reader.unsigned(2))
    chain = _certification(reader, _PCK_CHAIN)
    reader.end()
    if not chain.startswith(b"-----BEGIN CERTIFICATE-----"):
        raise VerificationError("parse", "the quote holds no PCK certificate chain")


def _certification(reader: Reader, expected: int) -> bytes:
    kind, size = reader.unsigned(2), reader.unsigned(4)
    if kind != expected:
        raise VerificationError(
            "parse", f"expected certification data of type {expected}, got {kind}"
        )
    return reader.take(size)
