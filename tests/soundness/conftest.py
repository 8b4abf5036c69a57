"""One honest proof of the program with every operation, and a verifier that is quick."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED
from tests.soundness.checking import Bytes
from tests.soundness.programs import every_operation, samples
from tests.soundness.reference import Prover
from tests.soundness.workbench import Case, make_case, quicken


@dataclass(frozen=True)
class Honest:
    """A case, its honest prover after its work, and the proof."""

    case: Case
    prover: Prover
    proof: Bytes
    names: dict[str, int]


ARGUMENTS = (COMMITTED, LAYERED)


# Samples and key's rows: long enough for a fold that is committed, and a batch's are longer still.
SIZES = {"one": (1, 8), "three": (3, 7)}


def honest(batch: int, logrows: int, lookups: str = COMMITTED) -> Honest:
    """An honest proof of a batch."""
    program, blobs, names = every_operation()
    case = make_case(program, blobs, 3, logrows, lookups)
    prover = case.prover(samples(program, 1, batch))
    return Honest(case, prover, prover.prove(), names)


@pytest.fixture(scope="session", params=ARGUMENTS)
def argument(request: pytest.FixtureRequest) -> str:
    """How lookups are proven: whatever asks for it, or for a proof, runs under both."""
    return str(request.param)


@pytest.fixture(scope="session")
def one(argument: str) -> Honest:
    """An honest proof of one sample."""
    return honest(*SIZES["one"], argument)


@pytest.fixture(scope="session")
def three(argument: str) -> Honest:
    """An honest proof of three samples."""
    return honest(*SIZES["three"], argument)


@pytest.fixture(scope="session")
def short(argument: str) -> Honest:
    """An honest proof of one sample, in the shortest rows there are."""
    return honest(1, 5, argument)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A verifier that does its group operations natively."""
    quicken(monkeypatch)
    yield
