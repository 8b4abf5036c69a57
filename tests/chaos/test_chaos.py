"""Some seconds of chaos over the real service; `make campaign-chaos` runs it for long."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.chaos.campaign import Plan, run
from tests.chaos.databases import own_schema
from tests.chaos.ground import at_work, fair_order
from tests.prover.processes import until

PLAN = Plan(
    seconds=6.0,
    seed=20_261_121,
    kill_every=0.7,
    ask_every=1.2,
    order_every=4.0,
    settle=400.0,
    checked=2,
    workers=1,
    least=6,
)


@pytest.mark.usefixtures("contracts_folder")
def test_nothing_is_lost_and_nothing_happens_twice(tmp_path: Path) -> None:
    said: list[str] = []
    with own_schema() as database:
        result = run(PLAN, tmp_path / "ground", database, said.append)
    # A slow machine takes longer for its kills, and the campaign says every half minute how it is.
    unended = [line for line in said if line.startswith("not everything")]
    assert (result.audit.lost, result.audit.doubled, unended) == ([], [], []), result
    assert sum(result.kills.values()) >= 6 and len(result.kills) >= 2
    assert result.orders >= 1 and result.audit.jobs >= 2
    assert result.line.endswith("lost 0, doubled 0")


def test_a_kind_that_is_seldom_there_is_ended_as_often_as_the_others() -> None:
    rng, kills = Random(7), Counter[str]()
    kinds = [f"kind-{number}" for number in range(8)] + ["seldom"]
    for _ in range(900):
        there = [*kinds[:-1], *(["seldom"] if rng.random() < 0.25 else [])]
        kills[next(kind for kind in fair_order(kinds, kills, rng) if kind in there)] += 1
    assert sum(kills.values()) == 900
    assert all(85 <= kills[kind] <= 115 for kind in kinds), kills


def test_a_kind_that_is_never_there_keeps_nobody_alive() -> None:
    rng, kills = Random(7), Counter[str]()
    for _ in range(200):
        kills[next(kind for kind in fair_order("abc", kills, rng) if kind != "c")] += 1
    assert min(kills["a"], kills["b"]) >= 90 and kills["c"] == 0


@pytest.mark.parametrize(("program", "busy"), [("while True: pass", True), ("input()", False)])
def test_a_process_that_waits_is_not_at_work(program: str, busy: bool) -> None:
    command = [sys.executable, "-c", f"print(flush=True)\n{program}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            # Between its line and its waiting there is a little work.
            one = psutil.Process(process.pid)
            until(lambda: busy or one.status() == psutil.STATUS_SLEEPING, 60, "it waits")
            # A busy machine may leave it without a processor for a while.
            glances = [bool(at_work([one])) for _ in range(5)]
        finally:
            process.kill()
    assert any(glances) is busy
