"""A validator's node in the watch: it holds what it finds, answers, is paid; killed in between."""

from dataclasses import replace
from pathlib import Path

import pytest

from avow.prover.config import Config
from avow.prover.disputes import guard
from avow.prover.disputes.guard import Guard, begin_to_watch, join, leave, seeds_of
from avow.prover.disputes.journal import Verdict
from avow.prover.disputes.seeds import Seeds
from avow.prover.errors import ConfigurationError
from avow.prover.nodes import start
from avow.prover.nodes.validator import Validator
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.client import checksum
from avow.verifier.chain.deployment import Placed
from avow.verifier.chain.market import Market
from avow.verifier.chain.watch_records import NEVER, Outcome, planted
from avow.verifier.merkle import leaf
from tests.circuits.sumcheck.small import HOME
from tests.integration.court import Delivered
from tests.integration.test_optimistic import inside
from tests.integration.test_watch import (
    OWNER,
    PARAMETERS,
    PLANT_SALT,
    REQUESTER,
    STRANGER,
    VALIDATOR,
    Guarded,
    expose,
    refutation,
    stakes,
    town_watch,
)
from tests.integration.town import Town, refusing
from tests.integration.watching import Watch

__all__ = ["town_watch"]


@pytest.fixture
def node(town_watch: Guarded) -> Watch:
    """The first validator's node; its seeds are those with which the fixture joined."""
    court, watch = town_watch.court, town_watch.watch
    own = Guard(watch, VALIDATOR, court.town.database(), town_watch.awake.seeds)
    return Watch(court, VALIDATOR, duties=own)


def settled(node: Watch) -> Validator:
    """A node that has just started and taken its steps, blocks coming by themselves."""
    validator = node.started()
    for _ in range(4):
        for _ in range(20):
            if not validator.step():
                break
        else:
            pytest.fail("it does not come to rest")
        node.court.town.mine()
        node.court.town.skew += 20_000
    return validator


def plant(world: Guarded, shown: bool = True) -> tuple[Delivered, Claimed]:
    """A wrong claim in the ordinary way, committed to beforehand."""
    delivered = world.court.deliver(inside, shown=shown)
    claim_id = leaf(delivered.statement.digest())
    world.watch.plant(OWNER, planted(claim_id, PLANT_SALT))
    world.court.town.pass_time(2)
    return delivered, world.court.claim(delivered)


def end(world: Guarded, node: Watch) -> None:
    """To where verdicts of the epoch are sent; the node does, and the other validator does."""
    times = PARAMETERS.times(PARAMETERS.epoch_at(world.now()))
    world.until(times.ends + PARAMETERS.verdict_delay // 2 + 2)
    settled(node)
    world.asleep.step()


def test_a_node_holds_its_verdict_and_is_paid_for_it(town_watch: Guarded, node: Watch) -> None:
    world, watch, claims = town_watch, town_watch.watch, town_watch.court.claims
    delivered, claimed = plant(world)
    claim_id, epoch = claimed.claim_id, PARAMETERS.epoch_at(world.now())
    assert node.found(settled(node), claimed).verdict is Verdict.WRONG
    # Nobody can see it yet, neither in a root nor in the claims.
    assert not claims.is_overturned(claim_id)
    assert watch.root(VALIDATOR.address, epoch) == bytes(32)
    end(world, node)
    assert not claims.is_overturned(claim_id)
    assert watch.root(VALIDATOR.address, epoch) != bytes(32)
    world.until(PARAMETERS.times(epoch).verdicts_by + 1)
    # What was shown is shown no more: the finding was kept.
    shown = refutation(world, delivered, claimed, VALIDATOR)
    expose(world, delivered, claimed, shown)
    end(world, node)
    assert watch.outcome(claim_id, VALIDATOR.address) is Outcome.FOUND
    before = int(watch.token.read("balanceOf", checksum(VALIDATOR.address)))
    while world.now() <= PARAMETERS.times(epoch).answers_by:
        end(world, node)
    settled(node)
    after = int(watch.token.read("balanceOf", checksum(VALIDATOR.address)))
    assert after - before == PARAMETERS.bounty
    assert watch.outcome(claim_id, VALIDATOR.address) is Outcome.PAID
    watch.charge_miss(OWNER, claim_id, STRANGER.address)
    least = PARAMETERS.minimum_stake
    assert stakes(world) == [least, least - PARAMETERS.miss_penalty]


def test_a_bounty_that_another_had_paid_is_fetched(town_watch: Guarded, node: Watch) -> None:
    world, watch = town_watch, town_watch.watch
    delivered, claimed = plant(world)
    claim_id, epoch = claimed.claim_id, PARAMETERS.epoch_at(world.now())
    settled(node)
    end(world, node)
    world.until(PARAMETERS.times(epoch).verdicts_by + 1)
    expose(world, delivered, claimed, refutation(world, delivered, claimed, VALIDATOR))
    end(world, node)
    assert watch.outcome(claim_id, VALIDATOR.address) is Outcome.FOUND
    world.until(PARAMETERS.times(epoch).answers_by + 1)
    watch.close(STRANGER, claim_id)
    watch.pay_bounty(STRANGER, claim_id, VALIDATOR.address)
    assert watch.credit(VALIDATOR.address) == PARAMETERS.bounty
    settled(node)
    assert watch.credit(VALIDATOR.address) == 0


def test_what_nobody_exposes_is_overturned_once_verdicts_are_due(
    town_watch: Guarded, node: Watch
) -> None:
    world, claims = town_watch, town_watch.court.claims
    _, claimed = plant(world)
    settled(node)
    end(world, node)
    assert not claims.is_overturned(claimed.claim_id)
    world.until(PARAMETERS.times(PARAMETERS.epoch_at(world.now()) - 1).verdicts_by + 1)
    settled(node)
    assert claims.is_overturned(claimed.claim_id)


def test_what_is_not_shown_is_challenged_at_once(town_watch: Guarded, node: Watch) -> None:
    world = town_watch
    _, claimed = plant(world, shown=False)
    settled(node)
    assert world.court.challenge_by(claimed, VALIDATOR.address) is not None


def test_a_claim_that_could_be_final_first_is_not_held(
    town_watch: Guarded, node: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_ROOM", 10_000)
    _, claimed = plant(town_watch)
    settled(node)
    assert town_watch.court.claims.is_overturned(claimed.claim_id)


def test_a_deployment_without_a_watch_is_one_line(bare_town: Town) -> None:
    market, config = bare_town.market(), bare_town.config
    start.join_watch(config, market, VALIDATOR, None, [])
    with refusing(ConfigurationError, "this deployment has no watch"):
        start.join_watch(config, market, VALIDATOR, PARAMETERS.minimum_stake, [])


@pytest.fixture
def watched_market(town_watch: Guarded, monkeypatch: pytest.MonkeyPatch) -> Market:
    """A market whose deployment has the watch of the town."""
    watch = town_watch.watch
    monkeypatch.setattr(start, "Watch", lambda chain, deployment: watch)
    market = town_watch.court.town.market()
    placed = ("watch", Placed(watch.address, bytes(32)))
    contracts = (*market.deployment.contracts, placed)
    market.deployment = replace(market.deployment, contracts=contracts)
    return market


def compiled_in(config: Config, home: Path) -> Config:
    """With the models that were compiled for claims."""
    (home / "models").symlink_to(HOME / "models")
    (home / "artifacts").symlink_to(HOME / "claimed")
    return replace(config, home=home)


def test_options_of_the_node_join_and_watch(
    town_watch: Guarded, watched_market: Market, tmp_path: Path
) -> None:
    watch, court = town_watch.watch, town_watch.court
    config = compiled_in(court.town.config, tmp_path)
    model_key = court.registered.model_key
    with refusing(ConfigurationError, "no validator of the watch", "--watch-stake"):
        start.join_watch(config, watched_market, REQUESTER, None, [model_key])
    start.join_watch(config, watched_market, REQUESTER, PARAMETERS.minimum_stake, [model_key])
    assert watch.validator(REQUESTER.address) is not None
    assert watch.watching(REQUESTER.address, model_key).until == NEVER
    # Once it is a validator, no stake is named.
    start.join_watch(config, watched_market, REQUESTER, None, [model_key])


def test_no_stake_is_put_up_for_what_cannot_be_watched(
    town_watch: Guarded, watched_market: Market, tmp_path: Path
) -> None:
    """Who has joined and does not run pays for its silence in every epoch."""
    watch, court = town_watch.watch, town_watch.court
    model_key = court.registered.model_key
    (tmp_path / "empty").mkdir()
    empty = replace(court.town.config, home=tmp_path / "empty")
    config = compiled_in(court.town.config, tmp_path)
    for place, keys, said in (
        (config, [model_key, b"\x11" * 32], "nobody can claim this model"),
        (empty, [model_key], "not compiled here as it is registered"),
    ):
        with refusing(ConfigurationError, said):
            start.join_watch(place, watched_market, REQUESTER, PARAMETERS.minimum_stake, keys)
        assert watch.validator(REQUESTER.address) is None


def test_who_leaves_has_its_stake_back_when_nothing_can_be_charged_any_more(
    town_watch: Guarded,
) -> None:
    """Run at any moment, and again: nothing is sent twice, what is owed is paid first."""
    world, watch = town_watch, town_watch.watch
    tokens = world.court.town.market().tokens
    first = tokens(VALIDATOR.address)
    epoch = PARAMETERS.epoch_at(world.now())
    times = leave(watch, VALIDATOR)
    assert times == PARAMETERS.times(epoch)
    before = watch.chain.head().number
    assert leave(watch, VALIDATOR) == times
    assert watch.chain.head().number == before, "it has left already"
    world.until(times.penalties_by + 1)
    # The seed of the last epoch was never revealed.
    left = PARAMETERS.minimum_stake - PARAMETERS.silence_penalty
    assert leave(watch, VALIDATOR) == left
    assert tokens(VALIDATOR.address) == first + left and watch.validator(VALIDATOR.address) is None
    with refusing(ConfigurationError, "no validator of the watch"):
        leave(watch, VALIDATOR)


def test_joining_again_changes_nothing(town_watch: Guarded) -> None:
    watch, model_key = town_watch.watch, town_watch.court.registered.model_key
    join(watch, REQUESTER, PARAMETERS.minimum_stake)
    begin_to_watch(watch, REQUESTER, model_key)
    before = watch.chain.head().number
    join(watch, REQUESTER, PARAMETERS.minimum_stake)
    begin_to_watch(watch, REQUESTER, model_key)
    assert watch.chain.head().number == before, "nothing was sent again"
    stored = watch.validator(REQUESTER.address)
    assert stored is not None and stored.stake == PARAMETERS.minimum_stake
    assert watch.watching(REQUESTER.address, model_key).until == NEVER
    assert isinstance(seeds_of(watch, REQUESTER), Seeds)
    assert seeds_of(watch, REQUESTER).seed(stored, stored.first_epoch) != stored.seed
