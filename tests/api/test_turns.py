"""Bounds on threads: kept within an event loop, and no loop waits for another's."""

import threading

import anyio
from anyio import to_thread

from avow.api.turns import Turns


def test_no_more_than_so_many_at_a_time_and_the_others_wait_their_turn() -> None:
    turns, lock, let = Turns("tests.turns", 2), threading.Lock(), threading.Event()
    now, most = 0, 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        assert let.wait(60)
        with lock:
            now -= 1

    async def all_five() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(lambda: to_thread.run_sync(work, limiter=turns.limiter()))
            # A thread that was given its turn may take a while to begin.
            while turns.limiter().statistics().tasks_waiting < 3 or now < 2:
                await anyio.sleep(0.01)
            let.set()

    anyio.run(all_five)
    assert (now, most) == (0, 2)


def test_each_event_loop_has_its_own_and_each_name() -> None:
    first, second = Turns("tests.first", 1), Turns("tests.second", 1)

    async def both() -> tuple[object, object]:
        assert first.limiter() is first.limiter()
        return first.limiter(), second.limiter()

    found = {id(one): one for _ in range(2) for one in anyio.run(both)}
    assert len(found) == 4
