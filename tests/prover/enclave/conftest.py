"""Shared homes are removed when the tests of enclaves are over."""

from collections.abc import Iterator

import pytest

from tests.prover.enclave.places import remove_homes


@pytest.fixture(scope="session", autouse=True)
def removed_homes() -> Iterator[None]:
    """No test leaves a compiled model behind."""
    yield
    remove_homes()
