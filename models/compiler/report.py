"""What a compilation tells a person: every operation with its size, scale and error."""

from math import isfinite, prod
from typing import Any

from avow.models.compiler.builder import Builder
from avow.models.compiler.fidelity import Fidelity
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import (
    Contract,
    Convolution,
    Dense,
    Multiply,
    Operation,
    Shape,
    name_of,
)
from avow.verifier.program.program import Program


def multiplications(
    operation: Operation, shapes: list[Shape], result: Shape, program: Program
) -> int:
    """How many products of two numbers, not counting powers of two, an operation takes."""
    match operation:
        case Dense(weight=weight) | Convolution(weight=weight):
            return prod(result) * prod(program.blobs[weight].shape[1:])
        case Contract(of=of):
            return prod(result) * shapes[of[0]][-1]
        case Multiply():
            return prod(result)
        case _:
            return 0


def describe(
    program: Program,
    blobs: tuple[Blob, ...],
    b: Builder,
    asked: int | None,
    tried: list[Fidelity],
) -> dict[str, Any]:
    """The report, before anything is measured layer by layer.

    `bits` and `observed` are what `compile_again` needs.
    """
    shapes = program.shapes()
    operations = []
    for at, step in enumerate(program.steps):
        number = len(program.inputs) + at
        error = b.errors[number]
        operations.append(
            {
                "tensor": number,
                "node": b.origins[at],
                "kind": name_of(step.operation),
                "shape": list(shapes[number]),
                "scale": step.scale,
                "interval": [str(b.intervals[number].low), str(b.intervals[number].high)],
                "multiplications": multiplications(step.operation, shapes, shapes[number], program),
                "derived_error": error if isfinite(error) else None,
                "tensor_name": None,
                "measured_max_error": None,
                "measured_mean_error": None,
            }
        )
    return {
        "bits": b.bits,
        "bits_asked": asked,
        "reason": reason(b.bits, asked, tried),
        "program_digest": "0x" + program.digest().hex(),
        "program_bytes": len(program.encode()),
        "blob_bytes": sum(len(blob.data) for blob in blobs),
        "multiplications": sum(int(str(entry["multiplications"])) for entry in operations),
        "fidelity": tried[-1].to_json() if tried else None,
        "tried": [one.to_json() for one in tried],
        "operations": operations,
        "observed": list(b.answers),
    }


def reason(bits: int, asked: int | None, tried: list[Fidelity]) -> str:
    """Why these bits, in one sentence."""
    if asked is not None:
        return f"{bits} bits were asked for"
    if not tried:
        return f"{bits} bits, the most precise: there are no held-out rows to choose by"
    last = tried[-1]
    if not last.sufficient:
        return (
            f"{bits} bits, the most precise: {last.rows} held-out rows are insufficient "
            f"to choose by"
        )
    if last.kept:
        return f"{bits} bits are the cheapest that keep {last.promise}"
    return f"{bits} bits, the most precise, though they do not keep {last.promise}"
