"""Build folders: one compilation at a time, and what a stopped one leaves."""

import fcntl
from contextlib import ExitStack
from pathlib import Path

import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.lock import LOCK, building, building_of


def stopped(artifacts: Path) -> Path:
    """The folder of a compilation that was stopped in the middle."""
    with pytest.raises(KeyboardInterrupt), building(artifacts, "x") as folder:
        (folder / "half").write_bytes(b"done")
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
        raise KeyboardInterrupt
    return folder


def test_a_stopped_compilation_leaves_its_folder_which_the_next_clears(tmp_path: Path) -> None:
    folder = stopped(tmp_path / "artifacts")
    assert folder == tmp_path / "artifacts" / ".building-x"
    assert {path.name for path in folder.iterdir()} == {LOCK, "half", "deep"}
    with building(tmp_path / "artifacts", "x") as again:
        assert again == folder
        assert [path.name for path in folder.iterdir()] == [LOCK]


def test_who_takes_up_finds_what_was_done(tmp_path: Path) -> None:
    folder = stopped(tmp_path)
    with building(tmp_path, "x", take_up=True):
        assert (folder / "half").read_bytes() == b"done" and (folder / "deep" / "file").exists()


def test_two_do_not_build_the_same_and_the_second_spoils_nothing(tmp_path: Path) -> None:
    with building(tmp_path, "x") as folder:
        (folder / "half").touch()
        with pytest.raises(CircuitError, match="compiling the same model right now"):
            building(tmp_path, "x").__enter__()
        assert (folder / "half").exists()
        with building(tmp_path, "y") as other:
            assert other != folder


def test_each_system_has_a_folder_of_its_own_for_a_model(tmp_path: Path) -> None:
    name = "66687aadf862bd776c8fc18b8e9f8e20"
    for system, start in (("tee/v1", "tee"), ("sumcheck/v1", "sumcheck")):
        with building_of(tmp_path, system, bytes(32)) as folder:
            assert folder.name == f".building-{start}-{name}"


def test_who_waits_for_a_folder_that_gets_its_name_meanwhile_does_not_hold_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".building-x").mkdir()
    flock = fcntl.flock
    with ExitStack() as others:

        def late(descriptor: int, operation: int) -> None:
            monkeypatch.setattr(fcntl, "flock", flock)
            # Between opening and locking the first one finishes, and a third begins.
            (tmp_path / ".building-x").rename(tmp_path / "artifact")
            (tmp_path / "artifact" / LOCK).unlink()
            folder = others.enter_context(building(tmp_path, "x"))
            (folder / "half").touch()
            flock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", late)
        with pytest.raises(CircuitError, match="compiling the same model right now"):
            building(tmp_path, "x").__enter__()
        assert (tmp_path / ".building-x" / "half").exists()
