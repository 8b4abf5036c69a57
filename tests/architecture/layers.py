"""The import rule: a room imports rooms to its right, never to its left."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("api", "prover", "circuits", "models", "verifier")

# Modules named in strings are imports too: import_module, `python -m`, Celery's task modules.
NAMED = re.compile(rf"avow\.({'|'.join(ROOMS)})(?:\.\w+)*(?::\w+)?")


def references(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and dotted name of every import, at any depth, and of every module named."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and NAMED.fullmatch(node.value)
        ):
            yield node.lineno, node.value.partition(":")[0]


def violations(source: str, room: str, name: str) -> list[str]:
    """Say, one line each, where the source of a module of `room` breaks the rule."""
    allowed = ROOMS[ROOMS.index(room) :]
    found = []
    for line, target in references(ast.parse(source)):
        first, _, rest = target.partition(".")
        second = rest.partition(".")[0]
        if first == "":
            found.append(f"{name}:{line}: relative import {target}")
        elif first in ROOMS or first == "tests":
            found.append(f"{name}:{line}: {target} is not importable once installed")
        elif first == "avow" and second not in allowed:
            found.append(f"{name}:{line}: {room} must not import {target}")
        elif room == "verifier" and target.startswith("avow.verifier.chain"):
            if not name.startswith("verifier/chain/"):
                found.append(f"{name}:{line}: nothing that verifies may import {target}")
    return found


def modules(root: Path, room: str) -> Iterator[Path]:
    """Yield the Python files of a room, in order."""
    for path in sorted((root / room).rglob("*.py")):
        if "__pycache__" not in path.parts:
            yield path


def room_violations(root: Path, room: str) -> list[str]:
    """Collect the violations of every file of a room of the checkout at `root`."""
    return [
        line
        for path in modules(root, room)
        for line in violations(
            path.read_text(encoding="utf-8"), room, path.relative_to(root).as_posix()
        )
    ]
