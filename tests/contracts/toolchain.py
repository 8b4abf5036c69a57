"""The contracts' folder and its compiler, as the tests of this room use them."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"


def run(*command: str, cwd: Path = CONTRACTS) -> str:
    """Runs a program of the toolchain; its standard output. Fails with all that it said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def build() -> None:
    """Builds the contracts with the release settings, once."""
    run("npm", "run", "--silent", "build")


@cache
def packed_files() -> tuple[str, ...]:
    """The files that `npm pack` would put into the package."""
    (packed,) = json.loads(run("npm", "pack", "--dry-run", "--json", "--ignore-scripts"))
    return tuple(sorted(file["path"] for file in packed["files"]))


def _located(name: str) -> str:
    """The text of an imported file, from the package's own files or OpenZeppelin's."""
    own = "@avow/contracts/"
    if name.startswith(own):
        assert name.removeprefix(own) in packed_files(), f"{name} is not in the package"
        return (CONTRACTS / name.removeprefix(own)).read_text()
    assert name.startswith("@openzeppelin/contracts/"), f"{name}: import of another package"
    return (CONTRACTS / "node_modules" / name).read_text()


def _imports(name: str, text: str) -> list[str]:
    found = re.findall(r'(?m)^import (?:[^;"]*? from )?"([^"]+)";', text)
    folder = PurePosixPath(name).parent
    resolved = []
    for target in found:
        if not target.startswith("."):
            resolved.append(target)
            continue
        parts: list[str] = []
        for part in (folder / target).parts:
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        resolved.append("/".join(parts))
    return resolved


def compile_as_consumer(sources: dict[str, str]) -> dict[str, Any]:
    """Compiles texts against the packed files alone; the contracts by name. Warnings fail."""
    gathered = dict(sources)
    waiting = list(sources)
    while waiting:
        name = waiting.pop()
        for target in _imports(name, gathered[name]):
            if target not in gathered:
                gathered[target] = _located(target)
                waiting.append(target)
    settings = {"outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}}}
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in gathered.items()},
        "settings": settings,
    }
    done = subprocess.run(
        [str(CONTRACTS / "solc"), "--standard-json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert "errors" not in answer, answer["errors"]
    return {
        contract: body
        for name in sources
        for contract, body in answer["contracts"].get(name, {}).items()
    }
