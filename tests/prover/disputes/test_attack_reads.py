"""How much a node asks the chain about claims that are none of its duty."""

import pytest

from avow.prover.database import Database
from avow.prover.disputes.guard import Guard
from avow.verifier.chain.client import Block
from avow.verifier.chain.signer import development_signer
from avow.verifier.chain.watch_records import StoredValidator, Watching, WatchParameters
from tests.prover.disputes.test_attack_guard import SEEDS, SimulatedWatch, wrong


class CountedWatch(SimulatedWatch):
    """Nobody is on duty; every question is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters = WatchParameters(duty_bps=0)
        self.asked = 0
        self.chain.block = self._block

    def _block(self, number: int) -> Block:
        self.asked += 1
        return self.head(1)

    def validator(self, account: bytes) -> StoredValidator:
        self.asked += 1
        return super().validator(account)

    def watching(self, account: bytes, model_key: bytes) -> Watching:
        self.asked += 1
        return super().watching(account, model_key)


@pytest.fixture
def database(new_database: Database) -> Database:
    return new_database


def test_attack_claims_that_are_no_duty_are_asked_about_once(database: Database) -> None:
    """Every step asks again, three times each: a thousand claims are three thousand questions,
    one after another, before the next move of a dispute."""
    watch = CountedWatch()
    guard = Guard(watch, development_signer(0), database, SEEDS)  # type: ignore[arg-type]
    claims = [wrong(at) for at in range(50)]
    assert not any(guard.looks_at(claim) for claim in claims)
    before = watch.asked
    assert not any(guard.looks_at(claim) for claim in claims)
    assert watch.asked - before <= 3
