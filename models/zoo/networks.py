"""The networks of the zoo, as torch modules that a zero-knowledge circuit can afford."""

import torch
from torch import Tensor, nn


class DigitsMlp(nn.Module):
    """64 pixels in 0..1, shape [n, 64], to 10 logits, shape [n, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.layers(pixels)
        return logits


class DigitsCnn(nn.Module):
    """One 8x8 image in 0..1, shape [n, 1, 8, 8], to 10 logits, shape [n, 10].

    Strides replace pooling: a maximum costs a circuit comparisons, a stride costs nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 8, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32, 10),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class TumourRisk(nn.Module):
    """30 measurements in the card's units, shape [n, 30], to the logit of malignancy, [n, 1].

    `mean` and `deviation`, shape [30], are those of the training rows. Standardising inside the
    graph makes them part of the model's digest instead of a promise of the caller.
    """

    def __init__(self, mean: Tensor | None = None, deviation: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(30) if mean is None else mean)
        inverse = torch.ones(30) if deviation is None else 1.0 / deviation
        self.register_buffer("inverse_deviation", inverse)
        self.layers = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, measurements: Tensor) -> Tensor:
        logit: Tensor = self.layers((measurements - self.mean) * self.inverse_deviation)
        return logit
