"""The backends that this machine can run, and every one of them in turn."""

from collections.abc import Iterator

import pytest

from avow.prover.native import _core


@pytest.fixture(params=_core.backends())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """One backend in use for the test, and afterwards the one that was in use before."""
    before = _core.backend()
    _core.set_backend(request.param)
    yield request.param
    _core.set_backend(before)


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """A number of threads in use for the test."""
    before = _core.threads()
    _core.set_threads(request.param)
    yield request.param
    _core.set_threads(before)
