"""What an executor demands of the arrays it is given."""

from collections.abc import Sequence

from avow.models.program.blobs import AnyIntegers
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import Program


def batch_of(program: Program, inputs: Sequence[AnyIntegers]) -> int:
    """Return the batch size of valid inputs: signed integers (batch, *shape) in range.

    Raises `VerificationError` (step `tensors`): the executors are exact only for valid inputs.
    """
    if len(inputs) != len(program.inputs):
        _refuse(f"{len(program.inputs)} inputs expected, got {len(inputs)}")
    batches: set[int] = set()
    for spec, array in zip(program.inputs, inputs, strict=True):
        if array.dtype.kind != "i":
            _refuse(f"{spec.name!r} must be signed integers, got {array.dtype}")
        if array.ndim == 0 or array.shape[1:] != spec.shape or array.shape[0] < 1:
            _refuse(
                f"{spec.name!r} must have shape (batch, *{list(spec.shape)}), "
                f"got {list(array.shape)}"
            )
        low, high = int(array.min()), int(array.max())
        if low < spec.minimum or high > spec.maximum:
            worst = low if low < spec.minimum else high
            _refuse(f"{spec.name!r} must lie in [{spec.minimum}, {spec.maximum}], got {worst}")
        batches.add(array.shape[0])
    if len(batches) != 1:
        _refuse(f"inputs must have one batch size, got {sorted(batches)}")
    return batches.pop()


def _refuse(message: str) -> None:
    raise VerificationError("tensors", message)
