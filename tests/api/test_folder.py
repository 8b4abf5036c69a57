"""A scratch folder is emptied, but only when an earlier run made it, and one run holds it."""

from pathlib import Path

import pytest

from avow.api.errors import DemoError
from avow.api.local.folder import scratch


def test_it_is_made_and_made_anew(tmp_path: Path) -> None:
    for _ in range(2):
        with scratch(tmp_path / "a") as folder:
            assert [path.name for path in folder.iterdir()] == [".made-by-avow"]
            (folder / "left").mkdir()
            (folder / "left" / "over").touch()
            (folder / "link").symlink_to(tmp_path)
    assert tmp_path.is_dir()


def test_it_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    for _ in range(2):
        with scratch(tmp_path / "a") as folder:
            (folder / "link").symlink_to(precious, target_is_directory=True)
    assert (precious / "file").exists()


def test_a_run_killed_while_it_cleaned_does_not_block_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    with scratch(folder):
        pass
    (folder / ".made-by-avow").touch()
    (folder / "half").touch()
    with scratch(folder):
        assert not (folder / "half").exists()


def test_what_somebody_else_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").touch()
    with pytest.raises(DemoError, match="was not made by an earlier run"):
        with scratch(tmp_path / "a"):
            pass
    assert (tmp_path / "a" / "mine").exists()
    assert not (tmp_path / "a" / ".made-by-avow").exists()


def test_two_runs_cannot_hold_one_folder(tmp_path: Path) -> None:
    with scratch(tmp_path / "a"):
        with pytest.raises(DemoError, match="another run is using"):
            with scratch(tmp_path / "a"):
                pass
    with scratch(tmp_path / "a"):
        pass
