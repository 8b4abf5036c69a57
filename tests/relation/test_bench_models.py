"""Honest runs of compiled bench models satisfy their relations."""

import numpy as np
import pytest

from avow.models.catalogue import resolve
from avow.models.compiler.stored import compile_stored
from avow.models.store import ModelStore
from tests.relation.evaluation import honest_run


@pytest.mark.parametrize("name", ["lenet5", "lstm-small", "mlp-784-64-10", "transformer-4"])
def test_a_bench_model_satisfies_its_relation(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = ModelStore.at(tmp_path_factory.mktemp("home"))
    made = compile_stored(resolve(store, name), 8)
    random = np.random.default_rng(7)
    inputs = [
        random.integers(x.minimum, x.maximum + 1, (1, *x.shape)).astype(
            f"int{8 * x.element_type.width}"
        )
        for x in made.program.inputs
    ]
    assert honest_run(made.program, made.blobs, inputs, 12).broken() == []
