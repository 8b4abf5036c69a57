"""Every backend of the native core in turn, and a verifier that is quick."""

from collections.abc import Iterator

import pytest

from avow.prover.native import _core
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED
from tests.soundness.workbench import quicken


@pytest.fixture(params=_core.backends())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """One backend in use for the test, and afterwards the one that was in use before."""
    before = _core.backend()
    _core.set_backend(request.param)
    yield request.param
    _core.set_backend(before)


@pytest.fixture(params=[COMMITTED, LAYERED])
def argument(request: pytest.FixtureRequest) -> str:
    """How lookups are proven: tests that ask run under both."""
    return str(request.param)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier that does its group operations natively."""
    quicken(monkeypatch)
