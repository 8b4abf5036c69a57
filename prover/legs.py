"""Legs of a job: chosen among alternatives, ended one by one, and the job's end with the last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from avow.prover.errors import UnknownJob
from avow.prover.history import end, move, one_line, remark
from avow.prover.outbox import Task, enqueue
from avow.prover.tables import EvidenceRow, JobRow, LeaseRow, MemoryClaimRow
from avow.prover.timing import expected, measured_in
from avow.prover.webhooks.outbox import tell_of_leg
from avow.verifier.fields import to_hex
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState
from avow.verifier.statement import ZERO_ADDRESS
from avow.verifier.systems.system import selector

# The market of a job that serves no order.
OFF_CHAIN = "0x" + ZERO_ADDRESS.hex()
# Why a job ends as the weakest of its legs' evidence.
_ALL_THERE = {
    JobState.PROVEN: "every leg has its evidence",
    JobState.CHALLENGEABLE: "what was claimed of the run may still be refuted",
    JobState.ATTESTED: "an enclave signed it; nothing proves that leg",
    JobState.SIMULATED: "SIMULATED: its enclave is a simulation, which shows nothing",
}
# The cheapest first, where nobody has measured yet what each takes on this installation.
BY_COST = ("tee/v1", "optimistic/v1", "sumcheck/v1", "ezkl/v1")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One system that may serve a leg: its artifact, the queue its proofs wait in.

    `failed` says why it was given up, empty while it may still serve.
    """

    system: str
    record: str
    queue: str
    failed: str = ""


def alternatives_text(found: Sequence[Alternative]) -> str:
    """The form that a row stores; empty for a leg that names one system."""
    if len(found) < 2:
        return ""
    return json.dumps([[one.system, one.record, one.queue, one.failed] for one in found])


def read_alternatives(row: EvidenceRow) -> tuple[Alternative, ...]:
    """The systems that a leg may be served by; the chosen one alone where it names no others."""
    if not row.alternatives:
        return (Alternative(row.system, row.record, row.queue),)
    return tuple(Alternative(*item) for item in json.loads(row.alternatives))


def legs_of(session: Session, job_id: str) -> list[EvidenceRow]:
    """A job's legs in their order."""
    query = select(EvidenceRow).where(EvidenceRow.job_id == job_id).order_by(EvidenceRow.leg)
    return list(session.scalars(query))


def leg_of(session: Session, job_id: str, leg: int) -> EvidenceRow:
    """One leg; raises UnknownJob."""
    row = session.get(EvidenceRow, (job_id, leg), populate_existing=True)
    if row is None:
        raise UnknownJob(f"job {job_id} has no leg {leg}")
    return row


def choose(session: Session, row: EvidenceRow, now: int) -> bool:
    """Has a leg served by the cheapest alternative that can still meet its deadline.

    Cost is the time that proofs of each artifact took here; the order of `BY_COST` where one of
    them was never measured. One that is expected to be late is taken only where all are. False
    where every alternative was given up.
    """
    left = [one for one in read_alternatives(row) if not one.failed]
    if not left:
        return False
    seconds = [expected(measured_in(session, one.record), 1) for one in left]
    known = [value for value in seconds if value is not None]

    def cost(at: int) -> tuple[bool, float]:
        took = seconds[at]
        late = took is not None and now + 1000 * took > row.deadline
        if took is not None and len(known) == len(left):
            return late, took
        system = left[at].system
        return late, float(BY_COST.index(system) if system in BY_COST else len(BY_COST))

    chosen = left[min(range(len(left)), key=cost)]
    row.system, row.record, row.queue = chosen.system, chosen.record, chosen.queue
    row.selector = to_hex(selector(chosen.system))
    return True


def fall_back(session: Session, job: JobRow, row: EvidenceRow, reason: str, now: int) -> bool:
    """Gives a leg's system up for its next alternative, with attempts counted anew.

    False when there is none; then nothing has happened.
    """
    found = read_alternatives(row)
    said = one_line(reason) or "given up"
    rest = tuple(replace(one, failed=said) if one.record == row.record else one for one in found)
    if all(one.failed for one in rest):
        return False
    given_up, row.alternatives = row.system, alternatives_text(rest)
    choose(session, row, now)
    _release(session, job.id, row.leg)
    session.flush()
    _go_on(session, job, f"leg {row.leg}: {row.system} instead of {given_up}: {said}", now)
    enqueue(session, job.id, row.leg, Task.PROVE, now)
    return True


def end_leg(
    session: Session, job: JobRow, row: EvidenceRow, outcome: JobState, reason: str, now: int
) -> None:
    """Ends one leg by its evidence, `failed` or `expired`; the others go on as if nothing happened.

    The last one ends the job's work: as the weakest leg when each has its evidence, otherwise
    `failed` or `expired`, with what is there kept.
    """
    row.outcome, row.reason, row.ended_at = outcome.value, one_line(reason), now
    _release(session, job.id, row.leg, keep_attempts=True)
    session.flush()
    legs = legs_of(session, job.id)
    if len(legs) > 1:
        tell_of_leg(session, job, row, now)
    if any(not leg.outcome for leg in legs):
        _go_on(session, job, f"leg {row.leg} {outcome.value}: {reason}", now)
    elif all(JobState(leg.outcome) in EVIDENCE_STATES for leg in legs):
        ended = min((JobState(leg.outcome) for leg in legs), key=EVIDENCE_STATES.index)
        move(session, job, ended, _ALL_THERE[ended], now)
    else:
        some_failed = any(leg.outcome == JobState.FAILED.value for leg in legs)
        ended = JobState.FAILED if some_failed else JobState.EXPIRED
        end(session, job, ended, reason if len(legs) == 1 else _said(legs), now)


def at_work(session: Session, job_id: str, task: Task) -> bool:
    """Whether somebody holds the lease on a task of any leg of a job."""
    session.flush()
    held = select(LeaseRow.leg).where(
        LeaseRow.job_id == job_id, LeaseRow.task == task.value, LeaseRow.token != ""
    )
    return session.scalars(held.limit(1)).first() is not None


def _said(legs: Sequence[EvidenceRow]) -> str:
    return "; ".join(f"leg {leg.leg} ({leg.system}) {leg.outcome}: {leg.reason}" for leg in legs)


def _go_on(session: Session, job: JobRow, reason: str, now: int) -> None:
    """Notes what happened to one leg, and lets the job wait where nobody works on another."""
    if job.state == JobState.PROVING.value and not at_work(session, job.id, Task.PROVE):
        # Where work that waits is asked for again, should its message be lost.
        move(session, job, JobState.ANSWERED, reason, now)
    else:
        remark(session, job, reason, now)


def _release(session: Session, job_id: str, leg: int, keep_attempts: bool = False) -> None:
    """Takes a leg's proof out of whoever's hands it is in, and back what it waits for."""
    this = (MemoryClaimRow.job_id == job_id, MemoryClaimRow.leg == leg)
    session.execute(delete(MemoryClaimRow).where(*this))
    values = {"token": "", "holder": "", "expires_at": 0}
    fresh = {} if keep_attempts else {"attempts": 0, "stage": "waiting", "percent": 0}
    session.execute(
        update(LeaseRow)
        .where(LeaseRow.job_id == job_id, LeaseRow.leg == leg, LeaseRow.task == Task.PROVE.value)
        .values(**values, **fresh)
    )
