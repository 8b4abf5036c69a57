"""A program's operations as rows for a reader: what each is, how large, how wrong."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from avow.verifier.program.operations import Operation, name_of
from avow.verifier.program.program import Program

# The attributes that are positions in the program's list of blobs.
_BLOBS = ("blob", "weight", "bias", "indices")


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation. `constants` are the bytes of its blobs, errors are in real units.

    `bound` is derived for inputs that do not saturate; `max_error` and `mean_error` are measured
    against the float model where the graph has a tensor of the same meaning. None: not known.
    """

    tensor: int
    kind: str
    node: str
    shape: tuple[int, ...]
    elements: int
    constants: int
    multiplications: int
    scale: int
    bound: float | None
    max_error: float | None
    mean_error: float | None


def layers(program: Program, report: Mapping[str, Any]) -> list[Layer]:
    """The program's operations with what its compilation reported of each.

    Shapes, scales and sizes are the program's own; only the rest is taken from the report.
    """
    shapes = program.shapes()
    sizes = [blob.count * blob.element_type.width for blob in program.blobs]
    told: Sequence[Mapping[str, Any]] = report["operations"]
    rows = []
    for at, (step, entry) in enumerate(zip(program.steps, told, strict=True)):
        tensor = len(program.inputs) + at
        rows.append(
            Layer(
                tensor=tensor,
                kind=name_of(step.operation),
                node=str(entry["node"]),
                shape=shapes[tensor],
                elements=prod(shapes[tensor]),
                constants=sum(sizes[blob] for blob in _blobs(step.operation)),
                multiplications=int(entry["multiplications"]),
                scale=step.scale,
                bound=entry["derived_error"],
                max_error=entry["measured_max_error"],
                mean_error=entry["measured_mean_error"],
            )
        )
    return rows


def _blobs(operation: Operation) -> set[int]:
    names = {field.name for field in dataclasses.fields(operation)}
    return {getattr(operation, name) for name in _BLOBS if name in names}
