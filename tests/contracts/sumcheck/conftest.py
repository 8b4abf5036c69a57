"""A development chain with the verifier of sumchecks, and honest proofs of small programs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from avow.verifier.chain.anvil import running_anvil
from tests.contracts.sumcheck.desk import Desk
from tests.soundness.conftest import SIZES, Honest, honest


@pytest.fixture(scope="session")
def desk(contracts_folder: Path) -> Iterator[Desk]:
    """The verifier on a chain."""
    with running_anvil(contracts_folder) as node:
        desk = Desk(node.url)
        yield desk
        desk.http.close()


@pytest.fixture(scope="session")
def one() -> Honest:
    """An honest proof of one run of the program with every operation."""
    return honest(*SIZES["one"])


@pytest.fixture(scope="session")
def three() -> Honest:
    """An honest proof of three runs."""
    return honest(*SIZES["three"])
