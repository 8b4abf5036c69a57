"""Sizes that keep the project readable: the verifier's budget, short files, telling names."""

import os
from collections.abc import Iterable
from pathlib import Path

CORE_LINES = 2_500
PROGRAM_LINES = 1_300
RELATION_LINES = 1_400
ARGUMENT_LINES = 320
TRACE_LINES = 1_050
MIXED_LINES = 1_250
ATTESTATION_LINES = 3_700
HALF_LINES = 900
FILE_LINES = 600

# Rooms of the verifier with a budget of their own (chain/ is for those who settle).
ROOMS = {"chain", "program", "relation", "argument", "trace", "attestation", "mixed"}

# Modules of verifier/systems that every half shares; they count as core.
SHARED = {"__init__.py", "system.py", "table.py"}

# Names that say nothing about what is inside.
EMPTY_NAMES = {"common", "utils", "util", "helpers", "helper", "misc", "shared", "lib"}

CODE = (".py", ".sol", ".js", ".ts", ".cpp", ".hpp", ".h")

# Folders that are made, not written.
MADE = {"__pycache__", "node_modules", "out", "cache", "build", "broadcast", "dist"}


def written(root: Path) -> list[Path]:
    """List the files of the project that people write, relative to the checkout's root."""
    found: list[Path] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in MADE and not name.startswith(".")
        )
        found.extend(Path(folder, name).relative_to(root) for name in sorted(files))
    return found


def lines(path: Path) -> int:
    """Count a file's lines as the budget does: all of them."""
    return len(path.read_text(encoding="utf-8").splitlines())


def core_files(verifier: Path) -> list[Path]:
    """List what an auditor reads whatever the proof system: neither chain/ and the halves, nor
    what a program is, when a run of it is proven or refuted, what an argument is made of, what
    hardware vendors sign, and how several bundles are judged together."""
    return [
        path
        for path in sorted(verifier.rglob("*.py"))
        if (relative := path.relative_to(verifier)).parts[0] not in ROOMS
        and (relative.parts[0] != "systems" or relative.parts[1] in SHARED)
    ]


def halves(verifier: Path) -> dict[str, int]:
    """Count the lines of every proof system's half: one module or one folder in systems/."""
    sizes: dict[str, int] = {}
    for path in sorted((verifier / "systems").rglob("*.py")):
        first = path.relative_to(verifier / "systems").parts[0]
        if first not in SHARED:
            name = first.removesuffix(".py")
            sizes[name] = sizes.get(name, 0) + lines(path)
    return sizes


def long_share(sizes: Iterable[int]) -> float:
    """Return the share of files that are longer than a file should be."""
    counted = list(sizes)
    return sum(size > FILE_LINES for size in counted) / len(counted)


def empty_names(paths: Iterable[Path]) -> list[str]:
    """List the relative paths in which a folder or module has a name that says nothing."""
    return [
        path.as_posix()
        for path in paths
        if {part.lower().partition(".")[0] for part in path.parts} & EMPTY_NAMES
        or "manager" in path.stem.lower()
    ]
