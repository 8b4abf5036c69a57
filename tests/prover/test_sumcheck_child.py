"""The kept proving process: replies, limits, and its end whatever happens to either side."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from avow.prover.errors import LeaseLost, Refused, TryAgain
from avow.prover.systems.sumcheck.child import Workshop
from avow.prover.systems.system import Limits
from tests.conftest import ROOT
from tests.prover.processes import until
from tests.prover.provers import children

pytestmark = pytest.mark.usefixtures("earlier")
LIMITS = Limits(300.0, 2 * 2**30)


def nothing(stage: str, percent: int | None) -> None:
    """A tick that wants nothing."""


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.close()


def missing(folder: Path) -> dict[str, object]:
    """A request about an artifact that is not there."""
    return {"do": "prove", "folder": str(folder / "none"), "samples": [[]], "root": "00" * 32}


def test_a_refusal_keeps_the_child(workshop: Workshop, tmp_path: Path) -> None:
    pids = set()
    for _ in range(2):
        with pytest.raises(Refused, match="expected an artifact's folder at"):
            workshop.run(missing(tmp_path), LIMITS, nothing)
        pids |= {child.pid for child in children()}
    assert len(pids) == 1
    workshop.close()
    assert children() == []


def test_a_child_that_ended_between_jobs_is_replaced(workshop: Workshop, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(Refused):
            workshop.run(missing(tmp_path), LIMITS, nothing)
        (child,) = children()
        child.kill()
        while child.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


def test_an_unknown_request_fails_and_ends_it(workshop: Workshop) -> None:
    with pytest.raises(TryAgain, match="KeyError"):
        workshop.run({"do": "dance"}, LIMITS, nothing)
    assert children() == []


def test_what_tick_raises_ends_it_at_once(workshop: Workshop, tmp_path: Path) -> None:
    raised = 0.0

    def lost(stage: str, percent: int | None) -> None:
        nonlocal raised
        assert stage == "loading"
        # Whoever waits for its reply waits until its time is over.
        (child,) = children()
        child.suspend()
        raised = time.monotonic()
        raise LeaseLost("cancelled")

    with pytest.raises(LeaseLost):
        workshop.run(missing(tmp_path), LIMITS, lost)
    assert children() == [] and time.monotonic() - raised < 0.9 * LIMITS.seconds


def test_time_is_limited(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(TryAgain, match="took more than 0 s"):
        workshop.run(missing(tmp_path), Limits(0.0, 2**30), nothing)
    assert children() == []


def test_a_killed_child_costs_one_attempt(workshop: Workshop, tmp_path: Path) -> None:
    def kill(stage: str, percent: int | None) -> None:
        for child in children():
            child.kill()

    with pytest.raises(TryAgain, match="the proving process ended: status -9"):
        workshop.run(missing(tmp_path), LIMITS, kill)
    with pytest.raises(Refused, match="expected an artifact's folder"):
        workshop.run(missing(tmp_path), LIMITS, nothing)


def test_it_loads_nothing_that_a_proof_does_not_need() -> None:
    """Its start is part of the first proof: no model format, no pairing, no database."""
    script = """
import sys
import avow.prover.systems.sumcheck.inside, avow.circuits.artifact
import avow.circuits.sumcheck.artifact, avow.prover.systems.sumcheck.prove
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    for heavy in ("py_ecc", "onnx", "onnxruntime", "sqlalchemy", "celery", "click", "web3", "ezkl"):
        assert f"'{heavy}'" not in done.stdout, heavy


def test_it_does_not_outlive_its_parent(tmp_path: Path) -> None:
    script = """
import sys, time
from avow.prover.systems.sumcheck.child import _start
child = _start()
print(child.process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    def ended() -> bool:
        try:
            return child.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(ended, 60, "the child ends with its parent")
