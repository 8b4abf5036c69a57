"""Replacing a folder: whoever is killed meanwhile loses none and leaves none behind for ever."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from avow.circuits.lock import LOCK
from avow.circuits.placing import put, recover

NAME = "ab" * 32
ASIDE = f".old-{NAME}"
# Replaces an artifact; stops itself after its n-th renaming, for ever or until it is told.
CHILD = """
import os, shutil, signal, sys
from pathlib import Path
from avow.circuits import placing

def stop():
    if sys.argv[3] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    print("stopped", flush=True)
    sys.stdin.readline()

renamed, rename, last = [], os.rename, int(sys.argv[2])
def counted(source, target):
    rename(source, target)
    renamed.append(source)
    if len(renamed) == last:
        stop()

def half(folder, **how):
    (folder / "key").unlink()
    stop()

os.rename = counted
if last == 0:
    shutil.rmtree = half
folder = Path(sys.argv[1])
placing.put(folder / ".building-x", folder / ("ab" * 32))
"""
# After the renamings: put aside, replaced, given up; 0 is in the middle of deleting.
STOPS = {1: "old", 2: "new", 3: "new", 0: "new"}


def filled(folder: Path, content: str) -> Path:
    """A folder of two files that say the same."""
    folder.mkdir()
    for name in ("key", "record.json"):
        (folder / name).write_text(content)
    return folder


def content(folder: Path) -> set[str]:
    """What the files of a folder say, each."""
    return {(folder / name).read_text() for name in ("key", "record.json")}


def names(folder: Path) -> set[str]:
    """What lies in it, but for the lock."""
    return {path.name for path in folder.iterdir()} - {LOCK}


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """An artifact and a folder that is to replace it."""
    filled(tmp_path / NAME, "old")
    filled(tmp_path / ".building-x", "new")
    return tmp_path


@contextmanager
def child(artifacts: Path, stop: int, how: str) -> Iterator[subprocess.Popen[str]]:
    """The process that replaces."""
    command = [sys.executable, "-c", CHILD, str(artifacts), str(stop), how]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def killed(artifacts: Path, stop: int) -> None:
    """It was killed after that renaming."""
    with child(artifacts, stop, "killed") as process:
        assert process.wait() == -9


def test_an_artifact_is_replaced_and_nothing_else_is_left(artifacts: Path) -> None:
    put(artifacts / ".building-x", artifacts / NAME)
    assert content(artifacts / NAME) == {"new"} and names(artifacts) == {NAME}


@pytest.mark.parametrize(("stop", "kept"), STOPS.items())
def test_who_opens_after_a_kill_finds_one_and_clears_up(
    artifacts: Path, stop: int, kept: str
) -> None:
    killed(artifacts, stop)
    left = names(artifacts)
    assert left & {ASIDE} if stop in (1, 2) else any(name[:6] == ".gone-" for name in left)
    assert (artifacts / NAME).exists() == (stop != 1)
    recover(artifacts)
    assert content(artifacts / NAME) == {kept}
    assert names(artifacts) - {".building-x"} == {NAME}


@pytest.mark.parametrize("stop", STOPS)
def test_who_replaces_after_a_kill_clears_up(artifacts: Path, stop: int) -> None:
    killed(artifacts, stop)
    put(filled(artifacts / ".building-y", "newer"), artifacts / NAME)
    assert content(artifacts / NAME) == {"newer"}
    assert names(artifacts) - {".building-x"} == {NAME}


def test_another_ones_replacement_clears_up_too(artifacts: Path) -> None:
    killed(artifacts, 1)
    put(filled(artifacts / ".building-y", "other"), artifacts / ("cd" * 32))
    assert content(artifacts / NAME) == {"old"}
    assert names(artifacts) - {".building-x"} == {NAME, "cd" * 32}


@pytest.mark.parametrize("stop", [1, 2])
def test_what_a_living_process_has_put_aside_is_left_to_it(artifacts: Path, stop: int) -> None:
    with child(artifacts, stop, "paused") as process:
        assert process.stdout is not None and process.stdout.readline() == "stopped\n"
        before = names(artifacts)
        recover(artifacts)
        assert names(artifacts) == before and content(artifacts / ASIDE) == {"old"}
        process.communicate("\n")
        assert process.returncode == 0
    assert content(artifacts / NAME) == {"new"} and names(artifacts) == {NAME}


def test_two_that_replace_the_same_do_it_one_after_the_other(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, asked = fcntl.flock, []
    with child(artifacts, 1, "paused") as process:
        assert process.stdout is not None and process.stdout.readline() == "stopped\n"

        def held(descriptor: int, operation: int) -> None:
            with pytest.raises(BlockingIOError):
                flock(descriptor, operation | fcntl.LOCK_NB)
            asked.append(operation)
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            flock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", held)
        put(filled(artifacts / ".building-y", "newer"), artifacts / NAME)
        assert asked == [fcntl.LOCK_EX]
        assert process.wait() == 0
    assert content(artifacts / NAME) == {"newer"} and names(artifacts) == {NAME}


def test_what_cannot_be_replaced_stays(artifacts: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put(artifacts / ".building-none", artifacts / NAME)
    assert content(artifacts / NAME) == {"old"} and ASIDE not in names(artifacts)


def test_what_others_named_alike_is_left_alone(tmp_path: Path) -> None:
    for name in (".old-ab", ".gone-x", f".gone-{NAME}", f".old-{NAME}x"):
        filled(tmp_path / name, "mine")
    before = names(tmp_path)
    filled(tmp_path / ASIDE, "old")
    recover(tmp_path)
    assert names(tmp_path) == before | {NAME}
    assert all(content(path) for path in tmp_path.iterdir() if path.is_dir())


def test_where_nothing_can_be_changed_nothing_is(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.rename(artifacts / NAME, artifacts / ASIDE)

    def refused(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    recover(artifacts)
    assert content(artifacts / ASIDE) == {"old"} and NAME not in names(artifacts)
    recover(artifacts / "none")
