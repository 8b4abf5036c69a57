"""One ezkl step in a child process: limits, cancelling, progress and clear errors."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avow.circuits.errors import LimitExceeded, StepCancelled, StepFailed
from avow.circuits.ezkl.child import Limits, Progress, run
from avow.circuits.ezkl.files import CIRCUIT
from avow.circuits.ezkl.witness import Circuit, input_document
from tests.circuits.tiny import LIMITS, SALT, compiled, inputs

NAP = {"bytes": 1, "seconds": 60}


def children(parent: int | None = None) -> set[int]:
    """Live children of a process, by default of this one."""
    wanted = os.getpid() if parent is None else parent
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == wanted and fields[0] != "Z":
            found.add(int(entry.parent.name))
    return found


def test_a_step_returns_its_value_time_and_memory() -> None:
    result = run("spin", {"bytes": 200 * 2**20, "seconds": 0.2}, LIMITS)
    assert result.value is None
    assert 0.2 <= result.seconds < 30
    assert 200 * 2**20 <= result.peak_rss_bytes < 400 * 2**20


def test_time_is_limited() -> None:
    before = children()
    # It would go on for a minute.
    began = time.monotonic()
    with pytest.raises(LimitExceeded, match=r"did not end within 0\.3 s"):
        run("spin", NAP, Limits(seconds=0.3))
    assert time.monotonic() - began < 50
    assert children() <= before


def test_memory_is_limited() -> None:
    with pytest.raises(LimitExceeded, match="more than the 128 MiB"):
        run("spin", {"bytes": 2**29, "seconds": 0}, Limits(memory_bytes=128 * 2**20))


def test_ezkl_s_own_allocations_are_limited(tmp_path: Path) -> None:
    made = compiled()
    paths = {"circuit": made.path(CIRCUIT), "vk": tmp_path / "vk", "pk": tmp_path / "pk"}
    params = {name: str(path) for name, path in paths.items()} | {"srs": str(made.srs.path)}
    with pytest.raises(LimitExceeded, match="more than the 16 MiB"):
        run("setup", params, Limits(60, 16 * 2**20))


def test_a_step_can_be_cancelled() -> None:
    before = children()
    with pytest.raises(StepCancelled, match="cancelled"):
        run("spin", NAP, LIMITS, cancelled=lambda: True)
    assert children() <= before


def test_progress_tells_time_and_memory_and_its_exception_ends_the_step() -> None:
    seen: list[Progress] = []

    class Enough(Exception):
        pass

    def watch(progress: Progress) -> None:
        seen.append(progress)
        # A busy machine takes a while to hand the step what it asks for.
        if len(seen) >= 4 and progress.rss_bytes > 2**26:
            raise Enough

    before = children()
    with pytest.raises(Enough):
        run("spin", {"bytes": 2**26, "seconds": 60}, LIMITS, watch)
    assert children() <= before
    assert {progress.step for progress in seen} == {"spin"}
    assert seen[-1].seconds > seen[0].seconds


def test_a_step_that_dies_is_one_error() -> None:
    def kill(progress: Progress) -> None:
        for child in children() - before:
            os.kill(child, signal.SIGKILL)

    before = children()
    with pytest.raises(StepFailed, match="killed from outside"):
        run("spin", NAP, LIMITS, kill)


def test_no_child_outlives_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "from avow.circuits.ezkl.child import run, Limits\n"
        "run('spin', {'bytes': 1, 'seconds': 60}, Limits(), lambda p: print('up', flush=True))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    (child,) = children(parent.pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_errors_of_ezkl_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="ezkl compile_circuit failed: ") as caught:
        run(
            "compile_circuit",
            {"model": "/missing", "circuit": "/missing", "settings": "/missing"},
            LIMITS,
        )
    assert "\n" not in str(caught.value)


def test_a_panic_is_one_line(tmp_path: Path) -> None:
    damaged = tmp_path / "graph.onnx"
    damaged.write_bytes(b"\x08\xff" * 40)
    params = {"model": str(damaged), "settings": str(tmp_path / "s.json"), "run_args": {}}
    with pytest.raises(StepFailed, match="ezkl gen_settings failed: ") as caught:
        run("gen_settings", params, LIMITS)
    assert "\n" not in str(caught.value)


def test_an_unknown_run_argument_is_refused() -> None:
    params = {"model": "/missing", "settings": "/missing", "run_args": {"input_vizibility": "x"}}
    with pytest.raises(StepFailed, match="no run argument 'input_vizibility'"):
        run("gen_settings", params, LIMITS)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "missing"])
def test_a_damaged_circuit_is_an_error_not_a_crash(tmp_path: Path, damage: str) -> None:
    data = compiled().path(CIRCUIT).read_bytes()
    broken = tmp_path / "circuit.ezkl"
    if damage != "missing":
        halves = {
            "cut": data[: len(data) // 2],
            "flipped": bytes([data[0] ^ 255]) + data[1:],
            "empty": b"",
        }
        broken.write_bytes(halves[damage])
    circuit = Circuit.of(compiled())
    rows = tmp_path / "input.json"
    document = input_document(circuit, inputs(compiled()), SALT, bytes(32))
    rows.write_text(json.dumps(document))
    params = {"input": str(rows), "circuit": str(broken), "witness": str(tmp_path / "w")}
    with pytest.raises(StepFailed):
        run("witness", params, Limits(60, 2 * 2**30))


# Runs a step under a limit of 3 KiB for each file, as on a disk that is nearly full. In a process
# of its own: the limit would hold for whatever else the tests' process writes.
NEARLY_FULL = """
import json, resource, sys
from avow.circuits.errors import StepFailed
from avow.circuits.ezkl.child import Limits, run
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 2**10, hard))
step, params = json.loads(sys.argv[1])
try:
    run(step, params, Limits(60, 2 * 2**30))
except StepFailed as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("step", ["witness", "setup"])
def test_a_full_disk_is_one_clear_error(tmp_path: Path, step: str) -> None:
    circuit = Circuit.of(compiled())
    rows = tmp_path / "input.json"
    document = input_document(circuit, inputs(compiled()), SALT, bytes(32))
    rows.write_text(json.dumps(document))
    params: dict[str, dict[str, str | int]] = {
        # ezkl says nothing about this one; the step reads its own file again.
        "witness": {
            "input": str(rows),
            "circuit": str(circuit.circuit),
            "witness": str(tmp_path / "witness.json"),
        },
        "setup": {
            "circuit": str(circuit.circuit),
            "vk": str(tmp_path / "vk.key"),
            "pk": str(tmp_path / "pk.key"),
            "srs": str(circuit.srs),
        },
    }
    done = subprocess.run(
        [sys.executable, "-c", NEARLY_FULL, json.dumps([step, params[step]])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(r"File too large|disk (is )?full", done.stderr), done.stderr
    assert done.stderr.count("\n") == 1


def test_the_child_sees_no_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVOW_PRIVATE_KEY", "secret")
    seen: list[bytes] = []

    def look() -> bool:
        seen.extend(Path(f"/proc/{child}/environ").read_bytes() for child in children() - before)
        return any(seen)

    before = children()
    # It would go on for a minute: there is a child to look at, however slow this process is.
    with pytest.raises(StepCancelled):
        run("spin", NAP, LIMITS, cancelled=look)
    assert any(seen)
    assert not any(b"secret" in environment for environment in seen)
