"""A claim and a challenge of it as the contract `Claims` stores and logs them.

Whatever either side does next follows from these and its own run alone, so that a node that was
stopped in mid-game goes on where the chain stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from avow.prover.errors import ProverError
from avow.verifier.chain.claim_records import STEP, ClaimState, Turn
from avow.verifier.chain.claim_records import Challenge as StoredChallenge
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.merkle import node
from avow.verifier.tensor import Tensor
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.refutation import TracedClaim
from avow.verifier.trace.tree import depth_of


class StateTorn(ProverError):
    """Stored state and logs are of different blocks, or not of a contract like ours: read again."""


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim: what it says, and how it stands.

    `traced.trace` is the root that holds now, 32 zero bytes while a lazy claim owes it.
    `window_end` is the last second at which it can be challenged, `undecided` how many challenges
    are.
    """

    traced: TracedClaim
    outputs: tuple[Tensor, ...]
    provider: bytes
    state: ClaimState
    window_end: int
    undecided: int

    @property
    def id(self) -> bytes:
        """The claim's name: its statement's leaf."""
        return self.traced.statement

    @property
    def owes_root(self) -> bool:
        """Whether the trace root was left out and not posted yet."""
        return self.traced.trace == ZERO_WORD

    def is_final(self, now: int) -> bool:
        """Whether nothing can overturn it any more."""
        over = self.state is ClaimState.STANDING and now > self.window_end and not self.undecided
        return over or self.state is ClaimState.UPHELD


@dataclass(frozen=True, slots=True)
class Opened:
    """Event `ChallengeOpened`: the node that the provider has to open, zero if it owes the root."""

    contested: bytes
    levels: int


@dataclass(frozen=True, slots=True)
class ChildrenShown:
    """Event `ChildrenRevealed`."""

    contested: bytes
    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChildPicked:
    """Event `ChildPicked`."""

    contested: bytes
    position: int
    levels: int


@dataclass(frozen=True, slots=True)
class TensorPicked:
    """Event `TensorPicked`; `length` in bytes."""

    contested: bytes
    tensor: int
    length: int


@dataclass(frozen=True, slots=True)
class TensorShown:
    """Event `TensorRevealed`."""

    tensor: int
    root: bytes
    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChunkShown:
    """Event `ChunkRevealed`."""

    tensor: int
    chunk: int
    data: bytes


GameEvent = Opened | ChildrenShown | ChildPicked | TensorPicked | TensorShown | ChunkShown


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as it is stored, with `deadlineOf`, and its own events in order.

    `deadline` is the last second of the present turn, 0 without one.
    """

    challenger: bytes
    stored: StoredChallenge
    deadline: int
    events: tuple[GameEvent, ...]

    @property
    def turn(self) -> Turn:
        """What it waits for."""
        return self.stored.turn

    @property
    def undecided(self) -> bool:
        """Whether it goes on, as far as the contract has been told."""
        return self.turn not in (Turn.NONE, Turn.ENDED)


@dataclass(slots=True)
class Seen:
    """What a challenge's events have shown of the provider's trees.

    `trace` and `nodes` (of the tensor) are by (height above the leaves, place), the nodes between
    two moves included. `children` are the last that were shown, left to right.
    """

    trace: dict[tuple[int, int], bytes] = field(default_factory=dict)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    children: tuple[bytes, ...] = ()
    data: bytes = b""
    turn: Turn = Turn.NONE
    in_tensor: bool = False
    levels: int = 0
    position: int = 0
    tensor: int = 0
    length: int = 0
    contested: bytes = ZERO_WORD

    @property
    def step(self) -> int:
        """Levels that the next move goes down."""
        return min(STEP, self.levels)

    def take(self, event: GameEvent) -> None:
        """Follow one event."""
        match event:
            case Opened(contested, levels):
                self.levels, self.contested = levels, contested
                self.turn = Turn.TRACE if contested == ZERO_WORD else Turn.CHILDREN
            case ChildrenShown(contested, children):
                self.contested = contested
                self._show(children)
            case TensorShown(_, root, children):
                self.in_tensor, self.position, self.contested = True, 0, root
                self.levels = depth_of(-(-self.length // CHUNK))
                self._show(children)
            case ChildPicked(contested, position, levels):
                self.contested, self.position, self.levels = contested, position, levels
                self.turn = Turn.CHILDREN if levels else Turn.CHUNK
            case TensorPicked(contested, tensor, length):
                self.contested, self.position, self.levels = contested, tensor, 0
                self.tensor, self.length, self.turn = tensor, length, Turn.ROOT
            case ChunkShown(_, _, data):
                self.data, self.turn = data, Turn.REFUTATION

    def _show(self, children: tuple[bytes, ...]) -> None:
        if len(children) != 1 << self.step:
            raise StateTorn(f"{len(children)} nodes were shown {self.step} levels below another")
        into = self.nodes if self.in_tensor else self.trace
        for up, level in enumerate(pyramid(children)):
            first = self.position << self.step - up
            into |= {(self.levels - self.step + up, first + at): n for at, n in enumerate(level)}
        if into[self.levels, self.position] != self.contested:
            raise StateTorn("the nodes that were shown do not lead to the contested one")
        self.children, self.turn = children, Turn.PICK


def replay(challenge: Challenge) -> Seen:
    """What the events have shown; raises `StateTorn` where they do not fit the stored state."""
    seen = Seen()
    for event in challenge.events:
        seen.take(event)
    held = challenge.stored
    stored = (held.turn, held.in_tensor, held.levels, held.position, held.contested)
    if stored != (seen.turn, seen.in_tensor, seen.levels, seen.position, seen.contested):
        raise StateTorn("the challenge's events do not end where it stands")
    return seen


def pyramid(children: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """The levels above a power of two of neighbours, from them up to the one node above all."""
    levels = [tuple(children)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(tuple(node(below[at], below[at + 1]) for at in range(0, len(below), 2)))
    return levels


def climb(children: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings from one of the children up to the node above all, from below upwards."""
    levels = pyramid(children)[:-1]
    return tuple(level[index >> height ^ 1] for height, level in enumerate(levels))
