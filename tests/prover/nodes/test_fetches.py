"""Work beside the loop: bounded, in turns that nobody who is slow or fails can take from others."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from avow.prover.nodes import fetches
from avow.prover.nodes.fetches import Fetches
from avow.prover.nodes.offers import Declined


class Beside:
    """Work that was begun, and ends when the test says so; and a clock that it moves."""

    def __init__(self) -> None:
        self.begun: list[Callable[[], None]] = []
        self.worked: list[str] = []
        self.now = 0.0
        self.fetches = Fetches(lambda: self.now, self.begun.append)

    def ask(self, name: str, place: str = "a", fault: Exception | None = None) -> Declined:
        """Asks for work that notes its name, and fails where there is a fault."""

        def work() -> None:
            self.worked.append(name)
            if fault is not None:
                raise fault

        return self.fetches.ask(name.encode(), place, work)

    def end(self, count: int | None = None) -> None:
        """Carries out what was begun up to now, or so many of it."""
        due = self.begun[:count]
        del self.begun[: len(due)]
        for work in due:
            work()


@pytest.fixture
def beside() -> Beside:
    return Beside()


def failing(said: str, final: bool = False) -> Declined:
    return Declined(said, final)


def test_who_asks_does_not_wait_and_asks_once(beside: Beside) -> None:
    said = beside.ask("one")
    assert not said.final and "not here yet" in str(said)
    beside.ask("one")
    assert len(beside.begun) == 1 and not beside.worked
    found = beside.fetches.refusal(b"one")
    assert found is not None and not found.final
    beside.end()
    assert beside.worked == ["one"]
    assert beside.fetches.refusal(b"one") is None and beside.fetches.is_empty()


def test_a_slow_place_leaves_room_for_the_others(beside: Beside) -> None:
    for number in range(20):
        beside.ask(f"slow {number}", "slow")
    assert len(beside.begun) == fetches._PER_PLACE
    for number in range(20):
        beside.ask(f"other {number}", f"place {number}")
    assert len(beside.begun) == fetches._AT_ONCE
    beside.end(1)
    # The next of the slow place takes the room of the one that ended, as it came first.
    assert len(beside.begun) == fetches._AT_ONCE
    while beside.begun:
        beside.end(1)
    assert len(beside.worked) == 40
    slow = [name for name in beside.worked if name.startswith("slow")]
    assert slow == [f"slow {number}" for number in range(20)]


def test_what_failed_is_asked_for_less_and_less_often(beside: Beside) -> None:
    pauses = []
    for _ in range(12):
        beside.ask("one", fault=failing("no answer"))
        beside.end()
        refusal = beside.fetches.refusal(b"one")
        assert refusal is not None and not refusal.final
        begins = beside.now
        while beside.fetches.refusal(b"one") is not None:
            assert not beside.begun
            beside.now += 0.5
        pauses.append(beside.now - begins)
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == fetches._LONGEST_PAUSE


def test_the_first_failure_is_what_is_told_until_one_is_final(beside: Beside) -> None:
    beside.ask("one", fault=failing("status 500"))
    beside.end()
    beside.now += 1
    assert str(beside.ask("one", fault=failing("status 501"))) == "status 500"
    beside.end()
    assert str(beside.fetches.refusal(b"one")) == "status 500"
    beside.now += 1
    beside.ask("one", fault=failing("too large", final=True))
    beside.end()
    beside.now += 1_000
    found = beside.fetches.refusal(b"one")
    assert found is not None and found.final and str(found) == "too large"
    # What is at stake already is asked for all the same.
    beside.ask("one")
    beside.end()
    assert beside.fetches.is_empty()


def test_who_never_failed_goes_before_who_failed(beside: Beside) -> None:
    for number in range(fetches._PER_PLACE):
        beside.ask(f"bad {number}", fault=failing("no answer"))
    beside.end()
    beside.now += 1
    beside.worked.clear()
    for number in range(fetches._PER_PLACE):
        beside.ask(f"slow {number}")
    for number in range(fetches._PER_PLACE):
        beside.ask(f"bad {number}")
    beside.ask("new")
    while beside.begun:
        beside.end(1)
    assert beside.worked.index("new") < beside.worked.index("bad 0")


def test_of_too_many_that_wait_those_that_failed_make_room(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetches, "_WAITING", 2)
    beside.ask("bad", fault=failing("no answer"))
    beside.end()
    beside.now += 1
    for number in range(fetches._PER_PLACE):
        beside.ask(f"slow {number}")
    beside.ask("bad")
    beside.ask("first")
    beside.ask("second")
    # It has to ask again, and nothing keeps it from that.
    assert beside.fetches.refusal(b"bad") is None
    beside.ask("third")
    assert beside.fetches.refusal(b"third") is None
    while beside.begun:
        beside.end(1)
    assert beside.worked[-2:] == ["first", "second"]


def test_a_mistake_frees_the_place_that_it_held(beside: Beside) -> None:
    for number in range(fetches._PER_PLACE):
        beside.ask(f"{number}", fault=ZeroDivisionError("a mistake"))
        with pytest.raises(ZeroDivisionError):
            beside.end()
        refusal = beside.fetches.refusal(f"{number}".encode())
        assert refusal is not None and not refusal.final
    beside.ask("one")
    beside.end()
    assert beside.worked[-1] == "one"


def test_what_nobody_needs_is_forgotten(beside: Beside) -> None:
    beside.ask("failed", fault=failing("no answer"))
    beside.end()
    for number in range(fetches._PER_PLACE):
        beside.ask(f"goes on {number}")
    beside.ask("waits")
    beside.fetches.keep_only({b"goes on 0"})
    while beside.begun:
        beside.end(1)
    assert "waits" not in beside.worked
    assert beside.fetches.is_empty()


def test_threads_end_before_join_returns() -> None:
    found = Fetches(lambda: 0.0)
    done: list[int] = []
    for number in range(40):
        found.ask(bytes([number]), f"{number % 3}", lambda number=number: done.append(number))  # type: ignore[misc]
    assert found.join()
    assert sorted(done) == list(range(40))
    assert not found.join()


def test_what_fails_again_and_again_is_no_news(beside: Beside) -> None:
    """Or who looks until there is none would never end: a round may last longer than a pause."""
    news = []
    for final in (False, False, False, True):
        beside.ask("one", fault=failing("no answer", final))
        beside.end()
        beside.now += 1_000
        news.append(beside.fetches.join())
    assert news == [True, False, False, True]
    assert not beside.fetches.join()


def test_what_was_done_before_anybody_waited_is_news(beside: Beside) -> None:
    beside.ask("one")
    beside.end()
    assert beside.fetches.join()
    assert not beside.fetches.join()


def test_of_what_failed_only_the_words_are_kept(beside: Beside) -> None:
    """Not what was read until then, which may be as large as an input."""

    class Read:
        pass

    kept: list[weakref.ref[Read]] = []

    def work() -> None:
        read = Read()
        kept.append(weakref.ref(read))
        raise failing("not complete")

    beside.fetches.ask(b"one", "a", work)
    beside.end()
    gc.collect()
    assert kept[0]() is None
    assert str(beside.fetches.refusal(b"one")) == "not complete"


def test_who_waits_for_the_last_is_told_though_it_could_not_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last of all is begun when another ends, and there is no thread for it."""
    monkeypatch.setattr(fetches, "_AT_ONCE", 1)
    beside = Beside()
    beside.ask("one")

    def until_it_waits() -> None:
        while not beside.fetches._changed._waiters:  # type: ignore[attr-defined]
            time.sleep(0.001)

    def full(work: Callable[[], None]) -> None:
        # Whoever was told of the first has looked, and waits again.
        until_it_waits()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(beside.fetches, "_run", full)
    beside.ask("two")
    waiting = threading.Thread(target=beside.fetches.join, daemon=True)
    waiting.start()
    until_it_waits()
    beside.end()
    waiting.join(60.0)
    assert not waiting.is_alive()


def test_a_machine_without_threads_keeps_no_place_taken() -> None:
    def full(work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    beside = Beside()
    beside.fetches = Fetches(lambda: beside.now, lambda work: start(work))
    start = full
    for number in range(2 * fetches._AT_ONCE):
        beside.ask(f"{number}", place=f"{number}")
    found = beside.fetches.refusal(b"0")
    assert found is not None and not found.final and "nothing more can be read" in str(found)
    start = beside.begun.append
    beside.now += 1.0
    for number in range(fetches._AT_ONCE):
        beside.ask(f"{number}", place=f"{number}")
    assert len(beside.begun) == fetches._AT_ONCE
    beside.end()
    assert beside.worked == [f"{number}" for number in range(fetches._AT_ONCE)]
