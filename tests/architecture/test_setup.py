"""The ground under the tests: services, stale installations, and what make asks for."""

import os
import subprocess
from pathlib import Path

import pytest

import tests.conftest as ground

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_service_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVOW_TEST_NOTHING_URL", raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="AVOW_TEST_NOTHING_URL is not set"):
        ground.service_address("AVOW_TEST_NOTHING_URL")


def test_a_missing_service_skips_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVOW_TEST_NOTHING_URL", raising=False)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception):
        ground.service_address("AVOW_TEST_NOTHING_URL")


def test_a_service_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVOW_TEST_NOTHING_URL", "redis://127.0.0.1:1")
    assert ground.service_address("AVOW_TEST_NOTHING_URL") == "redis://127.0.0.1:1"


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, Path]:
    """A checkout with one file in each room, and an exact installation of it."""
    root, prefix = tmp_path / "checkout", tmp_path / "site-packages"
    for room in ground.ROOMS:
        for folder in (root / room, prefix / "avow" / room):
            folder.mkdir(parents=True)
            (folder / "module.py").write_text("x = 1\n")
    return root, prefix


def test_an_exact_installation_is_not_stale(installed: tuple[Path, Path]) -> None:
    assert ground.stale_rooms(*installed) == []


def test_a_changed_a_new_and_a_deleted_file_are_stale(installed: tuple[Path, Path]) -> None:
    root, _ = installed
    (root / "api" / "module.py").write_text("x = 2\n")
    (root / "models" / "new.py").write_text("")
    (root / "prover" / "module.py").unlink()
    assert ground.stale_rooms(*installed) == ["models", "prover", "api"]


def test_the_prerequisites_are_met_here() -> None:
    subprocess.run(["make", "prerequisites"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("PYTHON=false", "make: Python 3.11 or newer is needed"),
        ("CXX=no-such-compiler", "make: a C++ compiler is needed, found none named"),
    ],
)
def test_a_missing_prerequisite_is_one_clear_line(setting: str, line: str) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["make", "--no-print-directory", "prerequisites", setting],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith(line)
    assert second.startswith("make: ***")


def test_an_old_node_is_one_clear_line(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text('#!/bin/sh\n[ "$1" = --version ] && echo v18.0.0\nexit 1\n')
    node.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", "prerequisites"],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("make: Node 20 or newer is needed, found: v18.0.0\n")
