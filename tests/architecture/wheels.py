"""What the two wheels may hold, and whether they hold it."""

import sysconfig
import zipfile
from collections.abc import Iterable
from pathlib import Path

# Which rooms each distribution carries.
ROOMS = {
    "avow": ("models", "circuits", "prover", "api"),
    "avow_verifier": ("verifier",),
}

# Files of a room that belong to the checkout, not to an installation.
LEFT_OUT = {"verifier/pyproject.toml", "verifier/LICENSE"}

# Where the native core is written, the endings that stay behind, and what is built from them.
NATIVE = "prover/native"
SOURCES = {".cpp", ".hpp", ".txt", ".so"}
BUILT = {"avow": f"avow/{NATIVE}/_core{sysconfig.get_config_var('EXT_SUFFIX')}"}


def contents(wheel: Path) -> list[str]:
    """List the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def expected(root: Path, distribution: str) -> set[str]:
    """List the files under `avow/` that the checkout at `root` gives to a distribution."""
    built = {BUILT[distribution]} if distribution in BUILT else set()
    return built | {
        f"avow/{name}"
        for room in ROOMS[distribution]
        for path in (root / room).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and (name := path.relative_to(root).as_posix()) not in LEFT_OUT
        and not (name.startswith(f"{NATIVE}/") and path.suffix in SOURCES)
    }


def faults(distribution: str, held: Iterable[str], wanted: set[str]) -> list[str]:
    """Say, one line each, what is wrong with the list of files of a distribution's wheel."""
    names = [name for name in held if ".dist-info/" not in name]
    found = [f"given twice: {name}" for name in sorted({n for n in names if names.count(n) > 1})]
    for name in sorted(set(names) | wanted):
        parts = name.split("/")
        if parts[0] != "avow":
            found.append(f"outside avow/: {name}")
        elif name == "avow/__init__.py":
            found.append("avow must stay a namespace: avow/__init__.py")
        elif parts[1] not in ROOMS[distribution]:
            found.append(f"of another distribution: {name}")
        elif name not in wanted:
            found.append(f"not in the checkout: {name}")
        elif name not in names:
            found.append(f"missing: {name}")
    found += [
        f"missing: avow/{room}/py.typed"
        for room in ROOMS[distribution]
        if f"avow/{room}/py.typed" not in names and f"avow/{room}/py.typed" not in wanted
    ]
    return found
