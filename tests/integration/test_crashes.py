"""Nodes that die at any moment and start again never act twice and never forget."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from avow.prover.database import Database
from avow.prover.nodes.node import Node
from avow.verifier.chain import allowance
from avow.verifier.chain import market as market_module
from avow.verifier.chain.client import checksum
from avow.verifier.chain.errors import TransactionPending
from avow.verifier.chain.events import LegDelivered, LegSettled, OrderLocked
from avow.verifier.chain.transactions import send
from avow.verifier.lifecycle import JobState, LegState
from tests.integration.town import PRICE, PROVIDER, QUICK, Town, refusing


class Killed(BaseException):
    """The process is gone."""


class Executioner:
    """Kills at the n-th change of the outside world, before or after it happens."""

    def __init__(self, at: int | None, after: bool) -> None:
        self.at = at
        self.after = after
        self.changes = 0

    def strike(self, change: Callable[[], Any]) -> Any:
        """Carries out a change, or dies."""
        due = self.at is not None and self.changes == self.at
        self.changes += 1
        if due and not self.after:
            raise Killed
        result = change()
        if due:
            raise Killed
        return result


@contextmanager
def watched(executioner: Executioner) -> Iterator[None]:
    """Every transaction and every database commit of the nodes passes the executioner."""
    write = Database.write

    def watched_send(*arguments: Any) -> Any:
        return executioner.strike(lambda: send(*arguments))

    @contextmanager
    def watched_write(self: Database) -> Iterator[Any]:
        # The commit is the change: it happens when the inner block is left.
        inner = write(self)
        session = inner.__enter__()
        try:
            yield session
        except BaseException as error:
            if not inner.__exit__(type(error), error, error.__traceback__):
                raise
            return
        if executioner.at == executioner.changes and not executioner.after:
            executioner.changes += 1
            killed = Killed()
            inner.__exit__(Killed, killed, None)
            raise killed
        executioner.strike(lambda: inner.__exit__(None, None, None))

    with pytest.MonkeyPatch.context() as patch:
        for module in (market_module, allowance):
            patch.setattr(module, "send", watched_send)
        patch.setattr(Database, "write", watched_write)
        yield


def live(town: Town, executioner: Executioner) -> int:
    """Serves one order to its end, starting both nodes anew after each death; the deaths."""
    order_id = town.order()
    deaths = 0
    nodes: list[Node] = []
    for _ in range(60):
        try:
            with watched(executioner):
                if not nodes:
                    nodes = [town.provider(), town.validator()]
                for node in nodes:
                    node.step()
        except Killed:
            deaths += 1
            nodes = []
        town.work()
        jobs = town.queue().jobs()
        if jobs and jobs[0].state is JobState.SETTLED:
            break
    assert town.state(order_id) is LegState.SETTLED
    return deaths


def check_once(town: Town, before: dict[bytes, int]) -> None:
    """Everything happened exactly once."""
    for kind in (OrderLocked, LegDelivered, LegSettled):
        assert len(town.events(kind)) == 1
    (job,) = town.queue().jobs()
    assert job.state is JobState.SETTLED
    assert town.proving.proved == 1
    gained = town.holdings(PROVIDER.address)[PROVIDER.address] - before[PROVIDER.address]
    assert gained == PRICE * 9_000 // 10_000


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_change_and_started_again(town: Town, after: bool, tmp_path: Any) -> None:
    quiet = Executioner(None, after)
    snapshot = town.rpc("evm_snapshot")
    (tmp_path / "quiet").mkdir()
    first = town.with_home(tmp_path / "quiet")
    assert live(first, quiet) == 0
    first.close()
    assert quiet.changes > 12, "fewer changes than an order needs: nothing was watched"

    for at in range(quiet.changes):
        assert town.rpc("evm_revert", snapshot)
        snapshot = town.rpc("evm_snapshot")
        home = tmp_path / f"killed-{at}"
        home.mkdir()
        again = town.with_home(home)
        before = again.holdings(PROVIDER.address)
        assert live(again, Executioner(at, after)) == 1, f"nobody died at change {at}"
        check_once(again, before)
        again.close()


def test_a_transaction_under_way_is_not_sent_again(town: Town) -> None:
    order_id = town.order()
    town.rpc("evm_setAutomine", False)
    try:
        market = town.market()
        call = market.token.call("approve", checksum(market.contract.address), 10**30)
        with pytest.raises(Killed):
            send(town.chain, PROVIDER, call, QUICK, sleep=die)
        provider = town.provider()
        provider.step()
        seen = provider.worklist.order(order_id)
        assert seen is not None and "wait to be mined" in seen.reason
        with refusing(TransactionPending, "1 earlier transaction"):
            market.lock(PROVIDER, _order(town, order_id))
    finally:
        town.rpc("evm_setAutomine", True)
    town.mine()
    town.skew += 5_000
    provider.step()
    assert town.state(order_id) is LegState.LOCKED


def _order(town: Town, order_id: bytes) -> Any:
    order = town.market().order(order_id)
    assert order is not None
    return order


def die(_seconds: float) -> None:
    """The process ends while it waits for its transaction to be mined."""
    raise Killed
