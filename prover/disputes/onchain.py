"""Disputes on a chain: the public state from the contract's records and logs, moves into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from avow.prover.disputes import moves, state
from avow.prover.disputes.moves import Move
from avow.verifier.chain import claim_events as events
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Receipt, checksum
from avow.verifier.chain.errors import TransactionPending
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import Call, Errand
from avow.verifier.errors import VerificationError
from avow.verifier.tensor import Tensor, TensorSpec


def view_of(
    claims: Claims,
    claimed: events.Claimed,
    outputs: tuple[Tensor, ...],
    happened: Sequence[events.ClaimEvent],
) -> state.ClaimView:
    """A claim as it stands. `outputs` are those of its event, `happened` every event since."""
    stored = claims.stored(claimed.claim_id)
    if stored is None:
        raise state.StateTorn("the contract does not know a claim that it has logged")
    traced = claimed.traced
    for event in happened:
        if isinstance(event, events.TraceRootPosted) and event.claim_id == claimed.claim_id:
            traced = replace(traced, trace=event.trace)
    return state.ClaimView(
        traced=traced,
        outputs=outputs,
        provider=stored.provider,
        state=stored.state,
        window_end=stored.window_end,
        undecided=stored.open,
    )


def challenge_of(
    claims: Claims,
    claim_id: bytes,
    challenger: bytes,
    happened: Sequence[events.ClaimEvent],
) -> state.Challenge | None:
    """A challenge as it stands, None where there is none."""
    held = claims.challenge(claim_id, challenger)
    if held is None:
        return None
    own = []
    for event in happened:
        if not isinstance(event, events.GameEvent):
            continue
        if (event.claim_id, event.challenger) == (claim_id, challenger):
            told = _told(event)
            if told is not None:
                own.append(told)
    return state.Challenge(
        challenger=challenger,
        stored=held,
        deadline=claims.deadline(claim_id, challenger),
        events=tuple(own),
    )


def challengers_of(claim_id: bytes, happened: Sequence[events.ClaimEvent]) -> list[bytes]:
    """Who has challenged a claim, in order."""
    return [
        event.challenger
        for event in happened
        if isinstance(event, events.ChallengeOpened) and event.claim_id == claim_id
    ]


def call_of(claims: Claims, move: Move) -> Call:
    """The transaction that makes a move; the bond of an `Open` is to be put up before."""
    call = claims.contract.call
    match move:
        case moves.Open(traced):
            return call("open", events.encode_traced(traced))
        case moves.Reveal(claim, challenger, children):
            return call("reveal", claim, checksum(challenger), list(children))
        case moves.Pick(claim, index, node, siblings):
            return call("pick", claim, index, node, list(siblings))
        case moves.PickTensor(traced, index, node, siblings, place):
            return call(
                "pickTensor", events.encode_traced(traced), index, node, list(siblings), place
            )
        case moves.RevealTensor(claim, challenger, root, children):
            return call("revealTensor", claim, checksum(challenger), root, list(children))
        case moves.RevealChunk(claim, challenger, data):
            return call("revealChunk", claim, checksum(challenger), data)
        case moves.Commit(commitment):
            return call("commit", commitment)
        case moves.Refute(traced, refutation, salt):
            return call("refute", events.encode_traced(traced), refutation, salt)
        case moves.Timeout(claim, challenger):
            return call("timeout", claim, checksum(challenger))
        case moves.Prove(_, order, leg, seal):
            return call("prove", order, leg, seal)
        case moves.Finish(claim):
            return call("finish", claim)
        case moves.Reclaim(claim, challenger):
            return call("reclaim", claim, checksum(challenger))


def send(claims: Claims, signer: Signer, move: Move) -> Receipt:
    """Sends a move and waits for it; a bond is put up first where one is due."""
    if isinstance(move, moves.Open):
        claims.put_up(signer, claims.challenge_bond(move.traced.statement))
    (done,) = claims.send_together(signer, [Errand(call_of(claims, move))])
    if isinstance(done, Receipt):
        return done
    raise done or TransactionPending(f"{type(move).__name__}: earlier transactions come first")


def _told(event: events.GameEvent) -> state.GameEvent | None:
    """What an event tells of the game, None where it only ends it."""
    match event:
        case events.ChallengeOpened():
            return state.Opened(event.contested, event.levels)
        case events.ChildrenRevealed():
            return state.ChildrenShown(event.contested, event.children)
        case events.ChildPicked():
            return state.ChildPicked(event.contested, event.position, event.levels)
        case events.TensorPicked():
            return state.TensorPicked(event.contested, event.tensor, event.length)
        case events.TensorRevealed():
            return state.TensorShown(event.tensor, event.root, event.children)
        case events.ChunkRevealed():
            return state.ChunkShown(event.tensor, event.chunk, event.data)
        case events.ChallengeLost() | events.ChallengeBondReturned():
            return None


def tensors_of(specs: Sequence[TensorSpec], data: bytes) -> tuple[Tensor, ...]:
    """The data of several tensors as a claim or an order holds it; raises VerificationError."""
    tensors, at = [], 0
    for spec in specs:
        size = math.prod(spec.shape) * spec.element_type.width
        tensors.append(Tensor.from_data(spec.element_type, spec.shape, data[at : at + size]))
        at += size
    if at != len(data):
        raise VerificationError("tensors", f"expected {at} bytes, got {len(data)}")
    return tuple(tensors)
