"""The bundle store: whole files or none, nothing overwritten, a full disk told in one line."""

import errno
import os
import time
from pathlib import Path

import pytest

from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import NotReady, TryAgain
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.store import BundleStore
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import Shop, request

STATEMENT = bytes(range(32))


def test_a_bundle_is_published_once(tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "bundles")
    assert store.find(STATEMENT) is None
    first = store.publish(store.draft(b"first"), STATEMENT)
    assert first.name == f"{STATEMENT.hex()}.avow.json"
    second = store.publish(store.draft(b"second"), STATEMENT)
    assert second == first == store.find(STATEMENT)
    assert store.read(first.name, first.sha256) == b"first"
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == [first.name]
    with pytest.raises(NotReady, match="altered"):
        store.read(first.name, bytes(32))


def test_old_drafts_are_swept(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    draft = store.draft(b"left behind")
    kept = store.publish(store.draft(b"kept"), STATEMENT)
    assert store.sweep() == 0
    assert store.sweep(time.time() + 2 * 24 * 3600) == 1
    assert not draft.exists() and store.find(STATEMENT) == kept


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TryAgain, match="the bundle store refused: ") as caught:
        BundleStore(tmp_path / "file").draft(b"x")
    assert "\n" not in str(caught.value)


def test_a_full_disk_costs_no_proof_that_was_stored(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("avow.prover.store.os.fsync", full)
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
    monkeypatch.setattr(BundleStore, "free", lambda _store: 1000)
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.AGAIN
    assert shop.system.proved == 0
    waiting = shop.queue.status(job.id)
    assert "1000 bytes are free, at least" in waiting.reason
    assert waiting.state is JobState.ANSWERED
