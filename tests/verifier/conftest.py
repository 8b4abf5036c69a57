"""The verifier's tests may use one more proof system than the product has."""

import pytest

from avow.verifier import verify as verify_module
from tests.verifier.examples import Doubling


@pytest.fixture
def doubling(monkeypatch: pytest.MonkeyPatch) -> Doubling:
    """Make `doubling/v1` known for one test."""
    system = Doubling()
    monkeypatch.setitem(verify_module.SYSTEMS, system.system_id, system)
    return system
