"""The jobs by which a provider serves its orders: of each leg the newest one counts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from avow.prover.catalogue import Compiled
from avow.prover.database import Database
from avow.prover.job import Job
from avow.prover.nodes.terms import terms_digest
from avow.prover.nodes.worklist import Seen
from avow.prover.queue import Queue
from avow.prover.request import OrderContext, Request
from avow.prover.tables import EvidenceRow, JobRow
from avow.verifier.chain.market import Market
from avow.verifier.chain.registration import Registry
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class LegJob:
    """A job of a leg; `selector` is of the system that was chosen, `record` of its artifact."""

    job_id: str
    selector: bytes
    record: str


class LegJobs:
    """The jobs of one provider's legs in the queue."""

    def __init__(
        self,
        market: Market,
        registry: Registry,
        database: Database,
        queue: Queue,
        account: bytes,
    ) -> None:
        self._market = market
        self._registry = registry
        self._database = database
        self._queue = queue
        self._account = account

    def known(self, seen: Seen, index: int) -> LegJob | None:
        """The job of a leg, None before there is one."""
        jobs = self.tried(seen, index)
        return jobs[-1] if jobs else None

    def tried(self, seen: Seen, index: int) -> list[LegJob]:
        """All jobs that a leg has had, at most one by each system, oldest first."""
        base = self._client_key(seen, index)
        keys = [base, *(_further(base, one) for one in seen.terms.legs[index].named)]
        query = (
            select(JobRow.id, EvidenceRow.selector, EvidenceRow.record)
            .join(EvidenceRow, EvidenceRow.job_id == JobRow.id)
            .where(JobRow.client_key.in_(keys), EvidenceRow.leg == index)
        )
        with self._database.read() as session:
            rows = session.execute(query.order_by(JobRow.created_at, JobRow.id)).all()
        return [LegJob(one, bytes.fromhex(selector[2:]), record) for one, selector, record in rows]

    def submit(
        self,
        seen: Seen,
        index: int,
        selector: bytes,
        compiled: Compiled,
        inputs: tuple[Tensor, ...],
    ) -> Job:
        """Submits a leg's job by an artifact of the system with that selector."""
        leg, key = seen.terms.legs[index], self._client_key(seen, index)
        tried = self.tried(seen, index)
        # After a re-organisation an order is locked again, and its job is there already.
        is_first = not tried or tried[0].selector == selector
        return self._queue.submit(
            Request(
                model=compiled.model_digest,
                system=compiled.record.system,
                inputs=inputs,
                order=OrderContext(
                    chain_id=self._market.chain.chain_id,
                    market=self._market.contract.address,
                    order=seen.order_id,
                    provider=self._account,
                    nonce=seen.nonce,
                    leg=index,
                    deadline=leg.deadline,
                    share_bps=leg.share_bps,
                    batches=self._registry.batch_sizes(seen.terms.model_key, selector),
                ),
                client_key=key if is_first else _further(key, selector),
                record=compiled.record_digest,
            )
        )

    def _client_key(self, seen: Seen, index: int) -> str:
        account = self._account.hex()[:8]
        terms = terms_digest(seen.terms).hex()[:16]
        return f"order:{seen.order_id.hex()}:{index}:{terms}:{account}"


def _further(key: str, selector: bytes) -> str:
    """The key of a job by another system, after the first one failed."""
    return f"{key}:{selector.hex()}"
