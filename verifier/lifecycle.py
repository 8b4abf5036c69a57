"""States of a job and of an order's legs, and the only ways between them."""

from enum import Enum, IntEnum


class JobState(Enum):
    """What has become of a job; the value is its wire name."""

    QUEUED = "queued"
    RUNNING = "running"
    ANSWERED = "answered"
    PROVING = "proving"
    PROVEN = "proven"
    CHALLENGEABLE = "challengeable"
    SETTLED = "settled"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SLASHED = "slashed"
    REFUNDED = "refunded"


_ENDS_BEFORE_PROOF = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED})
_ENDS_ON_CHAIN = frozenset({JobState.EXPIRED, JobState.SLASHED, JobState.REFUNDED})

# RUNNING -> QUEUED and PROVING -> ANSWERED are the reconciler's: a crash gives the work back.
JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING}) | _ENDS_BEFORE_PROOF,
    JobState.RUNNING: frozenset({JobState.ANSWERED, JobState.QUEUED}) | _ENDS_BEFORE_PROOF,
    JobState.ANSWERED: frozenset({JobState.PROVING}) | _ENDS_BEFORE_PROOF | _ENDS_ON_CHAIN,
    JobState.PROVING: frozenset({JobState.PROVEN, JobState.CHALLENGEABLE, JobState.ANSWERED})
    | _ENDS_BEFORE_PROOF
    | _ENDS_ON_CHAIN,
    JobState.PROVEN: frozenset({JobState.SETTLED, JobState.CHALLENGEABLE}) | _ENDS_ON_CHAIN,
    JobState.CHALLENGEABLE: frozenset({JobState.SETTLED}) | _ENDS_ON_CHAIN,
    JobState.SETTLED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.EXPIRED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.SLASHED: frozenset(),
    JobState.REFUNDED: frozenset(),
}

# No job does this by itself, so that whoever waits for its end has seen it.
OPERATOR_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.FAILED: frozenset({JobState.QUEUED, JobState.ANSWERED}),
}


class LegState(IntEnum):
    """State of one leg of an order; the numbers are those of the market contract."""

    NONE = 0
    OPEN = 1
    LOCKED = 2
    DELIVERED = 3
    SETTLED = 4
    REFUNDED = 5
    SLASHED = 6
    CANCELLED = 7


LEG_TRANSITIONS: dict[LegState, frozenset[LegState]] = {
    LegState.NONE: frozenset({LegState.OPEN}),
    LegState.OPEN: frozenset({LegState.LOCKED, LegState.REFUNDED, LegState.CANCELLED}),
    LegState.LOCKED: frozenset({LegState.OPEN, LegState.DELIVERED, LegState.SLASHED}),
    LegState.DELIVERED: frozenset({LegState.SETTLED, LegState.REFUNDED, LegState.SLASHED}),
    LegState.SETTLED: frozenset(),
    LegState.REFUNDED: frozenset(),
    LegState.SLASHED: frozenset(),
    LegState.CANCELLED: frozenset(),
}


def job_ends(state: JobState) -> bool:
    """Whether nothing can follow `state` but an operator's decision."""
    return not JOB_TRANSITIONS[state]


def leg_ends(state: LegState) -> bool:
    """Whether nothing can follow `state`; terminal states absorb."""
    return state is not LegState.NONE and not LEG_TRANSITIONS[state]
