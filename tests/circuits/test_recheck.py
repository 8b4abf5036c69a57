"""`avow model check`: a key recomputed from the ONNX file, and every way in which it may differ."""

from dataclasses import replace

import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.recheck import Subject, recheck
from avow.models.load import parse_model
from avow.verifier.records import SrsClaim, WeightVisibility
from tests.circuits.test_srs import HERMEZ
from tests.circuits.tiny import FIXED, HASHED, LIMITS, PUBLIC, compiled, onnx_bytes, source


def subject(weights: WeightVisibility = FIXED) -> Subject:
    """The honest case."""
    artifact = compiled(PUBLIC, weights)
    return Subject(
        model=source().model,
        model_record=artifact.model,
        record=artifact.record,
        settings=artifact.settings(),
        srs=artifact.srs.path,
        solc=None,
    )


def differing(given: Subject) -> set[str]:
    return {one.what for one in recheck(given, LIMITS, lambda _: None) if not one.equal}


@pytest.mark.parametrize("weights", [FIXED, HASHED])
def test_an_honest_record_is_equal_in_everything(weights: WeightVisibility) -> None:
    found = recheck(subject(weights), LIMITS, lambda _: None)
    assert all(one.equal for one in found)
    names = {one.what for one in found}
    assert {"ONNX SHA-256", "graph SHA-256", "settings", "key", "program"} <= names
    assert ("weights hash" in names) is (weights is HASHED)


def test_other_weights_in_the_key_are_found() -> None:
    """The lie that the check is for: the record names one model, the key holds another."""
    other = parse_model(onnx_bytes(seed=8), "other.onnx")
    assert differing(replace(subject(), model=other)) >= {"ONNX SHA-256", "graph SHA-256", "key"}


def test_other_hidden_weights_are_found_by_their_hash() -> None:
    other = parse_model(onnx_bytes(seed=8), "other.onnx")
    found = differing(replace(subject(HASHED), model=other))
    # The key of hidden weights fits both models; the hash does not.
    assert "key" not in found
    assert found >= {"weights hash", "program"}


def test_every_altered_digest_of_the_record_is_found() -> None:
    honest = subject()
    other = bytes(31) + b"\1"
    record = replace(
        honest.record,
        key=other,
        program=other,
        model=other,
        srs=SrsClaim(other, True),
        evm_codehash=other,
    )
    assert differing(replace(honest, record=record)) == {
        "key",
        "program",
        "model digest",
        "SRS digest",
        "EVM verifier's codehash",
    }


def test_a_record_that_names_or_shapes_tensors_otherwise_is_found() -> None:
    """The key is the same when outputs of one shape change names: yes would be read as no."""
    honest = subject()
    record = honest.model_record
    first, second = record.outputs

    def lying(**changes: object) -> Subject:
        model_record = replace(record, **changes)  # type: ignore[arg-type]
        system = replace(honest.record, model=model_record.digest())
        return replace(honest, model_record=model_record, record=system)

    swapped = (replace(first, name=second.name), replace(second, name=first.name))
    assert differing(lying(outputs=swapped)) == {"outputs"}
    picture, row = record.inputs
    reshaped = (replace(picture, shape=(1, 1, 4)), row)
    assert differing(lying(inputs=reshaped)) >= {"inputs"}


def test_altered_settings_are_found() -> None:
    honest = subject()
    altered = honest.settings.replace(b'"num_rows":', b'"num_rows":1', 1)
    assert differing(replace(honest, settings=altered)) >= {"settings"}


def test_what_cannot_be_compared_is_one_line() -> None:
    honest = subject()
    with pytest.raises(CircuitError, match="cannot be checked"):
        recheck(replace(honest, settings=b"{}"), LIMITS, lambda _: None)
    with pytest.raises(CircuitError, match="needs an SRS"):
        recheck(replace(honest, srs=HERMEZ), LIMITS, lambda _: None)
