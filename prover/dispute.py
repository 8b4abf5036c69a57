"""Both sides of a challenge: where it stands, by the contract's events, and the next move.

The provider opens what the challenger points at. The challenger goes down to the leftmost node
that differs from its own run, and refutes an element there: everything further left, operands
included, is as it computed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from avow.prover.errors import Refused
from avow.prover.refutation import Place, Refuter, first_wrong
from avow.verifier.chain.claim_events import (
    ChallengeBondReturned,
    ChallengeLost,
    ChallengeOpened,
    ChildPicked,
    ChildrenRevealed,
    ChunkRevealed,
    ClaimEvent,
    GameEvent,
    TensorPicked,
    TensorRevealed,
)
from avow.verifier.chain.claim_records import STEP, Turn
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Receipt
from avow.verifier.chain.signer import Signer
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.tensor import Tensor
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.refutation import Kind, TracedClaim
from avow.verifier.trace.tree import Tree, depth_of

Nodes = dict[tuple[int, int], bytes]


@dataclass
class Game:
    """Where a challenge stands. Nodes shown are by (height above the leaves, place)."""

    claim_id: bytes
    challenger: bytes
    turn: Turn = Turn.NONE
    in_tensor: bool = False
    levels: int = 0
    position: int = 0
    tensor: int = 0
    length: int = 0
    chunk: int = 0
    data: bytes = b""
    children: tuple[bytes, ...] = ()
    trace: Nodes = field(default_factory=dict)
    nodes: Nodes = field(default_factory=dict)

    @classmethod
    def after(cls, claim_id: bytes, challenger: bytes, events: Iterable[ClaimEvent]) -> Game:
        """The challenge after these events, in their order; those of others are passed over."""
        game = cls(claim_id, challenger)
        for event in events:
            if not isinstance(event, GameEvent):
                continue
            if (event.claim_id, event.challenger) == (claim_id, challenger):
                game._take(event)
        return game

    @property
    def step(self) -> int:
        """How many levels the next opening goes down."""
        return min(STEP, self.levels)

    def _take(self, event: GameEvent) -> None:
        match event:
            case ChallengeOpened():
                self.turn = Turn.TRACE if event.contested == ZERO_WORD else Turn.CHILDREN
                self.levels = event.levels
            case ChildrenRevealed():
                self._shown(event.contested, event.children)
            case ChildPicked():
                self.levels, self.position = event.levels, event.position
                self.turn = Turn.CHILDREN if event.levels else Turn.CHUNK
            case TensorPicked():
                self.tensor, self.length = event.tensor, event.length
                self.levels, self.position, self.turn = 0, event.tensor, Turn.ROOT
            case TensorRevealed():
                self.in_tensor, self.position = True, 0
                self.levels = depth_of(-(-self.length // CHUNK))
                self._shown(event.root, event.children)
            case ChunkRevealed():
                self.chunk, self.data = event.chunk, event.data
                self.turn = Turn.REFUTATION
            case ChallengeLost() | ChallengeBondReturned():
                self.turn = Turn.ENDED

    def _shown(self, contested: bytes, children: tuple[bytes, ...]) -> None:
        """Notes an opening: the node, its descendants and all between them."""
        known = self.nodes if self.in_tensor else self.trace
        known[self.levels, self.position] = contested
        for above, level in enumerate(Tree(children).levels):
            height = self.levels - self.step + above
            first = self.position << (self.step - above)
            known.update({(height, first + at): node for at, node in enumerate(level)})
        self.children, self.turn = children, Turn.PICK


@dataclass(frozen=True, slots=True)
class Reveal:
    """The provider's: the nodes below the contested one."""

    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RevealTensor:
    """The provider's: what the leaf of the trace was made of."""

    root: bytes
    children: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RevealChunk:
    """The provider's: the contested chunk."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pick:
    """The challenger's: one of the nodes shown; with a `place`, a leaf of the trace."""

    index: int
    node: bytes
    siblings: tuple[bytes, ...]
    place: bytes | None = None


@dataclass(frozen=True, slots=True)
class Refutation:
    """The challenger's last: the bytes for the referee."""

    data: bytes


Move = Reveal | RevealTensor | RevealChunk | Pick | Refutation


def answer(game: Game, run: Refuter) -> Move:
    """The provider's move, out of the run that it committed to; refused when it is not its turn."""
    tree = run.trees[game.tensor] if game.in_tensor else run.trace
    match game.turn:
        case Turn.TRACE | Turn.CHILDREN:
            return Reveal(_descendants(tree, game.levels, game.position))
        case Turn.ROOT:
            tree = run.trees[game.tensor]
            return RevealTensor(tree.root, _descendants(tree, len(tree.levels) - 1, 0))
        case Turn.CHUNK:
            start = game.position * CHUNK
            return RevealChunk(run.tensors[game.tensor][start : start + CHUNK])
        case _:
            raise Refused(f"the provider owes no move: the challenge waits for {game.turn.name}")


@dataclass(frozen=True)
class Watcher:
    """One who has computed the run itself. `inputs` and `outputs` are the statement's."""

    run: Refuter
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]

    def disputes(self, traced: TracedClaim) -> bool:
        """Whether the claim is wrong by one's own run; of a root that waits, by the output alone.

        The statement of `traced` must be that of the run.
        """
        if traced.trace not in (ZERO_WORD, self.run.root):
            return True
        return self._first_wrong(self.run) is not None

    def move(self, game: Game) -> Move:
        """The challenger's move; refused when it is not its turn or the claim is right."""
        if game.turn is Turn.REFUTATION:
            return Refutation(self._refute(game))
        if game.turn is not Turn.PICK:
            raise Refused(f"the challenger owes no move: it waits for {game.turn.name}")
        own = self.run.trees[game.tensor] if game.in_tensor else self.run.trace
        mine = _descendants(own, game.levels, game.position)
        pairs = enumerate(zip(mine, game.children, strict=True))
        index = next((at for at, (a, b) in pairs if a != b), None)
        if index is None:
            # Only nodes that differ are picked, so this is the root: the lie is in the output.
            return Refutation(self.refutation(self.run))
        siblings = Tree(game.children).siblings([index])
        position = game.position << game.step | index
        place = None
        if not game.in_tensor and game.levels == game.step:
            beyond = position >= len(self.run.tensors)
            place = b"" if beyond else self.run.place(position)
        return Pick(index, game.children[index], siblings, place)

    def refutation(self, committed: Refuter) -> bytes:
        """What shows the first wrong element of a committed run; refused when it is right."""
        place = self._first_wrong(committed)
        if place is None:
            raise Refused("no element of the committed run differs from one's own")
        stated: dict[Kind, Sequence[Tensor]] = {
            Kind.OPERATION: (),
            Kind.INPUT: self.inputs,
            Kind.OUTPUT: self.outputs,
        }
        return committed.refute(place, stated[place.kind])

    def _first_wrong(self, committed: Refuter) -> Place | None:
        own = self.run.tensors
        return first_wrong(
            committed.program, committed.layouts, own, committed.tensors, self.outputs
        )

    def _refute(self, game: Game) -> bytes:
        shown = self.run.with_shown(game.tensor, game.chunk, game.data, game.nodes, game.trace)
        return self.refutation(shown)


def play(
    claims: Claims, signer: Signer, traced: TracedClaim, challenger: bytes, move: Move
) -> Receipt:
    """Sends a move of either side; `traced` has the root that was posted."""
    claim_id = traced.statement
    match move:
        case Reveal():
            return claims.reveal(signer, claim_id, challenger, move.children)
        case RevealTensor():
            return claims.reveal_tensor(signer, claim_id, challenger, move.root, move.children)
        case RevealChunk():
            return claims.reveal_chunk(signer, claim_id, challenger, move.data)
        case Pick(place=None):
            return claims.pick(signer, claim_id, move.index, move.node, move.siblings)
        case Pick():
            place = move.place or b""
            picked = (move.index, move.node, move.siblings)
            return claims.pick_tensor(signer, traced, *picked, place)
        case Refutation():
            return claims.refute(signer, traced, move.data)


def _descendants(tree: Tree, levels: int, position: int) -> tuple[bytes, ...]:
    """The nodes that one opening shows below the node at that place."""
    down = min(STEP, levels)
    first = position << down
    return tuple(tree.at(levels - down, at) for at in range(first, first + (1 << down)))
