"""Whether a key is a model's, from the ONNX file and the record alone."""

import dataclasses

import onnx
import pytest
from onnx import numpy_helper

from avow.circuits.comparison import Comparison
from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.recheck import Subject, recheck
from avow.models.load import Model, parse_model
from avow.verifier.records import SystemRecord
from tests.circuits.sumcheck.small import CURVE, compiled, stored


def subject(**changes: object) -> Subject:
    """The compiled model, with some of it replaced."""
    made = compiled()
    loaded = load(made.artifact)
    whole = Subject(
        model=stored().model(),
        model_record=stored().record,
        record=made.artifact.record,
        key=loaded.key,
        powers=loaded.powers,
        tau_g2=loaded.key.tau_g2,
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def differing(found: tuple[Comparison, ...]) -> set[str]:
    """The names of what differs."""
    return {one.what for one in found if not one.equal}


def test_an_honest_record_is_confirmed_without_calibration_rows() -> None:
    said: list[str] = []
    found = recheck(subject(), CURVE, said.append)
    assert differing(found) == set()
    assert {one.what for one in found} >= {"ONNX SHA-256", "program", "key", "answers"}
    assert len(said) == 2


def with_other_weights(factor: float) -> Model:
    """The same network with one weight multiplied."""
    proto = onnx.load_model_from_string(stored().model().data)
    weights = proto.graph.initializer[0]
    array = numpy_helper.to_array(weights).copy()
    array.reshape(-1)[abs(array).argmax()] *= factor
    weights.CopyFrom(numpy_helper.from_array(array, weights.name))
    return parse_model(proto.SerializeToString(), "other.onnx")


@pytest.mark.parametrize("factor", [-1.0, 0.5, 2.0])
def test_one_other_weight_is_another_key(factor: float) -> None:
    found = recheck(subject(model=with_other_weights(factor)), CURVE, lambda line: None)
    assert {"ONNX SHA-256", "program", "key"} <= differing(found)


def test_the_model_of_another_record_differs_in_one_line_each() -> None:
    other = stored("digits-cnn")
    found = recheck(
        subject(model=other.model(), model_record=other.record), CURVE, lambda line: None
    )
    assert {"ONNX SHA-256", "model digest", "program"} & differing(found)
    program = next(one for one in found if one.what == "program")
    assert program.found is not None
    assert program.found.startswith("none: ") or "0x" in program.found


def changed(details: dict[str, str]) -> SystemRecord:
    """The record with other details."""
    return dataclasses.replace(compiled().artifact.record, details=tuple(details.items()))


def test_a_record_that_lies_about_its_making_is_found() -> None:
    details = dict(compiled().artifact.record.details)
    found = recheck(subject(record=changed(details | {"bits": "12"})), CURVE, lambda line: None)
    assert "program" in differing(found)
    narrower = ",".join("1" for _ in details["observed"].split(","))
    found = recheck(
        subject(record=changed(details | {"observed": narrower})), CURVE, lambda line: None
    )
    assert "program" in differing(found)


@pytest.mark.parametrize("observed", ["", "1", "1,2,x", "1," * 2000, "9" * 4000])
def test_details_that_say_nothing_are_refused_or_differ(observed: str) -> None:
    details = dict(compiled().artifact.record.details) | {"observed": observed}
    try:
        found = recheck(subject(record=changed(details)), CURVE, lambda line: None)
    except CircuitError as error:
        assert "cannot be checked" in str(error)
    else:
        assert "program" in differing(found)


def test_a_record_without_details_says_that_it_cannot_be_checked() -> None:
    with pytest.raises(CircuitError, match="lacks the detail"):
        recheck(subject(record=changed({})), CURVE, lambda line: None)


def test_a_key_of_other_parameters_or_another_string_differs() -> None:
    loaded = load(compiled().artifact)
    key = dataclasses.replace(loaded.key, width=loaded.key.width + 1)
    other = {"key", "contract's codehash"}
    assert differing(recheck(subject(key=key), CURVE, lambda line: None)) == other
    half = loaded.powers[64:] + loaded.powers[:64]
    assert differing(recheck(subject(powers=half), CURVE, lambda line: None)) == other
    x0, x1, y0, y1 = loaded.key.tau_g2
    found = recheck(subject(tau_g2=(x0, x1, y0, y1 ^ 1)), CURVE, lambda line: None)
    assert differing(found) == {"SRS digest"} | other


def test_a_record_that_names_another_contract_is_found() -> None:
    record = dataclasses.replace(compiled().artifact.record, evm_codehash=bytes(32))
    found = recheck(subject(record=record), CURVE, lambda line: None)
    assert differing(found) == {"contract's codehash"}


def test_a_record_without_a_contract_is_confirmed() -> None:
    record = dataclasses.replace(compiled().artifact.record, evm_codehash=None)
    assert differing(recheck(subject(record=record), CURVE, lambda line: None)) == set()
