"""Rate limits: the long run, the burst, and no window that lets a second burst through."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from avow.prover.access.rates import Rate, spend
from avow.prover.database import Database
from tests.prover.tiny import Shop

SECOND = 1_000_000
RATE = Rate(per_minute=60, burst=10)


def passed(database: Database, bucket: str, times: list[int], rate: Rate = RATE) -> int:
    """How many of the requests at these times may pass."""
    return sum(spend(database, bucket, rate, now).allowed for now in times)


def test_a_burst_and_then_one_a_second(any_shop: Shop) -> None:
    database = any_shop.database
    start = 10**15
    assert passed(database, "a", [start] * 30) == 10
    refused = spend(database, "a", RATE, start)
    assert not refused.allowed and 0 < refused.wait <= 1
    assert passed(database, "a", [start + SECOND] * 5) == 1
    assert passed(database, "a", [start + 3 * SECOND] * 5) == 2
    # Another bucket is another caller.
    assert passed(database, "b", [start] * 30) == 10


def test_it_still_limits_after_the_minute(any_shop: Shop) -> None:
    """Where a window would begin anew, at most one more burst's share passes."""
    database, start = any_shop.database, 10**15
    minutes = [start + at * SECOND // 2 for at in range(4 * 120)]
    assert passed(database, "a", minutes) <= 4 * 60 + 10
    edge = start + 10 * 60 * SECOND
    around = [edge - 1] * 20 + [edge] * 20 + [edge + 1] * 20
    assert passed(database, "a", around) == 10


def test_waiting_as_told_is_enough(any_shop: Shop) -> None:
    database, now = any_shop.database, 10**15
    assert passed(database, "a", [now] * 10) == 10
    for _ in range(5):
        told = spend(database, "a", RATE, now)
        assert not told.allowed
        assert not spend(database, "a", RATE, now + int(told.wait * SECOND) - 2).allowed
        now += int(told.wait * SECOND) + 1
        assert spend(database, "a", RATE, now).allowed


def test_what_remains_is_counted_down(shop: Shop) -> None:
    now = 10**15
    remaining = [spend(shop.database, "a", RATE, now).remaining for _ in range(12)]
    assert remaining == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0]
    assert spend(shop.database, "a", RATE, now + 100 * SECOND).remaining == 9


def test_many_processes_share_one_limit(any_shop: Shop) -> None:
    now, allowed = 10**15, []

    def ask() -> None:
        for _ in range(10):
            allowed.append(spend(any_shop.database, "a", RATE, now).allowed)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(allowed) == 40 and sum(allowed) == 10


def test_in_no_stretch_of_time_do_more_pass(shop: Shop) -> None:
    buckets = iter(range(10**6))

    @settings(max_examples=30)
    @given(st.lists(st.integers(0, 20 * SECOND), min_size=1, max_size=60))
    def bounded(steps: list[int]) -> None:
        bucket, now, times = f"h{next(buckets)}", 10**15, []
        for step in steps:
            now += step // 8
            if spend(shop.database, bucket, RATE, now).allowed:
                times.append(now)
        for first in range(len(times)):
            for last in range(first, len(times)):
                span = times[last] - times[first]
                assert last - first + 1 <= 10 + span // SECOND + 1

    bounded()
