"""A batch's own polynomial E: through what every sample's tensors are worth at one random point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avow.prover.native._core import Bases, Frs, divide, eq_table, fold_rows, outer_add
from avow.prover.systems.sumcheck.field import R, constant, dot, vector
from avow.prover.systems.sumcheck.forms import Weights
from avow.prover.systems.sumcheck.rows import place_sums, sum_pieces
from avow.prover.systems.sumcheck.wiring import Cells
from avow.verifier.bn254 import root_of_unity
from avow.verifier.relation.views import Point


@dataclass(frozen=True, slots=True)
class Shared:
    """E's coefficients, one for each place of the padded batch, and their commitment."""

    coefficients: Frs
    commitment: bytes

    def fold(self, weights: Frs, target: Frs) -> None:
        """Add its row, times the one weight, to `target`."""
        outer_add(target, 0, weights.at(0), [self.coefficients])

    def sum_strips(self, weights: Frs, target: Frs, first: int, strips: int) -> None:
        """As `Rows.sum_strips`, of its one row."""
        count = min(len(self.coefficients), strips * len(weights))
        every = np.arange(count, dtype=np.int32)
        sums = sum_pieces(self.coefficients.gather(every), weights)
        place_sums(sums, 1, target, first, strips)

    def openings(self, bases: Bases, batch: int, breathe: Callable[[], None]) -> tuple[bytes, ...]:
        """For each sample the commitment to (E - E(omega^b)) / (X - omega^b)."""
        omega, root, found = root_of_unity(len(self.coefficients).bit_length() - 1), 1, []
        for _ in range(batch):
            found.append(bases.commit(divide(self.coefficients, root)[0]))
            root = root * omega % R
            breathe()
        return tuple(found)


def make_shared(
    bases: Bases, columns: Sequence[Cells], batch: int, kappa: int, point: Sequence[int]
) -> Shared:
    """E of these inputs and outputs, whose cells come sample by sample, of a padded batch."""
    values = Frs.zeros(batch)
    for power, cells in enumerate(columns):
        rows = cells.reshape(batch, -1)
        weights = eq_table(list(point[len(point) - rows.shape[1].bit_length() + 1 :]))
        sums = (
            vector(np.array([dot(weights, row) for row in rows], object))
            if rows.dtype == object
            else fold_rows(rows, weights)
        )
        values.addmul(sums, pow(kappa, power, R))
    coefficients = _interpolate([values.at(number) for number in range(batch)])
    found = _vector(coefficients)
    return Shared(found, bases.commit(found))


def weigh_shared(weights: Weights, row: int, strips: int, scale: int, head: Point) -> None:
    """Add `scale` times the verifier's `spread`: the form from E's row to its values at `head`.

    Entry k of the row counts by k modulo the padded batch, so every strip is weighted alike.
    """
    table = eq_table(list(head))
    values = [table.at(number) for number in range(len(table))]
    form = _vector(_transform(values, root_of_unity(len(head))))
    length = 2**weights.logstrip
    every = np.arange(length, dtype=np.int32) % np.int32(len(form))
    over, _ = weights.group("shared", lambda: form.gather(every))
    over.set_range(row * strips, constant(scale, strips))


def _vector(values: Sequence[int]) -> Frs:
    return Frs.of_bytes(b"".join(value.to_bytes(32, "little") for value in values))


def _interpolate(values: Sequence[int]) -> list[int]:
    """The coefficients of the polynomial with these values at the powers of omega."""
    count = len(values)
    inverse = pow(count, -1, R)
    root = pow(root_of_unity(count.bit_length() - 1), -1, R)
    return [value * inverse % R for value in _transform(values, root)]


def _transform(values: Sequence[int], root: int) -> list[int]:
    """sum_b values[b] root^(b k) for every k."""
    if len(values) == 1:
        return list(values)
    even, odd = (_transform(values[at::2], root * root % R) for at in (0, 1))
    power, low, high = 1, [], []
    for a, b in zip(even, odd, strict=True):
        low.append((a + power * b) % R)
        high.append((a - power * b) % R)
        power = power * root % R
    return low + high
