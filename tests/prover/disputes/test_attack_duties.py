"""What a validator that has joined the watch does beside its duties, and in time."""

import dataclasses
from types import SimpleNamespace

import pytest

from avow.prover.database import Database
from avow.prover.disputes.challenger import Attack
from avow.prover.disputes.guard import Guard
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.recheck import Basis, Finding
from avow.prover.disputes.seeds import Seeds
from avow.prover.disputes.watcher import Everything
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.chain.client import Block
from avow.verifier.chain.signer import development_signer
from avow.verifier.chain.watch_records import NEVER, StoredValidator, Watching, WatchParameters
from avow.verifier.keccak import keccak256
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run
from tests.prover.disputes.crowded import SALT, CrowdedWatcher, watched
from tests.prover.disputes.games import own_run
from tests.prover.disputes.simulated import WINDOW, SimulatedClaims
from tests.prover.disputes.test_game import with_output

SIGNER = development_signer(0)
PARAMETERS = WatchParameters(duty_bps=10_000)


@pytest.fixture
def database(new_database: Database) -> Database:
    return new_database


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


def stated(court: SimulatedClaims, honest: CommittedRun, many: int) -> list[Watched]:
    """Claims of so many orders, all alike."""
    found = []
    for at in range(many):
        traced = dataclasses.replace(honest, statement=keccak256(bytes([at]))).claim()
        court.claim(traced, honest.outputs, b"p" * 20)
        found.append(watched(court, traced))
    return found


def test_attack_who_joins_the_watch_still_settles_its_own_orders(
    honest: CommittedRun, database: Database
) -> None:
    """The market has assigned the order to this validator; the watch has not. Looked at by nobody
    here, it is not settled, and the validator's share is lost."""

    class NotMine(Everything):
        def looks_at(self, claim: Watched) -> bool:
            return False

    court = SimulatedClaims()
    court.learn(honest.key)
    recheck = SimpleNamespace(
        by_columns=False,
        belongs=lambda stated: None,
        look=lambda claims: [Finding(Basis.TRACE, None) for _ in claims],
    )
    evidence = SimpleNamespace(inputs=lambda *_: (), shown=lambda *_: None)
    node = CrowdedWatcher(court, SIGNER, database, {}, NotMine(), evidence, recheck)
    (claim,) = stated(court, honest, 1)
    node.journal.watch([claim])
    node._judge(node.journal.watched())
    assert node.journal.verdict(claim.traced.statement) is Verdict.AGREES


@pytest.mark.parametrize(("lies", "together"), [(3, 1), (12, 1), (12, 16)])
def test_attack_lies_that_are_held_are_overturned_all_the_same(
    honest: CommittedRun, database: Database, lies: int, together: int
) -> None:
    """Lies whose window ends 121 seconds after verdicts are due. Not held, they would all
    be overturned within the first third of their windows."""
    court = SimulatedClaims()
    court.learn(honest.key)
    court.now = PARAMETERS.times(1_666).verdicts_by + 121 - WINDOW
    began = court.now
    assert PARAMETERS.epoch_at(began) == 1_666
    seeds = Seeds(keccak256(b"a secret"), 40)
    stored = StoredValidator(10**20, 1_666, NEVER, 1_665, 1_665, seeds.anchor(1_665))
    watch = SimpleNamespace(
        address=b"\x02" * 20,
        parameters=PARAMETERS,
        validator=lambda account: stored,
        watching=lambda account, model: Watching(1, NEVER),
        chain=SimpleNamespace(
            chain_id=1,
            head=lambda: Block(9, bytes(32), bytes(32), court.now),
            block=lambda number: Block(1, bytes(32), bytes(32), began),
        ),
    )
    guard = Guard(watch, SIGNER, database, seeds)  # type: ignore[arg-type]
    attacks, claims = {}, []
    for at in range(lies):
        lie = dataclasses.replace(with_output(honest), statement=keccak256(bytes([at])))
        traced = lie.claim()
        court.claim(traced, lie.outputs, b"p" * 20)
        own = own_run(dataclasses.replace(honest, statement=lie.statement))
        attacks[traced.statement] = Attack(own, SIGNER.address, SALT)
        claims.append(dataclasses.replace(watched(court, traced), verdict=Verdict.WRONG))
    node = CrowdedWatcher(court, SIGNER, database, attacks, guard)
    node.knows(claims)
    node.blocks.together = together
    # What the watch itself wants is no part of this.
    guard.step = lambda: False  # type: ignore[method-assign]
    while court.now <= began + WINDOW:
        court.now += 0 if node.step() else 12
        court.block += 1
    states = [court.view(one.traced.statement).state for one in claims]
    assert states.count(ClaimState.OVERTURNED) == lies
