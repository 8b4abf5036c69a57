"""Concurrent real requests to a real service on the loopback address, every one accounted for."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import psutil

from avow.api.bench.load_report import How, Outcome, Row
from avow.api.client import (
    Asked,
    AsyncClient,
    Bounds,
    ClientError,
    Conflict,
    NotInTime,
    Refused,
)
from avow.api.errors import BenchError
from avow.api.local.supervisor import Child
from avow.verifier.lifecycle import JobState
from avow.verifier.policy import Policy
from avow.verifier.tensor import Tensor

_POLICY = Policy(unsafe_allow_unsafe_srs=True)
# Refusals are counted, not hidden behind further attempts.
_BOUNDS = Bounds(attempts=1)
_SAMPLE_SECONDS = 0.5
_ANSWERED = frozenset({JobState.ANSWERED, JobState.PROVING, JobState.PROVEN})


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked: `clients` at once, each again as soon as it is served, for `seconds`.

    Then nothing new is asked, and what is under way has `drain` seconds. `checked` bundles are
    verified afterwards, outside of what is measured.
    """

    clients: int
    seconds: float
    drain: float
    checked: int = 4


@dataclass(slots=True)
class _Tally:
    began: float
    outcomes: list[Outcome] = field(default_factory=list)
    proven: list[tuple[Asked, bytes]] = field(default_factory=list)
    unfinished: list[Asked] = field(default_factory=list)


def drive(
    url: str,
    model: str,
    samples: Sequence[tuple[Tensor, ...]],
    load: Load,
    programs: Sequence[Child],
    workers: int,
) -> Row:
    """Apply the load and return what came of it.

    Raises BenchError where the service's own list of jobs is not what was asked of it, or where a
    bundle does not convince.
    """
    return anyio.run(_drive, url, model, samples, load, programs, workers)


async def _drive(
    url: str,
    model: str,
    samples: Sequence[tuple[Tensor, ...]],
    load: Load,
    programs: Sequence[Child],
    workers: int,
) -> Row:
    async with AsyncClient(url, policy=_POLICY, bounds=_BOUNDS) as client:
        warmed = await _warm(client, model, samples, 2 * workers)
        tally, memory = _Tally(time.monotonic()), _Memory(programs)
        async with anyio.create_task_group() as watching:
            watching.start_soon(memory.watch)
            async with anyio.create_task_group() as asking:
                for number in range(load.clients):
                    asking.start_soon(_ask_on, client, model, samples, load, tally, number)
            watching.cancel_scope.cancel()
        for asked in tally.unfinished:
            await _let_go(client, asked)
        kept = tally.proven[:: max(1, len(tally.proven) // load.checked)][: load.checked]
        for asked, bundle in kept:
            await client.verify(asked, bundle)
        listed = [job.state async for job in client.jobs()]
    row = Row(
        workers=workers,
        clients=load.clients,
        seconds=load.seconds,
        warmed=warmed,
        outcomes=tuple(tally.outcomes),
        checked=len(kept),
        bundle_bytes=max((len(bundle) for _, bundle in tally.proven), default=0),
        peak_bytes=memory.peaks,
    )
    _compare(row, listed)
    return row


def _compare(row: Row, listed: Sequence[JobState]) -> None:
    """The service must know every job that was asked for, and no other."""
    proven = sum(state is JobState.PROVEN for state in listed)
    if len(listed) != row.warmed + row.submitted:
        raise BenchError(
            f"{row.warmed + row.submitted} jobs were submitted, the service lists {len(listed)}"
        )
    # One that was given up here may have been proven before it could be cancelled.
    least = row.warmed + row.proven
    if not least <= proven <= least + row.unfinished:
        raise BenchError(f"{least} jobs were seen proven, the service lists {proven}")


async def _warm(
    client: AsyncClient, model: str, samples: Sequence[tuple[Tensor, ...]], count: int
) -> int:
    """Every worker has loaded the artifact before anything is measured."""
    for at in range(count):
        job = await client.wait(await client.submit(model, samples[at % len(samples)]), timeout=300)
        if job.state is not JobState.PROVEN:
            raise BenchError(f"the first job is {job.state.value}: {job.reason}")
    return count


async def _ask_on(
    client: AsyncClient,
    model: str,
    samples: Sequence[tuple[Tensor, ...]],
    load: Load,
    tally: _Tally,
    number: int,
) -> None:
    turn = number
    while time.monotonic() - tally.began < load.seconds:
        await _ask(client, model, samples[turn % len(samples)], load, tally)
        turn += load.clients


async def _ask(
    client: AsyncClient, model: str, sample: tuple[Tensor, ...], load: Load, tally: _Tally
) -> None:
    began = time.monotonic()
    answered = math.inf
    try:
        asked = await client.submit(model, sample)
    except Refused:
        tally.outcomes.append(Outcome("refused"))
        # Somebody who is told to wait waits.
        await anyio.sleep(0.5)
        return
    state = JobState.QUEUED
    left = tally.began + load.seconds + load.drain - began
    try:
        async for update in client.watch(asked, timeout=max(0.1, left)):
            state = update.state
            if state in _ANSWERED:
                answered = min(answered, time.monotonic())
        ended = time.monotonic()
        if state is JobState.PROVEN:
            tally.proven.append((asked, await client.unsafe_unverified_bundle(asked)))
    except (NotInTime, ClientError):
        tally.unfinished.append(asked)
        ended = math.inf
    how: How = "unfinished"
    if ended < math.inf:
        how = "proven" if state is JobState.PROVEN else "failed"
    if how == "failed":
        ended = math.inf
    tally.outcomes.append(
        Outcome(how, answered - began, ended - began, answered - tally.began, ended - tally.began)
    )


async def _let_go(client: AsyncClient, asked: Asked) -> None:
    try:
        await client.cancel(asked)
    except Conflict:
        # Proven meanwhile.
        return


class _Memory:
    """The most memory that each program and all of its children held; shared pages count once."""

    def __init__(self, programs: Sequence[Child]) -> None:
        self._programs = programs
        self.peaks: dict[str, int] = {program.name: 0 for program in programs}

    async def watch(self) -> None:
        while True:
            found = await anyio.to_thread.run_sync(self._sample)
            for name, held in found.items():
                self.peaks[name] = max(self.peaks[name], held)
            await anyio.sleep(_SAMPLE_SECONDS)

    def _sample(self) -> dict[str, int]:
        return {program.name: held_by(program.pid) for program in self._programs}


def held_by(pid: int) -> int:
    """Bytes of memory of a process and all below it; what they share is shared out."""
    total = 0
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in family:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup")
        try:
            lines = rollup.read_text("ascii").splitlines()
        except OSError:
            # It has ended.
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total
