"""The bench models by name: where each one's card lies and how its files come about."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avow.models.bench.generated import write_dense_4m

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class BenchModel:
    """`folder` holds the card, and the model's files where `generate` is None.

    `generate` writes those files into a folder that it is given.
    """

    name: str
    folder: Path
    generate: Callable[[Path], None] | None = None


BENCH_MODELS: dict[str, BenchModel] = {
    one.name: one
    for one in (
        BenchModel("cnn-264k", _HERE / "cnn-264k"),
        BenchModel("dense-4m", _HERE / "dense-4m", write_dense_4m),
        BenchModel("lenet5", _HERE / "lenet5"),
        BenchModel("lstm-small", _HERE / "lstm-small"),
        BenchModel("mlp-784-64-10", _HERE / "mlp-784-64-10"),
        BenchModel("transformer-4", _HERE / "transformer-4"),
    )
}


def bench_names() -> tuple[str, ...]:
    """The names of the bench models."""
    return tuple(BENCH_MODELS)
