"""A handwritten digit that the model has never seen, with what the float model says of it."""

from dataclasses import dataclass

import numpy as np

from avow.api.errors import ApiError, DemoError
from avow.models.catalogue import zoo_card
from avow.models.infer import Preview
from avow.models.store import StoredModel
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Digit:
    """One held-out row. `tensor` is the model's input, `expected` the float model's class.

    `pixels` are in [0, 1], row-major, `width` a row; `label` is what the writer meant.
    """

    row: int
    pixels: tuple[float, ...]
    width: int
    label: int
    tensor: Tensor
    expected: int


def require_row(name: str, row: int) -> None:
    """Refuse a row that a built-in model's held-out data lacks, by its card; raises `ApiError`."""
    rows = zoo_card(name).held_out_rows
    if not 0 <= row < rows:
        raise ApiError(f"--row: expected 0 to {rows - 1}, got {row}")


def held_out_digit(stored: StoredModel, row: int) -> Digit:
    """Row number `row` of the held-out data; raises `DemoError` when there is none."""
    rows = stored.held_out()
    if rows is None or rows.labels is None:
        raise DemoError(f"{stored.record.name} has no labelled held-out rows")
    if not 0 <= row < len(rows):
        raise DemoError(f"--row: expected 0 to {len(rows) - 1}, got {row}")
    image = rows.inputs[0][row]
    pixels = tuple(float(value) for value in image.reshape(-1))
    logits = Preview(stored.model()).run((image,))[0]
    (spec,) = stored.record.inputs
    return Digit(
        row=row,
        pixels=pixels,
        width=round(len(pixels) ** 0.5),
        label=int(rows.labels[row]),
        tensor=spec.quantise(pixels),
        expected=int(np.argmax(logits)),
    )
