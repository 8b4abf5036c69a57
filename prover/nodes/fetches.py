"""What waits for other machines: done beside the loop that must not wait, bounded and in turns."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count

from avow.prover.nodes.offers import Declined
from avow.prover.nodes.pauses import Pauses

_AT_ONCE = 16
# Of one place: who answers slowly must leave room for the others.
_PER_PLACE = 4
_WAITING = 256
_LONGEST_PAUSE = 300.0

Run = Callable[[Callable[[], None]], None]
PENDING = "its input is not here yet"


def in_thread(work: Callable[[], None]) -> None:
    """Has it done beside; a process that ends does not wait for it."""
    threading.Thread(target=work, daemon=True).start()


@dataclass(eq=False, slots=True)
class _Task:
    name: bytes
    arrived: int
    place: str = ""
    work: Callable[[], None] = lambda: None
    failures: int = 0
    running: bool = False
    refusal: Declined | None = None

    @property
    def turn(self) -> tuple[int, int]:
        """Who has failed less often comes first, and of these who came first."""
        return self.failures, self.arrived


class Fetches:
    """Work by name, each at a place. What failed is done again, less and less often, when it is
    asked for again; of too many that wait those that failed most often have to ask again."""

    def __init__(self, clock: Callable[[], float], run: Run = in_thread) -> None:
        """`clock` in seconds, `run` starts a piece of work and does not wait for it."""
        self._run = run
        self._pauses = Pauses(clock, _LONGEST_PAUSE)
        self._counter = count()
        self._tasks: dict[bytes, _Task] = {}
        self._waiting: list[_Task] = []
        self._running: Counter[str] = Counter()
        self._news = False
        self._changed = threading.Condition()

    def refusal(self, name: bytes) -> Declined | None:
        """Why it is of no use to ask for this now: it goes on, failed just now, or for good."""
        with self._changed:
            task = self._tasks.get(name)
            if task is None:
                return None
            final = task.refusal is not None and task.refusal.final
            return _said(task) if final or self._is_busy(task) else None

    def ask(self, name: bytes, place: str, work: Callable[[], None]) -> Declined:
        """Has it done in its turn, unless it failed just now; why there is nothing yet.

        `work` raises Declined where it fails. Of a task that fails again and again the first
        failure is told.
        """
        with self._changed:
            task = self._tasks.setdefault(name, _Task(name, next(self._counter)))
            if not self._is_busy(task):
                task.place, task.work = place, work
                self._waiting.append(task)
                if len(self._waiting) > _WAITING:
                    self._waiting.remove(max(self._waiting, key=lambda one: one.turn))
            said, begun = _said(task), self._begin()
        self._start(begun)
        return said

    def is_empty(self) -> bool:
        """Whether nothing was asked for."""
        with self._changed:
            return not self._tasks

    def keep_only(self, names: Collection[bytes]) -> None:
        """Forgets all others; what goes on is not stopped."""
        with self._changed:
            self._waiting = [task for task in self._waiting if task.name in names]
            for name in set(self._tasks).difference(names):
                if not self._tasks[name].running:
                    self._forget(name)

    def join(self) -> bool:
        """Waits until nothing goes on any more; whether anything was done, or failed for the first
        time or for good, since it was asked last.

        What fails again and again is no news, or who looks until there is none would never end.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._running)
            news, self._news = self._news, False
        return news

    def _is_busy(self, task: _Task) -> bool:
        return task.running or task in self._waiting or self._pauses.waits(task.name)

    def _begin(self) -> list[_Task]:
        """Gives the free places away."""
        begun = []
        for task in sorted(self._waiting, key=lambda one: one.turn):
            if self._running.total() == _AT_ONCE:
                break
            if self._running[task.place] < _PER_PLACE:
                self._waiting.remove(task)
                self._running[task.place] += 1
                task.running = True
                begun.append(task)
        return begun

    def _start(self, begun: list[_Task]) -> None:
        for task in begun:
            try:
                self._run(lambda task=task: self._carry_out(task))  # type: ignore[misc]
            except RuntimeError:
                # The machine has no thread left. The node goes on, and this is asked for again.
                with self._changed:
                    self._end(task, Declined("nothing more can be read beside", final=False))

    def _carry_out(self, task: _Task) -> None:
        refusal: Declined | None = Declined("its input could not be read", final=False)
        try:
            task.work()
            refusal = None
        except Declined as raised:
            refusal = raised
        finally:
            # Whatever was raised, the place is free again.
            with self._changed:
                self._end(task, refusal)
                begun = self._begin()
            self._start(begun)

    def _end(self, task: _Task, refusal: Declined | None) -> None:
        task.running = False
        self._running[task.place] -= 1
        # Empty when nothing runs, which `join` waits for.
        self._running += Counter()
        self._changed.notify_all()
        self._news |= refusal is None or refusal.final or not task.failures
        if refusal is None:
            self._forget(task.name)
            return
        task.failures += 1
        if task.refusal is None or refusal.final:
            # Not the one that was raised: its traceback holds all that was read until then.
            task.refusal = Declined(str(refusal), refusal.final)
        self._pauses.postpone(task.name)

    def _forget(self, name: bytes) -> None:
        self._tasks.pop(name, None)
        self._pauses.clear(name)


def _said(task: _Task) -> Declined:
    if task.refusal is None:
        return Declined(PENDING, final=False)
    # One that is raised again and again would grow by each traceback.
    return Declined(str(task.refusal), task.refusal.final)
