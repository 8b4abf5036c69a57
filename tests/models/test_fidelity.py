"""Fidelity figures are right for known answers, and a program that lies shows."""

import pytest

from avow.models.catalogue import ZOO
from avow.models.data import Rows, load_rows
from avow.models.errors import ModelError
from avow.models.fidelity import measure
from avow.models.infer import Preview
from avow.models.load import Model, load_model
from avow.verifier.tensor import ElementType, Tensor, TensorSpec

SCALE = 16
BOUND = 2**30


def specs_for(model: Model) -> tuple[TensorSpec, ...]:
    """Output schema of a program that keeps 16 fractional bits."""
    return tuple(
        TensorSpec(port.name, ElementType.INT32, port.shape, SCALE, -BOUND, BOUND)
        for port in model.outputs
    )


def zoo(name: str, count: int | None = None) -> tuple[Model, Rows]:
    """A zoo model and its first held-out rows."""
    model = load_model(ZOO / name / "model.onnx")
    rows = load_rows(ZOO / name / "heldout.npz", model.inputs)
    labels = None if rows.labels is None else rows.labels[:count]
    return model, Rows(tuple(array[:count] for array in rows.inputs), labels)


def rounded(model: Model, rows: Rows) -> list[tuple[Tensor, ...]]:
    """The float answers rounded to the program's integers."""
    specs = specs_for(model)
    outputs = Preview(model).run_rows(rows)
    return [
        tuple(
            spec.quantise([float(value) for value in output[at].reshape(-1)])
            for spec, output in zip(specs, outputs, strict=True)
        )
        for at in range(len(rows))
    ]


@pytest.mark.parametrize("name", ["digits-cnn", "digits-mlp", "tumour-risk"])
def test_a_rounded_copy_is_faithful(name: str) -> None:
    model, rows = zoo(name)
    found = measure(model, rows, rounded(model, rows), specs_for(model))
    assert found.rows == len(rows)
    assert found.sufficient
    assert found.agreement == "1.000000"
    # Half a step, and what rounding the figure up to six digits adds.
    assert 0 < float(found.mean_error) <= float(found.max_error) <= 2.0 ** -(SCALE + 1) * 1.00001


def test_a_program_that_gives_other_digits_is_seen() -> None:
    model, rows = zoo("digits-mlp")
    answers = rounded(model, rows)
    lies = 100
    for at in range(lies):
        (tensor,) = answers[at]
        values = list(tensor.values)
        best = values.index(max(values))
        values[(best + 1) % 10] = values[best] + 2**SCALE
        answers[at] = (Tensor(tensor.element_type, tensor.shape, tuple(values)),)
    found = measure(model, rows, answers, specs_for(model))
    assert found.agreement == "0.750000"
    assert float(found.max_error) > 1


def test_a_constant_risk_is_seen() -> None:
    model, rows = zoo("tumour-risk")
    answers = [(Tensor(ElementType.INT32, (1, 1), (-(2**SCALE),)),)] * len(rows)
    found = measure(model, rows, answers, specs_for(model))
    assert float(found.agreement) < 0.8


def test_few_rows_are_insufficient() -> None:
    model, rows = zoo("digits-mlp", 255)
    assert not measure(model, rows, rounded(model, rows), specs_for(model)).sufficient
    model, rows = zoo("digits-mlp", 256)
    assert measure(model, rows, rounded(model, rows), specs_for(model)).sufficient


def test_a_regressor_has_no_top_class() -> None:
    model, rows = zoo("tumour-risk")
    without = Rows(rows.inputs, None)
    found = measure(model, without, rounded(model, without), specs_for(model))
    assert found.agreement == "none"
    assert measure(model, rows, rounded(model, rows), specs_for(model)).agreement != "none"


def test_agreement_is_never_rounded_up() -> None:
    model, rows = zoo("digits-mlp", 300)
    answers = rounded(model, rows)
    (tensor,) = answers[0]
    flipped = tuple(-value for value in tensor.values)
    answers[0] = (Tensor(tensor.element_type, tensor.shape, flipped),)
    assert measure(model, rows, answers, specs_for(model)).agreement == "0.996666"


def test_answers_must_fit() -> None:
    model, rows = zoo("digits-mlp", 3)
    answers = rounded(model, rows)
    with pytest.raises(ModelError, match="expected 3 answers, one per held-out row, got 2"):
        measure(model, rows, answers[:2], specs_for(model))
    short = TensorSpec("logits", ElementType.INT32, (1, 9), SCALE, -BOUND, BOUND)
    nine = [(Tensor(ElementType.INT32, (1, 9), (0,) * 9),)] * 3
    with pytest.raises(ModelError, match="has 10 values per row, the program gave 9"):
        measure(model, rows, nine, (short,))
    narrow = [(Tensor(ElementType.INT16, (1, 10), (0,) * 10),)] * 3
    with pytest.raises(ModelError, match="must be int32, got int16"):
        measure(model, rows, narrow, specs_for(model))
