"""`avow planter` on a chain: a plant pays who looks and costs who does not; killed in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avow.circuits.optimistic.artifact import load
from avow.prover.catalogue import FolderCatalogue
from avow.prover.disputes.guard import Guard as NodeGuard
from avow.prover.errors import ConfigurationError
from avow.prover.nodes import claiming
from avow.prover.planting import start as planting_start
from avow.prover.planting.hours import Almanac, Hours, secret_of
from avow.prover.planting.planter import Accounts, Crop, Planter
from avow.prover.planting.start import PlanterOptions, open_planter
from avow.prover.stores.address import open_store
from avow.prover.trace import fast_key
from avow.verifier.chain import transactions
from avow.verifier.chain.client import checksum
from avow.verifier.chain.deployment import Placed
from avow.verifier.chain.orders import NOBODY
from avow.verifier.chain.watch_events import PlantExposed, PlantMissed, SilenceCharged
from avow.verifier.chain.watch_records import Outcome
from avow.verifier.lifecycle import LegState
from tests.circuits.sumcheck.small import HOME, inputs, stored
from tests.integration.court import MODEL, made
from tests.integration.test_guard import settled
from tests.integration.test_optimistic import opened
from tests.integration.test_watch import PARAMETERS, Guarded, guarded, stakes, town_watch
from tests.integration.town import (
    CLAIMS,
    OWNER,
    PROVIDER,
    REQUESTER,
    STRANGER,
    UNIT,
    VALIDATOR,
    Town,
    refusing,
)
from tests.integration.watching import Killed, Reaper, Watch

__all__ = ["town_watch"]

ACCOUNTS = (OWNER, REQUESTER, PROVIDER)


class OneEpoch(Almanac):
    """Something is planted in one epoch only, and claimed as late as the short window of claims
    here wants it: it has to reach beyond the second in which verdicts are due."""

    only = 0

    def hours(self, epoch: int) -> Hours:
        return replace(super().hours(epoch), deliver=PARAMETERS.times(epoch).ends - 90)

    def plants(self, epoch: int) -> bool:
        return epoch == self.only


def started(world: Guarded, epoch: int) -> Planter:
    """A planter that has just started."""
    town, court = world.court.town, world.court
    record = made(court.model).artifact.record
    catalogue = FolderCatalogue(HOME / "claimed", HOME / "models")
    compiled = next(one for one in catalogue.all() if one.record == record)
    secret = secret_of(OWNER, town.chain.chain_id, world.watch.address)
    almanac = OneEpoch(secret, PARAMETERS, 10_000)
    almanac.only = epoch
    return Planter(
        market=town.market(),
        claims=court.claims,
        watch=world.watch,
        signer=OWNER,
        accounts=Accounts(REQUESTER, PROVIDER),
        crop=Crop(
            model_key=court.registered.model_key,
            compiled=compiled,
            loaded=load(made(court.model).artifact, fast_key),
            rows=[inputs(court.model, row) for row in range(4)],
            price=UNIT,
            bond=UNIT,
        ),
        almanac=almanac,
        database=town.database(),
        store=open_store(town.config),
        address=town.file_address,
        confirmations=0,
        wall=town.wall,
    )


class Season:
    """A planter through the epochs of one plant; whoever is killed is started anew."""

    def __init__(self, world: Guarded) -> None:
        self.world = world
        self.epoch = PARAMETERS.epoch_at(world.now()) + 1
        self.planter = started(world, self.epoch)
        self.since = world.court.town.chain.head().number

    def rest(self) -> None:
        """Steps until nothing is left to do now."""
        for _ in range(3):
            while self._stepped():
                pass
            # What was made in the last block counts from the next one on.
            self.world.court.town.mine()
            self.world.court.town.skew += 70_000

    def _stepped(self) -> bool:
        """Whether the planter did anything, or was killed while it did."""
        try:
            return self.planter.step()
        except Killed:
            self.planter.close()
            self.planter = started(self.world, self.epoch)
            return True

    def until(self, time: int) -> None:
        """To a moment, and what is due then."""
        if time > self.world.now():
            self.world.until(time)
        self.rest()

    def exposed(self) -> list[PlantExposed]:
        """The plants that were exposed."""
        return self.events(PlantExposed)

    def events(self, kind: type[Any]) -> list[Any]:
        """What happened in the watch."""
        head = self.world.court.town.chain.head().number
        return [one for one in self.world.watch.events(0, head) if isinstance(one, kind)]

    def sent(self) -> list[tuple[str, bool]]:
        """Every transaction of the three accounts by its calldata, and whether it succeeded."""
        town, found = self.world.court.town, []
        accounts = {checksum(one.address).lower() for one in ACCOUNTS}
        for number in range(self.since + 1, town.chain.head().number + 1):
            block = town.rpc("eth_getBlockByNumber", hex(number), True)
            for one in block["transactions"]:
                if one["from"].lower() in accounts:
                    receipt = town.rpc("eth_getTransactionReceipt", one["hash"])
                    found.append((one["input"], receipt["status"] == "0x1"))
        return found

    def through(self, between: Callable[[int], None] = lambda time: None) -> None:
        """Every hour of the plant, until it was exposed."""
        hours = self.planter._almanac.hours(self.epoch)
        times = PARAMETERS.times(self.epoch)
        for time in (times.begins, hours.request, hours.word, hours.deliver, hours.deliver + 30):
            self.until(time)
        between(times.ends)
        self.until(times.verdicts_by + 1)


@pytest.fixture
def season(town_watch: Guarded) -> Season:
    return Season(town_watch)


def test_a_plant_is_found_by_who_looks_and_costs_who_does_not(season: Season) -> None:
    world, town = season.world, season.world.court.town
    duties = NodeGuard(world.watch, VALIDATOR, town.database(), world.awake.seeds)
    node = Watch(world.court, VALIDATOR, duties=duties)

    def others(ends: int) -> None:
        """Both validators send their verdicts; one has looked."""
        settled(node)
        world.until(ends + PARAMETERS.verdict_delay // 2 + 2)
        settled(node)
        world.asleep.step()

    season.through(others)
    (plant,) = season.exposed()
    assert plant.epoch == season.epoch
    assert world.court.claims.is_overturned(plant.claim_id)
    others(PARAMETERS.times(season.epoch + 1).ends)
    assert world.watch.outcome(plant.claim_id, VALIDATOR.address) is Outcome.FOUND
    while world.now() <= PARAMETERS.times(season.epoch).answers_by:
        others(PARAMETERS.times(PARAMETERS.epoch_at(world.now())).ends)
    season.rest()
    # Its own finder need not care: the planter has charged, and closed the plant.
    assert [one.validator for one in season.events(PlantMissed)] == [STRANGER.address]
    settled(node)
    assert world.watch.outcome(plant.claim_id, VALIDATOR.address) is Outcome.PAID
    least = PARAMETERS.minimum_stake
    assert stakes(world) == [least, least - PARAMETERS.miss_penalty]
    assert all(succeeded for _, succeeded in season.sent())
    # Nobody was paid for it, and what the requester gave is back.
    (order,) = [seen for seen in _orders(season) if seen is not None]
    assert town.state(order) is LegState.SLASHED


def _orders(season: Season) -> list[bytes]:
    from avow.verifier.chain.events import OrderRequested

    town = season.world.court.town
    found = town.market().events(season.since + 1, town.chain.head().number)
    return [one.order_id for one in found if isinstance(one, OrderRequested)]


def _reaping(monkeypatch: pytest.MonkeyPatch) -> Reaper:
    """Who strikes before and after each transaction."""
    reaper, broadcast = Reaper(), transactions._broadcast

    def reaped(chain: Any, signed: Any, *rest: Any) -> Any:
        raw = bytes(signed.raw_transaction)
        return reaper.strike("broadcast", raw, lambda: broadcast(chain, signed, *rest))

    monkeypatch.setattr(transactions, "_broadcast", reaped)
    return reaper


def _once(season: Season) -> None:
    """Every transaction succeeded, and none was sent twice."""
    sent = season.sent()
    assert all(succeeded for _, succeeded in sent)
    calls = Counter(data for data, _ in sent if not data.startswith("0x095ea7b3"))
    assert max(calls.values()) == 1, "something was sent twice"


def test_killed_before_and_after_every_transaction_it_plants_once(
    season: Season, monkeypatch: pytest.MonkeyPatch
) -> None:
    reaper = _reaping(monkeypatch)
    season.through()
    assert len(season.exposed()) == 1 and len(_orders(season)) == 1
    _once(season)
    # Request, lock, plant, delivery, claim, commitment, exposure, refund: each survived and not.
    assert reaper.deaths["before broadcast"] >= 8 and reaper.deaths["after broadcast"] >= 8


def test_an_epoch_without_a_plant_has_a_word_all_the_same(season: Season) -> None:
    world, almanac = season.world, season.planter._almanac
    assert isinstance(almanac, OneEpoch)
    almanac.only = 0
    hours = almanac.hours(season.epoch)
    season.until(hours.word - 30)
    word = almanac.empty_word(season.epoch)
    assert not world.watch.planted_at(word)
    season.until(hours.word)
    assert world.watch.planted_at(word)
    season.rest()
    assert _orders(season) == []


def test_an_order_that_another_provider_takes_is_the_last_of_its_epoch(season: Season) -> None:
    """Who is quick would be paid for as many orders as fit into an epoch."""
    world, planter = season.world, season.planter
    market, hours = world.court.town.market(), planter._almanac.hours(season.epoch)
    world.until(hours.request)
    planter.step()
    (order_id,) = _orders(season)
    order = market.order(order_id)
    assert order is not None
    market.lock(STRANGER, order)
    for _ in range(3):
        season.rest()
    # A process that is started anew knows it, too.
    planter.close()
    season.planter = started(world, season.epoch)
    season.until(hours.word - 30)
    assert _orders(season) == [order_id]
    word = planter._almanac.empty_word(season.epoch)
    assert not world.watch.planted_at(word)
    season.until(hours.word)
    assert world.watch.planted_at(word)
    season.until(PARAMETERS.times(season.epoch + 1).begins)
    seen = season.planter.worklist.order(order_id)
    assert seen is not None and seen.reason.startswith("another provider has it")
    assert _orders(season) == [order_id]


def test_no_bond_is_put_up_for_a_claim_that_could_not_be_settled_in_time(
    season: Season, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that has locked and cannot claim loses the order's bond."""
    monkeypatch.setattr(claiming, "_SLACK_SECONDS", 8 * 86_400)
    world, planter = season.world, season.planter
    hours = planter._almanac.hours(season.epoch)
    season.until(hours.request)
    planter.step()
    (order_id,) = _orders(season)
    # Blocks follow the machine's clock: well before the deadline, whoever is slow.
    season.until(hours.lock_by - 60)
    market = world.court.town.market()
    order, seen = market.order(order_id), planter.worklist.order(order_id)
    assert order is not None and order.provider == NOBODY
    assert seen is not None and "a dispute may last" in seen.reason
    season.until(hours.lock_by + 60)
    assert world.court.town.state(order_id) is LegState.CANCELLED


def test_a_plant_that_was_overturned_before_verdicts_were_due_is_not_exposed(
    season: Season,
) -> None:
    """Others could have read it off: it judges nobody, and the requester has its money back."""
    world, court = season.world, season.world.court

    def overturn(ends: int) -> None:
        node = Watch(court, STRANGER)
        settled(node)

    season.through(overturn)
    assert season.exposed() == []
    (order,) = _orders(season)
    assert court.town.state(order) is LegState.SLASHED
    assert world.watch.budget() > 0


def _is_taken_back(season: Season) -> None:
    """Nobody was judged, the claim is overturned, the requester has its money back."""
    court = season.world.court
    assert season.exposed() == []
    (order,) = _orders(season)
    assert court.town.state(order) is LegState.SLASHED
    # Half of the claim bond is the provider's again, for its next one; the planter has nothing.
    assert court.claims.credit(PROVIDER.address) == CLAIMS.claim_bond // 2
    assert court.claims.credit(OWNER.address) == 0
    assert all(succeeded for _, succeeded in season.sent())


def test_a_plant_that_was_not_exposed_in_time_is_overturned_all_the_same(season: Season) -> None:
    """A planter that was away leaves no wrong answer to become final."""
    world, court = season.world, season.world.court
    window = PARAMETERS.epoch + PARAMETERS.reveal_time
    court.claims.set_model_terms(OWNER, court.registered.model_key, window, False)
    world.until(world.now() + 601)
    season.epoch = PARAMETERS.epoch_at(world.now()) + 1
    season.planter = started(world, season.epoch)
    season.through(lambda ends: world.until(PARAMETERS.times(season.epoch).reveals_by + 1))
    _is_taken_back(season)


def test_a_plant_for_which_there_is_no_bounty_is_overturned_before_its_window_ends(
    bare_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before and after every transaction, it takes its lie back once."""
    season = Season(guarded(opened(bare_town, MODEL), budget=0))
    _reaping(monkeypatch)
    season.through()
    _is_taken_back(season)
    _once(season)


def test_who_hides_its_seed_is_charged_once_for_the_epoch(season: Season) -> None:
    world, almanac = season.world, season.planter._almanac
    assert isinstance(almanac, OneEpoch)
    almanac.only = 0
    epoch = PARAMETERS.epoch_at(world.now())
    # One of the two reveals in time.
    world.until(PARAMETERS.times(epoch).verdicts_by + 1)
    world.awake.step()
    world.until(PARAMETERS.times(epoch + 1).ends + 5)
    world.awake.step()
    season.until(PARAMETERS.times(epoch).reveals_by + 1)
    for _ in range(2):
        season.rest()
        (charged,) = season.events(SilenceCharged)
        assert (charged.validator, charged.last_epoch) == (STRANGER.address, epoch)
    least = PARAMETERS.minimum_stake
    assert stakes(world) == [least, least - PARAMETERS.silence_penalty]


def test_what_could_plant_nothing_is_refused_in_one_line(
    town_watch: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, court = town_watch, town_watch.court
    town = court.town
    (tmp_path / "models").symlink_to(HOME / "models")
    (tmp_path / "artifacts").symlink_to(HOME / "claimed")
    config = replace(town.config, home=tmp_path)
    rows = stored(court.model).held_out_path
    assert rows is not None
    options = PlanterOptions(court.registered.model_key, rows, 2_500, UNIT, UNIT, 0, None)
    accounts, market = Accounts(REQUESTER, PROVIDER), town.market()
    with refusing(ConfigurationError, "this deployment has no watch"):
        open_planter(config, market, OWNER, accounts, options)
    monkeypatch.setattr(planting_start, "Watch", lambda chain, deployment: world.watch)
    placed = ("watch", Placed(world.watch.address, bytes(32)))
    contracts = (*market.deployment.contracts, placed)
    market.deployment = replace(market.deployment, contracts=contracts)
    with refusing(ConfigurationError, "is not the planter of this watch"):
        open_planter(config, market, STRANGER, accounts, options)
    with refusing(ConfigurationError, "three keys that differ"):
        open_planter(config, market, OWNER, Accounts(REQUESTER, OWNER), options)
    with monkeypatch.context() as patched:
        patched.setattr(planting_start, "LARGEST_INLINE", 127)
        with refusing(ConfigurationError, "128 bytes of input at an address", "at most 127 bytes"):
            open_planter(config, market, OWNER, accounts, options)
    with refusing(ConfigurationError, "no model 0x1111", "is registered"):
        open_planter(config, market, OWNER, accounts, replace(options, model_key=b"\x11" * 32))
    node = open_planter(config, market, OWNER, accounts, options)
    try:
        assert node.tally is not None
        assert node.tally.counts(0).plants["exposed"] == 0
    finally:
        node.close()
