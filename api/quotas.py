"""What one API key may have at the same time, and how urgent its work may be."""

from dataclasses import dataclass
from http import HTTPStatus

from avow.api.access import Caller
from avow.api.problems import Problem
from avow.prover.access.keys import Scope
from avow.prover.config import ApiLimits
from avow.prover.request import MIDDLE_PRIORITY, PRIORITIES


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many unfinished jobs, and streams in one process; None for no limit.

    `priority` is the highest that jobs may have.
    """

    jobs: int | None
    streams: int | None
    priority: int

    def priority_of(self, wanted: int | None) -> int:
        """The priority of a job for which one is asked, or none: the middle, or what is allowed.

        Raises `Problem` (403) for more than is allowed.
        """
        if wanted is None:
            return min(MIDDLE_PRIORITY, self.priority)
        if wanted > self.priority:
            detail = f"priority: this API key may ask for at most {self.priority}, got {wanted}"
            raise Problem(HTTPStatus.FORBIDDEN, detail)
        return wanted


def quota_of(caller: Caller, limits: ApiLimits) -> Quota:
    """The quota of a caller: the key's own, else the usual one.

    Who needs no key has none, and neither has the scope `admin` unless its key says so.
    """
    key = caller.key
    if key is None:
        return Quota(None, None, PRIORITIES[-1])
    usual = Quota(limits.jobs, limits.streams, limits.priority)
    if key.allows(Scope.ADMIN):
        usual = Quota(None, None, PRIORITIES[-1])
    return Quota(
        usual.jobs if key.jobs is None else key.jobs,
        usual.streams if key.streams is None else key.streams,
        usual.priority if key.priority is None else key.priority,
    )
