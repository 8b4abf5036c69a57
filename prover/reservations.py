"""Memory that proofs on one machine are promised: predicted before they begin, shared out once.

What a proof will take is not yet missing from the free memory when the next one looks at it, so
that looking alone would let both begin. The promise stands on the proof's lease and ends with it.
A proof that finds too little waits; so that smaller ones do not go before it for ever, it claims
its memory, and after a while what the others give back is kept for it.
"""

from __future__ import annotations

import zlib

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from avow.prover.bench import Bench
from avow.prover.errors import LeaseLost, NotNow
from avow.prover.history import changed
from avow.prover.leases import STATES, Lease
from avow.prover.outbox import Task
from avow.prover.tables import JobRow, LeaseRow, MemoryClaimRow

# Apart from the lock of migrations.
_LOCK = 0x41564D


# So long a proof waits while others that fit go before it; then what comes free is kept for it.
_PATIENCE_MS = 30_000
# Nobody has tried it here for so long: it is served elsewhere, or by no worker any more.
_FORGET_MS = 600_000
_UNFINISHED = tuple(state.value for state in STATES[Task.PROVE])


def reserve(bench: Bench, lease: Lease, predicted: int, total: int) -> int:
    """Promises `predicted` bytes of this machine's `total` to the work under a lease.

    Returns how many the others leave, at least `predicted`. A second promise replaces the first.
    Raises NotNow when the others' promises leave too little, or a proof that has waited longer
    claims what they leave; LeaseLost when the lease is gone.
    """
    with bench.database.write() as session:
        _lock(session, bench.holder.machine)
        left = total - _promised(session, bench, lease)
        if predicted > left:
            raise NotNow(
                f"its evidence needs about {predicted} bytes of memory, others here leave {left}"
            )
        left -= _claimed_before(session, bench, lease)
        if predicted > left:
            raise NotNow("the memory that is free here is kept for a job that has waited longer")
        done = session.execute(
            update(LeaseRow).where(LeaseRow.token == lease.token).values(reserved=predicted)
        )
        if changed(done) != 1:
            raise LeaseLost(f"{lease.task.value} of job {lease.job_id} is in other hands")
        _withdraw(session, lease)
    return left


def claim(bench: Bench, lease: Lease, predicted: int, free: int) -> None:
    """Notes that the work under a lease waits for `predicted` bytes of this machine's memory.

    `free` are the bytes that nobody uses now. What other programs hold is not waited for: a claim
    on it would only keep other proofs from what there is.
    """
    machine, now = bench.holder.machine, bench.clock()
    with bench.database.write() as session:
        _lock(session, machine)
        old = (MemoryClaimRow.job_id != lease.job_id, MemoryClaimRow.seen <= now - _FORGET_MS)
        session.execute(delete(MemoryClaimRow).where(*old))
        row = session.get(MemoryClaimRow, (lease.job_id, lease.leg))
        if predicted > free + _promised(session, bench, lease):
            _withdraw(session, lease)
        elif row is None:
            session.add(
                MemoryClaimRow(
                    job_id=lease.job_id,
                    leg=lease.leg,
                    machine=machine,
                    bytes=predicted,
                    since=now,
                    seen=now,
                )
            )
        else:
            row.machine, row.bytes, row.seen = machine, predicted, now


def _lock(session: Session, machine: str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        # SQLite has one writer anyway.
        key = {"lock": _LOCK, "machine": zlib.crc32(machine.encode()) - 2**31}
        session.execute(text("SELECT pg_advisory_xact_lock(:lock, :machine)"), key)


def _promised(session: Session, bench: Bench, lease: Lease) -> int:
    query = select(func.sum(LeaseRow.reserved)).where(
        LeaseRow.token.not_in(("", lease.token)),
        LeaseRow.expires_at > bench.clock(),
        LeaseRow.holder.startswith(f"{bench.holder.machine}|", autoescape=True),
    )
    return int(session.scalar(query) or 0)


def _claimed_before(session: Session, bench: Bench, lease: Lease) -> int:
    """What is kept for the one proof that waits longest of those that wait longer than this."""
    now = bench.clock()
    own = session.get(MemoryClaimRow, (lease.job_id, lease.leg))
    query = (
        select(MemoryClaimRow.bytes)
        .join(JobRow, JobRow.id == MemoryClaimRow.job_id)
        .where(
            MemoryClaimRow.machine == bench.holder.machine,
            MemoryClaimRow.job_id != lease.job_id,
            MemoryClaimRow.since < (now if own is None else own.since),
            MemoryClaimRow.since <= now - _PATIENCE_MS,
            MemoryClaimRow.seen > now - _FORGET_MS,
            JobRow.state.in_(_UNFINISHED),
        )
        .order_by(MemoryClaimRow.since, MemoryClaimRow.job_id)
    )
    return int(session.scalars(query.limit(1)).first() or 0)


def _withdraw(session: Session, lease: Lease) -> None:
    session.execute(
        delete(MemoryClaimRow).where(
            MemoryClaimRow.job_id == lease.job_id, MemoryClaimRow.leg == lease.leg
        )
    )
