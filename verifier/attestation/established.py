"""What verified evidence says: one type for vendors' hardware, another for simulations."""

from dataclasses import dataclass

from avow.verifier.attestation.steps import Step
from avow.verifier.keccak import keccak256


@dataclass(frozen=True, slots=True)
class _Established:
    """What evidence established at the time for which its caller asked.

    `kind` is `tdx`, `sgx` or `nitro`; `identity` 32 bytes, Keccak-256 of the signed part alone;
    `measurement` 48 bytes, see `measurement_digest`; `report_data` what the enclave put in: 64
    bytes, for Nitro the document's `user_data`; `platform` names the machine; `expires` is the
    Unix time at which certificates or collateral end first.
    """

    kind: str
    identity: bytes
    measurement: bytes
    report_data: bytes
    platform: bytes
    expires: int
    steps: tuple[Step, ...]


class Attested(_Established):
    """Vouched for by a hardware vendor's root."""

    __slots__ = ()


class Simulated(_Established):
    """Vouched for by a test root that anybody can make: it establishes nothing about hardware."""

    __slots__ = ()


def measurement_digest(kind: str, *registers: bytes) -> bytes:
    """The 48 bytes by which records and policies name what was measured.

    Keccak-256 of the registers, which is how the key registry on chain knows it, then the kind in
    16 bytes. The registers are MRTD and RTMR0 to 2 for `tdx`, MRENCLAVE and MRSIGNER for `sgx`,
    PCR0 to 2 for `nitro`.
    """
    return keccak256(b"".join(registers)) + kind.encode("ascii").ljust(16, b"\0")
