"""Claims and challenges of `optimistic/v1` as the contract stores them, and their terms."""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from avow.verifier.chain.client import unchecksum
from avow.verifier.keccak import keccak256

# Of both sides of a challenge together: ClaimBook.MAXIMUM_MOVES of the contracts.
MAXIMUM_MOVES = 22
# Levels of a tree that one move of the reveal game goes down.
STEP = 4


class ClaimState(IntEnum):
    """State of a claim; the numbers are the contract's."""

    NONE = 0
    STANDING = 1
    UPHELD = 2
    OVERTURNED = 3


class Turn(IntEnum):
    """What a challenge waits for; the numbers are the contract's."""

    NONE = 0
    TRACE = 1
    CHILDREN = 2
    PICK = 3
    ROOT = 4
    CHUNK = 5
    REFUTATION = 6
    ENDED = 7

    @property
    def is_providers(self) -> bool:
        """Whether the provider has to move."""
        return self in (Turn.TRACE, Turn.CHILDREN, Turn.ROOT, Turn.CHUNK)

    @property
    def is_challengers(self) -> bool:
        """Whether the challenger has to move."""
        return self in (Turn.PICK, Turn.REFUTATION)


@dataclass(frozen=True, slots=True)
class ClaimParameters:
    """What a claim costs and how long it can be disputed: token units and seconds.

    The values here are a development chain's, clock, extension and margin the shortest that the
    contract takes: on a chain of worth `window` must let somebody recompute a run, `clock` and
    `extension` must cover congestion.
    """

    claim_bond: int = 50 * 10**18
    challenge_bond: int = 10 * 10**18
    clock: int = 300
    extension: int = 60
    window: int = 1_500
    margin: int = 300

    @property
    def longest_dispute(self) -> int:
        """Seconds from a claim to the latest moment at which it is decided."""
        return self.window + 2 * self.clock + MAXIMUM_MOVES * self.extension

    def encode(self) -> tuple[int, ...]:
        """The form that the contract takes."""
        return tuple(asdict(self).values())


@dataclass(frozen=True, slots=True)
class ModelClaimTerms:
    """What a model's owner has set: seconds (0: the parameter's), and whether roots may wait."""

    window: int
    lazy: bool


@dataclass(frozen=True, slots=True)
class TermsInForce:
    """What holds for an order requested at some time; `version` numbers the parameters."""

    parameters: ClaimParameters
    lazy: bool
    version: int


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """A claim as stored. `window_end` is its last second to be challenged, `open` counts
    undecided challenges, `digest` is keccak256 of the encoded TracedClaim."""

    provider: bytes
    window_end: int
    version: int
    open: int
    state: ClaimState
    lazy: bool
    digest: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as stored: clocks in seconds, `contested` the node to be opened.

    It stands `levels` above the leaves at `position`, in the trace or `in_tensor`; `length` are
    the bytes of `tensor`.
    """

    turn_since: int
    provider_left: int
    challenger_left: int
    turn: Turn
    in_tensor: bool
    levels: int
    position: int
    tensor: int
    length: int
    contested: bytes


def parse_parameters(raw: Any) -> ClaimParameters:
    """The contract's ClaimParameters, as a mapping by its field names."""
    return ClaimParameters(
        claim_bond=int(raw["claimBond"]),
        challenge_bond=int(raw["challengeBond"]),
        clock=int(raw["clock"]),
        extension=int(raw["extension"]),
        window=int(raw["window"]),
        margin=int(raw["margin"]),
    )


def parse_claim(raw: Any) -> StoredClaim:
    """A stored claim out of `claimOf`."""
    return StoredClaim(
        provider=unchecksum(raw.provider),
        window_end=int(raw.windowEnd),
        version=int(raw.version),
        open=int(raw.open),
        state=ClaimState(int(raw.state)),
        lazy=bool(raw.lazy),
        digest=bytes(raw.digest),
    )


def parse_challenge(raw: Any) -> Challenge:
    """A stored challenge out of `challengeOf`."""
    return Challenge(
        turn_since=int(raw.turnSince),
        provider_left=int(raw.providerLeft),
        challenger_left=int(raw.challengerLeft),
        turn=Turn(int(raw.turn)),
        in_tensor=bool(raw.inTensor),
        levels=int(raw.levels),
        position=int(raw.position),
        tensor=int(raw.tensor),
        length=int(raw.length),
        contested=bytes(raw.contested),
    )


def commitment(account: bytes, claim_id: bytes, refutation: bytes, salt: bytes) -> bytes:
    """What `Claims.commit` notes: it binds account, claim, refutation and a salt of 32 bytes."""
    return keccak256(account.rjust(32, b"\0") + claim_id + keccak256(refutation) + salt)
