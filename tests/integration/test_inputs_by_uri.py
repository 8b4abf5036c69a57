"""Orders that name their input by an address: what is slow, wrong or gone costs nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from avow.api.cli.nodes import _steps
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.inputs import OrderedInputs
from avow.prover.nodes.kept_inputs import KeptInputs
from avow.prover.nodes.provider import Provider
from avow.prover.nodes.worklist import Status
from avow.verifier.chain.events import LegDelivered, OrderLocked
from avow.verifier.chain.orders import Order
from avow.verifier.lifecycle import LegState
from avow.verifier.tensor import ElementType, Tensor
from tests.integration.test_crashes import Killed
from tests.integration.town import PROVIDER, UNIT, Town, run_to_end
from tests.prover.nodes.places import Place, open_place

ROOM = 16
DATA, OTHER = (Tensor(ElementType.INT16, (4,), (1, 2, 3, at)).data() for at in (4, 5))


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as found:
        yield found


def folder(town: Town) -> Path:
    """Where a provider of the town keeps inputs."""
    return town.config.home / "inputs"


def started(town: Town, clock: Callable[[], float] = time.monotonic, **changes: Any) -> Provider:
    """A provider that fetches inputs."""
    inputs = OrderedInputs(FetchRules(seconds=60.0), KeptInputs(folder(town), ROOM), clock)
    return town.provider(inputs=inputs, **changes)


def ordered(town: Town, uri: str, **changes: Any) -> bytes:
    """An order of the input at an address."""
    return town.order(input_data=b"", input_uri=uri, **changes)


def settle(provider: Provider, steps: int = 3) -> None:
    """Lets a provider do what it can, what goes on beside its steps included."""
    for _ in range(steps):
        provider.step()
        provider.join()


def reason(provider: Provider, order_id: bytes, status: Status) -> str:
    """Why an order stands as it does."""
    seen = provider.worklist.order(order_id)
    assert seen is not None and seen.status is status, seen
    return seen.reason


def test_an_order_of_an_input_at_an_address_is_served_and_its_input_forgotten(
    town: Town, place: Place
) -> None:
    place.gives["/x"] = DATA
    order_id = ordered(town, place.url("/x"))
    provider = started(town)
    settle(provider, 1)
    assert len(list(folder(town).iterdir())) == 1
    assert run_to_end(town, [provider, town.validator()], order_id) is LegState.SETTLED
    assert place.asked["/x"] == 1
    assert list(folder(town).iterdir()) == []


def test_places_that_drip_hold_up_no_other_order(town: Town, place: Place) -> None:
    """Orders before, after and at the same place as twenty that never end are served meanwhile."""
    place.gives["/x"] = DATA
    before = town.order((4, 3, 2, 1))
    provider = started(town)
    provider.step()
    dripping = [ordered(town, place.url(f"/drip-{number}")) for number in range(20)]
    provider.step()
    for number in range(4):
        place.wait_for(f"/drip-{number}")
    inline, other = town.order(), ordered(town, place.url("/x", "localhost"))
    validator = town.validator()
    assert run_to_end(town, [provider, validator], before) is LegState.SETTLED
    assert run_to_end(town, [provider, validator], inline) is LegState.SETTLED
    place.wait_for("/x")
    assert run_to_end(town, [provider, validator], other, rounds=400) is LegState.SETTLED
    # All of that while nobody was let go, and no more were asked than one place may hold.
    assert not place.letting_go.is_set()
    asked = [path for path in place.asked if path.startswith("/drip")]
    assert len(asked) == 4 and all(place.asked[path] == 1 for path in asked)
    for order_id in dripping:
        assert "not here yet" in reason(provider, order_id, Status.ACTIVE)
    place.close()
    provider.join()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price": 4}, "it pays 4, the least is 5"),
        ({"bond": 50_000 * UNIT}, "its bond is"),
        ({"seconds": 700}, "its deadline leaves"),
    ],
)
def test_nothing_is_fetched_for_an_order_that_would_not_be_locked(
    town: Town, place: Place, changes: dict[str, Any], said: str
) -> None:
    place.gives["/x"] = DATA
    order_id = ordered(town, place.url("/x"), **changes)
    provider = started(town, least_price=5, unmeasured=600.0)
    settle(provider)
    seen = provider.worklist.order(order_id)
    assert seen is not None and said in seen.reason
    assert not place.asked


def test_an_order_without_its_input_is_given_up_when_it_cannot_be_locked_any_more(
    town: Town, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = ordered(town, "http://127.0.0.1:1/x", lock_seconds=300)
    provider = started(town)
    with caplog.at_level("INFO", logger="avow.node"):
        settle(provider, 6)
        assert "could not be had: 'http://127.0.0.1:1/x'" in reason(
            provider, order_id, Status.ACTIVE
        )
        town.pass_time(301)
        settle(provider)
    said = reason(provider, order_id, Status.IGNORED)
    assert "the time to lock it has passed, while its input could not be had" in said
    lines = [one.getMessage() for one in caplog.records]
    waiting, told = "its input is not here yet", "waits: its input could not be had"
    assert [sum(text in line for line in lines) for text in (waiting, told, "ignored")] == [1, 1, 1]
    assert not town.events(OrderLocked)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DATA + b"\0", "more than 8 bytes"),
        (DATA[:-1], "has 7 bytes, the model takes 8"),
        (OTHER, "not the one that it commits to"),
    ],
)
def test_wrong_bytes_are_given_up_at_once_and_never_locked(
    town: Town, place: Place, data: bytes, said: str
) -> None:
    place.gives["/x"] = data
    order_id = ordered(town, place.url("/x"))
    provider = started(town)
    settle(provider)
    assert said in reason(provider, order_id, Status.IGNORED)
    assert place.asked["/x"] == 1
    assert not town.events(OrderLocked)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_the_lock_it_delivers_though_the_place_is_gone(
    town: Town, place: Place, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    place.gives["/x"] = DATA
    order_id = ordered(town, place.url("/x"))
    provider = started(town)
    lock = provider.market.lock

    def killed(signer: Any, order: Order) -> None:
        if after:
            lock(signer, order)
        raise Killed

    monkeypatch.setattr(provider.market, "lock", killed)
    provider.step()
    provider.join()
    with pytest.raises(Killed):
        provider.step()
    assert town.state(order_id) is (LegState.LOCKED if after else LegState.OPEN)
    assert not town.queue().jobs()
    place.close()
    again = started(town)
    settle(again)
    assert len(town.queue().jobs()) == 1
    assert run_to_end(town, [again, town.validator()], order_id) is LegState.SETTLED
    assert len(town.events(LegDelivered)) == 1 and place.asked["/x"] == 1


def test_the_input_of_a_locked_order_is_asked_for_until_it_is_had(town: Town, place: Place) -> None:
    """Also where the place gave something else: the bond is at stake already."""
    order_id = ordered(town, place.url("/x"))
    order = town.reader.order(order_id)
    assert order is not None
    town.reader.lock(PROVIDER, order)
    place.gives["/x"] = OTHER
    # Every pause is over when it is looked at.
    provider = started(town, count(0, 1_000).__next__)
    settle(provider)
    assert "not the one that it commits to" in reason(provider, order_id, Status.ACTIVE)
    place.gives["/x"] = DATA
    assert run_to_end(town, [provider, town.validator()], order_id) is LegState.SETTLED


def test_a_full_folder_takes_no_order_more_and_none_from_a_locked_one(
    town: Town, place: Place
) -> None:
    orders = []
    for number in range(ROOM // len(DATA) + 1):
        x = Tensor(ElementType.INT16, (4,), (number, 2, 3, 4))
        place.gives[f"/{number}"] = x.data()
        orders.append(ordered(town, place.url(f"/{number}"), values=x.values))
    provider = started(town)
    settle(provider, 4)
    states = [town.state(one) for one in orders]
    (left,) = [one for one in orders if town.state(one) is LegState.OPEN]
    assert states.count(LegState.LOCKED) == len(orders) - 1
    said = reason(provider, left, Status.ACTIVE)
    assert said == "no room for its input of 8 bytes: at most 16 are kept for all orders together"
    assert len(list(folder(town).iterdir())) == len(orders) - 1
    validator = town.validator()
    for one in (*(one for one in orders if one != left), left):
        assert run_to_end(town, [provider, validator], one) is LegState.SETTLED
    settle(provider)
    assert list(folder(town).iterdir()) == []


def test_what_is_due_now_includes_inputs_that_are_on_their_way(town: Town, place: Place) -> None:
    """As `avow provider --once` does it."""
    place.gives["/x"] = DATA
    order_id = ordered(town, place.url("/x"))
    _steps(started(town), 1.0, once=True, between=lambda: None)
    assert town.state(order_id) is LegState.LOCKED
    assert len(town.queue().jobs()) == 1
