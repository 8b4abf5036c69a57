"""Workers that serve different queues, in one home and as on machines that share only servers."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from avow.prover.config import Config, from_environment
from avow.prover.database import open_database
from avow.prover.queue import Queue
from avow.prover.stores.address import open_store
from avow.verifier.lifecycle import JobState
from tests.prover.conftest import postgres_schema
from tests.prover.processes import RealWorker
from tests.prover.tiny import RECORD, TinyCatalogue, request

# Requests with these first values are predicted to need little memory, or much.
SMALL, LARGE = 50, 51


@pytest.fixture(params=["embedded", "servers"])
def machines(
    request: pytest.FixtureRequest, tmp_path: Path, require_service: Callable[[str], str]
) -> Iterator[tuple[Config, Config]]:
    """What two machines are told: a home that they share, or servers and a store of bundles."""
    common = {"AVOW_LEASE_SECONDS": "4", "AVOW_LOG_FORMAT": "json"}
    if request.param == "embedded":
        config = from_environment({**common, "AVOW_HOME": str(tmp_path / "home")})
        yield config, config
        return
    schema = postgres_schema(require_service("AVOW_TEST_POSTGRES_URL"))
    broker = require_service("AVOW_TEST_REDIS_URL").rpartition("/")[0] + "/7"
    common |= {
        "AVOW_DATABASE_URL": next(schema),
        "AVOW_BROKER_URL": broker,
        "AVOW_BUNDLES": str(tmp_path / "bundles"),
    }
    first, second = (
        from_environment({**common, "AVOW_HOME": str(tmp_path / name)}) for name in ("one", "two")
    )
    yield first, second
    for _ in schema:
        pass


def test_each_queue_is_served_by_who_says_so(
    machines: tuple[Config, Config], free_port: int
) -> None:
    one, two = machines
    answers = RealWorker(one, name="answers", variables={"AVOW_QUEUES": "infer"})
    proofs = RealWorker(two, name="proofs", variables={"AVOW_QUEUES": "prove"})
    metrics = {"AVOW_METRICS": f"127.0.0.1:{free_port}"}
    large = RealWorker(two, name="large", variables={"AVOW_QUEUES": "large", **metrics})
    workers = (answers, proofs, large)
    database = open_database(one.database_url)
    store = open_store(one)
    small_queue = Queue(one, database, TinyCatalogue(), store)
    limit = RECORD.proving_memory_bytes - 1
    large_queue = Queue(replace(one, large_proof=limit), database, TinyCatalogue(), store)
    try:
        answers.start()
        first = small_queue.submit(request(SMALL, 0, 0, 0))
        second = large_queue.submit(request(LARGE, 0, 0, 0))
        for job in (first, second):
            answers.wait_for(small_queue, job.id, JobState.ANSWERED, 120)
        proofs.start()
        proofs.wait_for(small_queue, first.id, JobState.PROVEN, 120)
        # Nobody serves its queue yet.
        assert small_queue.status(second.id).state is JobState.ANSWERED
        large.start()
        large.wait_for(small_queue, second.id, JobState.PROVEN, 120)
        assert all(b'"seal"' in small_queue.bundle(job.id) for job in (first, second))
        text = httpx.get(f"http://127.0.0.1:{free_port}/metrics", timeout=60).text
        assert 'avow_worker_labourers{queue="large"} 1.0' in text
        assert 'queue="prove"' not in text and "avow_worker_broker_up 1.0" in text
        done = {
            worker.name: {
                task for task in ("infer", "prove") if f"task={task} outcome=done" in worker.stderr
            }
            for worker in workers
        }
        assert done == {"answers": {"infer"}, "proofs": {"prove"}, "large": {"prove"}}
        for worker in reversed(workers):
            worker.stop()
            assert "Traceback" not in worker.stderr
    finally:
        for worker in workers:
            worker.make_sure()
        database.close()
