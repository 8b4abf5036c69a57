"""Trains the bench models that have real data, exports them and writes their cards.

Run `python -m avow.models.bench.train [FOLDER [NAME...]]` with the `[train]` extra installed. Same
seed, versions and kind of processor give the same bytes, as for the zoo.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from avow.models.bench import datasets, networks
from avow.models.zoo.cards import Task
from avow.models.zoo.datasets import Split, digits
from avow.models.zoo.train import DIGITS, Recipe, make

_ANSWER = "one logit per digit; the answer is the index of the largest"


def _task(
    name: str, title: str, how: str, input_name: str, shape: tuple[int, ...], meaning: str
) -> Task:
    return Task(
        name=name,
        title=title,
        dataset=f"scikit-learn load_digits, {how}",
        attribution=DIGITS,
        question="Which digit 0..9 is drawn?",
        input_name=input_name,
        input_shape=shape,
        input_meaning=meaning,
        input_range=("0", "1"),
        input_scale=8,
        output_name="logits",
        output_meaning=_ANSWER,
    )


def _recipe(
    task: Task,
    split: Callable[[], Split],
    network: Callable[[], nn.Module],
    epochs: int,
    learning_rate: float,
) -> Recipe:
    return Recipe(task, split, lambda _: network(), epochs, learning_rate, weight_decay=1e-3)


RECIPES = (
    _recipe(
        _task(
            "lenet5",
            "LeNet-5 on enlarged handwritten digits",
            "enlarged from 8x8 to 28x28",
            "image",
            (1, 1, 28, 28),
            "28x28 grey values in 256ths, 0 (paper) to 1 (ink)",
        ),
        lambda: datasets.enlarged(28),
        networks.LeNet5,
        epochs=25,
        learning_rate=2e-3,
    ),
    _recipe(
        _task(
            "mlp-784-64-10",
            "Two dense layers on enlarged handwritten digits",
            "enlarged from 8x8 to 28x28",
            "pixels",
            (1, 784),
            "28x28 grey values row by row in 256ths, 0 (paper) to 1 (ink)",
        ),
        lambda: datasets.enlarged(28),
        networks.Mlp784,
        epochs=30,
        learning_rate=2e-3,
    ),
    _recipe(
        _task(
            "cnn-264k",
            "Three convolutions on enlarged handwritten digits in three channels",
            "enlarged from 8x8 to 32x32, the same grey in three channels",
            "image",
            (1, 3, 32, 32),
            "32x32 values in 256ths per channel, 0 (paper) to 1 (ink)",
        ),
        lambda: datasets.coloured(32),
        networks.Cnn264k,
        epochs=8,
        learning_rate=2e-3,
    ),
    _recipe(
        _task(
            "transformer-4",
            "A transformer of four layers that reads a handwritten digit row by row",
            "each picture as 8 tokens of 8 pixels",
            "rows",
            (1, 8, 8),
            "8 rows of 8 grey values in sixteenths, 0 (paper) to 1 (ink)",
        ),
        digits,
        networks.Transformer4,
        epochs=40,
        learning_rate=3e-3,
    ),
    _recipe(
        _task(
            "lstm-small",
            "An LSTM cell, written out for 8 steps, that reads a handwritten digit row by row",
            "each picture as 8 steps of 8 pixels",
            "rows",
            (1, 8, 8),
            "8 rows of 8 grey values in sixteenths, 0 (paper) to 1 (ink)",
        ),
        digits,
        networks.LstmSmall,
        epochs=60,
        learning_rate=1e-2,
    ),
)


def main(arguments: list[str]) -> int:
    """Train every model, or those named, into FOLDER/<name>, or beside this file."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    target = Path(arguments[0]) if arguments else Path(__file__).parent
    names = arguments[1:] or [recipe.task.name for recipe in RECIPES]
    for recipe in RECIPES:
        if recipe.task.name in names:
            print(make(recipe, target / recipe.task.name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
