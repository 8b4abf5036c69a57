"""Logs: one line per event in either format, the ids in each, nothing that is secret."""

import io
import json
import logging
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from avow.prover.attempt import Outcome, attempt
from avow.prover.broker import _server
from avow.prover.config import Config, from_environment
from avow.prover.inference import infer
from avow.prover.logs import JsonLines, PlainLines, about, set_up_logging
from avow.prover.outbox import Task
from avow.prover.systems.system import Tick
from avow.verifier.lifecycle import JobState
from tests.prover.processes import RealWorker, until
from tests.prover.tiny import Shop, request

# Inputs and their sum, as text that no time, number of a process or digest would hold.
INPUTS = (311, 307, 313, 317)
# Inputs in a row, as lists and arrays are written; random ids may hold the digits of both.
MARKED = re.compile(r"311(,| |, )307|\[1248\]|marked-[a-z]+")


class Lines:
    """A logger of its own that writes to memory in one format."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter)
        self.log = logging.Logger("avow.test")
        self.log.addHandler(handler)

    @property
    def last(self) -> str:
        """The last line, which must be a whole one."""
        text = self.stream.getvalue()
        assert text.endswith("\n")
        return text.splitlines()[-1]


@pytest.fixture(params=[PlainLines, JsonLines])
def lines(request: pytest.FixtureRequest) -> Lines:
    """Lines in each format."""
    return Lines(request.param())


def test_ids_are_in_every_line(lines: Lines) -> None:
    with about(job="j1", order="", request="r1"):
        with about(job="j2"):
            lines.log.info("inner")
            inner = lines.last
        lines.log.info("outer")
        outer = lines.last
    lines.log.info("nothing")
    if inner.startswith("{"):
        value = json.loads(inner)
        assert (value["job"], value["request"], value["message"]) == ("j2", "r1", "inner")
        assert value["level"] == "info" and value["time"].endswith("Z") and "order" not in value
        assert json.loads(outer)["job"] == "j1"
    else:
        assert inner.endswith(" request=r1 inner") and " job=j2 " in inner
        assert outer.endswith(" job=j1 request=r1 outer") and " level=INFO logger=avow" in outer
    assert "j1" not in lines.last


def test_an_event_is_one_line(lines: Lines) -> None:
    lines.log.warning("first\nsecond %s", "third\r\nfourth")
    assert "first second third fourth" in lines.last
    assert len(lines.stream.getvalue().splitlines()) == 1


def test_credentials_are_blotted_out(lines: Lines) -> None:
    for address in ("redis://:marked-a@h:1/0", "postgresql://u:marked-b@h/d", "https://marked-c@h"):
        lines.log.error("cannot reach %s now", address)
        assert not MARKED.search(lines.last) and "://***@h" in lines.last


def test_an_exception_is_its_type_and_place(lines: Lines) -> None:
    try:
        raise ValueError(f"cannot use {INPUTS}")
    except ValueError:
        lines.log.exception("internal error")
    assert not MARKED.search(lines.last)
    assert "ValueError" in lines.last and "test_logs.py:" in lines.last
    try:
        raise FileNotFoundError(2, "No such file", "/srv/x")
    except OSError:
        lines.log.exception("internal error")
    assert "No such file" in lines.last
    assert len(lines.stream.getvalue().splitlines()) == 2


def test_setting_up_twice_writes_once(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    stream = io.StringIO()
    try:
        for form in ("plain", "json"):
            set_up_logging(replace(config, log_format=form, log_level="warning"), stream)
        logging.getLogger("avow.x").info("not wanted")
        logging.getLogger("avow.x").warning("wanted")
        logging.getLogger("httpx").info("GET http://h/secret")
    finally:
        root.setLevel(level)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["message"] == "wanted"


def test_a_defect_tells_nothing_of_the_input(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_tick: Tick) -> None:
        raise ValueError(f"cannot use {INPUTS}")

    shop.system.on_answer = fails
    job = shop.queue.submit(request(*INPUTS))
    lines = Lines(JsonLines())
    (handler,) = lines.log.handlers
    log = logging.getLogger("avow.prover")
    log.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO):
            assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.AGAIN
    finally:
        log.removeHandler(handler)
    found = [json.loads(line) for line in lines.stream.getvalue().splitlines()]
    assert [line["job"] for line in found] == [job.id, job.id]
    assert found[0]["error"]["type"] == "ValueError" and "text" not in found[0]["error"]
    assert not MARKED.search(lines.stream.getvalue())


@pytest.fixture
def locked_redis(free_port: int, tmp_path: Path) -> Iterator[str]:
    """The address of a Redis that asks for a password."""
    process = subprocess.Popen(
        [
            *(_server(), "--bind", "127.0.0.1", "--port", str(free_port), "--save", ""),
            *("--dir", str(tmp_path), "--requirepass", "marked-broker"),
        ],
        stdout=subprocess.DEVNULL,
    )
    yield f"redis://:marked-broker@127.0.0.1:{free_port}/0"
    process.terminate()
    process.wait()


@pytest.mark.parametrize("form", ["plain", "json"])
def test_no_secret_is_in_any_log_of_a_worker(
    tmp_path: Path, locked_redis: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("AVOW_PRIVATE_KEY", "marked-key")
    config = from_environment(
        {
            "AVOW_HOME": str(home),
            "AVOW_BROKER_URL": locked_redis,
            "AVOW_LOG_FORMAT": form,
            "AVOW_LOG_LEVEL": "debug",
            "AVOW_LEASE_SECONDS": "4",
        }
    )
    worker = RealWorker(config)
    queue, database = worker.open_queue()
    try:
        worker.start()
        job = queue.submit(request(*INPUTS))
        worker.wait_for(queue, job.id, JobState.PROVEN, 120)
        until(lambda: worker.stderr.count("outcome=done") == 2, 60, "both tasks are told")
        worker.stop()
    finally:
        worker.make_sure()
        database.close()
    logs = [path for path in home.rglob("*") if path.suffix in (".stderr", ".log")]
    logs.remove(worker.log)
    text = "".join(path.read_text() for path in logs)
    assert job.id in text and not MARKED.search(text), text
    told = [line for line in worker.stderr.splitlines() if "outcome=done" in line]
    if form == "json":
        for line in worker.stderr.splitlines():
            assert line.startswith("{") and isinstance(json.loads(line), dict), worker.stderr
        assert {json.loads(line)["job"] for line in told} == {job.id}
    else:
        assert all(f" job={job.id} " in line for line in told)
    assert "AVOW_PRIVATE_KEY" in os.environ
