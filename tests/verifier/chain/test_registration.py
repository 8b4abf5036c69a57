"""What is refused before it is registered, because it could never be paid."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from avow.verifier.chain.registration import MAXIMUM_INSTANCES, never_settles
from avow.verifier.records import InputVisibility, OutputShape
from tests.vectors.generate import model_record, system_record

SEAL = Path(__file__).resolve().parents[3] / "contracts" / "src" / "adapters" / "EzklSeal.sol"


def with_values(inputs: int, outputs: int, visibility: InputVisibility) -> str | None:
    """What is said of a model with so many input and output values."""
    base = model_record()
    model = replace(
        base,
        inputs=(replace(base.inputs[0], shape=(1, inputs)),),
        outputs=(OutputShape("logits", (1, outputs)),),
    )
    spec = replace(system_record().outputs[0], shape=(1, outputs))
    record = replace(
        system_record(), model=model.digest(), outputs=(spec,), input_visibility=visibility
    )
    return never_settles(record, model)


def test_the_limit_is_the_contracts() -> None:
    (found,) = re.findall(r"MAXIMUM_INSTANCES = ([0-9_]+);", SEAL.read_text())
    assert int(found) == MAXIMUM_INSTANCES


@pytest.mark.parametrize(("inputs", "fits"), [(4_070, True), (4_071, False)])
def test_a_proof_with_too_many_values_is_refused(inputs: int, fits: bool) -> None:
    # Sixteen limbs of binding and ten outputs are published beside the input.
    said = with_values(inputs, 10, InputVisibility.PUBLIC)
    assert (said is None) is fits
    if said is not None:
        assert "publish 4097 values" in said


def test_a_hidden_input_publishes_no_values() -> None:
    assert with_values(10_000, 10, InputVisibility.HASHED) is None
