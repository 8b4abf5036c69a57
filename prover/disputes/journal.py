"""What a node remembers of disputes: which claims it watches, and which moves it has begun.

What the next move is follows from the chain; this only keeps it from being sent twice. A move is
written down with the account's nonce before it is signed. Whoever stops in between finds it again
and sends it under the same nonce, of which the chain takes one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from time import time_ns

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from avow.prover.database import Database
from avow.prover.disputes.moves import Move, digest
from avow.prover.disputes.tables import DisputeClaimRow, DisputeMoveRow
from avow.prover.history import one_line
from avow.prover.nodes import cursors
from avow.prover.nodes.cursors import Cursor
from avow.verifier.fields import to_hex
from avow.verifier.trace.refutation import TracedClaim


class Verdict(Enum):
    """What a node found of a claim; the value is stored."""

    UNKNOWN = "unknown"
    AGREES = "agrees"
    WRONG = "wrong"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Watched:
    """A claim as its event said, where that event stands, and what was found of it."""

    traced: TracedClaim
    order_id: bytes
    leg: int
    model_key: bytes
    provider: bytes
    window_end: int
    block: int
    position: int
    verdict: Verdict = Verdict.UNKNOWN
    reason: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A move that was begun: under which nonce, and as which transaction if it was sent.

    `fresh` says that it was written down just now.
    """

    nonce: int
    transaction: bytes | None
    fresh: bool


class Journal:
    """One node's disputes in the job database. Every change is one transaction and idempotent."""

    def __init__(
        self,
        database: Database,
        node: str,
        clock: Callable[[], int] = lambda: time_ns() // 10**6,
    ) -> None:
        """`node` names chain, contract, role and account; `clock` gives milliseconds."""
        self._database = database
        self._node = node
        self._clock = clock

    def cursor(self) -> Cursor | None:
        """Up to which block claims were read."""
        with self._database.read() as session:
            return cursors.newest(session, self._node)

    def watch(self, claims: Sequence[Watched], cursor: Cursor | None = None) -> None:
        """Takes in claims as they were read, up to `cursor`; a verdict on the same claim stays.

        After a re-organisation a claim may say something else: then nothing is known of it.
        """
        with self._database.write() as session:
            for claim in claims:
                key = (self._node, to_hex(claim.traced.statement))
                known = session.get(DisputeClaimRow, key)
                same = known is not None and known.traced == traced_text(claim.traced)
                session.merge(
                    DisputeClaimRow(
                        node=self._node,
                        claim_id=to_hex(claim.traced.statement),
                        order_id=to_hex(claim.order_id),
                        leg=claim.leg,
                        model_key=to_hex(claim.model_key),
                        provider=to_hex(claim.provider),
                        traced=traced_text(claim.traced),
                        window_end=claim.window_end,
                        block=claim.block,
                        position=claim.position,
                        verdict=known.verdict if known and same else Verdict.UNKNOWN.value,
                        reason=known.reason if known and same else "",
                        ended=known.ended if known and same else False,
                    )
                )
            if cursor is not None:
                cursors.keep(session, self._node, cursor)

    def rewind(self, block: int) -> None:
        """Forgets claims of blocks from `block` on: the chain no longer has them."""
        with self._database.write() as session:
            session.execute(
                delete(DisputeClaimRow).where(
                    DisputeClaimRow.node == self._node, DisputeClaimRow.block >= block
                )
            )
            cursors.rewind(session, self._node, block)

    def watched(self) -> list[Watched]:
        """The claims that have not ended, those first that can be challenged least long."""
        query = select(DisputeClaimRow).where(
            DisputeClaimRow.node == self._node, DisputeClaimRow.ended.is_(False)
        )
        ordered = query.order_by(DisputeClaimRow.window_end, DisputeClaimRow.claim_id)
        with self._database.read() as session:
            return [_watched(row) for row in session.scalars(ordered)]

    def of_leg(self, order_id: bytes, leg: int) -> Watched | None:
        """The claim of an order's leg, ended or not."""
        query = select(DisputeClaimRow).where(
            DisputeClaimRow.node == self._node,
            DisputeClaimRow.order_id == to_hex(order_id),
            DisputeClaimRow.leg == leg,
        )
        with self._database.read() as session:
            row = session.scalars(query).first()
            return None if row is None else _watched(row)

    def verdict(self, claim_id: bytes) -> Verdict:
        """What was found of a claim; UNKNOWN also of one that was never read."""
        with self._database.read() as session:
            row = session.get(DisputeClaimRow, (self._node, to_hex(claim_id)))
            return Verdict.UNKNOWN if row is None else Verdict(row.verdict)

    def decide(self, claim_id: bytes, verdict: Verdict, reason: str) -> None:
        """Notes what was found of a claim."""
        with self._database.write() as session:
            row = session.get(DisputeClaimRow, (self._node, to_hex(claim_id)))
            if row is not None:
                row.verdict, row.reason = verdict.value, one_line(reason)

    def end(self, claim_id: bytes, ended: bool = True) -> None:
        """Notes that nothing is left to do about a claim; or that there is, after all."""
        with self._database.write() as session:
            row = session.get(DisputeClaimRow, (self._node, to_hex(claim_id)))
            if row is not None:
                row.ended = ended

    def begin(self, claim_id: bytes, move: Move, nonce: int) -> Begun | None:
        """Writes a move down before it is signed, under the account's next nonce.

        Of a move that was begun before, what was written then: it may be sent under that nonce
        only. None where another move that was handed to somebody holds this nonce: wait for it. One
        that never was gives way.
        """
        key = (self._node, to_hex(digest(move)))
        try:
            with self._database.write() as session:
                row = session.get(DisputeMoveRow, key)
                if row is not None:
                    sent = bytes.fromhex(row.transaction[2:])
                    return Begun(row.nonce, sent or None, fresh=False)
                session.execute(
                    delete(DisputeMoveRow).where(
                        DisputeMoveRow.node == self._node,
                        DisputeMoveRow.nonce == nonce,
                        DisputeMoveRow.transaction == "",
                    )
                )
                session.add(
                    DisputeMoveRow(
                        node=self._node,
                        move=key[1],
                        claim_id=to_hex(claim_id),
                        kind=type(move).__name__,
                        nonce=nonce,
                        transaction="",
                        begun_at=self._clock(),
                    )
                )
        except IntegrityError:
            return None
        return Begun(nonce, None, fresh=True)

    def sent(self, move: Move, transaction: bytes) -> None:
        """Notes the transaction of a move, before its bytes are handed to anybody."""
        with self._database.write() as session:
            row = session.get(DisputeMoveRow, (self._node, to_hex(digest(move))))
            if row is not None:
                row.transaction = to_hex(transaction)

    def begun(self, move: Move) -> Begun | None:
        """A move that was begun and not forgotten."""
        with self._database.read() as session:
            row = session.get(DisputeMoveRow, (self._node, to_hex(digest(move))))
            if row is None:
                return None
            return Begun(row.nonce, bytes.fromhex(row.transaction[2:]) or None, fresh=False)

    def free(self, nonce: int) -> None:
        """Forgets whatever was begun under a nonce: no node has that transaction any more."""
        with self._database.write() as session:
            session.execute(
                delete(DisputeMoveRow).where(
                    DisputeMoveRow.node == self._node, DisputeMoveRow.nonce == nonce
                )
            )

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many claims there are of each verdict, and how many moves of each kind were sent."""
        claims = select(DisputeClaimRow.verdict, func.count()).where(
            DisputeClaimRow.node == self._node
        )
        sent = select(DisputeMoveRow.kind, func.count()).where(
            DisputeMoveRow.node == self._node, DisputeMoveRow.transaction != ""
        )
        with self._database.read() as session:
            verdicts = session.execute(claims.group_by(DisputeClaimRow.verdict)).all()
            kinds = session.execute(sent.group_by(DisputeMoveRow.kind)).all()
        found = {str(verdict): int(count) for verdict, count in verdicts}
        return (
            {verdict.value: found.get(verdict.value, 0) for verdict in Verdict},
            {str(kind): int(count) for kind, count in kinds},
        )

    def forget(self, move: Move) -> None:
        """Forgets a move whose nonce went to another transaction: it never happened."""
        with self._database.write() as session:
            session.execute(
                delete(DisputeMoveRow).where(
                    DisputeMoveRow.node == self._node, DisputeMoveRow.move == to_hex(digest(move))
                )
            )


_FIELDS = TracedClaim.__slots__


def traced_text(traced: TracedClaim) -> str:
    """A claim as it is stored: a JSON object of hex strings."""
    return json.dumps({name: to_hex(getattr(traced, name)) for name in _FIELDS})


def parse_traced_text(text: str) -> TracedClaim:
    """What `traced_text` wrote."""
    return TracedClaim(**{name: bytes.fromhex(word[2:]) for name, word in json.loads(text).items()})


def _watched(row: DisputeClaimRow) -> Watched:
    return Watched(
        traced=parse_traced_text(row.traced),
        order_id=bytes.fromhex(row.order_id[2:]),
        leg=row.leg,
        model_key=bytes.fromhex(row.model_key[2:]),
        provider=bytes.fromhex(row.provider[2:]),
        window_end=row.window_end,
        block=row.block,
        position=row.position,
        verdict=Verdict(row.verdict),
        reason=row.reason,
        ended=row.ended,
    )
