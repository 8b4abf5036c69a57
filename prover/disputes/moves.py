"""The moves of a dispute, each one transaction to the contract `Claims`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.trace.refutation import TracedClaim


@dataclass(frozen=True, slots=True)
class Open:
    """Challenge a claim; takes a bond."""

    traced: TracedClaim


@dataclass(frozen=True, slots=True)
class Reveal:
    """The provider opens a node: its descendants, left to right."""

    claim: bytes
    challenger: bytes
    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """The challenger chooses one of the nodes shown; `siblings` from below upwards."""

    claim: bytes
    index: int
    node: bytes
    siblings: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PickTensor:
    """The challenger chooses a leaf of the trace; `place` is empty beyond the last."""

    traced: TracedClaim
    index: int
    node: bytes
    siblings: tuple[bytes, ...]
    place: bytes


@dataclass(frozen=True, slots=True)
class RevealTensor:
    """The provider opens a leaf of the trace."""

    claim: bytes
    challenger: bytes
    root: bytes
    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RevealChunk:
    """The provider opens a chunk, cut at the tensor's length."""

    claim: bytes
    challenger: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """The challenger notes that it knows a refutation."""

    commitment: bytes


@dataclass(frozen=True, slots=True)
class Refute:
    """The challenger shows an element that is wrong."""

    traced: TracedClaim
    refutation: bytes
    salt: bytes = ZERO_WORD


@dataclass(frozen=True, slots=True)
class Timeout:
    """End a challenge whose clock has run out; by anyone."""

    claim: bytes
    challenger: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """Return the bond of a claim that is final; by anyone."""

    claim: bytes


@dataclass(frozen=True, slots=True)
class Reclaim:
    """Credit the bond of an undecided challenge of a claim that has ended; by anyone."""

    claim: bytes
    challenger: bytes


@dataclass(frozen=True, slots=True)
class Prove:
    """Show a proof of the same statement by `sumcheck/v1`; by anyone."""

    claim: bytes
    order: bytes
    leg: int
    seal: bytes


Move = (
    Open
    | Reveal
    | Pick
    | PickTensor
    | RevealTensor
    | RevealChunk
    | Commit
    | Refute
    | Timeout
    | Prove
    | Finish
    | Reclaim
)


def digest(move: Move) -> bytes:
    """What tells a move from every other: its name and all that it carries."""
    return keccak256(_packed(move))


def _packed(value: object) -> bytes:
    """Every part with its length before it, so that no two values give the same bytes."""
    match value:
        case bytes():
            data = value
        case int():
            data = value.to_bytes(8, "big")
        case tuple():
            data = b"".join(map(_packed, value))
        case _:
            # Moves and the claim in them: dataclasses of the cases above.
            named = type(value).__name__.encode()
            parts = [getattr(value, one.name) for one in fields(value)]  # type: ignore[arg-type]
            data = _packed(named) + b"".join(map(_packed, parts))
    return len(data).to_bytes(8, "big") + data
