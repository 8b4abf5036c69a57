"""A validator of the watch that found a plant in time, and is charged for missing it."""

from types import SimpleNamespace
from typing import Any

import pytest

from avow.prover.database import Database
from avow.prover.disputes.duty import Found
from avow.prover.disputes.guard import Guard
from avow.prover.disputes.journal import Watched
from avow.prover.disputes.seeds import Seeds
from avow.verifier.chain.client import Block
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.signer import development_signer
from avow.verifier.chain.watch_records import (
    NEVER,
    Outcome,
    StoredPlant,
    StoredValidator,
    Watching,
    WatchParameters,
    verdict_leaf,
)
from avow.verifier.keccak import keccak256
from avow.verifier.trace.refutation import TracedClaim
from tests.prover.disputes.test_duty import climb

SIGNER = development_signer(0)
PARAMETERS = WatchParameters(duty_bps=10_000)
EPOCH = 1_000
TIMES = PARAMETERS.times(EPOCH)
SEEDS = Seeds(keccak256(b"a secret"), 40)


class SimulatedWatch:
    """One validator that serves, and what the contract keeps of its verdicts."""

    def __init__(self) -> None:
        self.now = TIMES.begins
        self.chain = SimpleNamespace(chain_id=1, head=self.head, block=lambda number: self.head(1))
        self.address, self.parameters = b"\x02" * 20, PARAMETERS
        anchor = SEEDS.anchor(EPOCH - 1)
        self.stored = StoredValidator(10**20, EPOCH, NEVER, EPOCH - 1, EPOCH - 1, anchor)
        self.roots: dict[int, bytes] = {}
        self.exposed: set[bytes] = set()
        self.found: set[bytes] = set()
        self.mined = True
        self.paid: set[bytes] = set()
        self.owed, self.purse = 0, 0

    def head(self, number: int = 9) -> Block:
        return Block(number, bytes(32), bytes(32), TIMES.begins if number == 1 else self.now)

    def validator(self, account: bytes) -> StoredValidator:
        return self.stored

    def watching(self, account: bytes, model_key: bytes) -> Watching:
        return Watching(1, NEVER)

    def root(self, account: bytes, epoch: int) -> bytes:
        return self.roots.get(epoch, bytes(32))

    def commit_verdicts(self, signer: object, epoch: int, root: bytes) -> None:
        if self.now > PARAMETERS.times(epoch).verdicts_by or not self.mined:
            raise Reverted("TooLate", (), "commitVerdicts")
        self.roots[epoch] = root

    def attest(self, signer: object, epoch: int, root: bytes, of: int, seed: bytes) -> None:
        self.commit_verdicts(signer, epoch, root)
        self.reveal_seed(signer, of, seed)

    def reveal_seed(self, signer: object, of: int, seed: bytes) -> None:
        self.stored = StoredValidator(10**20, EPOCH, NEVER, of, of, seed)

    def plant_of(self, claim_id: bytes) -> StoredPlant | None:
        if claim_id not in self.exposed:
            return None
        return StoredPlant(b"p" * 20, EPOCH, 0, False, b"m" * 32, 0)

    def outcome(self, claim_id: bytes, account: bytes) -> Outcome:
        if claim_id in self.paid:
            return Outcome.PAID
        return Outcome.FOUND if claim_id in self.found else Outcome.NONE

    def answer(
        self, signer: object, traced: TracedClaim, refutation: bytes, salt: bytes, path: Any
    ) -> None:
        leaf = verdict_leaf(SIGNER.address, EPOCH, traced.statement, refutation, salt)
        if climb(leaf, list(path)) != self.roots[EPOCH]:
            raise Reverted("VerdictDiffers", (), "answer")
        self.found.add(traced.statement)

    def close(self, signer: object, claim_id: bytes) -> None:
        if self.now <= TIMES.answers_by:
            raise Reverted("TooEarly", (), "close")

    def pay_bounty(self, signer: object, claim_id: bytes, account: bytes) -> None:
        if claim_id not in self.found - self.paid:
            raise Reverted("NotFound", (), "payBounty")
        self.paid.add(claim_id)
        self.owed += PARAMETERS.bounty

    def credit(self, account: bytes) -> int:
        return self.owed

    def withdraw(self, signer: object) -> None:
        if not self.owed:
            raise Reverted("NothingToWithdraw", (), "withdraw")
        self.purse, self.owed = self.purse + self.owed, 0


@pytest.fixture
def database(new_database: Database) -> Database:
    return new_database


def wrong(number: int) -> Watched:
    word = number.to_bytes(32, "big")
    traced = TracedClaim(b"k" * 32, b"q" * 32, word, b"t" * 32, b"i" * 32, b"o" * 32)
    return Watched(traced, b"o" * 32, 0, b"m" * 32, b"p" * 20, TIMES.penalties_by, 1, 0)


def test_attack_a_plant_exposed_in_the_last_second_is_answered(database: Database) -> None:
    """Another lie of the same epoch, that is no plant, is forgotten before the answer is made:
    the path is of a tree that was never committed to."""
    watch = SimulatedWatch()
    guard = Guard(watch, SIGNER, database, SEEDS)  # type: ignore[arg-type]
    other, plant = wrong(1), wrong(2)
    for claim in (other, plant):
        assert guard.holds(claim, b"its refutation")
    watch.now = TIMES.verdicts_by
    assert guard.step()
    watch.now = PARAMETERS.times(EPOCH + 1).verdicts_by
    assert guard.step()
    assert watch.stored.revealed == EPOCH
    watch.now = TIMES.reveals_by
    watch.exposed.add(plant.traced.statement)
    for _ in range(5):
        watch.now += 12
        guard.step()
    assert plant.traced.statement in watch.found


def test_attack_a_lie_found_too_late_takes_no_earlier_verdict_away(database: Database) -> None:
    """A lie in the epoch's last second is found in time, but the root with it is mined too late:
    the answers are of that root, and not of the one that stands."""
    watch = SimulatedWatch()
    guard = Guard(watch, SIGNER, database, SEEDS)  # type: ignore[arg-type]
    plant, late = wrong(2), wrong(1)
    assert guard.holds(plant, b"its refutation")
    watch.now = TIMES.verdicts_by - 20
    assert guard.step()
    guard.holds(late, b"another refutation")
    watch.mined = False
    assert not guard.step()
    watch.mined = True
    watch.now = PARAMETERS.times(EPOCH + 1).verdicts_by - 100
    assert guard.step()
    watch.exposed.add(plant.traced.statement)
    for _ in range(5):
        watch.now += 12
        guard.step()
    assert plant.traced.statement in watch.found


def committed(watch: SimulatedWatch, database: Database, *claims: Watched) -> Guard:
    """A guard that has found these wrong; their epoch's seed is known."""
    guard = Guard(watch, SIGNER, database, SEEDS)  # type: ignore[arg-type]
    for claim in claims:
        guard.holds(claim, b"its refutation")
    for epoch in (EPOCH, EPOCH + 1):
        watch.now = PARAMETERS.times(epoch).verdicts_by
        assert guard.step()
    return guard


@pytest.mark.parametrize("by_others", [False, True])
def test_a_bounty_is_fetched_whoever_had_it_paid(database: Database, by_others: bool) -> None:
    watch, plant = SimulatedWatch(), wrong(2)
    guard = committed(watch, database, plant, wrong(1))
    watch.exposed.add(plant.traced.statement)
    assert guard.step()
    watch.now = TIMES.answers_by + 1
    if by_others:
        watch.pay_bounty(None, plant.traced.statement, SIGNER.address)
    while guard.step():
        watch.now += 12
    assert (watch.owed, watch.purse) == (0, PARAMETERS.bounty)
    again = Guard(watch, SIGNER, database, SEEDS)  # type: ignore[arg-type]
    assert not again._findings.all(), "nothing is left to ask for"


def test_an_answer_that_is_refused_keeps_no_other_back(database: Database) -> None:
    """The other's was found after the last root that was mined."""
    watch = SimulatedWatch()
    guard = committed(watch, database, wrong(2))
    guard._findings.keep(Found(wrong(1).traced, EPOCH, b"its refutation"))
    watch.exposed |= {wrong(1).traced.statement, wrong(2).traced.statement}
    assert guard.step()
    assert watch.found == {wrong(2).traced.statement}
    watch.now += 12
    assert not guard.step()


def test_a_plant_that_a_reorganisation_brings_late_is_answered(database: Database) -> None:
    """Nothing was exposed in time, as this node saw it; then another block is the chain's."""
    watch, plant = SimulatedWatch(), wrong(2)
    guard = committed(watch, database, plant)
    watch.now = TIMES.reveals_by + 1
    while guard.step():
        watch.now += 12
    watch.exposed.add(plant.traced.statement)
    watch.now += 12
    assert guard.step()
    assert plant.traced.statement in watch.found


def test_a_process_that_dies_while_it_commits_can_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction is mined, and nobody hears of it."""
    watch, plant = SimulatedWatch(), wrong(2)
    guard = Guard(watch, SIGNER, database, SEEDS)  # type: ignore[arg-type]
    assert guard.holds(plant, b"its refutation")
    watch.now = TIMES.verdicts_by
    commit = watch.commit_verdicts

    def killed(*arguments: Any) -> None:
        commit(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(watch, "commit_verdicts", killed)
        guard.step()
    guard = Guard(watch, SIGNER, database, SEEDS)  # type: ignore[arg-type]
    watch.now = PARAMETERS.times(EPOCH + 1).verdicts_by
    assert guard.step()
    watch.exposed.add(plant.traced.statement)
    assert guard.step()
    assert plant.traced.statement in watch.found


def test_findings_are_followed_once_in_a_block(database: Database) -> None:
    watch, asked = SimulatedWatch(), []
    guard = committed(watch, database, wrong(1), wrong(2))
    plant_of = watch.plant_of
    watch.plant_of = lambda name: asked.append(name) or plant_of(name)  # type: ignore[method-assign,func-returns-value]
    for _ in range(3):
        assert not guard.step()
    assert len(asked) == 2
    watch.now += 12
    assert not guard.step()
    assert len(asked) == 4


def test_trees_are_forgotten_when_nobody_can_ask_any_more(database: Database) -> None:
    watch = SimulatedWatch()
    guard = committed(watch, database, wrong(1))
    root = watch.roots[EPOCH]
    assert guard._findings.leaves(EPOCH, root)
    for epoch in range(EPOCH + 2, EPOCH + 10):
        watch.now = PARAMETERS.times(epoch).verdicts_by
        assert guard.step()
        asked = watch.now <= TIMES.answers_by
        assert bool(guard._findings.leaves(EPOCH, root)) is asked
