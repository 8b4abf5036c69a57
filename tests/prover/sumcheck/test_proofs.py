"""Native proofs: accepted, and byte for byte those of the prover written in plain Python."""

import pytest

from avow.prover.native import _core
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.program.program import run
from avow.verifier.tensor import Tensor
from tests.prover.sumcheck.cases import (
    edge_samples,
    full_case,
    plainly,
    random_case,
    random_samples,
    ready,
    stages,
)
from tests.soundness.checking import check_all
from tests.soundness.workbench import ROOT, Case


def both(case: Case, samples: list[list[Tensor]]) -> None:
    """Prove natively, compare with plain Python, and verify."""
    proved = prove(ready(case, len(samples)), ROOT, samples)
    expected = [run(case.program, case.blobs, sample) for sample in samples]
    assert list(proved.outputs) == expected
    plain = plainly(case, samples)
    assert proved.proof == plain
    assert proved.openings == plain.openings
    check_all(case.key, ROOT, samples, expected, proved.proof, proved.openings)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("seed", range(24))
def test_random_programs(seed: int) -> None:
    case = random_case(seed)
    both(case, random_samples(case.program, seed, 1 + seed % 3))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_every_operation_in_batches(batch: int, argument: str) -> None:
    case = full_case(argument)
    both(case, random_samples(case.program, batch, batch))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("logrows", [5, 6, 7, 8, 10])
def test_every_operation_in_rows_of_any_length(logrows: int, argument: str) -> None:
    case = full_case(argument, logrows)
    both(case, random_samples(case.program, 1, 1))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("seed", range(30, 36))
def test_inputs_at_the_ends_of_their_ranges(seed: int) -> None:
    case = random_case(seed, 5)
    both(case, edge_samples(case.program, ("minimum", "maximum")))


@pytest.mark.parametrize("threads", [1, 3])
def test_every_backend_gives_the_same_bytes(backend: str, threads: int, argument: str) -> None:
    before = _core.threads()
    _core.set_threads(threads)
    try:
        for case in (full_case(argument), random_case(11)):
            samples = random_samples(case.program, 5, 2)
            assert prove(ready(case, 2), ROOT, samples).proof == plainly(case, samples)
    finally:
        _core.set_threads(before)


def test_a_proof_satisfies_the_real_pairing(argument: str) -> None:
    case = full_case(argument)
    samples = random_samples(case.program, 9, 1)
    proved = prove(ready(case), ROOT, samples)
    check_all(case.key, ROOT, samples, proved.outputs, proved.proof)


def test_a_prepared_key_serves_many_proofs(argument: str) -> None:
    case = full_case(argument)
    prepared = ready(case)
    for seed in (1, 2, 1):
        samples = random_samples(case.program, seed, 1)
        assert prove(prepared, ROOT, samples).proof == prove(ready(case), ROOT, samples).proof


def test_stages_are_measured_in_order(argument: str) -> None:
    case = full_case(argument)
    told: list[str] = []
    samples = random_samples(case.program, 3, 1)
    proved = prove(ready(case), ROOT, samples, lambda stage, percent: told.append(stage))
    assert tuple(dict.fromkeys(told)) == tuple(proved.seconds) == stages(argument)
    assert all(seconds >= 0 for seconds in proved.seconds.values())
