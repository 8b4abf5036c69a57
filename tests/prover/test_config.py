"""The configuration: every variable read once, bad values named, keys never passed on."""

import re
from pathlib import Path

import pytest

from avow.prover.config import as_environment, from_environment
from avow.prover.errors import ConfigurationError
from avow.prover.queues import WorkQueue


def test_defaults_lie_under_one_home() -> None:
    config = from_environment({"HOME": "/h", "XDG_DATA_HOME": "/data"})
    assert config.home == Path("/data/avow")
    assert config.database_url == "sqlite:////data/avow/avow.sqlite3"
    assert config.broker_url is None and not config.allow_unsafe_srs
    assert config.bundles == Path("/data/avow/bundles")
    assert from_environment({}).home == Path("~/.local/share/avow").expanduser()


def test_a_worker_hands_everything_on_but_keys() -> None:
    given = {
        "AVOW_HOME": "/x",
        "AVOW_DATABASE_URL": "postgresql://u:secret@h/d",
        "AVOW_BROKER_URL": "redis://:secret@h/0",
        "AVOW_PRIVATE_KEY": "0xdeadbeef",
        "AVOW_KEYSTORE": "/k",
        "AVOW_ALLOW_UNSAFE_SRS": "yes",
        "AVOW_MAX_ATTEMPTS": "7",
        "AVOW_PROVE_MEMORY_BYTES": str(2**31),
        "AVOW_NATIVE_BACKEND": "portable",
        "AVOW_BATCH_SIZE": "64",
        "AVOW_BATCH_WINDOW_MS": "250",
        "AVOW_BATCH_SECONDS": "30",
        "AVOW_DEVICE": "cpu",
        "PATH": "/bin",
    }
    config = from_environment(given)
    handed = as_environment(config, given)
    assert "AVOW_PRIVATE_KEY" not in handed and "AVOW_KEYSTORE" not in handed
    assert handed["PATH"] == "/bin"
    again = from_environment(handed)
    kept = ("home", "database_url", "broker_url", "max_attempts", "prove_memory", "native_backend")
    kept += ("batch_size", "batch_window_ms", "batch_seconds")
    assert all(getattr(again, name) == getattr(config, name) for name in kept)
    assert again.allow_unsafe_srs and again.private_key is None
    assert "secret" not in repr(config) and "deadbeef" not in repr(config)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AVOW_CONCURRENCY", "0", "a whole number from 1 to 256, got '0'"),
        ("AVOW_CONCURRENCY", "many", "a whole number from 1 to 256, got 'many'"),
        ("AVOW_PROVE_SECONDS", "1.5", "a whole number from 1 to 604800, got '1.5'"),
        ("AVOW_PROVE_MEMORY_BYTES", "1", "a whole number from 67108864"),
        ("AVOW_BATCH_SIZE", "0", "a whole number from 1 to 1024, got '0'"),
        ("AVOW_BATCH_WINDOW_MS", "-1", "a whole number from 0 to 600000, got '-1'"),
        ("AVOW_BROKER_URL", "amqp://u:secret@h", "redis.*, got amqp://$"),
        ("AVOW_BROKER_URL", "localhost:6379", "redis.*, got no scheme$"),
        ("AVOW_ALLOW_UNSAFE_SRS", "perhaps", "expected 1 or 0, got 'perhaps'"),
        ("AVOW_QUEUES", "infer,prov", "some of infer, prove, large, each once, got 'infer,prov'"),
        ("AVOW_QUEUES", "infer,infer", "each once, got 'infer,infer'"),
        ("AVOW_METRICS", "9464", "IP-ADDRESS:PORT, got '9464'"),
        ("AVOW_METRICS", "localhost:9464", "IP-ADDRESS:PORT"),
        ("AVOW_METRICS", "127.0.0.1:65536", "IP-ADDRESS:PORT"),
        ("AVOW_LOG_FORMAT", "xml", "expected plain, json, got 'xml'"),
        ("AVOW_LOG_LEVEL", "loud", "expected debug, info, warning, error, got 'loud'"),
        ("AVOW_API_PRIORITY", "10", "a whole number from 0 to 9, got '10'"),
        ("AVOW_API_CONNECTIONS", "1", "a whole number from 2"),
        ("AVOW_API_PROXIES", "proxy.example", "addresses and networks with commas, got 'proxy"),
        ("AVOW_API_PROXIES", "10.0.0.1/8", "addresses and networks"),
        ("AVOW_API_PROXIES", "*", "addresses and networks"),
        ("AVOW_NATIVE_BACKEND", "gpu", "expected portable, mulx, ifma, got 'gpu'"),
    ],
)
def test_bad_values_are_named(name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: .*{message}"):
        from_environment({name: value})


def test_what_the_api_may_be_made_to_hold() -> None:
    usual = from_environment({}).api
    assert (usual.connections, usual.head_seconds, usual.body_seconds) == (200, 10, 30)
    assert (usual.jobs, usual.streams, usual.priority, usual.proxies) == (1000, 20, 5, ())
    given = {"AVOW_API_PROXIES": "127.0.0.1, ::1,10.0.0.0/8", "AVOW_API_JOBS": "7"}
    own = from_environment(given | {"AVOW_API_HEAD_SECONDS": "3"}).api
    assert own.proxies == ("127.0.0.1", "::1", "10.0.0.0/8")
    assert (own.jobs, own.head_seconds) == (7, 3)


def test_the_reference_has_every_variable() -> None:
    root = Path(__file__).resolve().parents[2]
    source = "".join(
        path.read_text("utf-8")
        for room in ("verifier", "models", "circuits", "prover", "api")
        for path in (root / room).rglob("*.py")
        if "__pycache__" not in path.parts
    )
    # Between a worker and the processes that it starts.
    internal = {"AVOW_WORKER_ID", "AVOW_READY_FD", "AVOW_ENCLAVE_SOCKET"}
    used = set(re.findall(r'"(AVOW_[A-Z_0-9]+)"', source)) - internal
    page = (root / "docs" / "reference" / "configuration.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `AVOW_")]
    assert {
        name for line in rows for name in re.findall(r"`(AVOW_[A-Z_0-9]+)`", line.split("|")[1])
    } == used


def test_queues_and_where_a_proof_waits() -> None:
    plain = from_environment({})
    assert plain.queues == (WorkQueue.INFER, WorkQueue.PROVE)
    assert plain.queue_of(2**50) is WorkQueue.PROVE
    large = from_environment({"AVOW_LARGE_PROOF_BYTES": "1000", "AVOW_LARGE_CONCURRENCY": "3"})
    assert large.queues == tuple(WorkQueue)
    assert large.queue_of(1000) is WorkQueue.PROVE and large.queue_of(1001) is WorkQueue.LARGE
    assert large.concurrency_of(WorkQueue.LARGE) == 3
    some = from_environment({"AVOW_QUEUES": "large, infer", "AVOW_METRICS": "[::1]:9464"})
    assert some.queues == (WorkQueue.INFER, WorkQueue.LARGE) and some.metrics == ("::1", 9464)
    handed = from_environment(as_environment(some, {}))
    # Its port is the worker's own.
    assert handed.queues == some.queues and handed.metrics is None
