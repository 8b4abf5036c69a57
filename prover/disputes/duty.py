"""What a validator of the watch does next, from the chain's state and what it has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avow.prover.disputes.seeds import Seeds
from avow.verifier.chain.watch_records import (
    MOST_SEEDS,
    StoredValidator,
    VerdictTree,
    Watching,
    WatchParameters,
    verdict_leaf,
)
from avow.verifier.trace.refutation import TracedClaim


@dataclass(frozen=True, slots=True)
class Found:
    """A claim of an epoch that is wrong, and what refutes it."""

    traced: TracedClaim
    epoch: int
    refutation: bytes

    @property
    def claim_id(self) -> bytes:
        """The claim's name."""
        return self.traced.statement


@dataclass(frozen=True, slots=True)
class CommitVerdicts:
    """Commit to an epoch's verdicts."""

    epoch: int
    root: bytes


@dataclass(frozen=True, slots=True)
class RevealSeed:
    """Reveal the seed of an epoch."""

    epoch: int
    seed: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """Both, in one transaction."""

    commit: CommitVerdicts
    reveal: RevealSeed


@dataclass(frozen=True, slots=True)
class Answer:
    """Show that a plant was found."""

    found: Found
    salt: bytes
    path: tuple[bytes, ...]


class Duty:
    """One account's duties in one watch."""

    def __init__(self, account: bytes, seeds: Seeds, parameters: WatchParameters) -> None:
        self._account = account
        self._seeds = seeds
        self._parameters = parameters

    def has(
        self, validator: StoredValidator, watching: Watching, claim_id: bytes, epoch: int
    ) -> bool:
        """Whether the account has to check a claim of that epoch; raises SeedsUnknown."""
        if not validator.serves(epoch) or not watching.covers(epoch):
            return False
        return self._parameters.is_duty(self._seeds.seed(validator, epoch), claim_id)

    def root(self, epoch: int, found: Sequence[Found]) -> bytes:
        """What to commit to for an epoch, `found` being all that was found wrong in it."""
        leaves = self.leaves(found)
        return VerdictTree(leaves).root if leaves else self._seeds.nothing(epoch)

    def leaves(self, found: Sequence[Found]) -> list[bytes]:
        """What stands under the root of an epoch, in order."""
        return [self._leaf(one) for one in sorted(found, key=lambda one: one.claim_id)]

    def answer(self, found: Found, leaves: Sequence[bytes]) -> Answer | None:
        """What shows that a claim was found; None if it is not among the leaves committed to."""
        leaf = self._leaf(found)
        if leaf not in leaves:
            return None
        path = VerdictTree(leaves).path(leaves.index(leaf))
        return Answer(found, self._seeds.salt(found.claim_id), tuple(path))

    def due(
        self,
        validator: StoredValidator,
        committed: bytes,
        found: Sequence[Found],
        now: int,
    ) -> CommitVerdicts | RevealSeed | Attest | None:
        """What there is to send at the time `now`, the last block's, about the epoch before it.

        `committed` is the root that the contract has for that epoch, `found` what was found wrong
        in it. None when everything is there, or nothing can be sent yet.
        """
        commit = self._commit(validator, committed, found, now)
        reveal = self._reveal(validator, now)
        if commit is not None and reveal is not None:
            return Attest(commit, reveal)
        return commit or reveal

    def ended(self, now: int) -> int:
        """The epoch of which `due` speaks."""
        return self._parameters.epoch_at(now) - 1

    def _commit(
        self, validator: StoredValidator, committed: bytes, found: Sequence[Found], now: int
    ) -> CommitVerdicts | None:
        epoch = self.ended(now)
        if not validator.serves(epoch) or now > self._parameters.times(epoch).verdicts_by:
            return None
        root = self.root(epoch, found)
        return None if root == committed else CommitVerdicts(epoch, root)

    def _reveal(self, validator: StoredValidator, now: int) -> RevealSeed | None:
        # There is time for it until the next epoch's verdicts are due: one transaction for both.
        epoch = min(self.ended(now) - 1, validator.last_epoch, validator.revealed + MOST_SEEDS)
        if epoch <= validator.revealed or not validator.serves(epoch):
            return None
        return RevealSeed(epoch, self._seeds.seed(validator, epoch))

    def _leaf(self, found: Found) -> bytes:
        salt = self._seeds.salt(found.claim_id)
        account = self._account
        return verdict_leaf(account, found.epoch, found.claim_id, found.refutation, salt)
