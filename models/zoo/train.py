"""Trains the three models of the zoo, exports them and writes their cards from what was measured.

Run `python -m avow.models.zoo.train [FOLDER]` with the `[train]` extra installed. The seeds are
fixed and one thread is used; the same versions on the same kind of processor give the same bytes.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from avow.models.export import onnx_of
from avow.models.files import write_whole
from avow.models.zoo import datasets, networks
from avow.models.zoo.cards import Task, write_card
from avow.models.zoo.datasets import SEED, FloatArray, LabelArray, Split


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model of the zoo is made."""

    task: Task
    split: Callable[[], Split]
    build: Callable[[Split], nn.Module]
    epochs: int
    learning_rate: float
    weight_decay: float


def _tumour_risk(split: Split) -> nn.Module:
    rows = torch.from_numpy(split.training)
    return networks.TumourRisk(rows.mean(dim=0), rows.std(dim=0))


DIGITS = (
    "UCI Machine Learning Repository, Optical Recognition of Handwritten Digits (E. Alpaydin, "
    "C. Kaynak, 1998), CC BY 4.0; scaled and split"
)
_TUMOURS = (
    "UCI Machine Learning Repository, Breast Cancer Wisconsin (Diagnostic) (W. Wolberg, "
    "O. Mangasarian, N. Street, W. Street, 1993), CC BY 4.0; scaled and split"
)

RECIPES = (
    Recipe(
        Task(
            name="digits-mlp",
            title="Handwritten digits, two dense layers",
            dataset="scikit-learn load_digits",
            attribution=DIGITS,
            question="Which digit 0..9 is drawn?",
            input_name="pixels",
            input_shape=(1, 64),
            input_meaning="8x8 grey values row by row, 0 (paper) to 1 (ink), in sixteenths",
            input_range=("0", "1"),
            input_scale=7,
            output_name="logits",
            output_meaning="one logit per digit; the answer is the index of the largest",
        ),
        datasets.digits,
        lambda _: networks.DigitsMlp(),
        epochs=80,
        learning_rate=4e-3,
        weight_decay=1e-3,
    ),
    Recipe(
        Task(
            name="digits-cnn",
            title="Handwritten digits, two strided convolutions",
            dataset="scikit-learn load_digits",
            attribution=DIGITS,
            question="Which digit 0..9 is drawn?",
            input_name="image",
            input_shape=(1, 1, 8, 8),
            input_meaning="8x8 grey values, 0 (paper) to 1 (ink), in sixteenths",
            input_range=("0", "1"),
            input_scale=7,
            output_name="logits",
            output_meaning="one logit per digit; the answer is the index of the largest",
        ),
        datasets.digits,
        lambda _: networks.DigitsCnn(),
        epochs=160,
        learning_rate=8e-3,
        weight_decay=1e-4,
    ),
    Recipe(
        Task(
            name="tumour-risk",
            title="Risk that a breast tumour is malignant, tabular",
            dataset="scikit-learn load_breast_cancer",
            attribution=_TUMOURS,
            question="How likely is it that the tumour is malignant?",
            input_name="measurements",
            input_shape=(1, 30),
            input_meaning="30 measurements of cell nuclei in the units below",
            input_range=("0", "128"),
            input_scale=7,
            output_name="risk_logit",
            output_meaning="logit of malignancy; above 0 means more likely malignant than not",
            columns=tuple(datasets.breast_cancer_columns()),
        ),
        datasets.breast_cancer,
        _tumour_risk,
        epochs=120,
        learning_rate=5e-3,
        weight_decay=1e-2,
    ),
)


def shaped(rows: FloatArray, task: Task) -> FloatArray:
    """Rows [n, k] in the model's own input shape without its batch of 1: [n, ...]."""
    return rows.reshape(len(rows), *task.input_shape[1:])


def loss_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy over classes, or the binary form for a single logit."""
    if outputs.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], labels.float())
    return nn.functional.cross_entropy(outputs, labels)


def fit(recipe: Recipe, split: Split) -> nn.Module:
    """Train on the training rows only; the held-out rows choose nothing, not even when to stop."""
    torch.manual_seed(SEED)
    network = recipe.build(split)
    rows = torch.from_numpy(shaped(split.training, recipe.task))
    labels = torch.from_numpy(split.training_labels)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    order = torch.Generator().manual_seed(SEED)
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(rows), generator=order).split(64):
            optimiser.zero_grad()
            loss_of(network(rows[batch]), labels[batch]).backward()
            optimiser.step()
        schedule.step()
    return network.eval()


def save_rows(path: Path, name: str, rows: FloatArray, labels: LabelArray | None = None) -> None:
    """An npz with the rows under the input's name and, for held-out data, `labels`."""
    arrays = {name: rows} if labels is None else {name: rows, "labels": labels}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def make(recipe: Recipe, folder: Path) -> str:
    """Train, export, save the data and the card; returns the line that tells what came out."""
    folder.mkdir(parents=True, exist_ok=True)
    task, split = recipe.task, recipe.split()
    network = fit(recipe, split)
    example = torch.from_numpy(shaped(split.calibration[:1], task))
    data = onnx_of(network, (example,), [task.input_name], [task.output_name])
    write_whole(folder / "model.onnx", data)
    save_rows(folder / "calibration.npz", task.input_name, shaped(split.calibration, task))
    save_rows(
        folder / "heldout.npz",
        task.input_name,
        shaped(split.held_out, task),
        split.held_out_labels,
    )
    versions = {"torch": torch.__version__.split("+")[0], "numpy": np.__version__}
    return write_card(task, folder, SEED, len(split.training), versions)


def main(arguments: list[str]) -> int:
    """Train every model into FOLDER/<name>, or beside this file."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    target = Path(arguments[0]) if arguments else Path(__file__).parent
    for recipe in RECIPES:
        print(make(recipe, target / recipe.task.name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
