"""Two validators of a watch on a chain with the real referee: one looks, the other says it did."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from avow.prover.disputes.duty import Attest, CommitVerdicts, Duty, Found, RevealSeed
from avow.prover.disputes.seeds import Seeds, secret_of
from avow.prover.refutation import Place
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claim_records import ClaimState, commitment
from avow.verifier.chain.client import checksum
from avow.verifier.chain.deploy import create
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_events import (
    BountyPaid,
    PlantExposed,
    PlantFound,
    PlantMissed,
    ValidatorJoined,
    WatchBegun,
)
from avow.verifier.chain.watch_records import Outcome, WatchParameters, planted, verdict_leaf
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import leaf
from avow.verifier.trace.refutation import Kind
from tests.integration.court import MODEL, SALT, Court, Delivered
from tests.integration.test_optimistic import inside, opened
from tests.integration.town import (
    OWNER,
    PROVIDER,
    QUICK,
    REQUESTER,
    STRANGER,
    TREASURY,
    UNIT,
    VALIDATOR,
    Town,
    refusing,
)

PARAMETERS = WatchParameters(duty_bps=10_000)
PLANT_SALT = keccak256(b"the salt of a plant")
BUDGET = 1_000 * UNIT


@dataclass
class Guard:
    """A validator: what it has found, and how many transactions it has sent for its epochs."""

    watch: Watch
    signer: Signer
    duty: Duty
    seeds: Seeds
    found: list[Found] = field(default_factory=list)
    sent: int = 0

    def step(self) -> None:
        """What there is to do for the epoch that has ended."""
        watch, account = self.watch, self.signer.address
        now = watch.chain.head().timestamp
        stored = watch.validator(account)
        assert stored is not None
        epoch = self.duty.ended(now)
        found = [one for one in self.found if one.epoch == epoch]
        match self.duty.due(stored, watch.root(account, epoch), found, now):
            case Attest(commit, reveal):
                seed = (reveal.epoch, reveal.seed)
                watch.attest(self.signer, commit.epoch, commit.root, *seed)
            case CommitVerdicts(epoch=epoch, root=root):
                watch.commit_verdicts(self.signer, epoch, root)
            case RevealSeed(epoch=epoch, seed=seed):
                watch.reveal_seed(self.signer, epoch, seed)
            case None:
                return
        self.sent += 1
        self.step_again()

    def step_again(self) -> None:
        """After what was sent nothing more is due: a restart sends nothing twice."""
        watch, account = self.watch, self.signer.address
        now = watch.chain.head().timestamp
        stored, epoch = watch.validator(account), self.duty.ended(now)
        assert stored is not None
        found = [one for one in self.found if one.epoch == epoch]
        assert self.duty.due(stored, watch.root(account, epoch), found, now) is None


@dataclass
class Guarded:
    """A court with a watch and two validators, of whom the second looks at nothing."""

    court: Court
    watch: Watch
    awake: Guard
    asleep: Guard

    @property
    def guards(self) -> tuple[Guard, Guard]:
        """Both."""
        return self.awake, self.asleep

    def now(self) -> int:
        """The last block's time."""
        return self.watch.chain.head().timestamp

    def until(self, time: int) -> None:
        """Lets the chain's time pass to that moment."""
        self.court.town.pass_time(time - self.now())

    def next_end(self) -> None:
        """To the next epoch's end, where both do what is due."""
        times = PARAMETERS.times(PARAMETERS.epoch_at(self.now()))
        self.until(times.ends + 5)
        for guard in self.guards:
            guard.step()


def guarded(court: Court, budget: int = BUDGET) -> Guarded:
    """A watch with two validators that watch the court's model."""
    town = court.town
    parts = (checksum(court.claims.contract.address), checksum(OWNER.address))
    arguments = (*parts, checksum(OWNER.address), PARAMETERS.encode())
    placed, _ = create(town.chain, OWNER, "Watch", arguments, QUICK)
    contracts = (*town.deployment.contracts, ("watch", placed))
    watch = Watch(town.chain, replace(town.deployment, contracts=contracts), QUICK)
    if budget:
        watch.fund(REQUESTER, budget)
    guards = []
    for signer in (VALIDATOR, STRANGER):
        seeds = Seeds(secret_of(signer, town.chain.chain_id, watch.address), 100)
        anchor = seeds.anchor(PARAMETERS.epoch_at(watch.chain.head().timestamp))
        watch.join(signer, PARAMETERS.minimum_stake, anchor)
        watch.watch(signer, court.registered.model_key)
        guards.append(Guard(watch, signer, Duty(signer.address, seeds, PARAMETERS), seeds))
    return Guarded(court, watch, *guards)


@pytest.fixture
def town_watch(bare_town: Town) -> Guarded:
    """In the first epoch of both, shortly before its end."""
    town = bare_town
    court = opened(town, MODEL)
    # Both join in one epoch, and the orders come in the next one's last minutes.
    head = town.chain.head().timestamp
    town.pass_time(PARAMETERS.times(PARAMETERS.epoch_at(head) + 1).begins - head)
    found = guarded(court)
    epoch = PARAMETERS.epoch_at(found.now())
    found.until(PARAMETERS.times(epoch + 1).ends - 120)
    return found


def plant(world: Guarded) -> tuple[Delivered, Claimed]:
    """A wrong claim in the ordinary way, committed to beforehand."""
    delivered = world.court.deliver(inside)
    claim_id = leaf(delivered.statement.digest())
    world.watch.plant(OWNER, planted(claim_id, PLANT_SALT))
    world.court.town.pass_time(2)
    return delivered, world.court.claim(delivered)


def refutation(world: Guarded, delivered: Delivered, claimed: Claimed, signer: Signer) -> bytes:
    """What the account finds by recomputing the claim."""
    attack = world.court.attack(claimed, delivered, signer, shown=True)
    data = attack.refutation(world.court.view(claimed))
    assert data is not None
    return data


def expose(world: Guarded, delivered: Delivered, claimed: Claimed, shown: bytes) -> None:
    """The planter reveals it, in the watch's name."""
    watch, claims = world.watch, world.court.claims
    noted = commitment(watch.address, claimed.claim_id, shown, SALT)
    claims.commit(OWNER, noted)
    world.court.town.mine()
    watch.expose(OWNER, delivered.order_id, 0, claimed.traced, shown, PLANT_SALT, SALT)


def happened(world: Guarded) -> Sequence[type]:
    """Kinds of events about plants, oldest first."""
    town = world.court.town
    found = world.watch.events(town.deployment.first_block, town.chain.head().number)
    return [type(event) for event in found if not isinstance(event, ValidatorJoined | WatchBegun)]


def test_who_looks_is_paid_and_who_does_not_loses(town_watch: Guarded) -> None:
    world, watch, court = town_watch, town_watch.watch, town_watch.court
    awake, asleep = world.guards
    delivered, claimed = plant(world)
    claim_id, epoch = claimed.claim_id, PARAMETERS.epoch_at(world.now())
    stored = watch.validator(VALIDATOR.address)
    assert stored is not None and stored.first_epoch == epoch
    watching = watch.watching(VALIDATOR.address, court.registered.model_key)
    assert awake.duty.has(stored, watching, claim_id, epoch)
    assert not awake.duty.has(stored, watching, claim_id, epoch - 1)

    shown = refutation(world, delivered, claimed, VALIDATOR)
    awake.found.append(Found(claimed.traced, epoch, shown))
    world.next_end()
    assert watch.root(VALIDATOR.address, epoch) == verdict_leaf(
        VALIDATOR.address, epoch, claim_id, shown, awake.seeds.salt(claim_id)
    )
    with refusing(Reverted, "TooEarly"):
        expose(world, delivered, claimed, shown)
    world.until(PARAMETERS.times(epoch).verdicts_by + 1)
    expose(world, delivered, claimed, shown)
    held = court.claims.stored(claim_id)
    assert held is not None and held.state is ClaimState.OVERTURNED

    # Nobody has anything of it whose seed is not known yet.
    answer = awake.duty.answer(awake.found[0], awake.duty.leaves(awake.found))
    assert answer is not None
    told = (answer.found.traced, answer.found.refutation)
    with refusing(Reverted, "SeedNotRevealed"):
        watch.answer(VALIDATOR, *told, answer.salt, answer.path)
    world.next_end()
    watch.answer(VALIDATOR, *told, answer.salt, answer.path)
    # The other one reads the answer; its own word of the epoch was another one.
    assert asleep.duty.answer(awake.found[0], asleep.duty.leaves(asleep.found)) is None
    with refusing(Reverted, "VerdictDiffers"):
        watch.answer(STRANGER, *told, asleep.seeds.salt(claim_id), ())
    with refusing(Reverted, "VerdictDiffers"):
        watch.answer(STRANGER, *told, answer.salt, answer.path)

    answers_by = PARAMETERS.times(epoch).answers_by
    while world.now() <= answers_by:
        world.next_end()
    watch.charge_miss(OWNER, claim_id, STRANGER.address)
    with refusing(Reverted, "AlreadyDecided"):
        watch.charge_miss(OWNER, claim_id, VALIDATOR.address)
    watch.close(OWNER, claim_id)
    watch.pay_bounty(OWNER, claim_id, VALIDATOR.address)
    before = int(watch.token.read("balanceOf", checksum(VALIDATOR.address)))
    watch.withdraw(VALIDATOR)
    after = int(watch.token.read("balanceOf", checksum(VALIDATOR.address)))
    assert after - before == PARAMETERS.bounty
    assert stakes(world) == [
        PARAMETERS.minimum_stake,
        PARAMETERS.minimum_stake - PARAMETERS.miss_penalty,
    ]
    assert watch.outcome(claim_id, VALIDATOR.address) is Outcome.PAID
    assert watch.outcome(claim_id, STRANGER.address) is Outcome.MISSED
    assert happened(world) == [PlantExposed, PlantFound, PlantMissed, BountyPaid]
    # One transaction an epoch, whatever was found, and nothing for silence.
    epochs = awake.duty.ended(world.now()) - epoch + 1
    assert awake.sent == asleep.sent == epochs
    with refusing(Reverted, "NothingToCharge"):
        watch.charge_silence(OWNER, STRANGER.address)

    # The planter and its provider have nothing of it, and the requester has its money back.
    court.town.market().refute(OWNER, delivered.order_id, 0)
    assert court.town.market().leg(delivered.order_id, 0).state is LegState.SLASHED
    for account in (OWNER.address, PROVIDER.address, TREASURY):
        assert watch.credit(account) == court.claims.credit(account) == 0
    terms = court.claims.parameters(claimed.version)
    assert watch.budget() == BUDGET - PARAMETERS.bounty + terms.claim_bond // 2


def stakes(world: Guarded) -> list[int]:
    """What both have left."""
    found = [world.watch.validator(guard.signer.address) for guard in world.guards]
    return [stored.stake for stored in found if stored is not None]


def test_an_honest_claim_frames_nobody(town_watch: Guarded) -> None:
    world, court = town_watch, town_watch.court
    delivered = court.deliver()
    claim_id = leaf(delivered.statement.digest())
    world.watch.plant(OWNER, planted(claim_id, PLANT_SALT))
    court.town.pass_time(2)
    claimed, epoch = court.claim(delivered), PARAMETERS.epoch_at(world.now())
    world.next_end()
    world.until(PARAMETERS.times(epoch).verdicts_by + 1)
    # Whatever element of it is shown, it is right.
    first = Place(Kind.OPERATION, len(delivered.given), 0)
    with refusing(Reverted, "NotRefuted"):
        expose(world, delivered, claimed, delivered.run.refute(first, delivered.given))
    assert world.watch.plant_of(claim_id) is None
    with refusing(Reverted, "NotExposed"):
        world.watch.charge_miss(OWNER, claim_id, STRANGER.address)


def test_contract_and_python_agree_on_duties_and_verdicts(town_watch: Guarded) -> None:
    watch = town_watch.watch
    rare = replace(PARAMETERS, duty_bps=3_000)
    claims, owner = (
        checksum(one) for one in (town_watch.court.claims.contract.address, OWNER.address)
    )
    town = town_watch.court.town
    made = (claims, owner, owner, rare.encode())
    placed, _ = create(town.chain, OWNER, "Watch", made, QUICK)
    contracts = (*town.deployment.contracts, ("watch", placed))
    other = Watch(town.chain, replace(town.deployment, contracts=contracts), QUICK)
    assert other.parameters == rare and watch.parameters == PARAMETERS
    duties = []
    for number in range(24):
        seed, claim_id = keccak256(bytes([number])), keccak256(bytes([number, 1]))
        duties.append(rare.is_duty(seed, claim_id))
        assert other.contract.read("isDuty", seed, claim_id) == duties[-1]
    assert any(duties) and not all(duties)
    arguments = (checksum(VALIDATOR.address), 77, SALT, keccak256(b"refutation"), PLANT_SALT)
    assert watch.contract.read("verdictLeaf", *arguments) == verdict_leaf(
        VALIDATOR.address, 77, SALT, b"refutation", PLANT_SALT
    )
    times = watch.contract.read("timesOf", 12_345)
    expected = PARAMETERS.times(12_345)
    assert tuple(times) == (
        expected.begins,
        expected.ends,
        expected.verdicts_by,
        expected.reveals_by,
        expected.answers_by,
        expected.penalties_by,
    )
