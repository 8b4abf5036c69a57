"""Many at once: what one account can send, against what an attacker can ask for."""

import dataclasses
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from avow.prover.database import Database
from avow.prover.disputes import moves
from avow.prover.disputes.challenger import Attack
from avow.prover.disputes.evidence import InputMissing
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.recheck import Basis, Finding
from avow.prover.errors import Refused
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.chain.signer import development_signer
from avow.verifier.keccak import keccak256
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run
from tests.prover.disputes.crowded import SALT, CrowdedDefender, CrowdedWatcher, watched
from tests.prover.disputes.games import own_run
from tests.prover.disputes.simulated import (
    CHALLENGE_BOND,
    CLOCK,
    EXTENSION,
    WINDOW,
    SimulatedClaims,
)
from tests.prover.disputes.test_game import with_output

SIGNER = development_signer(0)


@pytest.fixture
def database(new_database: Database) -> Database:
    return new_database


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


def others(court: SimulatedClaims, honest: CommittedRun, many: int, who: bytes) -> list[Watched]:
    """Claims of so many orders, all alike."""
    found = []
    for at in range(many):
        traced = dataclasses.replace(honest, statement=keccak256(bytes([at]))).claim()
        court.claim(traced, honest.outputs, who)
        found.append(watched(court, traced))
    return found


@pytest.mark.parametrize("crowd", [30, 200])
def test_an_honest_provider_answers_a_crowd_of_challenges(
    honest: CommittedRun, database: Database, crowd: int
) -> None:
    """All in one block. Whoever sees one run out of time takes half of the claim's bond, and every
    challenger gets its own back; here each of them loses it."""
    court, run = SimulatedClaims(), honest.refuter()
    court.learn(honest.key)
    traced = honest.claim(run.root)
    court.claim(traced, honest.outputs, SIGNER.address)
    challengers = [bytes([at]) * 20 for at in range(1, crowd + 1)]
    for who in challengers:
        court.send(who, moves.Open(traced))
    node, began = CrowdedDefender(court, SIGNER, database, run), court.now
    node.knows([watched(court, traced)])
    while court.now <= began + 3 * CLOCK:
        court.now += 0 if node.step() else 12
        for who in challengers:
            challenge = court.challenge(traced.statement, who)
            assert challenge is not None
            late = challenge.turn.is_providers and court.now > challenge.deadline
            assert not late, f"after {court.now - began} s"
    assert court.view(traced.statement).state is ClaimState.STANDING
    assert not court.view(traced.statement).undecided
    assert court.credit[SIGNER.address] == crowd * CHALLENGE_BOND


@pytest.mark.parametrize(("lies", "together", "least"), [(20, 1, 20), (90, 1, 40), (90, 16, 90)])
def test_an_honest_validator_overturns_as_many_lies_as_there_is_room_for(
    honest: CommittedRun, database: Database, lies: int, together: int, least: int
) -> None:
    """Each needs two transactions, and 1,000 seconds are 83 blocks. With one in each, who commits
    to all of 90 before the first is refuted overturns none."""
    court = SimulatedClaims()
    court.learn(honest.key)
    attacks, claims = {}, []
    for at in range(lies):
        lie = dataclasses.replace(with_output(honest), statement=keccak256(bytes([at])))
        traced = lie.claim()
        court.claim(traced, lie.outputs, b"p" * 20)
        own = own_run(dataclasses.replace(honest, statement=lie.statement))
        attacks[traced.statement] = Attack(own, SIGNER.address, SALT)
        claims.append(dataclasses.replace(watched(court, traced), verdict=Verdict.WRONG))
    node = CrowdedWatcher(court, SIGNER, database, attacks)
    node.knows(claims)
    node.blocks.together = together
    began = court.now
    while court.now <= began + WINDOW:
        court.now += 0 if node.step() else 12
        court.block += 1
    overturned = sum(
        court.view(one.traced.statement).state is ClaimState.OVERTURNED for one in claims
    )
    assert overturned >= least


def test_a_challenge_is_answered_before_bonds_are_fetched(
    honest: CommittedRun, database: Database
) -> None:
    """Twenty claims of orders that one requester placed together are final; of a later one there
    is a challenge. Nobody loses by a bond that comes back later."""
    court, run = SimulatedClaims(), honest.refuter()
    court.learn(honest.key)
    claims = others(court, honest, 20, SIGNER.address)
    court.now += WINDOW + 1
    traced = honest.claim(run.root)
    court.claim(traced, honest.outputs, SIGNER.address)
    court.send(b"c" * 20, moves.Open(traced))
    node = CrowdedDefender(court, SIGNER, database, run)
    node.knows([*claims, watched(court, traced)])
    node.blocks.together = 1
    assert node.step()
    challenge = court.challenge(traced.statement, b"c" * 20)
    assert challenge is not None and challenge.turn.is_challengers
    ended = [court.view(one.traced.statement).state for one in claims]
    assert set(ended) == {ClaimState.STANDING}
    for _ in claims:
        assert node.step()
    ended = [court.view(one.traced.statement).state for one in claims]
    assert set(ended) == {ClaimState.UPHELD}


class Dripping:
    """Places that take the ten seconds that a fetch may, and then have nothing."""

    def __init__(self, court: SimulatedClaims) -> None:
        self.court = court
        self.asked: list[bytes] = []

    def inputs(self, claim: Watched, *_: object) -> Any:
        """Nothing, later."""
        self.court.now += 10
        self.asked.append(claim.traced.statement)
        raise InputMissing("its inputs are neither in the order nor in what was delivered")

    shown = inputs


def test_slow_places_do_not_keep_a_validator_from_its_moves(
    honest: CommittedRun, database: Database
) -> None:
    """Between any two places there is time for a move, and no step asks all of them. Nobody is
    asked again before all have been."""
    court = SimulatedClaims()
    court.learn(honest.key)
    recheck = SimpleNamespace(by_columns=False, belongs=lambda stated: None)
    evidence = Dripping(court)
    node = CrowdedWatcher(court, SIGNER, database, {}, None, evidence, recheck)
    node.journal.watch(others(court, honest, 100, b"p" * 20))
    moves_at = [court.now]
    node.hurry = lambda: bool(moves_at.append(court.now))  # type: ignore[func-returns-value,method-assign]
    node._judge(node.journal.watched())
    moves_at.append(court.now)
    assert max(b - a for a, b in pairwise(moves_at)) <= EXTENSION
    assert 0 < len(evidence.asked) < 100
    while len(evidence.asked) < 100:
        node._judge(node.journal.watched())
    assert len(set(evidence.asked)) == 100


def test_a_claim_that_cannot_be_looked_at_keeps_no_other_from_it(
    honest: CommittedRun, database: Database
) -> None:
    """It fails in the middle of a batch."""
    court = SimulatedClaims()
    court.learn(honest.key)
    claims = others(court, honest, 5, b"p" * 20)
    bad = claims[2].traced.statement

    def look(stated: list[Any]) -> list[Finding]:
        if any(one.claim.id == bad for one in stated):
            raise Refused("it cannot be run")
        return [Finding(Basis.TRACE, None) for _ in stated]

    recheck = SimpleNamespace(by_columns=False, belongs=lambda stated: None, look=look)
    evidence = SimpleNamespace(inputs=lambda *_: (), shown=lambda *_: None)
    node = CrowdedWatcher(court, SIGNER, database, {}, None, evidence, recheck)
    node.knows(claims)
    node.step()
    verdicts = {one.traced.statement: one.verdict for one in node.journal.watched()}
    assert verdicts.pop(bad) is Verdict.UNKNOWN
    assert set(verdicts.values()) == {Verdict.AGREES}
