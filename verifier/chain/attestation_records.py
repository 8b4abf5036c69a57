"""Attested keys as the contract stores them, and what their registration takes."""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from avow.verifier.chain.client import checksum, unchecksum
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.systems.tee.registration import Registration

_REGISTRATION_TYPE = (
    b"Registration(address key,address operator,bytes32 document,bytes32 platform,bytes32 quote)"
)


class Tier(IntEnum):
    """What speaks for a key; a higher one is stronger. The numbers are the contract's."""

    NONE = 0
    SIMULATED = 1
    REGISTRAR = 2
    ZK_DCAP = 3
    ONCHAIN_DCAP = 4


class Service(IntEnum):
    """Whether a key answers for a model; `PROVABLE` where a proof can cost it its stake."""

    NONE = 0
    SERVED = 1
    PROVABLE = 2


class MeasurementState(IntEnum):
    """Whether keys of a measurement are registered; `ATTENDED` by registrars only."""

    UNKNOWN = 0
    ATTENDED = 1
    APPROVED = 2
    REVOKED = 3


@dataclass(frozen=True, slots=True)
class AttestationParameters:
    """What attested keys are deployed with: token units, and seconds of the challenge window."""

    minimum_stake: int = 100 * 10**18
    registrar_bond: int = 1_000 * 10**18
    challenge_window: int = 86_400
    threshold: int = 2

    def encode(self) -> tuple[int, ...]:
        """The form that the contract takes."""
        return tuple(asdict(self).values())


@dataclass(frozen=True, slots=True)
class TeeTerms:
    """What a model's owner asks of keys: the least tier, and whether a proof by the model's
    `sumcheck/v1` must be able to cost them their stakes."""

    minimum: Tier = Tier.REGISTRAR
    provable: bool = False


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an operator registers: the key (20 bytes), its document, and a stake in token units."""

    key: bytes
    document: Registration
    stake: int

    def encode(self) -> tuple[object, ...]:
        """The form that the contract takes."""
        one = self.document
        words = (one.program, one.challenge, one.gpu, one.tls_key)
        return (checksum(self.key), *words, one.not_after, self.stake)

    def digest(
        self, operator: bytes, platform: bytes = ZERO_WORD, quote: bytes | None = None
    ) -> bytes:
        """The EIP-712 signing digest of what registrars sign, who have checked that whole quote.

        A simulated key signs it itself, without platform and quote.
        """
        words = (
            keccak256(_REGISTRATION_TYPE),
            bytes(12) + self.key,
            bytes(12) + operator,
            self.document.digest(),
            platform,
            ZERO_WORD if quote is None else keccak256(quote),
        )
        separator = self.document.registry.separator(b"Avow attestation")
        return keccak256(b"\x19\x01" + separator + keccak256(b"".join(words)))


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A registered key. Times are Unix seconds, `revoked_at` 0 if it was not; digests 32 bytes."""

    operator: bytes
    active_from: int
    not_after: int
    tier: Tier
    stake: int
    revoked_at: int
    slashed: bool
    program: bytes
    measurement: bytes
    quote_id: bytes
    platform: bytes


def parse_key(raw: Any) -> StoredKey:
    """A key out of `keyOf`; its tier is `NONE` where there is none."""
    return StoredKey(
        operator=unchecksum(raw.operator),
        active_from=int(raw.activeFrom),
        not_after=int(raw.notAfter),
        tier=Tier(raw.tier),
        stake=int(raw.stake),
        revoked_at=int(raw.revokedAt),
        slashed=bool(raw.slashed),
        program=bytes(raw.program),
        measurement=bytes(raw.measurement),
        quote_id=bytes(raw.quoteId),
        platform=bytes(raw.platform),
    )


@dataclass(frozen=True, slots=True)
class Disproof:
    """A doubted registration: `until` is the last second for upholding it, the bond token units."""

    by: bytes
    until: int
    active_from: int
    bond: int


def parse_disproof(raw: Any) -> Disproof | None:
    """A disproof out of `disproofOf`; None where there is none."""
    by, until, active_from, bond = raw
    if not int(by, 16):
        return None
    return Disproof(unchecksum(by), int(until), int(active_from), int(bond))


def parse_attestation_parameters(raw: Any) -> AttestationParameters:
    """The parameters out of `parameters`."""
    return AttestationParameters(
        minimum_stake=int(raw.minimumStake),
        registrar_bond=int(raw.registrarBond),
        challenge_window=int(raw.challengeWindow),
        threshold=int(raw.threshold),
    )
