"""A development chain with the verifier of sumchecks, and honest proofs of small programs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from avow.verifier.chain.anvil import find_anvil, running_anvil
from avow.verifier.chain.errors import AnvilUnavailable
from tests.contracts.sumcheck.desk import Desk
from tests.soundness.conftest import Honest, honest

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    """The verifier on a chain; without the npm packages, fail where CI=true, else skip."""
    try:
        find_anvil(CONTRACTS)
    except AnvilUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"with CI=true the npm packages must be there: {error}")
        pytest.skip(str(error))
    with running_anvil(CONTRACTS) as node:
        desk = Desk(node.url)
        yield desk
        desk.http.close()


@pytest.fixture(scope="session")
def one() -> Honest:
    """An honest proof of one run of the program with every operation."""
    return honest(1)


@pytest.fixture(scope="session")
def three() -> Honest:
    """An honest proof of three runs."""
    return honest(3)
