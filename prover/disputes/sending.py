"""A move sent once, wherever the process ends in between."""

from __future__ import annotations

from avow.prover.disputes.journal import Journal
from avow.prover.disputes.moves import Move
from avow.prover.disputes.onchain import send
from avow.prover.disputes.state import StateTorn
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Receipt
from avow.verifier.chain.errors import TransactionPending
from avow.verifier.chain.signer import Signer
from avow.verifier.fields import to_hex


class Sender:
    """Sends moves of one account, each written down before it is signed."""

    def __init__(self, claims: Claims, signer: Signer, journal: Journal) -> None:
        self._claims = claims
        self._signer = signer
        self._journal = journal

    def send(self, claim_id: bytes, move: Move) -> Receipt:
        """Sends a move, for the first time or again, and waits for it.

        Nothing is sent that would fail now (`Reverted`), nor a move that was made already
        (`StateTorn`).
        """
        booked = _Booked(self._claims, self._journal, claim_id, move)
        return send(self._claims.booked(booked), self._signer, move)


class _Booked:
    """One move in the journal, as transactions ask for it."""

    def __init__(self, claims: Claims, journal: Journal, claim_id: bytes, move: Move) -> None:
        self._claims = claims
        self._journal = journal
        self._claim_id = claim_id
        self._move = move

    def resumes(self, nonce: int) -> bool:
        begun = self._journal.begun(self._move)
        return begun is not None and begun.transaction is not None and begun.nonce == nonce

    def book(self, nonce: int) -> None:
        earlier = self._journal.begun(self._move)
        if earlier is not None and earlier.nonce != nonce:
            self._check_not_made(earlier.transaction)
            self._journal.forget(self._move)
        begun = self._journal.begin(self._claim_id, self._move, nonce)
        if begun is None:
            # Another move was handed over under this nonce. No node has it any more, or this one
            # would have had to wait; and of one nonce only one can still happen.
            self._journal.free(nonce)
            begun = self._journal.begin(self._claim_id, self._move, nonce)
        if begun is None:
            raise TransactionPending(f"nonce {nonce} was taken by another process of this node")

    def signed(self, transaction: bytes) -> None:
        self._journal.sent(self._move, transaction)

    def _check_not_made(self, transaction: bytes | None) -> None:
        found = None if transaction is None else self._claims.chain.receipt(transaction)
        if found is not None and found[1]:
            raise StateTorn(f"transaction {to_hex(found[0].transaction)} has made this move")
