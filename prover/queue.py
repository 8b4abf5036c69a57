"""The queue of jobs: what the API, the nodes, the demo and the command line call."""

from __future__ import annotations

import json
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Iterable

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from avow.prover import dead_letters, publication
from avow.prover.access.tables import ApiKeyRow
from avow.prover.asked_legs import WHOLE_BPS, AskedLeg, find_legs
from avow.prover.catalogue import Catalogue, Compiled, FolderCatalogue
from avow.prover.config import Config
from avow.prover.database import Database, open_database
from avow.prover.dead_letters import DeadLetter
from avow.prover.errors import (
    IllegalTransition,
    NotReady,
    QueueFull,
    QuotaReached,
    RequestRefused,
    UnknownJob,
)
from avow.prover.following import News, read_news
from avow.prover.history import end, locked, move
from avow.prover.job import Job, read_job, read_jobs, stored_client_key
from avow.prover.legs import Alternative, alternatives_text
from avow.prover.listing import Page, Wanted, read_page
from avow.prover.logs import about
from avow.prover.outbox import Task, enqueue
from avow.prover.request import Request, batches_text, quantised
from avow.prover.stores.address import open_store
from avow.prover.stores.store import BundleStore
from avow.prover.tables import EvidenceRow, JobRow, ProofRow, TransitionRow
from avow.prover.tracing import span, traceparent
from avow.prover.webhooks.registry import add
from avow.verifier import canonical
from avow.verifier.fields import to_hex
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.lifecycle import (
    EVIDENCE_STATES,
    JOB_TRANSITIONS,
    JobState,
    LegState,
    job_ends,
)
from avow.verifier.statement import ZERO_ADDRESS
from avow.verifier.systems.system import selector
from avow.verifier.tensor import Tensor, tensors_digest

_LOG = logging.getLogger("avow.prover")
Clock = Callable[[], int]
_LATELY_MS = 600_000
_OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.ANSWERED, JobState.PROVING)


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Queue:
    """Submitting jobs and following them. It needs the database, never the broker.

    Every method is one or more whole transactions; an object serves many threads.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        catalogue: Catalogue,
        store: BundleStore,
        clock: Clock = now_ms,
    ) -> None:
        self._config = config
        self._database = database
        self._catalogue = catalogue
        self._store = store
        self._clock = clock

    def submit(
        self, request: Request, job_id: str | None = None, most_open: int | None = None
    ) -> Job:
        """Accepts a request as a job in state `queued`, with its message in the outbox.

        With a client key, a repeated submission of the same request returns the first job; so
        does one with the `job_id` of a job that exists, whatever it asked for. `most_open` is how
        many unfinished jobs the request's owner may have, this one included.
        Raises RequestRefused (nothing was stored), QueueFull, QuotaReached, DatabaseUnavailable.
        """
        if job_id is not None and (made := self._made(job_id)) is not None:
            return made
        legs = self._legs(request)
        compiled = legs[0][0]
        inputs = quantised(request, compiled.model.inputs)
        fingerprint = _fingerprint(request, compiled, inputs)
        known = self._known(request, fingerprint)
        if known is not None:
            return known
        self._refuse_when_full()
        chosen = job_id or uuid.uuid4().hex
        try:
            with span("submit", job=chosen), about(job=chosen):
                self._insert(chosen, request, legs, inputs, fingerprint, most_open)
                _LOG.info("job accepted")
        except IntegrityError:
            # Somebody submitted the same client key or id between the look and the insertion.
            known = self._known(request, fingerprint)
            if known is None and job_id is None:
                raise
            return known or self.status(chosen)
        return self.status(chosen)

    def status(self, job_id: str) -> Job:
        """The job as it stands; raises UnknownJob."""
        with self._database.read() as session:
            return read_job(session, job_id)

    def jobs(
        self, states: Iterable[JobState] = (), limit: int = 50, before: int | None = None
    ) -> list[Job]:
        """Jobs in any of `states` (all when empty), newest first, created before a time in ms."""
        query = select(JobRow.id).order_by(JobRow.created_at.desc(), JobRow.id)
        wanted = [state.value for state in states]
        if wanted:
            query = query.where(JobRow.state.in_(wanted))
        if before is not None:
            query = query.where(JobRow.created_at < before)
        with self._database.read() as session:
            found = session.scalars(query.limit(max(1, min(limit, 1000)))).all()
            return read_jobs(session, found)

    def page(self, wanted: Wanted, limit: int = 50, cursor: str | None = None) -> Page:
        """Jobs newest first, at most `limit`, from a cursor on; raises RequestRefused."""
        with self._database.read() as session:
            return read_page(session, wanted, limit, cursor)

    def news(self, job_id: str, after: int = 0) -> News:
        """What happened to a job after an event of its history; raises UnknownJob."""
        with self._database.read() as session:
            return read_news(session, job_id, after)

    def bundle(self, job_id: str, leg: int | None = None) -> bytes:
        """The stored bundle of a leg (the only one when None), its digest checked.

        Raises UnknownJob, also for a leg that it has not, or NotReady saying where it stands.
        """
        with self._database.read() as session:
            job = read_job(session, job_id)
            one = next((one for one in job.evidence if leg in (None, one.leg)), None)
            if one is None:
                raise UnknownJob(f"job {job_id} has no leg {leg}")
            chosen = one.leg
            proof = session.get(ProofRow, (job_id, chosen))
            found = (proof.file, bytes.fromhex(proof.sha256[2:])) if proof else None
        if found is None:
            ended = job_ends(job.state) or bool(one.outcome)
            ends = "it will never have a bundle" if ended else "it has no bundle yet"
            if len(job.evidence) < 2:
                raise NotReady(f"job {job_id} is {job.state.value}: {ends}")
            raise NotReady(f"leg {chosen} of job {job_id} is {one.outcome or 'open'}: {ends}")
        return self._store.read(*found)

    def cancel(self, job_id: str, reason: str = "cancelled by the caller") -> Job:
        """Cancels a job that has not all of its evidence yet; work under way ends within a second.

        Cancelling twice is no error. Raises UnknownJob, IllegalTransition when too late.
        """
        with self._database.write() as session:
            row = locked(session, job_id)
            if JobState(row.state) is not JobState.CANCELLED:
                end(session, row, JobState.CANCELLED, reason, self._clock())
        return self.status(job_id)

    def dead_letters(
        self, limit: int = 50, before: int | None = None, behind: str = ""
    ) -> list[DeadLetter]:
        """Work that was given up, newest first, given up before a time in ms.

        `behind` is the job among those of just that time behind which the list goes on.
        """
        with self._database.read() as session:
            return dead_letters.letters(session, limit, before, behind)

    def retry(self, job_id: str, leg: int | None = None) -> Job:
        """Asks again for what failed of a job, or for one leg; its attempts count anew.

        What is stored is kept. Raises UnknownJob; IllegalTransition where nothing has failed, or
        whose order's deadline has passed.
        """
        fresh = self._config.job_seconds * 1000
        with self._database.write() as session:
            dead_letters.retry(session, job_id, self._clock(), fresh, leg)
        return self.status(job_id)

    def advance(self, job_id: str, to: JobState, reason: str) -> Job:
        """Follows what became of a job on chain; standing there already is no error.

        Raises IllegalTransition for a step that the life cycle does not have, and for
        `settled`, which only `record_payment` may bring about.
        """
        if to is JobState.SETTLED or to in _OPEN or to in EVIDENCE_STATES:
            raise IllegalTransition(f"a job becomes {to.value} by its own work, not by decree")
        with self._database.write() as session:
            row = locked(session, job_id)
            if JobState(row.state) is not to:
                step = move if JOB_TRANSITIONS[to] else end
                step(session, row, to, reason, self._clock())
        return self.status(job_id)

    def move_leg(self, job_id: str, leg: int, to: LegState) -> bool:
        """Follows a leg's state in the market; False when it already stands there."""
        if to is LegState.SETTLED:
            raise IllegalTransition("a leg becomes settled by record_payment only")
        with self._database.write() as session:
            return publication.move_leg(session, job_id, leg, to)

    def record_payment(self, job_id: str, leg: int, reference: str) -> bool:
        """Marks a delivered leg as paid, once; False when it already was."""
        with self._database.write() as session:
            return publication.record_payment(session, job_id, leg, reference, self._clock())

    def close(self) -> None:
        """Gives the database connections back."""
        self._database.close()

    def _made(self, job_id: str) -> Job | None:
        try:
            return self.status(job_id)
        except UnknownJob:
            return None

    def _known(self, request: Request, fingerprint: str) -> Job | None:
        if request.client_key is None:
            return None
        with self._database.read() as session:
            stored = stored_client_key(request.owner, request.client_key)
            query = select(JobRow).where(JobRow.client_key == stored)
            row = session.scalars(query).first()
            if row is None:
                return None
            if row.request_digest != fingerprint:
                raise RequestRefused(
                    f"client_key: {request.client_key!r} belongs to job {row.id}, "
                    "which asked for something else"
                )
            return read_job(session, row.id)

    def _earlier(self, request: Request) -> str | None:
        """The artifact that an equal key got before: later compilations must not change it."""
        if request.client_key is None or request.system is not None:
            return None
        query = select(EvidenceRow.record).join(JobRow, JobRow.id == EvidenceRow.job_id)
        stored = stored_client_key(request.owner, request.client_key)
        with self._database.read() as session:
            return session.scalars(query.where(JobRow.client_key == stored)).first()

    def _legs(self, request: Request) -> tuple[tuple[Compiled, ...], ...]:
        """The artifacts that may serve each leg, one that cannot run here being no alternative."""
        if not request.legs:
            record = request.record or self._earlier(request)
            one = self._catalogue.find(request.model, request.system, record, request.hides)
            self._refuse_what_cannot_fit(one)
            return ((one,),)
        legs = find_legs(self._catalogue, request.model, request.legs, request.hides)
        most = self._config.prove_memory
        for alternatives in legs:
            if all(most is not None and most < _memory(one) for one in alternatives):
                self._refuse_what_cannot_fit(alternatives[0])
        return legs

    def _refuse_what_cannot_fit(self, compiled: Compiled) -> None:
        predicted, most = _memory(compiled), self._config.prove_memory
        if most is not None and predicted > most:
            raise RequestRefused(
                f"model: its evidence needs about {predicted} bytes of memory, "
                f"at most {most} may be"
            )

    def _refuse_when_full(self) -> None:
        query = select(func.count()).where(JobRow.state.in_([state.value for state in _OPEN]))
        with self._database.read() as session:
            count = session.scalar(query) or 0
        if count >= self._config.max_open_jobs:
            raise QueueFull(
                f"the queue is full: {count} jobs wait, at most {self._config.max_open_jobs} may",
                self._seconds_to_room(),
            )

    def _refuse_beyond(self, session: Session, owner: str, most: int) -> None:
        # Its row is locked, so that requests of one key are counted one after the other.
        session.get(ApiKeyRow, owner, with_for_update=True)
        states = [state.value for state in _OPEN]
        query = select(func.count()).where(JobRow.owner == owner, JobRow.state.in_(states))
        count = session.scalar(query) or 0
        if count >= most:
            raise QuotaReached(
                f"{count} jobs of this API key are unfinished, at most {most} may be",
                self._seconds_to_room(),
            )

    def _seconds_to_room(self) -> int:
        # The mean time between the bundles that were stored of late; without one a guess that says
        # little: half a minute.
        since = self._clock() - _LATELY_MS
        query = select(func.count()).select_from(ProofRow).where(ProofRow.at >= since)
        with self._database.read() as session:
            stored = session.scalar(query) or 0
        return max(1, min(600, _LATELY_MS // 1000 // stored)) if stored else 30

    def _insert(
        self,
        job_id: str,
        request: Request,
        legs: tuple[tuple[Compiled, ...], ...],
        inputs: tuple[Tensor, ...],
        fingerprint: str,
        most_open: int | None,
    ) -> None:
        now = self._clock()
        order = request.order
        nonce = order.nonce if order else request.nonce or secrets.randbits(256) or 1
        longest = now + self._config.job_seconds * 1000
        asked = request.legs or (AskedLeg((), None, order.share_bps if order else WHOLE_BPS),)
        deadlines = [
            longest if leg.within_seconds is None else now + leg.within_seconds * 1000
            for leg in asked
        ]
        if order is not None and order.deadline is not None:
            deadlines = [order.deadline * 1000]
            if deadlines[0] <= now:
                raise RequestRefused("order: its deadline has passed")
        with self._database.write() as session:
            if most_open is not None:
                self._refuse_beyond(session, request.owner, most_open)
            session.add(
                JobRow(
                    id=job_id,
                    client_key=stored_client_key(request.owner, request.client_key),
                    owner=request.owner,
                    priority=request.priority,
                    request_digest=fingerprint,
                    state=JobState.QUEUED.value,
                    reason="submitted",
                    model=legs[0][0].model_digest,
                    inputs=json.dumps([tensor.to_json() for tensor in inputs]),
                    salt=to_hex(secrets.token_bytes(32)),
                    chain_id=str(order.chain_id if order else 0),
                    market=to_hex(order.market if order else ZERO_ADDRESS),
                    order=to_hex(order.order if order else ZERO_WORD),
                    provider=to_hex(order.provider if order else ZERO_ADDRESS),
                    nonce=str(nonce),
                    created_at=now,
                    updated_at=now,
                    deadline=max(deadlines),
                    # What workers do for the job belongs to the trace of who asked.
                    traceparent=traceparent(),
                )
            )
            # Without relationships SQLAlchemy orders unrelated rows by name, not by foreign key.
            session.flush()
            if request.webhook is not None:
                add(session, request.webhook, request.owner, job_id, now)
            rows = zip(asked, legs, deadlines, strict=True)
            for at, (leg, alternatives, deadline) in enumerate(rows, order.leg if order else 0):
                able = [one for one in alternatives if not self._alternative(one).failed]
                first = (able or alternatives)[0]
                session.add(
                    EvidenceRow(
                        job_id=job_id,
                        leg=at,
                        system=first.record.system,
                        selector=to_hex(selector(first.record.system)),
                        record=first.record_digest,
                        deadline=deadline,
                        share_bps=leg.share_bps,
                        state=LegState.LOCKED.name.lower(),
                        batches=batches_text(order.batches) if order else "",
                        queue=self._alternative(first).queue,
                        alternatives=alternatives_text(list(map(self._alternative, alternatives))),
                    )
                )
            session.add(
                TransitionRow(
                    job_id=job_id,
                    from_state=JobState.QUEUED.value,
                    to_state=JobState.QUEUED.value,
                    reason="submitted",
                    at=now,
                )
            )
            enqueue(session, job_id, 0, Task.INFER, now)

    def _alternative(self, compiled: Compiled) -> Alternative:
        record = compiled.record
        waits = self._config.queue_of(record.proving_memory_bytes).value
        too_much = self._config.prove_memory is not None and (
            _memory(compiled) > self._config.prove_memory
        )
        failed = "its evidence needs more memory than may be" if too_much else ""
        return Alternative(record.system, compiled.record_digest, waits, failed)


def open_queue(config: Config, catalogue: Catalogue | None = None) -> Queue:
    """The queue of this configuration; creates or upgrades the database when needed."""
    return Queue(
        config,
        open_database(config.database_url),
        catalogue or FolderCatalogue(config.artifacts, config.models),
        open_store(config),
    )


def _fingerprint(request: Request, compiled: Compiled, inputs: tuple[Tensor, ...]) -> str:
    order = request.order
    where: list[canonical.Json] = []
    if order is not None:
        place = (order.market, order.order, order.provider)
        where = [str(order.chain_id), *(to_hex(item) for item in place), str(order.nonce)]
        where += [order.leg, order.deadline or 0, order.share_bps]
    value: dict[str, canonical.Json] = {
        "record": compiled.record_digest,
        "inputs": to_hex(tensors_digest(inputs)),
        "order": where,
        "nonce": str(request.nonce or 0),
    }
    if request.legs:
        value["legs"] = [
            [list(leg.any_of), leg.within_seconds or 0, leg.share_bps] for leg in request.legs
        ]
    return to_hex(keccak256(canonical.encode(value)))


def _memory(compiled: Compiled) -> int:
    return compiled.record.proving_memory_bytes
