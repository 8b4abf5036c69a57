"""What became of a stream of jobs: read from tables, files and the chain, judged by plain rules."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

# Where a job without an order ends, and one with an order.
DONE, PAID = "proven", "settled"


@dataclass(frozen=True)
class Seen:
    """One job as it lies in the tables, and the bundle that it has.

    `unmatched` are the legs that are proven without a bundle, or have one without being proven.
    """

    id: str
    key: str
    order: str
    state: str
    answered: int = 1
    proven: int = 1
    payments: int = 0
    recomputed: bool = False
    verified: bool = True
    unmatched: tuple[int, ...] = ()


@dataclass(frozen=True)
class Found:
    """What callers were promised, and what there is.

    `accepted` are the ids that the API gave, by the caller's key; `orders` what the chain has of
    the requester, `settlements` one entry per payment, `spent` and `price` in token units.
    """

    accepted: dict[str, str]
    orders: tuple[str, ...]
    jobs: tuple[Seen, ...]
    settlements: tuple[str, ...]
    spent: int
    price: int


@dataclass
class Audit:
    """Sentences about what is lost and what happened twice."""

    jobs: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def line(self, kills: int) -> str:
        """The one line that a campaign ends with."""
        return (
            f"kills {kills}, jobs {self.jobs}, lost {len(self.lost)}, doubled {len(self.doubled)}"
        )


def judge(found: Found) -> Audit:
    """Whether everything promised was kept, once."""
    audit = Audit(len(found.accepted) + len(found.orders))
    by_id = {job.id: job for job in found.jobs}
    for key, job_id in found.accepted.items():
        _accepted(audit, key, by_id.get(job_id))
    for what, repeated in (
        ("key", _repeated(job.key for job in found.jobs if job.key)),
        ("order", _repeated(job.order for job in found.jobs if job.order)),
        ("settlement of", _repeated(found.settlements)),
    ):
        audit.doubled += [f"{what} {one}: {count} times" for one, count in repeated]
    by_order = {job.order: job for job in found.jobs if job.order}
    for order in found.orders:
        _ordered(audit, order, by_order.get(order), found)
    for job in found.jobs:
        _once(audit, job)
    if found.spent != found.price * len(set(found.settlements)):
        audit.doubled.append(
            f"{len(set(found.settlements))} orders of {found.price} cost {found.spent}"
        )
    return audit


def _accepted(audit: Audit, key: str, job: Seen | None) -> None:
    if job is None:
        audit.lost.append(f"{key}: the API accepted it, there is no such job")
    elif job.state != DONE or not job.verified:
        audit.lost.append(f"{key}: job {job.id} is {job.state}, verified: {job.verified}")


def _ordered(audit: Audit, order: str, job: Seen | None, found: Found) -> None:
    if order not in found.settlements:
        state = "no job" if job is None else f"its job is {job.state}"
        audit.lost.append(f"order {order} was not settled: {state}")
    elif job is None or job.state != PAID or job.payments != 1 or not job.verified:
        audit.lost.append(f"order {order} was settled, its job does not say so: {job}")


def _once(audit: Audit, job: Seen) -> None:
    for what, count in (("answered", job.answered), ("proven", job.proven)):
        if count > 1:
            audit.doubled.append(f"job {job.id} was {what} {count} times")
    if job.payments > 1:
        audit.doubled.append(f"job {job.id} has {job.payments} payment marks")
    for leg in job.unmatched:
        audit.lost.append(f"job {job.id}: leg {leg} is proven, or has a bundle, but not both")
    if job.recomputed:
        audit.doubled.append(f"job {job.id}: a stored proof was computed again")


def _repeated(items: Iterable[str]) -> list[tuple[str, int]]:
    return [(one, count) for one, count in sorted(Counter(items).items()) if count > 1]
