"""A program made again from the ONNX file and what calibration showed, without any rows."""

from random import Random

import pytest

from avow.models.compiler.compile import compile_again
from avow.models.compiler.options import PRECISIONS
from avow.models.errors import ModelError
from tests.models.compiler.random_graphs import random_graph
from tests.models.compiler.test_random_graphs import compiled


@pytest.mark.parametrize("seed", range(12))
def test_what_calibration_showed_replaces_its_rows(seed: int) -> None:
    for bits in PRECISIONS:
        model = random_graph(seed)
        built, spec, _ = compiled(model, bits, Random(seed + 1))
        observed = tuple(built.builder.answers)
        again = compile_again(model.SerializeToString(), (spec,), bits, observed)
        assert again.program.digest() == built.program.digest()
        assert [blob.data for blob in again.blobs] == [blob.data for blob in built.blobs]


def test_other_answers_are_refused_or_give_another_program() -> None:
    """Too few, too many and absurd answers end in one clear error, never in a crash."""
    refused = changed = 0
    for seed in range(12):
        model = random_graph(seed)
        built, spec, _ = compiled(model, 8, Random(seed + 1))
        observed = tuple(built.builder.answers)
        assert observed
        for wrong in (observed[:-1], (*observed, 0)):
            with pytest.raises(ModelError, match="another model or precision"):
                compile_again(model.SerializeToString(), (spec,), 8, wrong)
        for value in (-(2**61), 2**61, 0, 2**200):
            try:
                again = compile_again(
                    model.SerializeToString(), (spec,), 8, (value,) * len(observed)
                )
            except ModelError:
                refused += 1
            else:
                changed += again.program.digest() != built.program.digest()
    assert refused
    assert changed
