"""What happened to claims of `optimistic/v1`, as typed values: a dispute follows from these."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from avow.verifier.chain.claim_records import (
    ClaimParameters,
    ModelClaimTerms,
    parse_parameters,
)
from avow.verifier.chain.client import Log, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.events import Place
from avow.verifier.trace.refutation import TracedClaim


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim stands until `window_end` (Unix seconds) at least; `output` is the tensors' data."""

    place: Place
    claim_id: bytes
    order_id: bytes
    provider: bytes
    leg: int
    model_key: bytes
    traced: TracedClaim
    output: bytes
    window_end: int
    version: int


@dataclass(frozen=True, slots=True)
class TraceRootPosted:
    """The root that a lazy claim left out."""

    place: Place
    claim_id: bytes
    trace: bytes


@dataclass(frozen=True, slots=True)
class ModelLearned:
    """A model's registered tensors are those of its key, whose program has `tensors`."""

    place: Place
    model_key: bytes
    key: bytes
    tensors: int


@dataclass(frozen=True, slots=True)
class RefutationCommitted:
    """Somebody knows a refutation, of what is not said."""

    place: Place
    commitment: bytes
    account: bytes


@dataclass(frozen=True, slots=True)
class ChallengeOpened:
    """The provider has to open `contested`, `levels` above the leaves; zero: it owes the root."""

    place: Place
    claim_id: bytes
    challenger: bytes
    contested: bytes
    levels: int


@dataclass(frozen=True, slots=True)
class ChildrenRevealed:
    """The provider opened a node: its descendants a few levels below, left to right."""

    place: Place
    claim_id: bytes
    challenger: bytes
    contested: bytes
    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChildPicked:
    """The challenger chose a node at `position` of its level, `levels` above the leaves."""

    place: Place
    claim_id: bytes
    challenger: bytes
    contested: bytes
    position: int
    levels: int


@dataclass(frozen=True, slots=True)
class TensorPicked:
    """The challenger chose a leaf of the trace; the tensor has `length` bytes."""

    place: Place
    claim_id: bytes
    challenger: bytes
    contested: bytes
    tensor: int
    length: int


@dataclass(frozen=True, slots=True)
class TensorRevealed:
    """The provider opened a leaf of the trace: the tensor's root, and nodes below it."""

    place: Place
    claim_id: bytes
    challenger: bytes
    tensor: int
    root: bytes
    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChunkRevealed:
    """The provider opened a chunk; the challenger has to refute."""

    place: Place
    claim_id: bytes
    challenger: bytes
    tensor: int
    chunk: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ChallengeLost:
    """The challenge failed; its bond went to the provider."""

    place: Place
    claim_id: bytes
    challenger: bytes
    bond: int


@dataclass(frozen=True, slots=True)
class ChallengeBondReturned:
    """The claim was overturned; the challenger has its bond back."""

    place: Place
    claim_id: bytes
    challenger: bytes
    bond: int


@dataclass(frozen=True, slots=True)
class ClaimOverturned:
    """The claim is wrong or its provider was silent; token units."""

    place: Place
    claim_id: bytes
    winner: bytes
    reward: int
    burned: int


@dataclass(frozen=True, slots=True)
class ClaimProven:
    """A proof of the same statement was shown."""

    place: Place
    claim_id: bytes


@dataclass(frozen=True, slots=True)
class ClaimUpheld:
    """The claim is final and its bond credited."""

    place: Place
    claim_id: bytes
    provider: bytes
    bond: int


@dataclass(frozen=True, slots=True)
class CreditWithdrawn:
    """An account's credit was paid out."""

    place: Place
    account: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class ParametersChanged:
    """Governance set parameters."""

    place: Place
    version: int
    parameters: ClaimParameters


@dataclass(frozen=True, slots=True)
class ModelTermsChanged:
    """A model's owner set terms."""

    place: Place
    model_key: bytes
    terms: ModelClaimTerms


# Of one challenge.
GameEvent = (
    ChallengeOpened
    | ChildrenRevealed
    | ChildPicked
    | TensorPicked
    | TensorRevealed
    | ChunkRevealed
    | ChallengeLost
    | ChallengeBondReturned
)
ClaimEvent = (
    GameEvent
    | Claimed
    | TraceRootPosted
    | ModelLearned
    | RefutationCommitted
    | ClaimOverturned
    | ClaimProven
    | ClaimUpheld
    | CreditWithdrawn
    | ParametersChanged
    | ModelTermsChanged
)


def encode_traced(traced: TracedClaim) -> tuple[bytes, ...]:
    """The contracts' TracedClaim."""
    return (
        traced.key,
        traced.program,
        traced.statement,
        traced.trace,
        traced.input,
        traced.output,
    )


def parse_traced(raw: Any) -> TracedClaim:
    """A TracedClaim out of an event."""
    return TracedClaim(
        key=bytes(raw["key"]),
        program=bytes(raw["program"]),
        statement=bytes(raw["statementRoot"]),
        trace=bytes(raw["traceRoot"]),
        input=bytes(raw["input"]),
        output=bytes(raw["output"]),
    )


def parse_claim_event(claims: Contract, name: str, log: Log) -> ClaimEvent:
    """A log of the claims in typed form; `name` is one of `READ`."""
    value = claims.decode(name, log)
    return _PARSERS[name](Place(log.block, log.index, log.transaction), value)


def _claimed(place: Place, value: dict[str, Any]) -> Claimed:
    return Claimed(
        place=place,
        claim_id=bytes(value["claimId"]),
        order_id=bytes(value["orderId"]),
        provider=unchecksum(value["provider"]),
        leg=int(value["leg"]),
        model_key=bytes(value["modelKey"]),
        traced=parse_traced(value["traced"]),
        output=bytes(value["output"]),
        window_end=int(value["windowEnd"]),
        version=int(value["version"]),
    )


def _named(
    kind: Callable[..., ClaimEvent], **fields: str
) -> Callable[[Place, dict[str, Any]], ClaimEvent]:
    """A parser that takes each field from the argument of the event with the given name."""

    def parse(place: Place, value: dict[str, Any]) -> ClaimEvent:
        return kind(place, **{ours: _plain(value[theirs]) for ours, theirs in fields.items()})

    return parse


def _plain(value: Any) -> int | bytes | tuple[bytes, ...]:
    if isinstance(value, str):
        return unchecksum(value)
    if isinstance(value, int):
        return value
    if isinstance(value, bytes):
        return bytes(value)
    return tuple(bytes(item) for item in value)


_GAME = {"claim_id": "claimId", "challenger": "challenger"}
_BOND = {**_GAME, "bond": "bond"}
_PARSERS: dict[str, Callable[[Place, dict[str, Any]], ClaimEvent]] = {
    "Claimed": _claimed,
    "TraceRootPosted": _named(TraceRootPosted, claim_id="claimId", trace="traceRoot"),
    "ModelLearned": _named(ModelLearned, model_key="modelKey", key="key", tensors="tensors"),
    "RefutationCommitted": _named(RefutationCommitted, commitment="commitment", account="account"),
    "ChallengeOpened": _named(ChallengeOpened, **_GAME, contested="contested", levels="levels"),
    "ChildrenRevealed": _named(
        ChildrenRevealed, **_GAME, contested="contested", children="children"
    ),
    "ChildPicked": _named(
        ChildPicked, **_GAME, contested="contested", position="position", levels="levels"
    ),
    "TensorPicked": _named(
        TensorPicked, **_GAME, contested="contested", tensor="tensor", length="length"
    ),
    "TensorRevealed": _named(
        TensorRevealed, **_GAME, tensor="tensor", root="tensorRoot", children="children"
    ),
    "ChunkRevealed": _named(ChunkRevealed, **_GAME, tensor="tensor", chunk="chunk", data="data"),
    "ChallengeLost": _named(ChallengeLost, **_BOND),
    "ChallengeBondReturned": _named(ChallengeBondReturned, **_BOND),
    "ClaimOverturned": _named(
        ClaimOverturned, claim_id="claimId", winner="winner", reward="reward", burned="burned"
    ),
    "ClaimProven": _named(ClaimProven, claim_id="claimId"),
    "ClaimUpheld": _named(ClaimUpheld, claim_id="claimId", provider="provider", bond="bond"),
    "CreditWithdrawn": _named(CreditWithdrawn, account="account", amount="amount"),
    "ParametersChanged": lambda place, value: ParametersChanged(
        place, int(value["version"]), parse_parameters(value["parameters"])
    ),
    "ModelTermsChanged": lambda place, value: ModelTermsChanged(
        place,
        bytes(value["modelKey"]),
        ModelClaimTerms(int(value["terms"]["window"]), bool(value["terms"]["lazy"])),
    ),
}
READ = tuple(_PARSERS)
# Those that are of a claim, which stands in them first.
OF_CLAIM = tuple(
    name
    for name in READ
    if name
    not in (
        "ModelLearned",
        "RefutationCommitted",
        "CreditWithdrawn",
        "ParametersChanged",
        "ModelTermsChanged",
    )
)
