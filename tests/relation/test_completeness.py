"""Every honest run satisfies its relation, at live and at dead cells."""

from random import Random

import numpy as np
import pytest

from tests.programs.builder import random_inputs, random_program
from tests.relation.evaluation import Run, honest_run, is_live

WIDTHS = (1, 2, 4, 8, 12)
BATCHES = (1, 2, 3, 5)


def random_run(seed: int) -> Run:
    """An honest run of a random program, inputs at the ends of their ranges among them."""
    rng = Random(seed)
    program, blobs = random_program(seed)
    batch = rng.choice(BATCHES)
    samples = [random_inputs(program, rng) for _ in range(batch)]
    inputs = [
        np.array([sample[at].values for sample in samples], np.int64).reshape(batch, *spec.shape)
        for at, spec in enumerate(program.inputs)
    ]
    inputs = [
        array.astype(f"int{8 * spec.element_type.width}")
        for array, spec in zip(inputs, program.inputs, strict=True)
    ]
    return honest_run(program, blobs, inputs, rng.choice(WIDTHS))


@pytest.mark.parametrize("start", range(0, 240, 20))
def test_random_programs_satisfy_their_relations(start: int) -> None:
    for seed in range(start, start + 20):
        run = random_run(seed)
        assert run.broken() == [], f"seed {seed}"
        for column, cells in zip(run.relation.columns, run.cells, strict=True):
            assert not cells[~is_live(column.lengths)].any(), f"seed {seed}: {column.source}"
