"""A development chain with the referee."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from avow.verifier.chain.anvil import running_anvil
from tests.contracts.optimistic.desk import Desk


@pytest.fixture(scope="session")
def desk(contracts_folder: Path) -> Iterator[Desk]:
    """The referee on a chain."""
    with running_anvil(contracts_folder) as node:
        desk = Desk(node.url)
        yield desk
        desk.http.close()
