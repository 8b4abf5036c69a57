"""How a state is shown: a word, a shape and a tone, so that colour is never the only sign."""

from dataclasses import dataclass

from avow.verifier.lifecycle import EVIDENCE_STATES, JobState


@dataclass(frozen=True, slots=True)
class Sign:
    """What stands for a state. `shape` names an icon, `tone` a pair of colours."""

    label: str
    shape: str
    tone: str
    meaning: str


SIGNS: dict[JobState, Sign] = {
    JobState.QUEUED: Sign(
        "Queued", "dots", "quiet", "It is stored and waits for a worker to answer it."
    ),
    JobState.RUNNING: Sign("Running", "half", "busy", "A worker is running the model's program."),
    JobState.ANSWERED: Sign(
        "Answered", "ring", "busy", "The answer is published. Nothing shows yet that it is right."
    ),
    JobState.PROVING: Sign("Making evidence", "half", "busy", "A worker is making the evidence."),
    JobState.PROVEN: Sign(
        "Proven", "tick", "good", "The proof is stored; the verifier accepted it before."
    ),
    JobState.CHALLENGEABLE: Sign(
        "Challengeable", "clock", "busy", "The answer stands unless somebody disputes it in time."
    ),
    JobState.ATTESTED: Sign(
        "Attested", "shield", "vouched", "An enclave signed the answer. Nothing proves it."
    ),
    JobState.SIMULATED: Sign(
        "SIMULATED",
        "warn",
        "caution",
        "A simulated enclave signed the answer, for development. That shows nothing.",
    ),
    JobState.SETTLED: Sign(
        "Settled", "coin", "good", "A contract accepted the evidence and paid for the answer."
    ),
    JobState.FAILED: Sign("Failed", "cross", "bad", "It ended without its evidence."),
    JobState.EXPIRED: Sign("Expired", "clock", "bad", "Its deadline passed before it was done."),
    JobState.CANCELLED: Sign("Cancelled", "bar", "quiet", "Somebody took it back."),
    JobState.SLASHED: Sign(
        "Slashed", "cross", "bad", "The provider did not deliver in time and lost its bond."
    ),
    JobState.REFUNDED: Sign(
        "Refunded", "back", "quiet", "The requester got the price back; nobody was paid."
    ),
}

STAGES = {
    "started": "starting",
    "preview": "running the float model beside it",
    "running": "running the exact program",
    "gathering": "waiting for others to share the work",
    "loading": "loading key and program",
    "witness": "computing every intermediate value",
    "commit": "committing to the values",
    "helpers": "preparing the lookups",
    "identities": "proving the products and lookups",
    "linear": "proving the linear layers",
    "reduction": "reducing all claims to one",
    "opening": "opening the commitment",
    "committing": "committing to every tensor of the run",
    "signing": "the enclave signs the answer",
    "proving": "making the evidence",
    "checking": "the verifier checks the evidence",
    "storing": "storing the bundle",
}

OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.ANSWERED, JobState.PROVING)
DONE = (*EVIDENCE_STATES, JobState.SETTLED)
ENDED = (
    JobState.FAILED,
    JobState.EXPIRED,
    JobState.CANCELLED,
    JobState.SLASHED,
    JobState.REFUNDED,
)


def stage(name: str) -> str:
    """A stage of the work in plain words."""
    return STAGES.get(name, name)


def sign(state: JobState) -> Sign:
    """What stands for a job's state."""
    return SIGNS.get(state) or Sign(state.value.capitalize(), "ring", "quiet", "")
