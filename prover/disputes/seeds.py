"""A validator's seeds, all of which follow from its key: a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from avow.prover.errors import ProverError
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch_records import StoredValidator
from avow.verifier.keccak import keccak256, tag

# Epochs that one chain of seeds lasts; then the validator has to leave and join again.
LENGTH = 2**16
# Epochs between drawing an anchor and the transaction that joins with it.
_MOST_LATE = 8
_SECRET = tag("avow.watch.secret.v1")


class SeedsUnknown(ProverError):
    """The validator has joined with seeds that are not this key's, or has used them up."""


class Seeds:
    """The seeds of one account in one watch.

    They differ with the epoch in which they were drawn: who joins again must not use seeds that
    everybody knows.
    """

    def __init__(self, secret: bytes, length: int = LENGTH) -> None:
        """`secret`: 32 bytes that nobody else knows, of this account, chain and watch."""
        self._secret = secret
        self._length = length
        self._chain: Callable[[int], list[bytes]] = lru_cache(maxsize=2)(self._draw)

    def anchor(self, epoch: int) -> bytes:
        """What to join with in that epoch."""
        return self._chain(epoch)[0]

    def seed(self, validator: StoredValidator, epoch: int) -> bytes:
        """The seed of an epoch; raises SeedsUnknown. 32 bytes."""
        joined = validator.first_epoch - 1
        for drawn in range(joined, joined - _MOST_LATE, -1):
            chain = self._chain(drawn)
            at = validator.revealed - joined
            if at <= self._length and chain[at] == validator.seed:
                if epoch - joined > self._length:
                    raise SeedsUnknown(
                        f"seeds: epoch {epoch} is behind the last of {self._length}; leave the "
                        "watch and join again"
                    )
                return chain[epoch - joined]
        raise SeedsUnknown("seeds: the validator has joined with others than this key's")

    def salt(self, claim_id: bytes) -> bytes:
        """What hides the verdict on a claim. 32 bytes."""
        return keccak256(self._secret + tag("avow.watch.verdict.v1") + claim_id)

    def nothing(self, epoch: int) -> bytes:
        """The word to commit to for an epoch without verdicts: like a root to everybody else."""
        return keccak256(self._secret + tag("avow.watch.nothing.v1") + epoch.to_bytes(32, "big"))

    def _draw(self, epoch: int) -> list[bytes]:
        last = tag("avow.watch.seeds.v1") + epoch.to_bytes(32, "big")
        chain = [keccak256(self._secret + last)]
        for _ in range(self._length):
            chain.append(keccak256(chain[-1]))
        return chain[::-1]


def secret_of(signer: Signer, chain_id: int, watch: bytes) -> bytes:
    """The secret of an account in the watch at that address; a signature that is never sent."""
    place = chain_id.to_bytes(32, "big") + watch.rjust(32, b"\0")
    return keccak256(signer.sign_digest(keccak256(_SECRET + place)))
