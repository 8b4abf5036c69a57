"""Random callers, workers, crashes and lost messages never break what a job is promised."""

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from sqlalchemy import func, select

from avow.prover import proving
from avow.prover.attempt import attempt
from avow.prover.config import from_environment
from avow.prover.database import open_database
from avow.prover.errors import IllegalTransition, NotNow, Refused, TryAgain, UnknownJob
from avow.prover.inference import infer
from avow.prover.leases import Terms
from avow.prover.outbox import Task, claim_due, mark_sent
from avow.prover.proving import prove
from avow.prover.reconcile import reconcile
from avow.prover.systems.system import Tick
from avow.prover.tables import (
    AnswerRow,
    DeadLetterRow,
    EvidenceRow,
    JobRow,
    LeaseRow,
    PaymentRow,
    ProofRow,
)
from avow.verifier import merkle
from avow.verifier.lifecycle import (
    EVIDENCE_STATES,
    JOB_TRANSITIONS,
    OPERATOR_TRANSITIONS,
    JobState,
    LegState,
)
from tests.prover.crashes import Crash, CrashingDatabase
from tests.prover.tiny import Shop, request

WORK = {Task.INFER: infer, Task.PROVE: prove}
RESEND_MS = 60_000
SETTLING = set(EVIDENCE_STATES)


@dataclass
class Watch:
    """Sees every tree of statements that a proof is made for; counts those stored already."""

    stored: Path
    recomputed: int = 0
    largest: int = 0

    def build(self, digests: Sequence[bytes]) -> tuple[bytes, list[merkle.Path]]:
        """As ever, but watched."""
        names = {path.name.removesuffix(".avow.json") for path in self.stored.glob("[0-9a-f]*")}
        self.recomputed += sum(digest.hex() in names for digest in digests)
        self.largest = max(self.largest, len(digests))
        return merkle.build(digests)


@cache
def migrated() -> bytes:
    """A database with every table and no row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.sqlite3"
        open_database(f"sqlite:///{path}").close()
        return path.read_bytes()


class Guarantees(RuleBasedStateMachine):
    """One database, a lossy broker, workers that die at any commit."""

    jobs = Bundle("jobs")
    sizes: tuple[int, ...] = (1,)

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="avow-guarantees-")
        home = Path(self.folder.name)
        config = from_environment({"AVOW_HOME": str(home), "AVOW_MAX_ATTEMPTS": "4"})
        (home / "avow.sqlite3").write_bytes(migrated())
        self.shop = Shop(config, open_database(config.database_url))
        self.terms = Terms(config.lease_seconds * 1000, config.max_attempts)
        self.broker: list[tuple[str, int, Task]] = []
        self.sums: dict[str, int] = {}
        self.paid: Counter[str] = Counter()
        self.refunded: set[str] = set()
        self.read: set[str] = set()
        self.shop.system.sizes = self.sizes
        self.watch = Watch(config.bundles)
        self.patch = mock.patch.object(proving, "merkle", self.watch)
        self.patch.start()

    @rule(target=jobs, values=st.lists(st.integers(-80, 80), min_size=4, max_size=4))
    def submit(self, values: list[int]) -> str:
        job = self.shop.queue.submit(request(*values))
        self.sums[job.id] = sum(values)
        return job.id

    @rule(values=st.just([1, 2, 3, 4]), after=st.booleans())
    def submit_crashes(self, values: list[int], after: bool) -> None:
        shop = replace(self.shop, database=CrashingDatabase(self.shop.database.engine, 0, after))
        key = f"k{len(self.sums)}"
        try:
            shop.queue.submit(request(*values, client_key=key))
        except Crash:
            pass
        # The caller never heard back and asks again.
        job = self.shop.queue.submit(request(*values, client_key=key))
        self.sums[job.id] = sum(values)

    @rule(crash=st.sampled_from([None, "before", "after"]))
    def relay(self, crash: str | None) -> None:
        now = self.shop.clock()
        with self.shop.database.write() as session:
            messages = claim_due(session, now)
        for message in messages:
            if crash == "before":
                return
            self.broker.append((message.job_id, message.leg, message.task))
            if crash == "after":
                return
            with self.shop.database.write() as session:
                mark_sent(session, message.id, now)

    @rule()
    def everybody_works(self) -> None:
        for _ in range(2):
            self.relay(None)
            while self.broker:
                self._carry_out(self.broker.pop(0), None)

    @rule(at=st.integers(0, 6), after=st.booleans())
    def a_worker_dies_and_is_noticed(self, at: int, after: bool) -> None:
        self.relay(None)
        if self.broker:
            self._carry_out(self.broker.pop(0), (at, after))
        self.shop.clock.now += 20_000
        self.reconciler_runs()

    @rule(job_id=jobs)
    def is_delivered(self, job_id: str) -> None:
        self.leg_moves(job_id, LegState.DELIVERED)

    @rule()
    def broker_loses_everything(self) -> None:
        self.broker.clear()

    @rule(
        pick=st.integers(0, 10**6),
        keep=st.booleans(),
        crash=st.one_of(st.none(), st.tuples(st.integers(0, 6), st.booleans())),
    )
    def deliver(self, pick: int, keep: bool, crash: tuple[int, bool] | None) -> None:
        if not self.broker:
            return
        at = pick % len(self.broker)
        message = self.broker[at] if keep else self.broker.pop(at)
        self._carry_out(message, crash)

    def _carry_out(self, message: tuple[str, int, Task], crash: tuple[int, bool] | None) -> None:
        job_id, leg, task = message
        bench = self.shop.bench()
        if crash is not None:
            bench = replace(bench, database=CrashingDatabase(self.shop.database.engine, *crash))
        try:
            attempt(bench, job_id, leg, task, WORK[task])
        except Crash:
            pass

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        try:
            self.shop.queue.cancel(job_id)
        except IllegalTransition:
            state = self.shop.queue.status(job_id).state
            assert JobState.CANCELLED not in JOB_TRANSITIONS[state]

    @rule(job_id=jobs)
    def operator_asks_again(self, job_id: str) -> None:
        stood = self.shop.queue.status(job_id)
        failed = any(leg.outcome == "failed" for leg in stood.evidence)
        failed &= stood.state in (JobState.FAILED, JobState.ANSWERED, JobState.PROVING)
        try:
            self.shop.queue.retry(job_id)
            assert failed
        except IllegalTransition:
            assert not failed

    @rule(job_id=jobs)
    def pay(self, job_id: str) -> None:
        try:
            if self.shop.queue.record_payment(job_id, 0, "0xaa"):
                self.paid[job_id] += 1
        except IllegalTransition:
            pass

    @rule(job_id=jobs)
    def refund(self, job_id: str) -> None:
        try:
            self.shop.queue.advance(job_id, JobState.REFUNDED, "refunded")
            self.refunded.add(job_id)
        except IllegalTransition:
            pass

    @rule(job_id=jobs, to=st.sampled_from([LegState.OPEN, LegState.DELIVERED, LegState.SLASHED]))
    def leg_moves(self, job_id: str, to: LegState) -> None:
        try:
            self.shop.queue.move_leg(job_id, 0, to)
        except IllegalTransition:
            pass

    @rule(seconds=st.sampled_from([1, 20, 120]))
    def time_passes(self, seconds: int) -> None:
        self.shop.clock.now += seconds * 1000

    @rule()
    def reconciler_runs(self) -> None:
        reconcile(self.shop.database, self.shop.clock(), self.terms, RESEND_MS)

    @invariant()
    def published_once_and_right(self) -> None:
        with self.shop.database.read() as session:
            for what in (
                (AnswerRow.job_id,),
                (ProofRow.job_id, ProofRow.leg),
                (PaymentRow.job_id,),
            ):
                counts = session.execute(select(*what, func.count()).group_by(*what))
                assert all(row[-1] == 1 for row in counts)
            assert all(row.attempts <= 4 for row in session.scalars(select(LeaseRow)))
            dead = set(session.scalars(select(DeadLetterRow.job_id)))
            failed = select(JobRow.id).where(JobRow.state == JobState.FAILED.value)
            assert dead >= set(session.scalars(failed))
            legs = select(EvidenceRow).where(EvidenceRow.outcome == JobState.FAILED.value)
            assert dead == {row.job_id for row in session.scalars(legs)}
            # A leg has a bundle exactly when it ended by its evidence.
            shown = select(EvidenceRow.job_id, EvidenceRow.leg).where(
                EvidenceRow.outcome.in_([state.value for state in EVIDENCE_STATES])
            )
            bundles = select(ProofRow.job_id, ProofRow.leg)
            assert set(session.execute(shown).all()) == set(session.execute(bundles).all())
        assert self.watch.recomputed == 0
        assert all(count == 1 for count in self.paid.values())
        assert not self.refunded & set(self.paid)

    @invariant()
    def history_is_legal(self) -> None:
        for job in self.shop.queue.jobs(limit=1000):
            stands = JobState.QUEUED
            for step in job.history:
                assert JobState(step.from_state) is stands
                to = JobState(step.to_state)
                asked = OPERATOR_TRANSITIONS.get(stands, frozenset())
                assert to is stands or to in JOB_TRANSITIONS[stands] | asked
                stands = to
            assert stands is job.state
            if job.answer is not None:
                assert job.answer.tensors[0].values == (self.sums[job.id],)
            # Nothing removes a bundle: each is read when it is new, and all of them at the end.
            if job.state in SETTLING | {JobState.SETTLED} and job.id not in self.read:
                assert self.shop.queue.bundle(job.id)
                self.read.add(job.id)

    def teardown(self) -> None:
        """Whatever happened, the work comes to an end once the crashes stop."""
        try:
            working = set(STATES_AT_WORK)
            for _ in range(40):
                self.shop.clock.now += 70_000
                self.reconciler_runs()
                self.relay(None)
                random.Random(0).shuffle(self.broker)
                while self.broker:
                    self._carry_out(self.broker.pop(), None)
                if not self.shop.queue.jobs(working, limit=1):
                    break
            assert self.shop.queue.jobs(working) == []
            self.read.clear()
            self.published_once_and_right()
            self.history_is_legal()
        finally:
            self.patch.stop()
            self.shop.database.close()
            self.folder.cleanup()


class GuaranteesOfBatches(Guarantees):
    """The same promises where requests that wait share a proof, and where that sometimes fails."""

    sizes = (1, 2, 4, 8)

    @rule(values=st.lists(st.integers(-80, 80), min_size=2, max_size=9))
    def many_are_answered(self, values: list[int]) -> None:
        for value in values:
            job_id = self.submit([value, 0, 0, 0])
            self._carry_out((job_id, 0, Task.INFER), None)

    @rule(error=st.sampled_from([Refused("no"), TryAgain("died"), NotNow("full"), ValueError()]))
    def the_next_proof_fails(self, error: Exception) -> None:
        def fail(_tick: Tick) -> None:
            self.shop.system.on_prove = lambda tick: None
            raise error

        self.shop.system.on_prove = fail


class GuaranteesOfLegs(GuaranteesOfBatches):
    """The same promises where every job has two legs, each with a deadline of its own."""

    sizes = (1, 2)

    @rule(
        target=Guarantees.jobs,
        values=st.lists(st.integers(-80, 80), min_size=4, max_size=4),
        seconds=st.sampled_from([60, 86_400]),
    )
    def submit_two_legs(self, values: list[int], seconds: int) -> str:
        job = self.shop.queue.submit(request(*values))
        self.sums[job.id] = sum(values)
        with self.shop.database.write() as session:
            first = session.get(EvidenceRow, (job.id, 0))
            assert first is not None
            names = [column.name for column in EvidenceRow.__table__.columns]
            columns = {name: getattr(first, name) for name in names}
            late = self.shop.clock() + 1000 * seconds
            session.add(EvidenceRow(**columns | {"leg": 1, "deadline": late}))
        return job.id

    @rule(job_id=Guarantees.jobs, leg=st.integers(0, 1))
    def operator_asks_for_a_leg(self, job_id: str, leg: int) -> None:
        try:
            self.shop.queue.retry(job_id, leg)
        except (IllegalTransition, UnknownJob):
            # Nothing of it has failed, or the job has one leg only.
            pass


STATES_AT_WORK = (JobState.QUEUED, JobState.RUNNING, JobState.ANSWERED, JobState.PROVING)

# An example is hundreds of transactions, so a share of what the profile has.
EXAMPLES = settings.default.max_examples // 16

TestGuarantees = Guarantees.TestCase
TestGuarantees.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
TestGuaranteesOfBatches = GuaranteesOfBatches.TestCase
TestGuaranteesOfBatches.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
TestGuaranteesOfLegs = GuaranteesOfLegs.TestCase
TestGuaranteesOfLegs.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
