"""Work on arrays in threads: no more than may be used, and errors passed on."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from avow.prover.native import _core
from avow.prover.systems.sumcheck.threads import Threads


@pytest.fixture(params=[1, 2, 5])
def count(request: pytest.FixtureRequest) -> Iterator[int]:
    before = _core.threads()
    _core.set_threads(request.param)
    yield request.param
    _core.set_threads(before)


def test_every_job_is_done_by_no_more_threads_than_may_be_used(count: int) -> None:
    done: list[int] = []
    used: set[int] = set()

    def job(number: int) -> None:
        used.add(threading.get_ident())
        done.append(number)

    # Threads of other tests may end at any moment.
    before = set(threading.enumerate())
    with Threads() as own:
        for size in (0, 1, 2, 5, 40):
            own.each([partial(job, number) for number in range(size)])
            assert sorted(done) == list(range(size))
            done.clear()
    assert len(used) <= count
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("bad", [0, 1])
def test_what_a_job_raises_is_raised_when_none_runs_any_more(bad: int) -> None:
    failed, done = threading.Event(), []

    def fail() -> None:
        failed.set()
        raise KeyError(bad)

    def end_later() -> None:
        assert failed.wait(60)
        done.append(True)

    before = _core.threads()
    _core.set_threads(2)
    try:
        with Threads() as own, pytest.raises(KeyError, match=str(bad)):
            own.each([fail, end_later] if bad == 0 else [end_later, fail])
    finally:
        _core.set_threads(before)
    assert done == [True]
