"""The challenger's side: what one's own run says of a claim, and the next step to overturn it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avow.prover.disputes.moves import (
    Commit,
    Move,
    Open,
    Pick,
    PickTensor,
    Reclaim,
    Refute,
    Timeout,
)
from avow.prover.disputes.state import Challenge, ClaimView, Seen, StateTorn, climb, replay
from avow.prover.refutation import (
    Place,
    Refuter,
    first_wrong,
    wrong_in_chunk,
    wrong_input,
    wrong_output,
)
from avow.prover.trees import leftmost
from avow.verifier.chain.claim_records import ClaimState, Turn, commitment
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import Program
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import input_root, input_scheme
from avow.verifier.trace.key import ProgramKey
from avow.verifier.trace.layout import CHUNK, Layout
from avow.verifier.trace.refutation import Kind, TracedClaim, refutes
from avow.verifier.trace.tree import Nodes


@dataclass(frozen=True)
class OwnRun:
    """One's own run of a claim's inputs, bound to the claim's statement.

    `inputs` are the stated ones. Where they leave their range there is no right run, and the
    run is of any others; whatever was committed to is then wrong.
    """

    program: Program
    key: ProgramKey
    run: Refuter
    inputs: tuple[Tensor, ...]

    @property
    def layouts(self) -> list[Layout]:
        """How the tensors lie."""
        return [descriptor.result for descriptor in self.key.descriptors]

    def flaw(self, outputs: Sequence[Tensor]) -> Place | None:
        """What is wrong with a statement, even if the trace should be one's own."""
        found = wrong_input(self.inputs, self.program.inputs)
        if found is None:
            found = wrong_output(self.program, self.layouts, self.run.tensors, outputs)
        return found

    def differs(self, claim: ClaimView) -> bool:
        """Whether the claim is wrong; of a lazy one only what it states can be."""
        if not claim.owes_root and claim.traced.trace != self.run.root:
            return True
        return self.flaw(claim.outputs) is not None


@dataclass(frozen=True, slots=True)
class OneShot:
    """What is left to do once a claim's refutation was made: no run is needed for it any more."""

    traced: TracedClaim
    data: bytes
    account: bytes
    salt: bytes

    def refutation(self, claim: ClaimView, challenge: Challenge | None = None) -> bytes | None:
        """What overturns the claim in one transaction."""
        return self.data

    def commitment(self, claim: ClaimView, challenge: Challenge | None = None) -> bytes | None:
        """What `move` commits to."""
        return commitment(self.account, self.traced.statement, self.data, self.salt)

    def move(
        self,
        claim: ClaimView,
        challenge: Challenge | None,
        committed_in: int,
        head: int,
        now: int,
    ) -> Move | None:
        """The one thing to do, as `Attack.move`."""
        if claim.state is not ClaimState.STANDING or claim.is_final(now):
            return None
        if not committed_in:
            return Commit(commitment(self.account, claim.id, self.data, self.salt))
        return Refute(self.traced, self.data, self.salt) if committed_in < head else None


class Attack:
    """The attack of one account on one claim.

    `salt` hides a commitment and must be the same after a restart. `published` are the tensors
    that the provider shows of its own accord, in storage order; believed only where they lead to
    the trace root.
    """

    def __init__(
        self,
        own: OwnRun,
        account: bytes,
        salt: bytes,
        published: Refuter | None = None,
    ) -> None:
        self._own = own
        self._account = account
        self._salt = salt
        self._published = published
        self._one_shot: tuple[TracedClaim, bytes | None] | None = None
        self._scheme = input_scheme(own.program.inputs)
        self._by_root: tuple[tuple[TracedClaim, int, bytes], bytes | None] | None = None

    def refutation(self, claim: ClaimView, challenge: Challenge | None = None) -> bytes | None:
        """What overturns the claim in one transaction, if that can be made from what is known:
        from the start, or from what the game of one's own challenge has shown."""
        if claim.owes_root:
            return None
        if self._one_shot is None or self._one_shot[0] != claim.traced:
            self._one_shot = (claim.traced, self._make(claim))
        data = self._one_shot[1]
        if data is not None or challenge is None:
            return data
        if challenge.turn is Turn.PICK:
            return self._refute_root(claim, replay(challenge))
        if challenge.turn is Turn.REFUTATION:
            return self._refute_shown(replay(challenge))
        return None

    def one_shot(self, claim: ClaimView) -> OneShot | None:
        """What needs this run no longer, if the claim can be refuted from the start."""
        data = self.refutation(claim)
        return None if data is None else OneShot(claim.traced, data, self._account, self._salt)

    def commitment(self, claim: ClaimView, challenge: Challenge | None = None) -> bytes | None:
        """What `move` commits to, if it goes that way; ask the contract whether it knows it."""
        data = self.refutation(claim, challenge)
        if data is None:
            return None
        return commitment(self._account, claim.id, data, self._salt)

    def move(
        self,
        claim: ClaimView,
        challenge: Challenge | None,
        committed_in: int,
        head: int,
        now: int,
    ) -> Move | None:
        """The one thing to do, the last block's time being `now`; None to wait, or at the end.

        `challenge` is this account's own, `committed_in` what the contract answers for
        `commitment`, 0 without one, and `head` the last block: what was made in it counts from the
        next one on, also for whoever estimates the gas of a refutation.
        """
        undecided = challenge is not None and challenge.undecided
        if undecided and claim.state is not ClaimState.STANDING:
            return Reclaim(claim.id, self._account)
        if claim.state is not ClaimState.STANDING or claim.is_final(now):
            return None
        if not undecided and not self._own.differs(claim):
            return None
        data = self.refutation(claim, challenge)
        if data is not None:
            shot = OneShot(claim.traced, data, self._account, self._salt)
            return shot.move(claim, challenge, committed_in, head, now)
        if challenge is not None and undecided:
            return self._go_on(claim, challenge, now)
        # Who has lost one challenge of a claim gets no other.
        if challenge is not None or now > claim.window_end:
            return None
        return Open(claim.traced)

    def _go_on(self, claim: ClaimView, challenge: Challenge, now: int) -> Move | None:
        late = now > challenge.deadline
        if challenge.turn.is_providers:
            return Timeout(claim.id, self._account) if late else None
        return None if late else self._pick(claim, replay(challenge))

    def _pick(self, claim: ClaimView, seen: Seen) -> Move:
        height = seen.levels - seen.step
        first = seen.position << seen.step
        own: Nodes = self._own.run.trees[seen.tensor] if seen.in_tensor else self._own.run.trace
        index = leftmost(own, height, first, seen.children)
        if index is None:
            raise StateTorn("no node that was shown differs from one's own below one that does")
        node, siblings = seen.children[index], climb(seen.children, index)
        if seen.in_tensor or height:
            return Pick(claim.id, index, node, siblings)
        tensor = first + index
        place = self._place(tensor) if tensor < len(self._own.key.descriptors) else b""
        return PickTensor(claim.traced, index, node, siblings, place)

    def _refute_root(self, claim: ClaimView, seen: Seen) -> bytes | None:
        """The refutation of an input whose root was shown, if that alone shows it to be wrong."""
        own, tensor = self._own, seen.tensor
        given = seen.in_tensor and tensor < len(own.program.inputs)
        if not given or self._scheme is not Scheme.PUBLIC_TREE:
            return None
        theirs = own.run.with_root(tensor, seen.nodes, seen.trace)
        found = theirs.trees[tensor].root
        about = (claim.traced, tensor, found)
        # Asked for at every look, and made by hashing whole inputs.
        if self._by_root is None or self._by_root[0] != about:
            same = found == input_root(own.inputs[tensor])
            self._by_root = (about, None if same else theirs.refute_by_root(tensor, 0, own.inputs))
        return self._by_root[1]

    def _refute_shown(self, seen: Seen) -> bytes:
        """The refutation of an element of the chunk that was shown."""
        own, tensor, chunk = self._own.run, seen.tensor, seen.position
        start = chunk * CHUNK
        mine = own.tensors[tensor][start : start + CHUNK]
        theirs = own.with_shown(tensor, chunk, seen.data, seen.nodes, seen.trace)
        wrong = wrong_in_chunk(self._own.layouts[tensor], chunk, mine, seen.data)
        if wrong is None:
            raise StateTorn("the chunk that was shown is one's own")
        given = tensor < len(self._own.program.inputs)
        place = Place(Kind.INPUT if given else Kind.OPERATION, tensor, wrong)
        return theirs.refute(place, self._own.inputs, self._scheme)

    def _place(self, tensor: int) -> bytes:
        return self._own.key.program + self._own.run.place(tensor)

    def _make(self, claim: ClaimView) -> bytes | None:
        own, shown = self._own, self._published
        if claim.traced.trace == own.run.root:
            shown, place = own.run, own.flaw(claim.outputs)
        elif shown is not None and claim.traced.trace == shown.root:
            layouts = own.layouts
            place = first_wrong(own.program, layouts, own.run.tensors, shown.tensors, claim.outputs)
        else:
            return None
        if place is None:
            return None
        stated = claim.outputs if place.kind is Kind.OUTPUT else own.inputs
        data = shown.refute(place, stated, self._scheme)
        try:
            return data if refutes(claim.traced, data) else None
        except VerificationError:
            return None
