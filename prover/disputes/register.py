"""What a watch has stored of one account, asked for once a step and not once for every claim."""

from __future__ import annotations

from avow.prover.disputes.journal import Watched
from avow.verifier.chain.client import Block
from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_records import StoredValidator, Watching

# A block below so many others is no more read again: what a claim's epoch is stays so.
_DEEP = 64
# Blocks whose epochs are remembered.
_MOST_EPOCHS = 2**16


class Register:
    """One account's entry in a watch, as it stood when `renew` was last called."""

    def __init__(self, watch: Watch, account: bytes) -> None:
        self._watch = watch
        self._account = account
        self._read = False
        self._stored: StoredValidator | None = None
        self._watched: dict[bytes, Watching] = {}
        self._epochs: dict[int, int] = {}

    def renew(self, head: Block) -> StoredValidator | None:
        """Asks again from here on; the validator as it stands, None when the account is none."""
        self._read = False
        self._watched.clear()
        recent = [number for number in self._epochs if number > head.number - _DEEP]
        for number in recent:
            del self._epochs[number]
        return self.validator()

    def validator(self) -> StoredValidator | None:
        """The account as a validator, None when it is none."""
        if not self._read:
            self._stored = self._watch.validator(self._account)
            self._read = True
        return self._stored

    def watching(self, model_key: bytes) -> Watching:
        """Since and until when it watches a model."""
        if model_key not in self._watched:
            self._watched[model_key] = self._watch.watching(self._account, model_key)
        return self._watched[model_key]

    def epoch(self, claim: Watched) -> int | None:
        """The epoch in which a claim was made; None where the chain no longer has its block."""
        if claim.block not in self._epochs:
            block = self._watch.chain.block(claim.block)
            if block is None:
                return None
            if len(self._epochs) == _MOST_EPOCHS:
                self._epochs.clear()
            self._epochs[claim.block] = self._watch.parameters.epoch_at(block.timestamp)
        return self._epochs[claim.block]
