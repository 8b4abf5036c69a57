"""The audit of a chaos run sees what is lost and what happened twice, each by itself."""

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import update

from avow.prover.attempt import attempt
from avow.prover.config import from_environment
from avow.prover.database import open_database
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.tables import EvidenceRow, JobRow, ProofRow, TransitionRow
from tests.chaos import collect
from tests.chaos.audit import Found, Seen, judge
from tests.prover.tiny import Shop, request

FREE = Seen("j1", "k1", "", "proven")
PAID = Seen("j2", "", "0xaa", "settled", payments=1)
GOOD = Found({"k1": "j1"}, ("0xaa",), (FREE, PAID), ("0xaa",), 10, 10)


def test_an_honest_record_is_whole() -> None:
    audit = judge(GOOD)
    assert (audit.lost, audit.doubled) == ([], [])
    assert audit.line(7) == "kills 7, jobs 2, lost 0, doubled 0"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (replace(GOOD, jobs=(PAID,)), "k1: the API accepted it, there is no such job"),
        (replace(GOOD, accepted={"k1": "other"}), "k1: the API accepted it, there is no such job"),
        (replace(GOOD, jobs=(replace(FREE, state="failed"), PAID)), "k1: job j1 is failed"),
        (replace(GOOD, jobs=(replace(FREE, state="answered"), PAID)), "k1: job j1 is answered"),
        (replace(GOOD, jobs=(replace(FREE, verified=False), PAID)), "verified: False"),
        (replace(GOOD, jobs=(replace(FREE, unmatched=(1,)), PAID)), "j1: leg 1 is proven, or has"),
        (replace(GOOD, settlements=(), spent=0), "order 0xaa was not settled: its job is settled"),
        (replace(GOOD, jobs=(FREE,)), "order 0xaa was settled, its job does not say so: None"),
        (replace(GOOD, jobs=(FREE, replace(PAID, state="proven"))), "its job does not say so"),
        (replace(GOOD, jobs=(FREE, replace(PAID, payments=0))), "its job does not say so"),
        (replace(GOOD, jobs=(FREE, replace(PAID, verified=False))), "its job does not say so"),
    ],
)
def test_what_is_lost_is_told(broken: Found, says: str) -> None:
    audit = judge(broken)
    assert len(audit.lost) == 1 and says in audit.lost[0]
    assert audit.doubled == []
    assert audit.line(1) == "kills 1, jobs 2, lost 1, doubled 0"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (replace(GOOD, jobs=(FREE, replace(FREE, id="j3"), PAID)), "key k1: 2 times"),
        (replace(GOOD, jobs=(FREE, PAID, replace(PAID, id="j3"))), "order 0xaa: 2 times"),
        (replace(GOOD, settlements=("0xaa", "0xaa")), "settlement of 0xaa: 2 times"),
        (replace(GOOD, spent=20), "1 orders of 10 cost 20"),
        (replace(GOOD, jobs=(replace(FREE, answered=2), PAID)), "job j1 was answered 2 times"),
        (replace(GOOD, jobs=(replace(FREE, proven=2), PAID)), "job j1 was proven 2 times"),
        (replace(GOOD, jobs=(replace(FREE, recomputed=True), PAID)), "was computed again"),
    ],
)
def test_what_happened_twice_is_told(broken: Found, says: str) -> None:
    audit = judge(broken)
    assert len(audit.doubled) == 1 and says in audit.doubled[0]
    assert audit.lost == []
    assert audit.line(1) == "kills 1, jobs 2, lost 0, doubled 1"


def test_two_payment_marks_are_told() -> None:
    audit = judge(replace(GOOD, jobs=(FREE, replace(PAID, payments=2))))
    assert "job j2 has 2 payment marks" in audit.doubled
    assert audit.lost


def proven(tmp_path: Path) -> tuple[Shop, str]:
    """A shop with one proven job in its tables and its store."""
    config = from_environment({"AVOW_HOME": str(tmp_path)})
    shop = Shop(config, open_database(config.database_url))
    shop.clock.now = 1_000
    job = shop.queue.submit(request(client_key="k1"))
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    attempt(shop.bench(), job.id, 0, Task.PROVE, prove)
    return shop, job.id


def seen(shop: Shop) -> Seen:
    """The only job, as the collector sees it."""
    (found,) = collect.jobs(shop.config, shop.database, Random(0), 0)
    return found


def test_what_lies_in_the_tables_is_collected(tmp_path: Path) -> None:
    shop, job_id = proven(tmp_path)
    assert seen(shop) == Seen(job_id, "k1", "", "proven")
    with shop.database.write() as session:
        session.execute(update(JobRow).values(state="proving"))
        session.add_all(
            TransitionRow(job_id=job_id, from_state=came, to_state=to, reason="", at=2_000)
            for came, to in (("running", "answered"), ("proving", "proven"))
        )
    assert seen(shop) == Seen(job_id, "k1", "", "proving", answered=2, proven=2)
    shop.database.close()


def test_a_proof_older_than_the_attempt_that_noted_it_was_computed_again(tmp_path: Path) -> None:
    shop, _ = proven(tmp_path)
    (bundle,) = shop.config.bundles.glob("[0-9a-f]*")
    os.utime(bundle, ns=(0, 999 * 10**6))
    assert seen(shop).recomputed
    with shop.database.write() as session:
        # Taken up from the store: that is no second computation.
        session.execute(update(ProofRow).values(batch=0))
    assert not seen(shop).recomputed
    shop.database.close()


def test_a_leg_that_says_more_than_its_bundle_is_seen(tmp_path: Path) -> None:
    shop, _ = proven(tmp_path)
    assert seen(shop).unmatched == ()
    with shop.database.write() as session:
        session.execute(update(EvidenceRow).values(outcome="expired"))
    assert seen(shop).unmatched == (0,)
    shop.database.close()


def test_a_bundle_that_proves_nothing_is_seen(tmp_path: Path) -> None:
    shop, _ = proven(tmp_path)
    (found,) = collect.jobs(shop.config, shop.database, Random(0), 1)
    # The tiny system's seal convinces nobody but its own test.
    assert not found.verified
    shop.database.close()
