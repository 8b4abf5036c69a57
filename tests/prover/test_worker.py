"""Real workers, real brokers, real signals: nothing lost, nothing twice, nothing left behind."""

import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from avow.prover.config import Config, from_environment
from avow.prover.database import open_database
from avow.prover.queue import Queue, now_ms
from avow.prover.tables import JobRow, OutboxRow
from avow.verifier.lifecycle import JobState
from tests.prover.conftest import postgres_schema
from tests.prover.processes import RealWorker, until
from tests.prover.tiny import request

LEASE = {"AVOW_LEASE_SECONDS": "4"}


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealWorker]:
    """A worker that is not started yet; whatever a test leaves is killed by its number."""
    worker = RealWorker(from_environment({"AVOW_HOME": str(tmp_path / "home"), **LEASE}))
    yield worker
    worker.make_sure()


@pytest.fixture
def queue(real: RealWorker) -> Iterator[Queue]:
    """The queue beside the worker."""
    found, database = real.open_queue()
    yield found
    database.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorker]:
    """A worker that several tests use, stopped at the end as one should be."""
    home = tmp_path_factory.mktemp("running") / "home"
    worker = RealWorker(from_environment({"AVOW_HOME": str(home), **LEASE})).start()
    yield worker
    try:
        assert worker.stop() == 0
        assert "Traceback" not in worker.stderr
    finally:
        worker.make_sure()


@pytest.fixture
def its_queue(running: RealWorker) -> Iterator[Queue]:
    """The queue beside the running worker."""
    found, database = running.open_queue()
    yield found
    database.close()


def test_jobs_are_proven(running: RealWorker, its_queue: Queue) -> None:
    jobs = [its_queue.submit(request(10, value, 0, 0)) for value in range(5)]
    for job in jobs:
        proven = running.wait_for(its_queue, job.id, JobState.PROVEN, 120)
        assert proven.preview is not None and "unavailable" in proven.preview
    assert len(running.events("end", 10)) == 5


def test_cancel_ends_the_child_within_a_second(running: RealWorker, its_queue: Queue) -> None:
    job = its_queue.submit(request(-301, 0, 0, 0))
    until(lambda: bool(running.named("sleep 301")), 60, "the proof has begun")
    its_queue.cancel(job.id)
    until(lambda: not running.named("sleep 301"), 60, "the child has ended")
    assert its_queue.status(job.id).state is JobState.CANCELLED


def test_a_killed_pool_process_costs_no_job(running: RealWorker, its_queue: Queue) -> None:
    job = its_queue.submit(request(-300, 0, 0, 0))
    until(lambda: bool(running.named("sleep 300")), 60, "the proof has begun")
    running.kill_prover(-300)
    proven = running.finish(its_queue, job.id, "sleep 300")
    assert len(running.events("begin", -300)) == 2
    assert len(running.events("end", -300)) == 1
    assert proven.evidence[0].bundle is not None


def test_a_killed_broker_comes_back(running: RealWorker, its_queue: Queue) -> None:
    (broker,) = running.named("redis-server")
    broker.kill()
    job = its_queue.submit(request(20, 0, 0, 0))
    running.wait_for(its_queue, job.id, JobState.PROVEN, 120)
    assert len(running.events("end", 20)) == 1


def test_a_labourer_that_takes_nothing_is_ended(running: RealWorker, its_queue: Queue) -> None:
    assert running.process is not None
    (labourer,) = (
        process
        for process in running.named("tiny_labourer.py infer")
        if process.ppid() == running.process.pid
    )
    labourer.suspend()
    job = its_queue.submit(request(60, 0, 0, 0))
    running.wait_for(its_queue, job.id, JobState.PROVEN, 120)
    assert not labourer.is_running()
    assert re.search(r"infer labourer took none of \d messages for 16 s", running.stderr)
    assert len(running.events("end", 60)) == 1


def test_a_batch_survives_a_kill_and_a_cancellation(real: RealWorker, queue: Queue) -> None:
    real.variables = {"TINY_SIZES": "1,2,4,8"}
    # However long a proof takes on a busy machine, they share one.
    real.config = replace(real.config, batch_seconds=3600)
    real.start()
    real.wait_for(queue, queue.submit(request(40, 0, 0, 0)).id, JobState.PROVEN, 120)
    # They wait behind another proof, and then share one.
    before = queue.submit(request(-305, 0, 0, 0))
    until(lambda: bool(real.named("sleep 305")), 60, "the proof before them has begun")
    jobs = [queue.submit(request(41, -303, value, 0)) for value in range(4)]
    for job in jobs:
        real.wait_for(queue, job.id, JobState.ANSWERED, 60)
    real.finish(queue, before.id, "sleep 305")
    until(lambda: bool(real.named("sleep 303")), 60, "the batch has begun")
    assert [queue.status(job.id).state for job in jobs] == [JobState.PROVING] * 4
    assert real.events("begin batch", 41)[0]["values"] == [41, 4]
    queue.cancel(jobs[1].id)
    real.kill_prover(41, "begin batch")
    # What was interrupted is proven alone, at once.
    for job in (jobs[0], *jobs[2:]):
        real.wait_for(queue, job.id, JobState.PROVEN, 120)
    assert queue.status(jobs[1].id).state is JobState.CANCELLED
    assert len(real.events("end", 41)) == 3
    # All of a batch cancelled: its child ends within a second.
    before = queue.submit(request(-305, 1, 0, 0))
    until(lambda: bool(real.named("sleep 305")), 60, "the proof before them has begun")
    jobs = [queue.submit(request(42, -304, value, 0)) for value in range(3)]
    for job in jobs:
        real.wait_for(queue, job.id, JobState.ANSWERED, 60)
    real.finish(queue, before.id, "sleep 305")
    until(lambda: bool(real.named("sleep 304")), 60, "the batch has begun")
    for job in jobs:
        queue.cancel(job.id)
    until(lambda: not real.named("sleep 304"), 60, "the child has ended")
    real.stop()


def test_another_worker_takes_over_and_ctrl_c_gives_work_back(
    real: RealWorker, queue: Queue
) -> None:
    second = RealWorker(real.config, name="second")
    try:
        real.start()
        second.start()
        assert not second.named("redis-server")
        jobs = [queue.submit(request(-306, value, 0, 0)) for value in range(3)]
        until(lambda: bool(real.named("sleep 306")), 90, "the first worker has begun a proof")
        real.stop(signal.SIGKILL)
        for job in jobs:
            second.finish(queue, job.id, "sleep 306")
        assert second.named("redis-server")
        assert len(second.events("end", -306)) == 3
        assert len(second.events("begin", -306)) > 3
        job = queue.submit(request(-302, 0, 0, 0))
        until(lambda: bool(second.named("sleep 302")), 60, "the proof has begun")
        assert second.stop(signal.SIGINT) == 0
        given_back = queue.status(job.id)
        assert given_back.state is JobState.ANSWERED
        assert "the worker stopped" in given_back.reason
    finally:
        second.make_sure()


def test_a_redis_and_a_postgresql_of_ones_own(
    real: RealWorker, require_service: Callable[[str], str]
) -> None:
    schema = postgres_schema(require_service("AVOW_TEST_POSTGRES_URL"))
    address = require_service("AVOW_TEST_REDIS_URL")
    real.config = replace(real.config, database_url=next(schema), broker_url=address)
    queue, database = real.open_queue()
    real.start()
    job = queue.submit(request())
    real.wait_for(queue, job.id, JobState.PROVEN, 120)
    real.stop()
    database.close()
    assert not real.config.broker_folder.exists()
    for _ in schema:
        pass


def test_without_a_broker_jobs_wait_and_what_it_lost_is_asked_for_again(
    real: RealWorker, queue: Queue, free_port: int
) -> None:
    config: Config = replace(real.config, broker_url=f"redis://127.0.0.1:{free_port}/0")
    down = RealWorker(config)
    down.start(wait=False)
    job = queue.submit(request())
    until(lambda: "cannot be reached, jobs wait" in down.stderr, 60, "the broker's absence is told")
    assert queue.status(job.id).state is JobState.QUEUED
    down.stop()
    assert "Traceback" not in down.stderr
    lost = queue.submit(request())
    database = open_database(real.config.database_url)
    before = now_ms() - 60_000
    with database.write() as session:
        its_message = update(OutboxRow).where(OutboxRow.job_id == lost.id)
        session.execute(its_message.values(sent_at=before))
        session.execute(update(JobRow).where(JobRow.id == lost.id).values(updated_at=before))
    database.close()
    real.start()
    real.wait_for(queue, job.id, JobState.PROVEN, 120)
    proven = real.wait_for(queue, lost.id, JobState.PROVEN, 120)
    assert any("asked for again: no worker took it" in step.reason for step in proven.history)
    assert real.stop() == 0
