"""Memory that proofs on one machine are promised: predicted before they begin, shared out once.

What a proof will take is not yet missing from the free memory when the next one looks at it, so
that looking alone would let both begin. The promise stands on the proof's lease and ends with it.
"""

from __future__ import annotations

import zlib

from sqlalchemy import func, select, text, update

from avow.prover.bench import Bench
from avow.prover.errors import LeaseLost, NotNow
from avow.prover.history import changed
from avow.prover.leases import Lease
from avow.prover.tables import LeaseRow

# Apart from the lock of migrations.
_LOCK = 0x41564D


def reserve(bench: Bench, lease: Lease, predicted: int, total: int) -> int:
    """Promises `predicted` bytes of this machine's `total` to the work under a lease.

    Returns how many the others leave, at least `predicted`. A second promise replaces the first.
    Raises NotNow when the others' promises leave too little, LeaseLost when the lease is gone.
    """
    machine = bench.holder.machine
    with bench.database.write() as session:
        if session.get_bind().dialect.name == "postgresql":
            # SQLite has one writer anyway.
            key = {"lock": _LOCK, "machine": zlib.crc32(machine.encode()) - 2**31}
            session.execute(text("SELECT pg_advisory_xact_lock(:lock, :machine)"), key)
        query = select(func.sum(LeaseRow.reserved)).where(
            LeaseRow.token.not_in(("", lease.token)),
            LeaseRow.expires_at > bench.clock(),
            LeaseRow.holder.startswith(f"{machine}|", autoescape=True),
        )
        left = total - int(session.scalar(query) or 0)
        if predicted > left:
            raise NotNow(
                f"the proof needs about {predicted} bytes of memory, other proofs here leave {left}"
            )
        done = session.execute(
            update(LeaseRow).where(LeaseRow.token == lease.token).values(reserved=predicted)
        )
        if changed(done) != 1:
            raise LeaseLost(f"{lease.task.value} of job {lease.job_id} is in other hands")
    return left
