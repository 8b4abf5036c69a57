"""Gathering requests that wait for the same artifact, so that one proof serves all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, select

from avow.prover.attempt import take_up
from avow.prover.bench import Bench
from avow.prover.casefile import CaseFile
from avow.prover.errors import DatabaseUnavailable
from avow.prover.leases import STATES, Lease
from avow.prover.outbox import Task
from avow.prover.pulse import Pulse
from avow.prover.request import batches_text
from avow.prover.tables import EvidenceRow, JobRow, LeaseRow, OutboxRow
from avow.prover.timing import expected, measured
from avow.verifier.fields import to_hex

_LOOK_SECONDS = 0.05


def usable_sizes(bench: Bench, case: CaseFile, lease: Lease, room: int) -> tuple[int, ...]:
    """How many samples the next proof may hold, ascending from 1.

    Within what the artifact can hold, the job's market can settle, the configuration allows, and
    `room` bytes of memory admit; and predicted to end within the latency bound and the job's own
    deadline. Work that was interrupted or failed before is done alone, so that whatever did it
    cannot do it to others again; so is an artifact's first proof, whose time nobody knows.
    """
    if lease.attempt > 1 or bench.config.batch_size == 1:
        return (1,)
    sizes = case.system.batch_sizes(case.compiled)[1:]
    times = measured(bench.database, case.compiled.record_digest) if sizes else {}
    left = min(bench.config.batch_seconds, (case.deadline - bench.clock()) / 1000)
    usable = [1]
    for size in sizes:
        seconds = expected(times, size)
        if size > bench.config.batch_size or seconds is None or seconds > left:
            break
        if case.system.batch_memory(case.compiled, size) > room:
            break
        if case.batches is None or size in case.batches:
            usable.append(size)
    return tuple(usable)


def gather(
    bench: Bench, case: CaseFile, lease: Lease, sizes: Sequence[int], pulse: Pulse
) -> list[Lease]:
    """Leases on the jobs that can share a proof with this one, taken and beating.

    Waits for them until the largest of `sizes` is full or the job has waited for the window since
    it was answered, whichever is first. Raises LeaseLost when all of them were cancelled.
    """
    most = sizes[-1] - 1
    found: list[Lease] = []
    if most == 0 or case.published is None:
        return found
    # Whoever could make it alone but not together is left to others.
    times = measured(bench.database, case.compiled.record_digest)
    seconds = expected(times, sizes[-1]) or 0
    window = bench.config.batch_window_ms - (bench.clock() - case.published.at)
    ends = time.monotonic() + window / 1000
    while True:
        try:
            for job_id, leg in _waiting(bench, case, lease, seconds, most - len(found)):
                other = take_up(bench, job_id, leg, Task.PROVE)
                if other is not None:
                    pulse.join(other)
                    found.append(other)
        except DatabaseUnavailable:
            # Those who are here go on; the pulse decides for how long.
            pass
        if len(found) == most or time.monotonic() >= ends:
            return found
        pulse("gathering", None)
        time.sleep(max(0.0, min(_LOOK_SECONDS, ends - time.monotonic())))


def _waiting(
    bench: Bench, case: CaseFile, lease: Lease, seconds: float, count: int
) -> list[tuple[str, int]]:
    """Jobs and legs whose proof nobody has begun, the longest waiting first.

    All are for the same artifact, hence key, in the same domain, by the same provider, to be
    settled in the same sizes of batch, with a deadline after the `seconds` that a proof takes.
    One that shall be tried later is left alone until then.
    """
    now = bench.clock()
    later = exists().where(
        OutboxRow.job_id == LeaseRow.job_id,
        OutboxRow.leg == LeaseRow.leg,
        OutboxRow.task == LeaseRow.task,
        OutboxRow.sent_at.is_(None),
        OutboxRow.not_before > now,
    )
    query = (
        select(LeaseRow.job_id, LeaseRow.leg)
        .join(JobRow, JobRow.id == LeaseRow.job_id)
        .join(
            EvidenceRow,
            and_(EvidenceRow.job_id == LeaseRow.job_id, EvidenceRow.leg == LeaseRow.leg),
        )
        .where(
            LeaseRow.task == Task.PROVE.value,
            LeaseRow.token == "",
            LeaseRow.attempts == 0,
            LeaseRow.job_id != lease.job_id,
            JobRow.state == STATES[Task.PROVE][0].value,
            EvidenceRow.outcome == "",
            EvidenceRow.deadline > now + int(1000 * seconds),
            *_alike(case),
            ~later,
        )
        .order_by(JobRow.updated_at, JobRow.id)
        .limit(count)
    )
    with bench.database.read() as session:
        return [(job_id, leg) for job_id, leg in session.execute(query)]


def _alike(case: CaseFile) -> tuple[ColumnElement[bool], ...]:
    return (
        EvidenceRow.record == case.compiled.record_digest,
        EvidenceRow.batches == ("" if case.batches is None else batches_text(case.batches)),
        JobRow.chain_id == str(case.domain.chain_id),
        JobRow.market == to_hex(case.domain.market),
        JobRow.provider == to_hex(case.provider),
    )
