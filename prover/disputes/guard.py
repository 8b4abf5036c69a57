"""A node's part in the watch: what it looks at, its verdicts, seeds, answers and bounties."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from avow.prover.database import Database
from avow.prover.disputes.duty import Attest, CommitVerdicts, Duty, Found, RevealSeed
from avow.prover.disputes.findings import Findings
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.register import Register
from avow.prover.disputes.seeds import Seeds, SeedsUnknown, secret_of
from avow.prover.disputes.state import StateTorn
from avow.prover.errors import ConfigurationError
from avow.verifier.chain.client import Block
from avow.verifier.chain.errors import ChainError, RpcUnavailable
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_records import NEVER, EpochTimes, Outcome, StoredValidator
from avow.verifier.fields import to_hex

LOG = logging.getLogger("avow.node")
# A refutation that waited for verdicts to be due takes two blocks, and all that were held begin
# at the same second; the room before them is for clocks, slow blocks and moves of other disputes.
_ROOM = 120
_EACH = 24
# Claims that are not counted again when they are asked about again.
_COUNTED = 2**16


def join(watch: Watch, signer: Signer, stake: int) -> None:
    """Joins with seeds that follow from the key, unless a validator already."""
    if watch.validator(signer.address) is None:
        epoch = watch.parameters.epoch_at(watch.chain.head().timestamp)
        watch.join(signer, stake, seeds_of(watch, signer).anchor(epoch))


def begin_to_watch(watch: Watch, signer: Signer, model_key: bytes) -> None:
    """Watches a model from the next epoch on, unless it is watched already."""
    if watch.watching(signer.address, model_key).until != NEVER:
        watch.watch(signer, model_key)


def leave(watch: Watch, signer: Signer) -> int | EpochTimes:
    """Ends the duties of an account, later takes out its stake and whatever else it has there.

    The token units that were paid to it; while the stake is bound, the times of the last epoch of
    its duties. Raises ConfigurationError for an account with neither duties nor credit.
    """
    stored = watch.validator(signer.address)
    if stored is not None and stored.last_epoch == NEVER:
        watch.exit(signer)
        stored = watch.validator(signer.address)
    if stored is not None:
        times = watch.parameters.times(stored.last_epoch)
        if watch.chain.head().timestamp <= times.penalties_by:
            return times
        watch.release_stake(signer)
    credit = watch.credit(signer.address)
    if not credit:
        raise ConfigurationError(
            f"{signer.shown} is no validator of the watch, nor has credit there"
        )
    watch.withdraw(signer)
    return credit


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
        self._register = Register(watch, signer.address)
        self._followed: Block | None = None
        own = seeds_of(watch, signer) if seeds is None else seeds
        self._duty = Duty(signer.address, own, watch.parameters)
        self._say = say
        self._said = ""
        self._given: set[bytes] = set()
        self._duties = 0

    @property
    def duties(self) -> int:
        """How many claims it had to look at, since it was started."""
        return self._duties

    def verdicts(self) -> int:
        """How many claims are kept that were found wrong."""
        return self._findings.count(0)

    def looks_at(self, claim: Watched) -> bool:
        """Whether it is this account's duty, or of a model that it does not watch."""
        stored, epoch = self._register.validator(), self._register.epoch(claim)
        if stored is None or epoch is None or not stored.serves(epoch):
            return True
        watching = self._register.watching(claim.model_key)
        if not watching.covers(epoch):
            return True
        try:
            duty = self._duty.has(stored, watching, claim.traced.statement, epoch)
        except SeedsUnknown as error:
            self._tell(str(error))
            return True
        if duty and claim.traced.statement not in self._given:
            if len(self._given) == _COUNTED:
                self._given.clear()
            self._given.add(claim.traced.statement)
            self._duties += 1
        return duty

    def judged(self, claim: Watched, verdict: Verdict, reason: str) -> None:
        """Nothing: a claim that is wrong comes to `holds`."""

    def holds(self, claim: Watched, refutation: bytes | None) -> bool:
        """Keeps the finding, and waits until nobody can copy it any more.

        A claim that cannot be refuted yet has to be challenged at once; and one is not held that
        could be final before it is this one's turn among all that are held.
        """
        stored, epoch = self._register.validator(), self._register.epoch(claim)
        if refutation is None or epoch is None or stored is None:
            return False
        watching = self._register.watching(claim.model_key)
        if not stored.serves(epoch) or not watching.covers(epoch):
            return False
        due = self._watch.parameters.times(epoch).verdicts_by
        now = self._watch.chain.head().timestamp
        if now > due:
            return False
        self._findings.keep(Found(claim.traced, epoch, refutation))
        # Those of the epoch before may still be under way.
        room = _ROOM + _EACH * self._findings.count(epoch - 1)
        return due + room < claim.window_end

    def step(self) -> bool:
        """Sends what is due; whether anything was sent. What is refused is told once."""
        head = self._watch.chain.head()
        stored = self._register.renew(head)
        if stored is None:
            return False
        return self._tried(partial(self._attest, stored, head)) or self._follow_all(stored, head)

    def _tried(self, send: Callable[[], bool]) -> bool:
        try:
            return send()
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
        due = self._duty.due(stored, committed, found, now)
        if isinstance(due, CommitVerdicts | Attest):
            root = due.root if isinstance(due, CommitVerdicts) else due.commit.root
            self._findings.forget_trees(self._first_asked(epoch, now))
            self._findings.commit(epoch, root, self._duty.leaves(found))
        match due:
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

    def _first_asked(self, epoch: int, now: int) -> int:
        """The first epoch up to this one of which answers are still taken."""
        while self._watch.parameters.times(epoch - 1).answers_by >= now:
            epoch -= 1
        return epoch

    def _follow_all(self, stored: StoredValidator, head: Block) -> bool:
        """The next transaction about a finding, if any: looked for once in every block."""
        if head == self._followed:
            return False
        for found in self._findings.all():
            if self._tried(partial(self._follow, found, stored, head)):
                return True
        self._followed = head
        return False

    def _follow(self, found: Found, stored: StoredValidator, head: Block) -> bool:
        """What a finding leads to: an answer, once it is known as a plant, and the bounty."""
        watch, account = self._watch, self._signer.address
        times, now = watch.parameters.times(found.epoch), head.timestamp
        if now <= times.verdicts_by:
            return False
        plant = watch.plant_of(found.claim_id)
        if plant is None:
            return self._over(found, now > times.answers_by)
        outcome = watch.outcome(found.claim_id, account)
        if outcome is Outcome.NONE and now <= times.answers_by:
            return stored.revealed >= found.epoch and self._answer(found)
        if outcome is Outcome.PAID:
            # By whomever: what is credited has still to be fetched.
            if not watch.credit(account):
                return self._over(found, True)
            watch.withdraw(self._signer)
            return True
        if outcome is not Outcome.FOUND:
            return self._over(found, True)
        if now <= times.answers_by:
            return False
        if not plant.closed:
            watch.close(self._signer, found.claim_id)
        watch.pay_bounty(self._signer, found.claim_id, account)
        return True

    def _answer(self, found: Found) -> bool:
        root = self._watch.root(self._signer.address, found.epoch)
        answer = self._duty.answer(found, self._findings.leaves(found.epoch, root))
        name = to_hex(found.claim_id)
        if answer is None:
            self._tell(f"watch: claim {name} was a plant, and found too late for its verdict")
            return False
        told = (found.traced, found.refutation, answer.salt, answer.path)
        self._watch.answer(self._signer, *told)
        self._tell(f"watch: claim {name} was a plant, and found")
        return True

    def _over(self, found: Found, over: bool) -> bool:
        if over:
            self._findings.forget(found.claim_id)
        return False

    def _tell(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._say(line)
