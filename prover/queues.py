"""The queues of the broker in which work waits."""

from enum import Enum


class WorkQueue(Enum):
    """A queue that workers serve with a concurrency of its own; the value is its wire string.

    Answers wait in `infer`, proofs in `prove`, and in `large` those that are predicted to take
    more memory than `AVOW_LARGE_PROOF_BYTES`.
    """

    INFER = "infer"
    PROVE = "prove"
    LARGE = "large"
