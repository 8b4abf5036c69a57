"""A development chain with everything deployed, restored after each test."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avow.verifier.chain.anvil import Anvil, running_anvil
from avow.verifier.systems.table import SYSTEMS
from tests.integration.mock_ezkl import SYSTEM, MockChecking
from tests.integration.town import Town, build


@pytest.fixture(scope="session")
def anvil(contracts_folder: Path) -> Iterator[Anvil]:
    """One development chain for all tests."""
    with running_anvil(contracts_folder) as node:
        yield node


@pytest.fixture(scope="session")
def founded(
    anvil: Anvil, contracts_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """The chain with contracts, a validator and the mock model; changed by no test for long."""
    town = build(anvil.url, contracts_folder, tmp_path_factory.mktemp("deployment"))
    yield town
    town.close()


@pytest.fixture
def bare_town(founded: Town, tmp_path: Path) -> Iterator[Town]:
    """The founded chain, with a job database of its own; the chain is put back afterwards."""
    town = founded.with_home(tmp_path)
    # Each return to a snapshot also sets the chain's clock back to the snapshot's; a node that
    # reads this machine's clock would take a fresh order for one whose time has passed.
    town.rpc("evm_setTime", int(time.time()))
    town.mine()
    snapshot = town.rpc("evm_snapshot")
    yield town
    reverted = town.rpc("evm_revert", snapshot)
    town.close()
    assert reverted


@pytest.fixture
def town(bare_town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The founded chain, where proofs are the mock's."""
    monkeypatch.setitem(SYSTEMS, SYSTEM, MockChecking())
    return bare_town


@pytest.fixture
def lone_town(
    contracts_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    """A chain of the test's own, for what snapshots do not survive (anvil_reorg)."""
    monkeypatch.setitem(SYSTEMS, SYSTEM, MockChecking())
    with running_anvil(contracts_folder) as node:
        town = build(node.url, contracts_folder, tmp_path).with_home(tmp_path)
        yield town
        town.close()
