"""A node's part in the watch: what it looks at, its verdicts, seeds, answers and bounties."""

from __future__ import annotations

import logging
from collections.abc import Callable

from avow.prover.database import Database
from avow.prover.disputes.duty import Attest, CommitVerdicts, Duty, Found, RevealSeed
from avow.prover.disputes.findings import Findings
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.seeds import Seeds, SeedsUnknown, secret_of
from avow.prover.disputes.state import StateTorn
from avow.verifier.chain.client import Block
from avow.verifier.chain.errors import ChainError, RpcUnavailable
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_records import NEVER, Outcome, StoredValidator
from avow.verifier.fields import to_hex

LOG = logging.getLogger("avow.node")
# For the two transactions of a refutation that waited for verdicts to be due.
_ROOM = 120


def join(watch: Watch, signer: Signer, stake: int) -> None:
    """Joins with seeds that follow from the key, unless a validator already."""
    if watch.validator(signer.address) is None:
        epoch = watch.parameters.epoch_at(watch.chain.head().timestamp)
        watch.join(signer, stake, seeds_of(watch, signer).anchor(epoch))


def begin_to_watch(watch: Watch, signer: Signer, model_key: bytes) -> None:
    """Watches a model from the next epoch on, unless it is watched already."""
    if watch.watching(signer.address, model_key).until != NEVER:
        watch.watch(signer, model_key)


def seeds_of(watch: Watch, signer: Signer) -> Seeds:
    """The seeds of an account in a watch."""
    return Seeds(secret_of(signer, watch.chain.chain_id, watch.address))


class Guard:
    """The duties of one account, as its `Watcher` asks for them.

    Claims of models that it does not watch are looked at, too, and overturned at once: that pays
    as before. What the watch wants next follows from the chain and the findings kept.
    """

    def __init__(
        self,
        watch: Watch,
        signer: Signer,
        database: Database,
        seeds: Seeds | None = None,
        say: Callable[[str], None] = LOG.info,
    ) -> None:
        self._watch = watch
        self._signer = signer
        place = f"{watch.chain.chain_id}:{to_hex(watch.address)}"
        self._findings = Findings(database, f"{place}:watch:{to_hex(signer.address)}")
        own = seeds_of(watch, signer) if seeds is None else seeds
        self._duty = Duty(signer.address, own, watch.parameters)
        self._say = say
        self._said = ""

    def looks_at(self, claim: Watched) -> bool:
        """Whether it is this account's duty, or of a model that it does not watch."""
        stored = self._watch.validator(self._signer.address)
        epoch = self._epoch(claim)
        if stored is None or epoch is None or not stored.serves(epoch):
            return True
        watching = self._watch.watching(self._signer.address, claim.model_key)
        if not watching.covers(epoch):
            return True
        try:
            return self._duty.has(stored, watching, claim.traced.statement, epoch)
        except SeedsUnknown as error:
            self._tell(str(error))
            return True

    def judged(self, claim: Watched, verdict: Verdict, reason: str) -> None:
        """Nothing: a claim that is wrong comes to `holds`."""

    def holds(self, claim: Watched, refutation: bytes | None) -> bool:
        """Keeps the finding, and waits until nobody can copy it any more.

        A claim that cannot be refuted yet has to be challenged at once; and one is not held that
        could be final before that.
        """
        epoch = self._epoch(claim)
        stored = self._watch.validator(self._signer.address)
        if refutation is None or epoch is None or stored is None:
            return False
        watching = self._watch.watching(self._signer.address, claim.model_key)
        if not stored.serves(epoch) or not watching.covers(epoch):
            return False
        due = self._watch.parameters.times(epoch).verdicts_by
        now = self._watch.chain.head().timestamp
        if now > due:
            return False
        self._findings.keep(Found(claim.traced, epoch, refutation))
        return due + _ROOM < claim.window_end

    def step(self) -> bool:
        """Sends what is due; whether anything was sent. What is refused is told once."""
        stored = self._watch.validator(self._signer.address)
        if stored is None:
            return False
        try:
            head = self._watch.chain.head()
            return self._attest(stored, head) or any(
                self._follow(found, stored, head) for found in self._findings.all()
            )
        except RpcUnavailable:
            raise
        except (ChainError, SeedsUnknown, StateTorn) as error:
            self._tell(str(error))
            return False

    def _attest(self, stored: StoredValidator, head: Block) -> bool:
        watch, now = self._watch, head.timestamp
        epoch = self._duty.ended(now)
        # The epoch's last claims are looked at first; afterwards there is time to be mined.
        if now <= watch.parameters.times(epoch).ends + watch.parameters.verdict_delay // 2:
            return False
        found = [one for one in self._findings.all() if one.epoch == epoch]
        committed = watch.root(self._signer.address, epoch)
        match self._duty.due(stored, committed, found, now):
            case None:
                return False
            case CommitVerdicts(epoch=of, root=root):
                watch.commit_verdicts(self._signer, of, root)
            case RevealSeed(epoch=of, seed=seed):
                watch.reveal_seed(self._signer, of, seed)
            case Attest(commit, reveal):
                watch.attest(self._signer, commit.epoch, commit.root, reveal.epoch, reveal.seed)
        self._tell(f"watch: epoch {epoch}: {len(found)} claims were found wrong")
        return True

    def _follow(self, found: Found, stored: StoredValidator, head: Block) -> bool:
        """What a finding leads to: an answer, once it is known as a plant, and the bounty."""
        watch, account = self._watch, self._signer.address
        times, now = watch.parameters.times(found.epoch), head.timestamp
        if now <= times.verdicts_by:
            return False
        plant = watch.plant_of(found.claim_id)
        if plant is None:
            return self._over(found, now > times.reveals_by)
        outcome = watch.outcome(found.claim_id, account)
        if outcome is Outcome.NONE and now <= times.answers_by:
            return stored.revealed >= found.epoch and self._answer(found)
        if outcome is not Outcome.FOUND:
            return self._over(found, True)
        if now <= times.answers_by:
            return False
        if not plant.closed:
            watch.close(self._signer, found.claim_id)
        watch.pay_bounty(self._signer, found.claim_id, account)
        watch.withdraw(self._signer)
        return True

    def _answer(self, found: Found) -> bool:
        same = [one for one in self._findings.all() if one.epoch == found.epoch]
        answer = self._duty.answer(found.claim_id, same)
        if answer is None:
            return False
        told = (found.traced, found.refutation, answer.salt, answer.path)
        self._watch.answer(self._signer, *told)
        self._tell(f"watch: claim {to_hex(found.claim_id)} was a plant, and found")
        return True

    def _over(self, found: Found, over: bool) -> bool:
        if over:
            self._findings.forget(found.claim_id)
        return False

    def _epoch(self, claim: Watched) -> int | None:
        """The epoch in which a claim was made; None where the chain no longer has its block."""
        block = self._watch.chain.block(claim.block)
        return None if block is None else self._watch.parameters.epoch_at(block.timestamp)

    def _tell(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._say(line)
