"""The float preview and the evaluation on labelled rows."""

import numpy as np
import pytest

from avow.models.data import Rows, parse_rows
from avow.models.errors import ModelError
from avow.models.infer import Evaluation, Preview, evaluate, top_class
from avow.models.load import Model, parse_model
from tests.models.samples import PORT, linear, npz


def sample(outputs: int = 2, bias: float = 0.5) -> Model:
    """The linear model y = x w + bias."""
    return parse_model(linear(outputs, bias).SerializeToString(), "m.onnx")


def rows(labels: np.ndarray | None = None) -> Rows:
    """Two rows: zeros and ones."""
    arrays = {"x": np.array([[0] * 4, [1] * 4], np.float32)}
    if labels is not None:
        arrays["labels"] = labels
    return parse_rows(npz(**arrays), (PORT,), "d.npz")


def test_preview_computes_the_graph() -> None:
    preview = Preview(sample())
    (output,) = preview.run((np.ones((1, 4)),))
    assert output.dtype == np.float32
    assert output.tolist() == [[2.0, 2.5]]
    assert preview.provider in ("CPUExecutionProvider", "CUDAExecutionProvider")
    (every,) = preview.run_rows(rows())
    assert every.tolist() == [[[0.5, 0.5]], [[2.0, 2.5]]]


def test_preview_refuses_other_shapes() -> None:
    with pytest.raises(ModelError, match=r"'x' must have shape \[1, 4\], got \[4\]"):
        Preview(sample()).run((np.ones(4),))


def test_evaluate_classes() -> None:
    # Row 0 is a tie, which goes to the first class; row 1 prefers class 1.
    assert evaluate(sample(), rows(np.array([0, 1]))) == Evaluation(2, 2, None)
    assert evaluate(sample(), rows(np.array([1, 1]))) == Evaluation(2, 1, None)
    assert evaluate(sample(), rows(np.array([1, 0]))) == Evaluation(2, 0, None)


def test_evaluate_one_logit() -> None:
    model = sample(outputs=1, bias=-0.5)
    assert evaluate(model, rows(np.array([0, 1]))) == Evaluation(2, 2, None)
    assert evaluate(model, rows(np.array([1, 0]))) == Evaluation(2, 0, None)


def test_evaluate_targets() -> None:
    targets = np.array([[0.5, 1.5], [2.0, 2.5]])
    assert evaluate(sample(), rows(targets)) == Evaluation(2, None, 0.25)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "needs an array 'labels'"),
        (np.array([0, 2]), r"labels must lie in 0\.\.1, got 0\.\.2"),
        (np.array([-1, 0]), r"labels must lie in 0\.\.1, got -1\.\.0"),
        (np.array([0.5, 1.0]), r"labels of shape \[2\] do not fit outputs \[2, 2\]"),
    ],
)
def test_refused_labels(labels: np.ndarray | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        evaluate(sample(), rows(labels))


def test_top_class() -> None:
    assert top_class(np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 0.0]])).tolist() == [1, 0]
    assert top_class(np.array([[0.0], [0.1], [-0.1]])).tolist() == [0, 1, 0]
