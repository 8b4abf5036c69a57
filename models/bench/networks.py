"""The networks of the bench, as torch modules."""

import torch
from torch import Tensor, nn


class LeNet5(nn.Module):
    """One 28x28 image in 0..1, shape [n, 1, 28, 28], to 10 logits: 44,426 weights.

    LeNet-5 as it is usually measured today: full connections, maxima and relu, no padding.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(256, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, 10),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class Mlp784(nn.Module):
    """784 pixels in 0..1, shape [n, 784], through 64 neurons to 10 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.layers(pixels)
        return logits


class Cnn264k(nn.Module):
    """One 32x32 image of three channels in 0..1, shape [n, 3, 32, 32], to 10 logits.

    263,854 weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(1024, 196),
            nn.ReLU(),
            nn.Linear(196, 32),
            nn.ReLU(),
            nn.Linear(32, 10),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class _Block(nn.Module):
    """Attention with two heads and a gelu network, each behind a layer norm and a sum."""

    def __init__(self, width: int, heads: int, tokens: int) -> None:
        super().__init__()
        self.heads, self.size, self.tokens = heads, width // heads, tokens
        self.before_attention = nn.LayerNorm(width)
        self.mixed = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.before_network = nn.LayerNorm(width)
        self.network = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, values: Tensor) -> Tensor:
        mixed = self.mixed(self.before_attention(values))
        width = self.heads * self.size
        query, key, value = (
            mixed[:, :, at * width : (at + 1) * width]
            .reshape(-1, self.tokens, self.heads, self.size)
            .transpose(1, 2)
            for at in range(3)
        )
        scores = query @ key.transpose(2, 3) * self.size**-0.5
        seen = torch.softmax(scores, dim=-1) @ value
        values = values + self.joined(seen.transpose(1, 2).reshape(-1, self.tokens, width))
        after: Tensor = values + self.network(self.before_network(values))
        return after


class Transformer4(nn.Module):
    """A digit as 8 tokens of 8 pixels in 0..1, shape [n, 8, 8], through 4 layers to 10 logits."""

    def __init__(self, width: int = 32, heads: int = 2, tokens: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Linear(8, width)
        self.position = nn.Parameter(0.1 * torch.randn(1, tokens, width))
        self.blocks = nn.Sequential(*(_Block(width, heads, tokens) for _ in range(4)))
        self.last = nn.LayerNorm(width)
        self.logits = nn.Linear(width, 10)

    def forward(self, rows: Tensor) -> Tensor:
        values = self.blocks(self.embedding(rows) + self.position)
        logits: Tensor = self.logits(self.last(values).mean(dim=1))
        return logits


class LstmSmall(nn.Module):
    """A digit as 8 rows of 8 pixels in 0..1, shape [n, 8, 8], through one LSTM cell to 10 logits.

    The cell is written out, so the exported graph holds 8 copies of it and no LSTM operator.
    """

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(8, 4 * hidden)
        self.from_state = nn.Linear(hidden, 4 * hidden, bias=False)
        self.logits = nn.Linear(hidden, 10)

    def forward(self, rows: Tensor) -> Tensor:
        state, memory = None, None
        size = self.hidden
        for at in range(8):
            gates = self.from_input(rows[:, at])
            if state is not None:
                gates = gates + self.from_state(state)
            take, keep, show = (
                torch.sigmoid(gates[:, k * size : (k + 1) * size]) for k in range(3)
            )
            fresh = take * torch.tanh(gates[:, 3 * size :])
            memory = fresh if memory is None else keep * memory + fresh
            state = show * torch.tanh(memory)
        logits: Tensor = self.logits(state)
        return logits
