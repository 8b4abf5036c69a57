"""What a compilation may be told; the same options and bytes give the same program."""

from dataclasses import dataclass
from enum import Enum

from avow.models.errors import ModelError
from avow.verifier.tensor import TensorSpec

PRECISIONS = (8, 12, 16)
# The rows that calibration looks at, in order; more would only cost time.
CALIBRATION_ROWS = 128


class Task(Enum):
    """What a model's first output is, hence what fidelity means for it.

    AUTO is a classifier where a sample has two or more outputs, or where the held-out rows carry
    class labels, otherwise a regressor.
    """

    AUTO = "auto"
    CLASSIFIER = "classifier"
    REGRESSOR = "regressor"


@dataclass(frozen=True, slots=True)
class Options:
    """`bits` is one of `PRECISIONS`, or None for the cheapest that keeps fidelity.

    `inputs` are the schema of the model's inputs in the graph's order, as in its record; left
    empty, each is derived from the calibration rows.
    """

    bits: int | None = None
    inputs: tuple[TensorSpec, ...] = ()
    task: Task = Task.AUTO

    def __post_init__(self) -> None:
        if self.bits is not None and self.bits not in PRECISIONS:
            raise ModelError(f"bits must be one of {list(PRECISIONS)}, got {self.bits}")
