"""The real data of the zoo, from scikit-learn's own files, split once and for all by a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

FloatArray = NDArray[np.float32]
LabelArray = NDArray[np.int64]

SEED = 20261120
CALIBRATION_ROWS = 128


@dataclass(frozen=True, slots=True)
class Split:
    """Training rows, held-out rows the training never sees, and calibration rows.

    Calibration rows are the first of the shuffled training rows: they choose ranges and scales,
    which is part of building the model, so they must not come from the held-out rows.
    """

    training: FloatArray
    training_labels: LabelArray
    held_out: FloatArray
    held_out_labels: LabelArray

    @property
    def calibration(self) -> FloatArray:
        return self.training[:CALIBRATION_ROWS]


def digits(held_out: int = 400) -> Split:
    """1,797 handwritten digits, 64 pixels each; 0..16 in the file, 0..1 here (exact in binary)."""
    data = load_digits()
    return _split(data.data / 16.0, data.target, held_out)


def measurement_exponents(rows: NDArray[np.float64]) -> list[int]:
    """The power of ten by which each column is multiplied, so that it spreads over about 1 to 10.

    One tensor has one scale, and the raw columns differ by five orders of magnitude.
    """
    return [-int(np.floor(np.log10(spread))) for spread in rows.std(axis=0)]


def breast_cancer_columns() -> list[tuple[str, int]]:
    """Name and power of ten of each of the 30 input columns, in order."""
    data = load_breast_cancer()
    return list(zip(map(str, data.feature_names), measurement_exponents(data.data), strict=True))


def breast_cancer(held_out: int = 256) -> Split:
    """569 tumours, 30 measurements each in the card's units; label 1 is malignant."""
    data = load_breast_cancer()
    units = np.power(10.0, measurement_exponents(data.data))
    # scikit-learn writes 0 for malignant; a risk must rise with what it warns of.
    return _split(data.data * units, 1 - data.target, held_out)


def _split(rows: NDArray[np.float64], labels: LabelArray, held_out: int) -> Split:
    distinct, first = np.unique(rows.astype(np.float32), axis=0, return_index=True)
    if len(distinct) != len(rows):
        # A repeated row could otherwise fall on both sides of the split.
        rows, labels = rows[np.sort(first)], labels[np.sort(first)]
    training, held, training_labels, held_labels = train_test_split(
        rows.astype(np.float32),
        labels.astype(np.int64),
        test_size=held_out,
        random_state=SEED,
        stratify=labels,
    )
    return Split(training, training_labels, held, held_labels)
