"""The bench models are what their cards and the reference say."""

import hashlib
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

from avow.models.bench.generated import dense_4m, write_dense_4m
from avow.models.bench.registry import BENCH_MODELS, bench_names
from avow.models.catalogue import built_in_names, resolve, zoo_card, zoo_names
from avow.models.data import load_rows
from avow.models.errors import ModelError
from avow.models.infer import evaluate
from avow.models.load import load_model, parse_model
from avow.models.store import ModelStore
from tests.conftest import ROOT

TRAINED = tuple(name for name, one in BENCH_MODELS.items() if one.generate is None)
WEIGHTS = {
    "cnn-264k": 263_854,
    "dense-4m": 4_196_352,
    "lenet5": 44_426,
    "lstm-small": 5_578,
    "mlp-784-64-10": 50_890,
    "transformer-4": 35_114,
}
# What the bytes of the generated model hash to on every machine.
DENSE_SHA256 = "1f8fab47032ff89d567123f97b3b5178e7019811b5313c40166fbec3bb71225b"


def test_no_name_means_two_models() -> None:
    assert sorted(WEIGHTS) == sorted(bench_names())
    assert not set(bench_names()) & set(zoo_names())
    assert built_in_names() == (*zoo_names(), *bench_names())


@pytest.mark.parametrize("name", TRAINED)
def test_card_tells_what_is_measured(name: str) -> None:
    folder = BENCH_MODELS[name].folder
    model = load_model(folder / "model.onnx")
    held_out = load_rows(folder / "heldout.npz", model.inputs)
    calibration = load_rows(folder / "calibration.npz", model.inputs)
    assert not calibration.keys() & held_out.keys()
    result = evaluate(model, held_out)
    card = json.loads((folder / "card.json").read_text())
    assert (card["held_out_rows"], card["held_out_correct"]) == (result.rows, result.correct)
    assert card["onnx_sha256"] == "0x" + model.sha256.hex()
    assert card["parameters"] == model.parameters >= WEIGHTS[name]
    assert result.rows >= 256 and result.correct is not None
    assert result.correct / result.rows >= 0.95
    assert f"{100 * result.correct / result.rows:.2f} %" in (folder / "card.md").read_text()


@pytest.mark.parametrize("name", TRAINED)
def test_every_file_can_be_committed(name: str) -> None:
    sizes = [path.stat().st_size for path in BENCH_MODELS[name].folder.iterdir()]
    assert len(sizes) == 5
    assert max(sizes) < 1.2e6


def test_lenet5_is_the_network_of_the_design() -> None:
    """44,426 weights; its 281,640 multiplications are counted where it is compiled."""
    model = load_model(BENCH_MODELS["lenet5"].folder / "model.onnx")
    kinds = [node.operator for node in model.nodes]
    assert model.parameters == 44_426
    shapes = [node.shape for node in model.nodes if node.operator in ("Conv", "MaxPool", "Gemm")]
    assert shapes == [
        (1, 6, 24, 24), (1, 6, 12, 12), (1, 16, 8, 8), (1, 16, 4, 4), (1, 120), (1, 84), (1, 10)
    ]  # fmt: skip
    assert kinds.count("Relu") == 4


def test_the_lstm_is_written_out() -> None:
    model = load_model(BENCH_MODELS["lstm-small"].folder / "model.onnx")
    kinds = [node.operator for node in model.nodes]
    assert "LSTM" not in kinds
    # Three gates in each of 8 steps, but for the first, which has no memory to keep.
    assert (kinds.count("Tanh"), kinds.count("Sigmoid")) == (16, 23)


def test_the_transformer_has_four_layers() -> None:
    model = load_model(BENCH_MODELS["transformer-4"].folder / "model.onnx")
    kinds = [node.operator for node in model.nodes]
    assert (kinds.count("Softmax"), kinds.count("Erf")) == (4, 4)
    assert kinds.count("LayerNormalization") == 9


def test_dense_4m_is_random_and_the_same_everywhere(tmp_path: Path) -> None:
    data = dense_4m()
    assert hashlib.sha256(data).hexdigest() == DENSE_SHA256
    assert parse_model(data, "dense-4m").parameters == WEIGHTS["dense-4m"]
    assert b"random weights" in data
    assert zoo_card("dense-4m").held_out_correct is None
    assert "**random**" in (BENCH_MODELS["dense-4m"].folder / "card.md").read_text()
    write_dense_4m(tmp_path)
    ports = load_model(tmp_path / "model.onnx").inputs
    held_out = load_rows(tmp_path / "heldout.npz", ports)
    calibration = load_rows(tmp_path / "calibration.npz", ports)
    assert len(held_out) == 256 and held_out.labels is None
    assert not held_out.keys() & calibration.keys()
    assert 0 <= held_out.inputs[0].min() and held_out.inputs[0].max() < 1
    assert abs(held_out.inputs[0].mean() - 0.5) < 0.01


def test_generated_models_are_stored_whole(tmp_path: Path) -> None:
    store = ModelStore.at(tmp_path / "home")
    stored = resolve(store, "dense-4m")
    assert hashlib.sha256(stored.onnx_path.read_bytes()).hexdigest() == DENSE_SHA256
    assert resolve(store, "dense-4m@1.0.0").digest == stored.digest
    with pytest.raises(ModelError, match=r"no model 'dense-4M'; known names: .*dense-4m"):
        resolve(store, "dense-4M")


def test_the_reference_repeats_the_cards() -> None:
    page = (ROOT / "docs" / "reference" / "bench-models.md").read_text()
    for name in bench_names():
        card = zoo_card(name)
        (line,) = re.findall(rf"(?m)^\| `{name}` \|.*$", page)
        right = (
            "random weights"
            if card.held_out_correct is None
            else f"{card.held_out_correct} of {card.held_out_rows}"
        )
        assert line.endswith(f"| {WEIGHTS[name]:,} | {right} |")


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "sklearn")),
    reason="training needs the [train] extra",
)
def test_training_again_gives_the_same_model(tmp_path: Path) -> None:
    from avow.models.bench.datasets import enlarge, enlarged
    from avow.models.bench.train import main

    flat = enlarge(np.full((1, 64), 0.5, np.float32), 28)
    assert np.all(flat == 0.5)
    split = enlarged(28)
    assert not {row.tobytes() for row in split.training} & {row.tobytes() for row in split.held_out}
    assert main([str(tmp_path), "lstm-small"]) == 0
    made = json.loads((tmp_path / "lstm-small" / "card.json").read_text())
    card = zoo_card("lstm-small")
    assert card.held_out_correct is not None
    assert abs(made["held_out_correct"] - card.held_out_correct) <= 4
