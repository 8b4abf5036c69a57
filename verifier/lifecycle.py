"""States of a job and of an order's legs, and the only ways between them."""

from enum import Enum, IntEnum

from avow.verifier.verdict import Assurance


class JobState(Enum):
    """What has become of a job; the value is its wire name."""

    QUEUED = "queued"
    RUNNING = "running"
    ANSWERED = "answered"
    PROVING = "proving"
    PROVEN = "proven"
    CHALLENGEABLE = "challengeable"
    ATTESTED = "attested"
    SIMULATED = "simulated"
    SETTLED = "settled"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SLASHED = "slashed"
    REFUNDED = "refunded"


# What a bundle makes of its leg, by the verdict on it: the weakest first, as policies ask for a
# minimum. SETTLED is a chain's word on a claim; a job is `settled` when it was paid.
_UNLIKE = {Assurance.SETTLED: JobState.CHALLENGEABLE}
EVIDENCE_STATE = {one: _UNLIKE.get(one) or JobState(one.value.lower()) for one in Assurance}
# A job whose legs all have their evidence is called after the weakest, the first of these.
EVIDENCE_STATES = tuple(dict.fromkeys(EVIDENCE_STATE.values()))
_ENDS_BEFORE_PROOF = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED})
_ENDS_ON_CHAIN = frozenset({JobState.EXPIRED, JobState.SLASHED, JobState.REFUNDED})
_ENDS = _ENDS_BEFORE_PROOF | _ENDS_ON_CHAIN

# RUNNING -> QUEUED and PROVING -> ANSWERED are the reconciler's: a crash gives the work back.
JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING}) | _ENDS_BEFORE_PROOF,
    JobState.RUNNING: frozenset({JobState.ANSWERED, JobState.QUEUED}) | _ENDS_BEFORE_PROOF,
    JobState.ANSWERED: frozenset({JobState.PROVING}) | _ENDS,
    JobState.PROVING: frozenset({*EVIDENCE_STATES, JobState.ANSWERED}) | _ENDS,
    **dict.fromkeys(EVIDENCE_STATES, frozenset({JobState.SETTLED}) | _ENDS_ON_CHAIN),
    **dict.fromkeys(_ENDS | {JobState.SETTLED}, frozenset[JobState]()),
}

# No job does this by itself, so that whoever waits for its end has seen it.
OPERATOR_TRANSITIONS = {JobState.FAILED: frozenset({JobState.QUEUED, JobState.ANSWERED})}


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
    **{state: frozenset() for state in LegState if state >= LegState.SETTLED},
}


def job_ends(state: JobState) -> bool:
    """Whether nothing can follow `state` but an operator's decision."""
    return not JOB_TRANSITIONS[state]


def leg_ends(state: LegState) -> bool:
    """Whether nothing can follow `state`; terminal states absorb."""
    return state is not LegState.NONE and not LEG_TRANSITIONS[state]
