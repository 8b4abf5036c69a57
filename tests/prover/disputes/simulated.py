"""A simulation of the contract `Claims` in Python: its rules, its money, its logs, no chain.

Written from docs/reference/optimistic-disputes.md for testing what players do against it. That the
contract itself keeps these rules is tested in contracts/test/optimistic.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from avow.prover.disputes import moves
from avow.prover.disputes.state import (
    Challenge,
    ChildPicked,
    ChildrenShown,
    ChunkShown,
    ClaimView,
    GameEvent,
    Opened,
    TensorPicked,
    TensorShown,
    pyramid,
)
from avow.verifier.chain.claim_records import STEP, ClaimState, Turn
from avow.verifier.chain.claim_records import Challenge as StoredChallenge
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.merkle import leaf, node
from avow.verifier.tensor import Tensor
from avow.verifier.trace.commitment import trace_leaf
from avow.verifier.trace.descriptor import read_descriptor
from avow.verifier.trace.key import ProgramKey, read_outline
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.octets import Octets
from avow.verifier.trace.refutation import TracedClaim, refutes
from avow.verifier.trace.tree import depth_of, fold

WINDOW, CLOCK, EXTENSION = 1000, 300, 20
CLAIM_BOND, CHALLENGE_BOND = 1001, 100
BURNED = b"\xde\xad".rjust(20, b"\0")


class Reverted(Exception):
    """The contract refused a move, by the name of its error."""


@dataclass
class _Challenge:
    turn: Turn
    since: int
    levels: int
    contested: bytes
    left: dict[bool, int] = field(default_factory=lambda: {True: CLOCK, False: CLOCK})
    in_tensor: bool = False
    position: int = 0
    tensor: int = 0
    length: int = 0
    events: list[GameEvent] = field(default_factory=list)

    @property
    def deadline(self) -> int:
        return self.since + max(self.left[self.turn.is_providers], EXTENSION)

    @property
    def undecided(self) -> bool:
        return self.turn is not Turn.ENDED


@dataclass
class _Claim:
    traced: TracedClaim
    outputs: tuple[Tensor, ...]
    provider: bytes
    window_end: int
    lazy: bool
    state: ClaimState = ClaimState.STANDING
    challenges: dict[bytes, _Challenge] = field(default_factory=dict)


class SimulatedClaims:
    """One contract; `now` is in seconds. Every move that goes through makes a block, of number
    `block`: the next one's."""

    def __init__(self) -> None:
        self.now, self.block = 1_000_000, 1
        self.claims: dict[bytes, _Claim] = {}
        self.tensors: dict[bytes, int] = {}
        self.commitments: dict[bytes, int] = {}
        self.credit: Counter[bytes] = Counter()
        self.paid: Counter[bytes] = Counter()

    def learn(self, key: ProgramKey) -> None:
        """A model of this key can be claimed from now on."""
        self.tensors[key.digest] = key.outline.tensors

    def claim(self, traced: TracedClaim, outputs: Sequence[Tensor], provider: bytes) -> None:
        """A provider claims."""
        self.paid[provider] += CLAIM_BOND
        _require(traced.key in self.tensors, "ModelNotLearned")
        self.claims[traced.statement] = _Claim(
            traced, tuple(outputs), provider, self.now + WINDOW, traced.trace == ZERO_WORD
        )

    def view(self, claim: bytes) -> ClaimView:
        """What anybody can read of a claim."""
        found = self.claims[claim]
        return ClaimView(
            found.traced,
            found.outputs,
            found.provider,
            found.state,
            found.window_end,
            sum(one.undecided for one in found.challenges.values()),
        )

    def challenge(self, claim: bytes, challenger: bytes) -> Challenge | None:
        """What anybody can read of a challenge."""
        one = self.claims[claim].challenges.get(challenger)
        if one is None:
            return None
        ended = not one.undecided or self.claims[claim].state is not ClaimState.STANDING
        return Challenge(
            challenger,
            StoredChallenge(
                turn_since=one.since,
                provider_left=one.left[True],
                challenger_left=one.left[False],
                turn=one.turn,
                in_tensor=one.in_tensor,
                levels=one.levels,
                position=one.position,
                tensor=one.tensor,
                length=one.length,
                contested=one.contested,
            ),
            0 if ended else one.deadline,
            tuple(one.events),
        )

    @property
    def head(self) -> int:
        """The number of the last block."""
        return self.block - 1

    def held(self) -> int:
        """The bonds that must be there: of standing claims and undecided challenges."""
        standing = [one for one in self.claims.values() if one.state is ClaimState.STANDING]
        open_ = sum(c.undecided for one in self.claims.values() for c in one.challenges.values())
        return CLAIM_BOND * len(standing) + CHALLENGE_BOND * open_

    def send(self, sender: bytes, move: moves.Move) -> None:
        """Carry out a move, or raise `Reverted` and change nothing."""
        kept = (self.claims, self.tensors, self.commitments, self.credit, self.paid)
        copies = _copied(kept)
        try:
            self._carry_out(sender, move)
        except (Reverted, VerificationError) as error:
            self.claims, self.tensors, self.commitments, self.credit, self.paid = copies
            raise Reverted(str(error)) from None
        self.block += 1
        assert self.held() + self.credit.total() == self.paid.total()

    def _carry_out(self, sender: bytes, move: moves.Move) -> None:
        match move:
            case moves.Open(traced):
                self._open(sender, traced)
            case moves.Reveal(claim, challenger, children):
                self._reveal(sender, claim, challenger, children)
            case moves.RevealTensor(claim, challenger, root, children):
                self._reveal_tensor(sender, claim, challenger, root, children)
            case moves.RevealChunk(claim, challenger, data):
                self._reveal_chunk(sender, claim, challenger, data)
            case moves.Pick(claim, index, chosen, siblings):
                self._pick(sender, claim, index, chosen, siblings)
            case moves.PickTensor():
                self._pick_tensor(sender, move)
            case moves.Commit(commitment):
                self.commitments.setdefault(commitment, self.block)
            case moves.Refute(traced, data, salt):
                self._refute(sender, traced, data, salt)
            case moves.Timeout(claim, challenger):
                self._timeout(claim, challenger)
            case moves.Finish(claim):
                self._finish(claim)
            case moves.Reclaim(claim, challenger):
                self._reclaim(claim, challenger)

    def _undecided(self, claim: bytes) -> _Claim:
        found = self.claims[claim]
        _require(found.state is ClaimState.STANDING, "ClaimNotStanding")
        _require(not self.view(claim).is_final(self.now), "ClaimIsFinal")
        return found

    def _same(self, claim: _Claim, traced: TracedClaim) -> None:
        # A root that was left out may be named by zero also when it is posted.
        root = claim.traced.trace if claim.lazy and traced.trace == ZERO_WORD else traced.trace
        _require(claim.traced == dataclasses.replace(traced, trace=root), "ClaimDiffers")

    def _open(self, sender: bytes, traced: TracedClaim) -> None:
        claim = self._undecided(traced.statement)
        _require(self.now <= claim.window_end, "WindowPassed")
        self._same(claim, traced)
        _require(sender not in claim.challenges, "AlreadyChallenged")
        levels = depth_of(self.tensors[traced.key])
        root = claim.traced.trace
        turn = Turn.TRACE if root == ZERO_WORD else Turn.CHILDREN
        made = _Challenge(turn, self.now, levels, root)
        made.events.append(Opened(root, levels))
        claim.challenges[sender] = made
        self.paid[sender] += CHALLENGE_BOND

    def _turn(self, claim: bytes, challenger: bytes, *turns: Turn) -> _Challenge:
        found = self._undecided(claim).challenges.get(challenger)
        if found is None or found.turn not in turns:
            raise Reverted("NotTheTurn")
        _require(self.now <= found.deadline, "ClockRanOut")
        side = found.turn.is_providers
        found.left[side] = max(0, found.left[side] - (self.now - found.since))
        found.since = self.now
        return found

    def _providers(
        self, sender: bytes, claim: bytes, challenger: bytes, *turns: Turn
    ) -> _Challenge:
        _require(sender == self._undecided(claim).provider, "NotProvider")
        return self._turn(claim, challenger, *turns)

    def _reveal(
        self, sender: bytes, claim: bytes, challenger: bytes, children: tuple[bytes, ...]
    ) -> None:
        one = self._providers(sender, claim, challenger, Turn.TRACE, Turn.CHILDREN)
        root = _top(children, one.levels)
        if one.turn is Turn.TRACE:
            about = self.claims[claim]
            if about.traced.trace == ZERO_WORD:
                about.traced = dataclasses.replace(about.traced, trace=root)
            one.contested = about.traced.trace
        _require(root == one.contested, "NodeDiffers")
        one.turn = Turn.PICK
        one.events.append(ChildrenShown(root, children))

    def _reveal_tensor(
        self,
        sender: bytes,
        claim: bytes,
        challenger: bytes,
        root: bytes,
        children: tuple[bytes, ...],
    ) -> None:
        one = self._providers(sender, claim, challenger, Turn.ROOT)
        _require(trace_leaf(claim, one.tensor, root) == one.contested, "NodeDiffers")
        one.in_tensor, one.position, one.contested = True, 0, root
        one.levels = depth_of(-(-one.length // CHUNK))
        _require(_top(children, one.levels) == root, "NodeDiffers")
        one.turn = Turn.PICK
        one.events.append(TensorShown(one.tensor, root, children))

    def _reveal_chunk(self, sender: bytes, claim: bytes, challenger: bytes, data: bytes) -> None:
        one = self._providers(sender, claim, challenger, Turn.CHUNK)
        expected = min(CHUNK, one.length - CHUNK * one.position)
        _require(len(data) == expected, "CountDiffers")
        _require(leaf(data.ljust(CHUNK, b"\0")) == one.contested, "NodeDiffers")
        one.turn = Turn.REFUTATION
        one.events.append(ChunkShown(one.tensor, one.position, data))

    def _descend(
        self, one: _Challenge, index: int, chosen: bytes, siblings: tuple[bytes, ...]
    ) -> None:
        step = min(STEP, one.levels)
        _require(len(siblings) == step, "CountDiffers")
        _require(0 <= index < 1 << step, "ChildOutsideNode")
        current = chosen
        for height, sibling in enumerate(siblings):
            pair = (sibling, current) if index >> height & 1 else (current, sibling)
            current = node(*pair)
        _require(current == one.contested, "NodeDiffers")
        one.levels -= step
        one.position = one.position << step | index
        one.contested = chosen

    def _pick(
        self, sender: bytes, claim: bytes, index: int, chosen: bytes, siblings: tuple[bytes, ...]
    ) -> None:
        one = self._turn(claim, sender, Turn.PICK)
        self._descend(one, index, chosen, siblings)
        if one.levels:
            one.turn = Turn.CHILDREN
        else:
            _require(one.in_tensor, "PlaceMissing")
            if self._beyond(claim, sender, one.position, -(-one.length // CHUNK), chosen):
                return
            one.turn = Turn.CHUNK
        one.events.append(ChildPicked(chosen, one.position, one.levels))

    def _pick_tensor(self, sender: bytes, move: moves.PickTensor) -> None:
        claim = move.traced.statement
        one = self._turn(claim, sender, Turn.PICK)
        self._same(self.claims[claim], move.traced)
        self._descend(one, move.index, move.node, move.siblings)
        _require(not one.in_tensor and not one.levels, "CountDiffers")
        count = self.tensors[move.traced.key]
        if self._beyond(claim, sender, one.position, count, move.node):
            return
        tensor, _, length = _place(move.traced.key, move.place)
        _require(tensor == one.position, "PlaceDiffers")
        one.tensor, one.length, one.turn = tensor, length, Turn.ROOT
        one.events.append(TensorPicked(move.node, tensor, length))

    def _beyond(self, claim: bytes, sender: bytes, at: int, count: int, chosen: bytes) -> bool:
        if at < count:
            return False
        _require(chosen != ZERO_WORD, "NothingThere")
        self._win(claim, sender)
        return True

    def _refute(self, sender: bytes, traced: TracedClaim, data: bytes, salt: bytes) -> None:
        claim = self._undecided(traced.statement)
        self._same(claim, traced)
        _require(traced.trace != ZERO_WORD, "TraceRootMissing")
        packed = sender.rjust(32, b"\0") + traced.statement + keccak256(data) + salt
        made = self.commitments.pop(keccak256(packed), self.block)
        _require(made < self.block, "NotCommitted")
        _require(refutes(traced, data), "NotRefuted")
        self._win(traced.statement, sender)

    def _win(self, claim: bytes, winner: bytes) -> None:
        found = self.claims[claim]
        found.state = ClaimState.OVERTURNED
        self.credit[winner] += CLAIM_BOND // 2
        self.credit[BURNED] += CLAIM_BOND - CLAIM_BOND // 2
        own = found.challenges.get(winner)
        if own is not None and own.undecided:
            own.turn = Turn.ENDED
            self.credit[winner] += CHALLENGE_BOND

    def _timeout(self, claim: bytes, challenger: bytes) -> None:
        about = self._undecided(claim)
        found = about.challenges.get(challenger)
        if found is None or not found.undecided:
            raise Reverted("NotTheTurn")
        _require(self.now > found.deadline, "ClockStillRuns")
        if found.turn.is_providers:
            self._win(claim, challenger)
        else:
            found.turn = Turn.ENDED
            self.credit[about.provider] += CHALLENGE_BOND

    def _finish(self, claim: bytes) -> None:
        found = self.claims[claim]
        _require(found.state is ClaimState.STANDING, "ClaimNotStanding")
        _require(self.view(claim).is_final(self.now), "ClaimNotFinal")
        found.state = ClaimState.UPHELD
        self.credit[found.provider] += CLAIM_BOND

    def _reclaim(self, claim: bytes, challenger: bytes) -> None:
        about = self.claims[claim]
        ended = (ClaimState.UPHELD, ClaimState.OVERTURNED)
        _require(about.state in ended, "ClaimNotFinal")
        found = about.challenges.get(challenger)
        if found is None or not found.undecided:
            raise Reverted("NothingToReclaim")
        found.turn = Turn.ENDED
        self.credit[challenger] += CHALLENGE_BOND


def _require(condition: bool, name: str) -> None:
    if not condition:
        raise Reverted(name)


def _top(children: tuple[bytes, ...], levels: int) -> bytes:
    _require(len(children) == 1 << min(STEP, levels), "CountDiffers")
    return pyramid(children)[-1][0]


def _place(key: bytes, data: bytes) -> tuple[int, int, int]:
    """Tensor, number of tensors, length in bytes: what `depthOf` reads."""
    octets = Octets(data, "a place")
    program, outline, tensor = octets.word(), read_outline(octets), octets.unsigned(4)
    descriptor = read_descriptor(octets)
    root = fold({tensor: leaf(descriptor.encode())}, outline.depth, octets.word)
    octets.end()
    _require(outline.key(program, root) == key, "PlaceDiffers")
    return tensor, outline.tensors, descriptor.result.size


def _copied(kept: tuple) -> tuple:  # type: ignore[type-arg]
    claims, *others = kept
    copies = {}
    for name, claim in claims.items():
        challenges = {
            who: dataclasses.replace(one, left=dict(one.left), events=list(one.events))
            for who, one in claim.challenges.items()
        }
        copies[name] = dataclasses.replace(claim, challenges=challenges)
    return (copies, *(other.copy() for other in others))
