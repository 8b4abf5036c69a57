"""Real workers, real brokers, real signals: nothing lost, nothing twice, nothing left behind."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from avow.prover.config import Config, from_environment
from avow.prover.queue import Queue
from avow.verifier.lifecycle import JobState
from tests.prover.conftest import postgres_schema
from tests.prover.processes import RealWorker, until
from tests.prover.tiny import request


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealWorker]:
    """A worker that is not started yet; whatever a test leaves is killed by its number."""
    config = from_environment({"AVOW_HOME": str(tmp_path / "home"), "AVOW_LEASE_SECONDS": "4"})
    worker = RealWorker(config)
    yield worker
    if worker.process is not None and worker.process.poll() is None:
        worker.stop(signal.SIGKILL)


@pytest.fixture
def queue(real: RealWorker) -> Iterator[Queue]:
    """The queue beside the worker."""
    found, database = real.open_queue()
    yield found
    database.close()


def test_jobs_are_proven_and_nothing_is_left(real: RealWorker, queue: Queue) -> None:
    early = queue.submit(request(1, 1, 1, 1))
    real.start()
    late = [queue.submit(request(value, 0, 0, 0)) for value in range(5)]
    for job in (early, *late):
        real.wait_for(queue, job.id, JobState.PROVEN, 30)
    assert len(real.events("end")) == 6
    assert real.stop() == 0
    assert "Traceback" not in real.stderr


def test_ctrl_c_gives_work_back(real: RealWorker, queue: Queue) -> None:
    real.seconds = 300
    real.start()
    job = queue.submit(request())
    until(lambda: bool(real.named("sleep 300")), 30, "the proof has begun")
    assert real.stop(signal.SIGINT) == 0
    given_back = queue.status(job.id)
    assert given_back.state is JobState.ANSWERED
    assert "the worker stopped" in given_back.reason
    real.seconds = 0
    real.start()
    real.wait_for(queue, job.id, JobState.PROVEN, 30)
    assert len(real.events("end")) == 1
    real.stop()


def test_cancel_ends_the_child_within_a_second(real: RealWorker, queue: Queue) -> None:
    real.seconds = 300
    real.start()
    job = queue.submit(request())
    until(lambda: bool(real.named("sleep 300")), 30, "the proof has begun")
    queue.cancel(job.id)
    until(lambda: not real.named("sleep 300"), 1, "the child has ended")
    real.seconds = 0
    assert queue.status(job.id).state is JobState.CANCELLED
    real.stop()


def test_a_killed_pool_process_costs_no_job(real: RealWorker, queue: Queue) -> None:
    real.seconds = 3
    real.start()
    job = queue.submit(request())
    until(lambda: bool(real.events("begin")), 30, "the proof has begun")
    os.kill(int(str(real.events("begin")[0]["pid"])), signal.SIGKILL)
    proven = real.wait_for(queue, job.id, JobState.PROVEN, 40)
    assert len(real.events("end")) == 1
    assert proven.evidence[0].bundle is not None
    real.stop()


def test_a_killed_worker_leaves_nothing_and_loses_nothing(real: RealWorker, queue: Queue) -> None:
    real.seconds = 300
    real.start()
    jobs = [queue.submit(request(value, 0, 0, 0)) for value in range(3)]
    until(lambda: bool(real.named("sleep 300")), 30, "a proof has begun")
    real.stop(signal.SIGKILL)
    real.seconds = 0
    real.start()
    for job in jobs:
        real.wait_for(queue, job.id, JobState.PROVEN, 40)
    assert len(real.events("end")) == 3
    real.stop()


def test_a_dead_broker_comes_back(real: RealWorker, queue: Queue) -> None:
    real.start()
    (broker,) = real.named("redis-server")
    broker.kill()
    job = queue.submit(request())
    real.wait_for(queue, job.id, JobState.PROVEN, 40)
    real.stop()
    assert "Traceback" not in real.stderr


def test_two_workers_share_one_home(real: RealWorker, queue: Queue) -> None:
    real.start()
    second = RealWorker(real.config, seconds=0)
    second.start()
    assert not second.named("redis-server")
    real.stop(signal.SIGKILL)
    job = queue.submit(request())
    second.wait_for(queue, job.id, JobState.PROVEN, 40)
    assert second.named("redis-server")
    second.stop()


def test_a_redis_of_ones_own(
    tmp_path: Path, real: RealWorker, require_service: Callable[[str], str]
) -> None:
    address = require_service("AVOW_TEST_REDIS_URL")
    real.config = replace(real.config, broker_url=address)
    _prove_one(real)
    assert not real.config.broker_folder.exists()


def test_jobs_in_postgresql(real: RealWorker, require_service: Callable[[str], str]) -> None:
    schema = postgres_schema(require_service("AVOW_TEST_POSTGRES_URL"))
    real.config = replace(real.config, database_url=next(schema))
    _prove_one(real)
    for _ in schema:
        pass


def test_an_unreachable_broker_is_one_line_and_the_job_waits(
    real: RealWorker, queue: Queue, free_port: int
) -> None:
    config: Config = replace(real.config, broker_url=f"redis://127.0.0.1:{free_port}/0")
    down = RealWorker(config)
    down.start(wait=False)
    job = queue.submit(request())
    until(lambda: "cannot be reached" in down.stderr, 30, "the broker's absence is told")
    assert queue.status(job.id).state is JobState.QUEUED
    down.stop()
    assert "Traceback" not in down.stderr
    real.start()
    real.wait_for(queue, job.id, JobState.PROVEN, 40)
    real.stop()


def _prove_one(real: RealWorker) -> None:
    queue, database = real.open_queue()
    real.start()
    job = queue.submit(request())
    real.wait_for(queue, job.id, JobState.PROVEN, 30)
    real.stop()
    database.close()
