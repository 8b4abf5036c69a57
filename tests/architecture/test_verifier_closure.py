"""Verifying needs two small packages, and neither network nor clock."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import avow.verifier
from tests.architecture.layers import modules, references

ROOT = Path(__file__).resolve().parents[2]

# The top-level names that py-ecc and pycryptodome install, and of cffi, which the latter takes in
# place of ctypes where another package has brought it.
ALLOWED = {"avow", "py_ecc", "Crypto", "cffi", "_cffi_backend", "pycparser"}

# Standard modules that the verifier's own code has no business with.
OUTSIDE_WORLD = {
    "asyncio", "ctypes", "datetime", "http", "multiprocessing", "pickle", "random", "socket",
    "ssl", "subprocess", "threading", "time", "urllib",
}  # fmt: skip

# The ezkl half isolates another package's code in a child; chain/ talks to a node; the command
# line turns --at into seconds.
EXEMPT = ("verifier/chain/", "verifier/systems/ezkl", "verifier/cli.py")


def loaded_by(statement: str) -> set[str]:
    """Name the third-party top-level modules that a fresh interpreter has after a statement."""
    (verifier,) = avow.verifier.__path__
    program = (
        "import json, sys\n"
        f"sys.path.insert(0, {str(Path(verifier).parent.parent)!r})\n"
        "before = set(sys.modules)\n"
        f"{statement}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    names = {name.partition(".")[0] for name in json.loads(done.stdout)}
    return names - set(sys.stdlib_module_names)


def outside_world(source: str) -> set[str]:
    """Name the modules of the outside world that a source imports, at any depth."""
    targets = {target.partition(".")[0] for _, target in references(ast.parse(source))}
    return targets & OUTSIDE_WORLD


@pytest.mark.parametrize("module", ["verify", "bundle", "policy", "verdict", "cli", "systems"])
def test_the_core_loads_nothing_but_its_two_dependencies(module: str) -> None:
    loaded = loaded_by(f"import avow.verifier.{module}")
    assert "avow" in loaded
    assert loaded - ALLOWED == set()


def test_a_heavier_import_is_noticed() -> None:
    assert {"numpy"} <= loaded_by("import avow.verifier, numpy") - ALLOWED


def test_the_core_neither_reads_a_clock_nor_opens_a_socket() -> None:
    found = {
        name: names
        for path in modules(ROOT, "verifier")
        if not (name := path.relative_to(ROOT).as_posix()).startswith(EXEMPT)
        and (names := outside_world(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source", ["import time", "def f():\n    from urllib.request import urlopen", "import socket"]
)
def test_a_planted_clock_or_socket_is_noticed(source: str) -> None:
    assert outside_world(source) != set()
