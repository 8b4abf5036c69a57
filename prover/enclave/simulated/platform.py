"""A platform of simulated trust domains: its certificates, its collateral and its quotes."""

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from avow.prover.enclave.simulated.authority import (
    Holder,
    issue,
    public_bytes,
    raw_signature,
    revocation_list,
    root,
)
from avow.verifier.attestation.testroot import MARK

_SGX_OID = "1.2.840.113741.1.13.1"
_FMSPC = bytes.fromhex("5353534d0000")
_QE_SIGNER = hashlib.sha256(b"SIMULATED quoting enclave signer").digest()
_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_SVN = bytes([1] * 16)
_TEE_SVN = bytes([3, 0, 3] + [0] * 13)


@dataclass(frozen=True, slots=True)
class TrustDomain:
    """What a simulated trust domain shows of itself; registers have 48 bytes.

    `later` gives it a report of TDX 1.5, in a quote of version 5.
    """

    mr_td: bytes
    rtmr: tuple[bytes, bytes, bytes, bytes]
    report_data: bytes
    attributes: bytes = (1 << 28).to_bytes(8, "little")
    mr_config_id: bytes = bytes(48)
    mr_owner: bytes = MARK.ljust(48, b"\0")
    user_data: bytes = MARK.ljust(20, b"\0")
    mr_signer_seam: bytes = bytes(48)
    seam_attributes: bytes = bytes(8)
    mr_owner_config: bytes = bytes(48)
    mr_service_td: bytes = bytes(48)
    later: bool = False


@dataclass(frozen=True, slots=True)
class Platform:
    """A simulated machine made at the Unix time `at`: nothing about it is secret or protected."""

    at: int
    authority: Holder
    intermediate: Holder
    tcb_signer: Holder
    pck: Holder
    attestation: ec.EllipticCurvePrivateKey
    ppid: bytes
    revoked: tuple[int, ...] = ()
    status: str = "UpToDate"
    evaluation: int = 17
    qe_svn: int = 4
    qe_status: str = "UpToDate"
    advisories: tuple[str, ...] = ()

    def collateral(self) -> bytes:
        """The collateral of this platform, in the JSON that `parse_collateral` reads."""
        chain = self.tcb_signer.pem + self.authority.pem
        tcb_info, qe_identity = self._tcb_info(), self._qe_identity()
        return json.dumps(
            {
                "pck_crl_issuer_chain": self.intermediate.pem + self.authority.pem,
                "root_ca_crl": revocation_list(self.authority, self.at).hex(),
                "pck_crl": revocation_list(self.intermediate, self.at, self.revoked).hex(),
                "tcb_info_issuer_chain": chain,
                "tcb_info": tcb_info,
                "tcb_info_signature": self.tcb_signer.sign(tcb_info.encode()).hex(),
                "qe_identity_issuer_chain": chain,
                "qe_identity": qe_identity,
                "qe_identity_signature": self.tcb_signer.sign(qe_identity.encode()).hex(),
            },
            indent=2,
        ).encode("ascii")

    def quote(self, domain: TrustDomain) -> bytes:
        """A quote of `domain`, of version 4, or of version 5 for a report of TDX 1.5."""
        version = 5 if domain.later else 4
        header = struct.pack("<HHII16s20s", version, 2, 0x81, 0, _VENDOR, domain.user_data)
        body = _TEE_SVN + b"".join(
            (
                bytes(48),
                domain.mr_signer_seam,
                domain.seam_attributes,
                domain.attributes,
                bytes.fromhex("e702060000000000"),
                domain.mr_td,
                domain.mr_config_id,
                domain.mr_owner,
                domain.mr_owner_config,
                *domain.rtmr,
                domain.report_data,
            )
        )
        if domain.later:
            body = struct.pack("<HI", 3, 648) + body + _TEE_SVN + domain.mr_service_td
        return self.sign(header + body)

    def sign(self, signed: bytes) -> bytes:
        """The quote over header and body as they stand."""
        key = public_bytes(self.attestation)
        authentication = bytes(32)
        report = self._qe_report(hashlib.sha256(key + authentication).digest())
        chain = (self.pck.pem + self.intermediate.pem + self.authority.pem).encode("ascii")
        certification = (
            report
            + self.pck.sign(report)
            + struct.pack("<H", len(authentication))
            + authentication
            + struct.pack("<HI", 5, len(chain))
            + chain
        )
        data = (
            raw_signature(self.attestation, signed)
            + key
            + struct.pack("<HI", 6, len(certification))
            + certification
        )
        return signed + struct.pack("<I", len(data)) + data

    def _qe_report(self, bound: bytes) -> bytes:
        return b"".join(
            (
                _SVN,
                bytes(4 + 28),
                bytes.fromhex("1100000000000000e700000000000000"),
                hashlib.sha256(b"SIMULATED quoting enclave").digest(),
                bytes(32),
                _QE_SIGNER,
                bytes(96),
                struct.pack("<HH", 2, self.qe_svn),
                bytes(60),
                bound,
                bytes(32),
            )
        )

    def _tcb_info(self) -> str:
        module = {
            "mrsigner": "00" * 48,
            "attributes": "00" * 8,
            "attributesMask": "FF" * 8,
        }
        level = {
            "tcbDate": _date(self.at),
            "tcbStatus": self.status,
            "advisoryIDs": list(self.advisories),
        }
        return _compact(
            {
                "id": "TDX",
                "version": 3,
                "issueDate": _date(self.at - 3600),
                "nextUpdate": _date(self.at + 30 * 86400),
                "fmspc": _FMSPC.hex().upper(),
                "pceId": "0000",
                "tcbType": 0,
                "tcbEvaluationDataNumber": self.evaluation,
                "tdxModule": module,
                "tdxModuleIdentities": [],
                "tcbLevels": [
                    {
                        "tcb": {
                            "sgxtcbcomponents": [{"svn": one} for one in _SVN],
                            "pcesvn": 11,
                            "tdxtcbcomponents": [{"svn": one} for one in _TEE_SVN],
                        }
                    }
                    | level
                ],
            }
        )

    def _qe_identity(self) -> str:
        return _compact(
            {
                "id": "TD_QE",
                "version": 2,
                "issueDate": _date(self.at - 3600),
                "nextUpdate": _date(self.at + 30 * 86400),
                "tcbEvaluationDataNumber": self.evaluation,
                "miscselect": "00000000",
                "miscselectMask": "FFFFFFFF",
                "attributes": "11000000000000000000000000000000",
                "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
                "mrsigner": _QE_SIGNER.hex().upper(),
                "isvprodid": 2,
                "tcbLevels": [
                    {"tcb": {"isvsvn": 4}, "tcbDate": _date(self.at), "tcbStatus": self.qe_status}
                ],
            }
        )


def make_platform(at: int) -> Platform:
    """A platform with fresh keys, whose collateral is good for 30 days from `at`."""
    curve = ec.SECP256R1()
    authority = root("SGX Root CA", at, curve)
    intermediate = issue(authority, "SGX PCK Platform CA", at, 3000, path_length=0)
    ppid = hashlib.sha256(authority.der).digest()[:16]
    return Platform(
        at=at,
        authority=authority,
        intermediate=intermediate,
        tcb_signer=issue(authority, "SGX TCB Signing", at),
        pck=issue(
            intermediate, "SGX PCK Certificate", at, extension=(_SGX_OID, _sgx_extension(ppid))
        ),
        attestation=ec.generate_private_key(curve),
        ppid=ppid,
    )


def revoke(platform: Platform) -> Platform:
    """The same platform after its PCK certificate was revoked."""
    return replace(platform, revoked=(platform.pck.certificate.serial_number,))


def _sgx_extension(ppid: bytes) -> bytes:
    components = [_field((2, n + 1), _integer(svn)) for n, svn in enumerate(_SVN)]
    return _sequence(
        [
            _field((1,), _der(4, ppid)),
            _field(
                (2,),
                _sequence(
                    [
                        *components,
                        _field((2, 17), _integer(11)),
                        _field((2, 18), _der(4, _SVN)),
                    ]
                ),
            ),
            _field((3,), _der(4, bytes(2))),
            _field((4,), _der(4, _FMSPC)),
            _field((5,), _der(10, b"\1")),
            _field((6,), _der(4, ppid)),
            _field(
                (7,),
                _sequence([_field((7, n), _der(1, b"\xff")) for n in (1, 2, 3)]),
            ),
        ]
    )


def _field(path: tuple[int, ...], value: bytes) -> bytes:
    # 1.2.840.113741.1.13.1 in DER, then the rest of the path.
    oid = bytes.fromhex("2a864886f84d010d01") + bytes(path)
    return _sequence([_der(6, oid), value])


def _sequence(parts: Sequence[bytes]) -> bytes:
    return _der(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _der(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < 128:
        return bytes([tag, length]) + value
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + value


def _date(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
