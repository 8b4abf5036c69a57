"""A chain that fails, repeats itself or changes its mind: nodes end up in the right place."""

import pytest

from avow.prover.nodes.node import Node
from avow.prover.nodes.worklist import Status
from avow.verifier.chain.client import Chain
from avow.verifier.chain.errors import RpcRefused, RpcUnavailable
from avow.verifier.chain.events import LegDelivered, LegSettled, MarketEvent, OrderLocked
from avow.verifier.chain.market import Market
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.tensor import ElementType, Tensor
from tests.integration.flaky import flaky
from tests.integration.mock_ezkl import run_sums
from tests.integration.town import (
    QUICK,
    Town,
    refusing,
    run_to_end,
)

ONCE = (OrderLocked, LegDelivered, LegSettled)


@pytest.mark.parametrize("seed", [1, 2])
def test_an_rpc_that_fails_at_random(town: Town, seed: int) -> None:
    order_id = town.order()
    with flaky(town.url, 0.15, seed) as proxy:
        nodes = [_patiently(town.provider, proxy.url), _patiently(town.validator, proxy.url)]
        for _ in range(200):
            for node in nodes:
                try:
                    node.step()
                except (RpcUnavailable, RpcRefused):
                    pass
            town.work()
            # Nodes pause after a failure; the clock that they read runs on.
            town.skew += 2_000
            jobs = town.queue().jobs()
            if jobs and jobs[0].state is JobState.SETTLED:
                break
        assert sum(proxy.faults.values()) > 5, "the proxy did not fail"
    assert town.state(order_id) is LegState.SETTLED
    assert [len(town.events(kind)) for kind in ONCE] == [1, 1, 1]
    assert town.queue().jobs()[0].state is JobState.SETTLED
    assert town.proving.proved == 1


def _patiently(make, url: str) -> Node:  # type: ignore[no-untyped-def]
    for _ in range(50):
        try:
            node: Node = make(url=url)
            return node
        except (RpcUnavailable, RpcRefused):
            continue
    raise AssertionError("the node could not be started")


def test_an_rpc_that_is_down_is_one_line(free_port: int) -> None:
    with refusing(RpcUnavailable, f"http://127.0.0.1:{free_port}", "no answer"):
        Chain(f"http://127.0.0.1:{free_port}/v3/secret-key")
    try:
        Chain(f"http://127.0.0.1:{free_port}/v3/secret-key")
    except RpcUnavailable as error:
        assert "secret-key" not in str(error)


class Stuttering(Market):
    """A node that gives every event from the beginning, twice, at each query."""

    def events(self, first: int, last: int) -> list[MarketEvent]:
        """All of them again."""
        return super().events(self.deployment.first_block, last) * 2


def test_duplicated_events(town: Town) -> None:
    order_id = town.order()
    market = Stuttering(Chain(town.url), town.deployment, QUICK)
    nodes = [town.provider(market=market), town.validator(market=market)]
    assert run_to_end(town, nodes, order_id) is LegState.SETTLED
    town.mine(3)
    for node in nodes * 2:
        node.step()
    assert [len(town.events(kind)) for kind in ONCE] == [1, 1, 1]
    assert town.proving.proved == 1


@pytest.mark.parametrize("lost", ["lock", "delivery", "settlement"])
def test_a_reorganisation_that_loses_a_move(town: Town, lost: str) -> None:
    order_id = town.order()
    nodes = [town.provider(confirmations=2), town.validator(confirmations=2)]
    provider, validator = nodes
    town.mine(2)
    if lost == "lock":
        town_before = town.rpc("evm_snapshot")
        provider.step()
        assert town.state(order_id) is LegState.LOCKED
    else:
        for _ in range(2):
            provider.step()
            town.work()
        if lost == "delivery":
            town_before = town.rpc("evm_snapshot")
        provider.step()
        assert town.state(order_id) is LegState.DELIVERED
        if lost == "settlement":
            town.mine(2)
            town_before = town.rpc("evm_snapshot")
            validator.step()
            provider.step()
            assert town.state(order_id) is LegState.SETTLED
            (job,) = town.queue().jobs()
            assert job.state is JobState.PROVEN, "a shallow end must not count as paid"
    assert town.rpc("evm_revert", town_before)
    assert town.state(order_id) is not LegState.SETTLED
    town.mine(1)
    for _ in range(20):
        town.work()
        provider.step()
        town.mine(1)
        validator.step()
    assert town.state(order_id) is LegState.SETTLED
    assert [len(town.events(kind)) for kind in ONCE] == [1, 1, 1]
    (job,) = town.queue().jobs()
    assert job.state is JobState.SETTLED
    assert town.proving.proved == 1, "a proof that is there already is not made again"


def test_a_reorganisation_that_gives_an_id_other_terms(town: Town) -> None:
    provider, validator = town.provider(confirmations=0), town.validator(confirmations=0)
    before = town.rpc("evm_snapshot")
    first = town.order((1, 2, 3, 4))
    provider.step()
    town.work()
    assert town.state(first) is LegState.LOCKED
    assert town.rpc("evm_revert", before)
    second = town.order((5, 6, 7, 8))
    assert first == second, "the id depends on requester and counter only"
    town.mine(2)
    assert run_to_end(town, [provider, validator], second) is LegState.SETTLED
    (settled,) = town.events(LegSettled)
    assert isinstance(settled, LegSettled)
    x = town.terms((5, 6, 7, 8)).input_data
    values = tuple(int.from_bytes(x[at : at + 2], "big", signed=True) for at in range(0, 8, 2))
    expected = run_sums([Tensor(ElementType.INT16, (4,), values)])
    assert settled.output == b"".join(tensor.data() for tensor in expected)


def test_an_order_that_a_reorganisation_removes(town: Town) -> None:
    provider = town.provider()
    before = town.rpc("evm_snapshot")
    order_id = town.order()
    provider.step()
    assert town.rpc("evm_revert", before)
    town.mine(2)
    provider.step()
    assert town.market().order(order_id) is None
    town.mine(300)
    provider.step()
    seen = provider.worklist.order(order_id)
    assert seen is not None and seen.status is Status.DONE
    assert seen.reason == "the chain no longer has it"


def test_blocks_are_exchanged_under_a_reader(lone_town: Town) -> None:
    town = lone_town
    town.mine(10)
    provider = town.provider()
    order_id = town.order()
    provider.step()
    cursor = provider.worklist.cursor()
    assert cursor is not None
    assert town.state(order_id) is LegState.LOCKED
    town.rpc("anvil_reorg", 5, [])
    block = town.chain.block(cursor.number)
    assert block is None or block.hash != cursor.hash, "the chain did not change"
    if town.market().order(order_id) is None:
        order_id = town.order()
    assert run_to_end(town, [provider, town.validator()], order_id) is LegState.SETTLED


def test_events_too_shallow_are_not_acted_on(town: Town) -> None:
    provider = town.provider(confirmations=3)
    order_id = town.order()
    provider.step()
    town.mine(2)
    provider.step()
    assert town.state(order_id) is LegState.OPEN
    town.mine(1)
    provider.step()
    assert town.state(order_id) is LegState.LOCKED


def test_two_processes_of_one_node(town: Town) -> None:
    order_id = town.order()
    provider, validator = town.provider(), town.validator()
    provider.step()
    fresh = [town.provider(), town.validator()]
    assert run_to_end(town, fresh, order_id) is LegState.SETTLED
    provider.step()
    validator.step()
    assert [len(town.events(kind)) for kind in ONCE] == [1, 1, 1]


def test_a_lost_database_is_filled_from_the_chain(town: Town, tmp_path) -> None:  # type: ignore[no-untyped-def]
    order_id = town.order()
    town.provider().step()
    assert town.state(order_id) is LegState.LOCKED
    (tmp_path / "elsewhere").mkdir()
    fresh = town.with_home(tmp_path / "elsewhere")
    nodes = [fresh.provider(), fresh.validator()]
    assert run_to_end(fresh, nodes, order_id) is LegState.SETTLED
    assert len(fresh.events(OrderLocked)) == 1
    fresh.close()
