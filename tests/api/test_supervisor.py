"""The supervisor, in a process of its own: it ends every descendant of the one that uses it."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil

PROGRAM = """
import os, sys
from pathlib import Path
from avow.api.local.supervisor import ProcessError, Supervisor

with Supervisor(Path(sys.argv[1]), dict(os.environ)) as supervisor:
{body}
"""


def supervised(tmp_path: Path, body: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a block under a supervisor; what it printed, and what outlived it."""
    mark = uuid.uuid4().hex
    text = PROGRAM.format(body="".join(f"    {line}\n" for line in body.strip().splitlines()))
    done = subprocess.run(
        [sys.executable, "-c", text, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "DESCENDANT_OF": mark},
    )
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DESCENDANT_OF") == mark:
                left.append(" ".join(process.cmdline()))
                process.kill()
        except psutil.Error:
            continue
    return done, left


def test_what_detaches_itself_is_ended_too(tmp_path: Path) -> None:
    body = """
parent = supervisor.start("parent", ["sh", "-c", "setsid sh -c 'sleep 300 & sleep 301' &"])
parent.process.wait()
import psutil, time
def below():
    return [one.name() for one in psutil.Process().children(recursive=True)]
while below().count("sleep") < 2: time.sleep(0.02)
"""
    done, left = supervised(tmp_path, body)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert left == []


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    body = """
import avow.api.local.supervisor as module
module._GRACE_SECONDS = 0.5
child = supervisor.start("deaf", ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"])
import time
while "up" not in child.text(): time.sleep(0.02)
"""
    done, left = supervised(tmp_path, body)
    assert (done.stderr, done.returncode) == ("", 0)
    assert left == []


def test_a_child_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    body = """
child = supervisor.start("short", ["sh", "-c", "echo one; echo last words >&2; exit 3"])
child.process.wait()
try:
    supervisor.check()
except ProcessError as error:
    print(error)
try:
    supervisor.start("absent", ["/nowhere/program"])
except ProcessError as error:
    print(error)
try:
    supervisor.run("slow", ["sleep", "60"], 0.3)
except ProcessError as error:
    print(error)
"""
    done, left = supervised(tmp_path, body)
    assert done.stdout.splitlines() == [
        "short ended with status 3: last words",
        "cannot start /nowhere/program: No such file or directory",
        "slow took longer than 0 s",
    ]
    assert left == []


def test_lines_are_told_whole_and_once(tmp_path: Path) -> None:
    body = """
told = []
script = "printf a >&2; sleep 0.3; printf 'b\\\\n' >&2; echo out; sleep 0.3; printf 'c\\\\n' >&2"
done = supervisor.run("lines", ["sh", "-c", script], 30, on_line=told.append)
print(told, repr(done.stdout), done.returncode)
"""
    done, left = supervised(tmp_path, body)
    assert done.stdout == "['ab', 'c'] 'out\\n' 0\n"
    assert left == []
