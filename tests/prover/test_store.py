"""The stores of bundles: whole objects or none, nothing overwritten, every refusal one line."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from avow.prover.attempt import Outcome, attempt
from avow.prover.casefile import open_case, statement_of
from avow.prover.config import from_environment
from avow.prover.errors import ConfigurationError, NotReady, TryAgain
from avow.prover.inference import infer
from avow.prover.job import Job
from avow.prover.leases import put_back, take
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.stores.address import Bucket, open_store, parse_address
from avow.prover.stores.folder import FolderStore
from avow.prover.stores.store import BundleStore, StoredAlready
from avow.verifier.bundle import parse_bundle
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import Shop, request

STATEMENT = bytes(range(32))
NAME = f"{STATEMENT.hex()}.avow.json"


@dataclass
class Place:
    """A store, and how to do to an object of it what a store itself never does."""

    store: BundleStore
    overwrite: Callable[[bytes], None]
    remove: Callable[[], None]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a small S3 server on the loopback interface."""
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any]:
    """The address of an empty bucket, and a client for it."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "their-secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    name = f"bundles-{os.urandom(6).hex()}"
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
    client.create_bucket(Bucket=name)
    return f"s3://{name}/kept/here?endpoint={s3_server}", client


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty store of each kind."""
    if request.param == "folder":
        path = tmp_path / "bundles" / NAME

        def overwrite(data: bytes) -> None:
            path.write_bytes(data)
            # Later by more than file systems tell apart.
            later = path.stat().st_mtime_ns + 10**9
            os.utime(path, ns=(later, later))

        return Place(FolderStore(tmp_path / "bundles"), overwrite, path.unlink)
    address, client = request.getfixturevalue("bucket")
    parsed = parse_address(address)
    assert isinstance(parsed, Bucket)
    where = {"Bucket": parsed.name, "Key": f"{parsed.prefix}{NAME}"}
    config = from_environment({"AVOW_HOME": str(tmp_path), "AVOW_BUNDLES": address})
    return Place(
        open_store(config),
        lambda data: client.put_object(**where, Body=data),
        lambda: client.delete_object(**where),
    )


def test_a_bundle_is_published_once(place: Place) -> None:
    store = place.store
    assert store.find(STATEMENT) is None
    first = store.publish(store.draft(b"first"), STATEMENT)
    assert (first.name, first.size) == (NAME, 5)
    assert store.publish(store.draft(b"first"), STATEMENT) == first
    other = store.draft(b"second")
    with pytest.raises(StoredAlready) as caught:
        store.publish(other, STATEMENT)
    assert caught.value.stored == first == store.find(STATEMENT)
    assert other.exists()
    assert store.read(first.name, first.sha256) == b"first"


def test_what_was_altered_is_not_read(place: Place) -> None:
    stored = place.store.publish(place.store.draft(b"0123456789"), STATEMENT)
    with pytest.raises(NotReady, match="altered"):
        place.store.read(NAME, bytes(32))
    assert place.store.read(NAME, stored.sha256, range(2, 5)) == b"234"
    place.overwrite(b"0123456780")
    for span in (None, range(2, 5)):
        with pytest.raises(NotReady, match="altered"):
            place.store.read(NAME, stored.sha256, span)
    place.remove()
    for span in (None, range(2, 5)):
        with pytest.raises(NotReady, match="cannot be read: ") as caught:
            place.store.read(NAME, stored.sha256, span)
        assert "\n" not in str(caught.value)
    assert place.store.find(STATEMENT) is None


def test_parts_of_a_bundle(place: Place) -> None:
    data = bytes(range(256)) * 40
    stored = place.store.publish(place.store.draft(data), STATEMENT)
    for span in (range(0), range(1), range(100, 9000), range(len(data) - 1, len(data))):
        # The first reading checks the whole, the second one need not.
        for _ in range(2):
            found = place.store.read(NAME, stored.sha256, span)
            assert found == data[span.start : span.stop]


def test_a_part_is_read_without_the_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = place.store.publish(place.store.draft(b"0123456789"), STATEMENT)
    assert place.store.read(NAME, stored.sha256) == b"0123456789"
    monkeypatch.setattr("avow.prover.stores.store.hashlib", None)
    assert place.store.read(NAME, stored.sha256, range(3, 7)) == b"3456"


def test_old_drafts_are_swept(place: Place) -> None:
    draft = place.store.draft(b"left behind")
    kept = place.store.publish(place.store.draft(b"kept"), STATEMENT)
    assert place.store.sweep() == 0
    assert place.store.sweep(time.time() + 2 * 24 * 3600) == 1
    assert not draft.exists() and place.store.find(STATEMENT) == kept
    assert place.store.free() > 0


def test_jobs_are_proven_into_every_store(place: Place, shop: Shop) -> None:
    shop.bundles = place.store
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.DONE
    assert b'"seal"' in shop.queue.bundle(job.id)
    # A job with the same nonce has another salt but the same statement: its bundle is taken up.
    again = shop.queue.submit(request(nonce=shop.queue.status(job.id).nonce))
    attempt(shop.bench(), again.id, 0, Task.INFER, infer)
    assert attempt(shop.bench(), again.id, 0, Task.PROVE, prove) is Outcome.DONE
    assert shop.system.proved == 1
    assert shop.queue.bundle(again.id) == shop.queue.bundle(job.id)


def test_what_somebody_else_stored_is_checked_before_it_is_taken_up(shop: Shop) -> None:
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    put_there: list[bytes] = [b"no bundle"]
    before = FolderStore.publish

    def late(store: FolderStore, draft: Path, statement: bytes) -> object:
        if put_there:
            data = put_there.pop()
            (shop.config.bundles / f"{statement.hex()}.avow.json").write_bytes(data)
        return before(store, draft, statement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderStore, "publish", late)
        assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.AGAIN
    assert "did not pass its own check" in shop.queue.status(job.id).reason
    assert [path.read_bytes() for path in shop.config.bundles.iterdir()] == [b"no bundle"]


def proven(shop: Shop, *values: int, nonce: int) -> Job:
    """A job whose bundle is stored."""
    job = shop.queue.submit(request(*values, nonce=nonce))
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.DONE
    return shop.queue.status(job.id)


def statement_of_next(shop: Shop, *values: int, nonce: int) -> tuple[str, str]:
    """A job that is answered, and the name that the bundle of its statement will have."""
    job = shop.queue.submit(request(*values, nonce=nonce))
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    with shop.database.write() as session:
        lease = take(session, job.id, 0, Task.PROVE, "looks", shop.clock(), shop.bench().terms)
    assert lease is not None
    case = open_case(shop.bench(), lease)
    assert case.published is not None
    digest = statement_of(case, case.published).digest()
    with shop.database.write() as session:
        put_back(session, lease, "looked", shop.clock(), shop.bench().terms, 0, counted=False)
    return job.id, f"{digest.hex()}.avow.json"


def test_another_requests_valid_bundle_is_not_taken_up(shop: Shop) -> None:
    """Nonce, output and proof are right; only the input is another one's."""
    other = proven(shop, 1, 2, 3, 4, nonce=7)
    job, name = statement_of_next(shop, 4, 3, 2, 1, nonce=7)
    (shop.config.bundles / name).write_bytes(shop.queue.bundle(other.id))
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.FAILED
    failed = shop.queue.status(job)
    assert failed.state is JobState.FAILED
    assert failed.reason == f"{name} in the store is the bundle of another statement"
    with pytest.raises(NotReady):
        shop.queue.bundle(job)
    # Once an operator has removed it, the job is proven anew.
    (shop.config.bundles / name).unlink()
    shop.queue.retry(job)
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.DONE
    assert parse_bundle(shop.queue.bundle(job)).statement.digest().hex() in name


def test_a_bundle_under_another_record_is_not_taken_up(shop: Shop) -> None:
    """The statement does not name the record: its constraints, fidelity and memory are claims."""
    job, name = statement_of_next(shop, 1, 2, 3, 4, nonce=7)
    other = proven(shop, 1, 2, 3, 4, nonce=7)
    stored = shop.config.bundles / name
    bundle = parse_bundle(shop.queue.bundle(other.id))
    stored.write_bytes(replace(bundle, system=replace(bundle.system, constraints=9)).encode())
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.AGAIN
    assert "about something else" in shop.queue.status(job).reason
    stored.write_bytes(bundle.encode())
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.DONE


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TryAgain, match="the bundle store refused: ") as caught:
        FolderStore(tmp_path / "file").draft(b"x")
    assert "\n" not in str(caught.value)


def test_a_bucket_that_is_not_there(
    bucket: tuple[str, Any], tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = bucket
    monkeypatch.setattr("avow.prover.stores.s3._ATTEMPTS", 1)
    nowhere = f"s3://bundles?endpoint=http://127.0.0.1:{free_port}"
    for wrong in (address.replace("s3://bundles-", "s3://others-"), nowhere):
        environment = {"AVOW_HOME": str(tmp_path), "AVOW_BUNDLES": wrong}
        store = open_store(from_environment(environment))
        draft = store.draft(b"x")
        with pytest.raises(TryAgain, match="the bundle store refused: ") as caught:
            store.publish(draft, STATEMENT)
        for hidden in ("\n", "their-secret", "http://", "127.0.0.1"):
            assert hidden not in str(caught.value)
        assert draft.exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("relative/folder", "an absolute path"),
        ("file://host/path", "an absolute path"),
        ("ftp://host/path", "got ftp://"),
        ("s3://key:secret@bucket", "credentials and port belong elsewhere"),
        ("s3://AB", "a bucket's name"),
        ("s3://bucket/a b", "a prefix of letters"),
        ("s3://bucket?endpiont=http://h", "got 'endpiont'"),
        ("s3://bucket?endpoint=h:9000", "an endpoint http://host"),
        ("s3://bucket?endpoint=http://u:secret@h", "credentials in the environment"),
        ("s3://bucket?path_style=2", "path_style 0 or 1"),
    ],
)
def test_a_bad_address_is_one_line(address: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="AVOW_BUNDLES: expected ") as caught:
        from_environment({"AVOW_BUNDLES": address})
    assert said in str(caught.value) and "secret" not in str(caught.value)


def test_addresses() -> None:
    assert parse_address("/srv/bundles") == Path("/srv/bundles")
    assert parse_address("file:///srv/my%20bundles") == Path("/srv/my bundles")
    assert parse_address("s3://avow/a/b/") == Bucket("avow", "a/b/", None, None, False)
    assert parse_address("s3://avow?endpoint=http://h:9000&region=eu") == Bucket(
        "avow", "", "http://h:9000", "eu", True
    )


def test_a_full_disk_costs_no_proof_that_was_stored(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("avow.prover.stores.drafts.os.fsync", full)
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.AGAIN
    waiting = shop.queue.status(job.id)
    assert waiting.state is JobState.ANSWERED
    assert "the disk of the bundle store is full: no room for a bundle of" in waiting.reason
    assert list(shop.config.bundles.iterdir()) == []
    monkeypatch.undo()
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.DONE
    assert shop.queue.status(job.id).state is JobState.PROVEN


def test_little_room_is_noticed_before_proving(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    monkeypatch.setattr(FolderStore, "free", lambda _store: 1000)
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.AGAIN
    assert shop.system.proved == 0
    waiting = shop.queue.status(job.id)
    assert "1000 bytes are free, at least" in waiting.reason
    assert waiting.state is JobState.ANSWERED
