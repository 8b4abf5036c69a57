"""One simulated maker of devices for all tests, because its keys take time."""

import pytest

from tests.verifier.attestation.nvidia.simulated import Maker


@pytest.fixture(scope="session")
def maker() -> Maker:
    """A maker whose root calls itself SIMULATED."""
    return Maker()
