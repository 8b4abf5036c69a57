"""The enclave's desk: whatever happens at a request is answered, counted, and harms no other."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from avow.prover.attempt import Outcome
from avow.prover.config import Config
from avow.prover.enclave import service
from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.keeper import SOCKET
from avow.prover.enclave.session import Asked, Outputs, Session, Signed
from avow.verifier.lifecycle import JobState
from avow.verifier.tensor import Tensor
from tests.prover.enclave.places import (
    NOW,
    Clock,
    Place,
    compiled,
    enclave,
    place,
    row,
    serving,
)

pytestmark = pytest.mark.usefixtures("earlier")


@pytest.fixture
def here(config: Config) -> Iterator[Place]:
    """A home of its own for every test."""
    with place(config) as found:
        yield found


class Breaks(Session):
    """Runs into something that nobody foresaw."""

    fault: Exception = MemoryError()

    def answer(self, record: bytes, inputs: Sequence[Tensor]) -> Outputs:
        """Never."""
        raise self.fault


def broken(fault: Exception) -> Breaks:
    """A session with that fault."""
    made = enclave()
    key, registered = made.open()
    session = Breaks(key, made.served(), registered, made.clock)
    session.fault = fault
    return session


def asked(address: str, data: bytes) -> dict[str, Any]:
    """The reply to bytes on a connection of their own."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(60)
        connection.connect(address)
        connection.sendall(data)
        with connection.makefile("rb") as stream:
            reply: dict[str, Any] = json.loads(stream.readline())
    return reply


def request() -> bytes:
    """An honest one."""
    _, stored, artifact = compiled()
    value = {
        "do": "answer",
        "record": "0x" + artifact.record.digest().hex(),
        "inputs": [tensor.to_json() for tensor in row(stored)],
    }
    return json.dumps(value).encode() + b"\n"


@pytest.mark.parametrize(
    "fault", [MemoryError(), RecursionError("too deep"), IndexError("x"), OSError(5, "disk")]
)
def test_an_unforeseen_fault_is_a_reply_that_says_so(fault: Exception, tmp_path: Path) -> None:
    with serving(broken(fault), tmp_path) as variables:
        reply = asked(variables[SOCKET], request())
        assert list(reply) == ["failed"] and type(fault).__name__ in reply["failed"]
        # Nor does one that no parser takes keep the next from its reply.
        deep = asked(variables[SOCKET], b"[" * 200_000 + b"\n")
        assert set(deep) <= {"failed", "refused"} and len(deep) == 1
        assert "failed" in asked(variables[SOCKET], request())


def test_a_fault_counts_as_an_attempt_until_none_is_left(
    here: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(broken(MemoryError()), tmp_path, here.config.home) as variables:
        monkeypatch.setenv(SOCKET, variables[SOCKET])
        job_id = here.ask()
        found = [here.infer(job_id) for _ in range(here.config.max_attempts)]
    assert found == [Outcome.AGAIN] * (len(found) - 1) + [Outcome.FAILED]
    assert here.queue.status(job_id).state is JobState.FAILED
    assert "the enclave failed (MemoryError)" in str(here.queue.status(job_id).history)


@contextmanager
def dying(path: Path) -> Iterator[None]:
    """What is left of an enclave that each request ends: the request is taken, nothing comes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def take() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def test_a_job_that_ends_the_process_is_not_given_back_for_ever(
    here: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SOCKET, str(tmp_path / "s"))
    with dying(tmp_path / "s"):
        job_id = here.ask()
        found = [here.infer(job_id) for _ in range(here.config.max_attempts)]
    assert found == [Outcome.AGAIN] * (len(found) - 1) + [Outcome.FAILED]
    assert "the enclave ended while it worked" in str(here.queue.status(job_id).history)
    # Where there is none to ask, nothing is counted.
    other = here.ask(1)
    found = [here.infer(other) for _ in range(here.config.max_attempts + 1)]
    assert set(found) == {Outcome.AGAIN}


def test_a_clock_that_went_back_is_waited_for(
    here: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = enclave()
    clock = made.clock = Clock(NOW)
    with serving(made.session(), tmp_path, here.config.home) as variables:
        monkeypatch.setenv(SOCKET, variables[SOCKET])
        job_id = here.ask()
        assert here.infer(job_id) is Outcome.DONE
        clock.now = NOW - 1
        assert here.prove(job_id) is Outcome.AGAIN
        assert "the clock went back" in str(here.queue.status(job_id).history)
        clock.now = NOW
        assert here.prove(job_id) is Outcome.DONE


def test_who_does_not_finish_a_request_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service, "_READ_SECONDS", 0.2)
    with serving(enclave().session(), tmp_path) as variables:
        assert "no whole request came" in asked(variables[SOCKET], b'{"do": ')["failed"]


class Counted(Session):
    """Notes how many ask at once, and answers when it is let."""

    most = now = 0

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.lock, self.full, self.let = threading.Lock(), threading.Event(), threading.Event()

    def answer(self, record: bytes, inputs: Sequence[Tensor]) -> Outputs:
        """What it would, later."""
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == 2:
                self.full.set()
        assert self.let.wait(60)
        with self.lock:
            self.now -= 1
        return super().answer(record, inputs)


def test_more_than_so_many_wait_their_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(service, "_MOST_AT_ONCE", 2)
    made = enclave()
    key, registered = made.open()
    session = Counted(key, made.served(), registered, made.clock)
    replies: list[dict[str, Any]] = []
    with serving(session, tmp_path) as variables:

        def ask() -> None:
            replies.append(asked(variables[SOCKET], request()))

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(6)]
        for thread in threads:
            thread.start()
        assert session.full.wait(60)
        # Time for a third, which there must not be.
        threading.Event().wait(0.5)
        session.let.set()
        for thread in threads:
            thread.join(60)
    assert session.most == 2
    assert len(replies) == 6 and all("outputs" in one for one in replies)


def test_who_is_still_served_when_the_session_ends_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(service, "_END_SECONDS", 60.0)
    made, at, let = enclave(), threading.Event(), threading.Event()
    key, registered = made.open()

    class Slow(Session):
        """Ends while it works."""

        def sign(self, record: bytes, asked: Sequence[Asked]) -> Signed:
            """When it is let."""
            at.set()
            assert let.wait(60)
            self._time()
            return super().sign(record, asked)

    _, _, artifact = compiled()
    value = {"do": "sign", "record": "0x" + artifact.record.digest().hex(), "answers": []}
    replies: list[dict[str, Any]] = []
    socket_path = tmp_path / "s"
    server = service.Server(Slow(key, made.served(), registered, made.clock), socket_path)
    serving = threading.Thread(target=server.answer_until_over, daemon=True)

    def ask() -> None:
        replies.append(asked(str(socket_path), json.dumps(value).encode() + b"\n"))

    asking = threading.Thread(target=ask, daemon=True)
    serving.start()
    asking.start()
    assert at.wait(60)
    made.clock.now = registered.ends
    while server.socket.fileno() != -1:
        threading.Event().wait(0.01)
    # It listens no more, and does not leave before that one has its reply.
    assert serving.is_alive()
    let.set()
    serving.join(60)
    asking.join(60)
    assert not serving.is_alive() and len(replies) == 1
    assert "the session ended" in replies[0]["ended"]


def test_stopped_it_answers_nobody_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with serving(enclave().session(), tmp_path) as variables:
        assert "outputs" in asked(variables[SOCKET], request())
    with pytest.raises(ConnectionRefusedError):
        asked(variables[SOCKET], request())
    left = set(threading.enumerate()) - before
    for thread in left:
        # The one that answered may be about to end.
        thread.join(60)
    assert not any(thread.is_alive() for thread in left)


def test_a_socket_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    session = enclave().session()
    for path in (tmp_path / ("x" * 120), tmp_path / "missing" / "s"):
        with pytest.raises(EnclaveRefused, match="nobody can be listened to there") as caught:
            service.Server(session, path)
        assert "\n" not in str(caught.value)
