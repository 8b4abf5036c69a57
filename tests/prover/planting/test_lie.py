"""A lie: one element is wrong, the referee says so, and everything else follows from it."""

import dataclasses
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from avow.circuits.optimistic.artifact import Loaded
from avow.models.program.intervals import check
from avow.prover.disputes.recheck import Recheck
from avow.prover.disputes.state import ClaimView
from avow.prover.planting.lie import Liar
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.program.program import output_specs
from avow.verifier.trace.refutation import refutes
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


@pytest.fixture(scope="module")
def liar(honest: CommittedRun) -> Liar:
    loaded = Loaded(honest.program, list(honest.blobs), honest.key, 600)
    specs = output_specs(honest.program, check(honest.program, honest.blobs))
    return Liar(loaded, specs, 1)


@pytest.mark.parametrize("seed", range(12))
def test_a_lie_is_refuted_where_it_was_told_and_right_everywhere_else(
    honest: CommittedRun, liar: Liar, seed: int
) -> None:
    random = Random(seed)
    lie = liar.lie(honest.inputs, lambda name, below: random.randrange(below))
    run = liar.refuter(lie, honest.statement)
    told = dataclasses.replace(honest, outputs=lie.outputs) if lie.outputs else honest
    traced = told.claim(run.root)
    assert refutes(traced, run.refute(lie.place, honest.inputs))
    view = ClaimView(traced, lie.outputs, b"p" * 20, ClaimState.STANDING, 1, 0)
    stated: Any = SimpleNamespace(claim=view, inputs=honest.inputs, shown=lie.tensors)
    recheck = Recheck(honest.program, honest.blobs, 1, columns=False)
    # Nothing before it is wrong; and with it taken for right, nothing behind it.
    assert recheck.first_flaw(stated, lie.tensors) == lie.place
    right = honest.refuter().tensors
    before = [at for at in range(lie.place.tensor) if lie.tensors[at] != right[at]]
    assert not before and lie.tensors[lie.place.tensor] != right[lie.place.tensor]


def test_lies_are_told_all_over_a_program(honest: CommittedRun, liar: Liar) -> None:
    random = Random(5)
    tensors = {
        liar.lie(honest.inputs, lambda name, below: random.randrange(below)).place.tensor
        for _ in range(60)
    }
    assert len(tensors) > (len(honest.key.descriptors) - len(honest.inputs)) // 2


def test_the_same_draws_tell_the_same_lie(honest: CommittedRun, liar: Liar) -> None:
    def draw(name: str, below: int) -> int:
        return len(name) % below

    assert liar.lie(honest.inputs, draw) == liar.lie(honest.inputs, draw)
