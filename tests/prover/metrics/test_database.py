"""Figures out of the database: right for every kind of database and any number of processes."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from avow.prover.attempt import attempt
from avow.prover.inference import infer
from avow.prover.metrics.jobs import JobFigures
from avow.prover.metrics.names import FROM_DATABASE, OBSERVED, PROOF_BYTES, PROVING_SECONDS
from avow.prover.metrics.observations import observe
from avow.prover.outbox import Task
from avow.prover.proving import prove
from tests.prover.tiny import Shop, request


def scraped(shop: Shop) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample of one scrape by its name and labels, as Prometheus would read it."""
    registry = CollectorRegistry()
    registry.register(JobFigures(shop.database, shop.clock))
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_jobs_and_queues(any_shop: Shop) -> None:
    shop = any_shop
    empty = scraped(shop)
    assert empty["avow_jobs", ("queued",)] == 0 == empty["avow_queue_age_seconds", ("infer",)]
    jobs = [shop.queue.submit(request(1, 2, 3, at)) for at in range(3)]
    shop.clock.now += 2500
    found = scraped(shop)
    assert found["avow_jobs", ("queued",)] == 3 == found["avow_queue_jobs", ("infer",)]
    assert found["avow_queue_age_seconds", ("infer",)] == 2.5
    assert found["avow_outbox_messages", ()] == 3
    attempt(shop.bench(), jobs[0].id, 0, Task.INFER, infer)
    attempt(shop.bench(), jobs[1].id, 0, Task.INFER, infer)
    attempt(shop.bench(), jobs[1].id, 0, Task.PROVE, prove)
    shop.queue.cancel(jobs[2].id)
    shop.clock.now += 1000
    found = scraped(shop)
    states = {"answered": 1, "proven": 1, "cancelled": 1, "queued": 0}
    assert {state: found["avow_jobs", (state,)] for state in states} == states
    assert found["avow_queue_jobs", ("prove",)] == 1
    assert found["avow_queue_age_seconds", ("prove",)] == 1
    assert found["avow_legs", ("delivered",)] == 1
    assert found["avow_inference_seconds_count", ("tiny/v1",)] == 2
    assert found["avow_proving_seconds_count", ("tiny/v1",)] == 1
    assert found["avow_verifying_seconds_count", ("tiny/v1",)] == 1
    size = len(shop.queue.bundle(jobs[1].id))
    assert found["avow_proof_bytes_sum", ("tiny/v1",)] == size
    assert found["avow_database_up", ()] == 1


def test_a_proof_of_several_answers_is_counted_once(shop: Shop) -> None:
    shop.system.sizes = (1, 2, 4)
    first = shop.queue.submit(request())
    attempt(shop.bench(), first.id, 0, Task.INFER, infer)
    attempt(shop.bench(), first.id, 0, Task.PROVE, prove)
    jobs = [shop.queue.submit(request(1, 2, 3, at)) for at in range(4)]
    for job in jobs:
        attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    attempt(shop.bench(), jobs[0].id, 0, Task.PROVE, prove)
    found = scraped(shop)
    assert found["avow_jobs", ("proven",)] == 5
    assert found["avow_proving_seconds_count", ("tiny/v1",)] == 2
    assert found["avow_proof_bytes_count", ("tiny/v1",)] == 5


def test_histograms_add_up_over_processes(any_shop: Shop) -> None:
    for value in (0.001, 0.02, 7, 7, 1e9):
        with any_shop.database.write() as session:
            observe(session, PROVING_SECONDS, "a/v1", value)
            observe(session, PROOF_BYTES, "a/v1", value)
    found = scraped(any_shop)
    name = "avow_proving_seconds_bucket"
    bounds = {0.005: 1, 0.02: 2, 5.0: 2, 10.0: 4, float("inf"): 5}
    counts = {
        float(key[1][0]): value
        for key, value in found.items()
        if key[0] == name and key[1][1] == "a/v1"
    }
    assert {bound: counts[bound] for bound in bounds} == bounds
    assert found["avow_proving_seconds_sum", ("a/v1",)] == 1e9 + 14.021
    assert len(counts) == len(PROVING_SECONDS.bounds) + 1


def test_what_the_database_gives_is_what_is_named(shop: Shop) -> None:
    names = [family.name for family in JobFigures(shop.database).collect()]
    assert sorted(names) == sorted(metric.name for metric in (*FROM_DATABASE, *OBSERVED))


def test_a_database_that_is_away_is_shown_as_such(shop: Shop) -> None:
    with shop.database.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE evidence")
        connection.commit()
    assert scraped(shop) == {("avow_database_up", ()): 0}
