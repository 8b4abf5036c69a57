"""Takes one `revert` after another out of the contracts of disputes and attestation.

Each time it shows that a forge test fails.

All are taken out by one build: each statement is carried out unless the transaction's gas price, of
which no contract asks, is its number. `python -m tests.mutation.reverts [--forge PATH]
[--folder PATH] [NAME ...]` writes `reverts.json` after each mutant; with NAMEs only those of files
whose path holds one are tried, and what the report says of others is kept. With a folder what forge
built is found there again.
"""

import json
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os.path import relpath
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"
RESULT = Path(__file__).parent / "reverts.json"
_ATTESTATION = (
    "test/attestation/{AttestationGovernance,Contradictions,DcapQuoteCheck,Disproofs,"
    "HostileTokens,KeyBook,ReceiptVerifier,Registrations,Replies,TeeAdapter}.t.sol"
)
# What is mutated, and the tests that must notice.
SUITES = {
    "src/optimistic/Referee.sol": "test/optimistic/{Referee*,InputRoots}.t.sol",
    "src/optimistic/referee/": "test/optimistic/{Referee*,InputRoots}.t.sol",
    "src/optimistic/watch/": "test/watch/*.t.sol",
    "src/optimistic/Watch.sol": "test/watch/*.t.sol",
    "src/optimistic/": "test/{optimistic,attack}/*.t.sol",
    "src/attestation/": _ATTESTATION,
    "src/adapters/TeeAdapter.sol": _ATTESTATION,
    "src/adapters/OptimisticAdapter.sol": "test/{optimistic,attack}/*.t.sol",
}
# Those that no test can notice, by file and error.
EXPLAINED = {
    "src/optimistic/RevealGame.sol TraceRootMissing": (
        "only a trace of one tensor can have a root of zero, and the compiler makes no program "
        "without an operation"
    ),
}
_REVERT = re.compile(r"\brevert\s+(\w+)\s*\([^;]*\)\s*;")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_FAILED = re.compile(r"^\[FAIL.*\]\s+(\w+)\(", re.MULTILINE)
_FORGE_SECONDS = 1800
_PRAGMA = "pragma solidity ^0.8.28;\n"
_SWITCH = "src/optimistic/Mutant.sol"
# A function that is not declared to read its environment may not, but for a pointer's sake.
_SWITCH_TEXT = """// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

function mutant() pure returns (uint256) {
    return _pure(_price)();
}

function _price() view returns (uint256) {
    return tx.gasprice;
}

function _pure(function() view returns (uint256) reading)
    pure
    returns (function() pure returns (uint256) silent)
{
    assembly {
        silent := reading
    }
}
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One `revert` statement: the file under `contracts/`, its line, the error, where it stands."""

    file: str
    line: int
    error: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"{self.file}:{self.line} {self.error}"

    @property
    def suite(self) -> str:
        """The tests that must notice."""
        return next(tests for path, tests in SUITES.items() if self.file.startswith(path))


def mutants_of(file: str, text: str) -> Iterator[Mutant]:
    """Every `revert` of a file that is not in a comment."""
    code = _COMMENT.sub(lambda found: " " * len(found.group()), text)
    for found in _REVERT.finditer(code):
        line = code.count("\n", 0, found.start()) + 1
        yield Mutant(file, line, found.group(1), found.start(), found.end())


def all_mutants(contracts: Path) -> list[Mutant]:
    """Those of every file of `SUITES`, in the order of their paths."""
    files = sorted(
        path
        for path in contracts.glob("src/**/*.sol")
        if path.relative_to(contracts).as_posix().startswith(tuple(SUITES))
    )
    return [
        mutant
        for path in files
        for mutant in mutants_of(path.relative_to(contracts).as_posix(), path.read_text("utf-8"))
    ]


def switched(file: str, text: str, numbers: Mapping[int, int]) -> str:
    """A file whose `revert`s, by where they start, are not carried out at their gas prices."""
    parts, at = [], 0
    for mutant in mutants_of(file, text):
        statement = text[mutant.start : mutant.end]
        parts += [text[at : mutant.start], f"{{ if (mutant() != {numbers[mutant.start]}) "]
        parts.append(f"{statement} }}")
        at = mutant.end
    parts.append(text[at:])
    path = PurePosixPath(relpath(_SWITCH, PurePosixPath(file).parent)).as_posix()
    path = path if path.startswith(".") else f"./{path}"
    return "".join(parts).replace(_PRAGMA, f'{_PRAGMA}import {{mutant}} from "{path}";\n', 1)


class Workshop:
    """A copy of the contracts in which every `revert` has a switch; forge builds and tests it."""

    def __init__(self, folder: Path, forge: Path) -> None:
        self.contracts = folder / "contracts"
        self._forge = forge
        self.mutants = all_mutants(CONTRACTS)
        ignored = shutil.ignore_patterns("out", "cache", "node_modules", "broadcast", "coverage")
        for part in ("src", "test", "snapshots"):
            shutil.rmtree(self.contracts / part, ignore_errors=True)
        shutil.copytree(CONTRACTS, self.contracts, ignore=ignored, dirs_exist_ok=True)
        links = {
            self.contracts / "node_modules": CONTRACTS / "node_modules",
            folder / "tests": ROOT / "tests",
        }
        for link, target in links.items():
            if not link.is_symlink():
                link.symlink_to(target.resolve())
        self._put_switches()

    def _put_switches(self) -> None:
        (self.contracts / _SWITCH).write_text(_SWITCH_TEXT, "utf-8")
        for file in dict.fromkeys(mutant.file for mutant in self.mutants):
            numbers = {
                mutant.start: number
                for number, mutant in enumerate(self.mutants, 1)
                if mutant.file == file
            }
            path = self.contracts / file
            path.write_text(switched(file, path.read_text("utf-8"), numbers), "utf-8")

    def test(self, suite: str, price: int) -> tuple[str, str]:
        """What came of a suite: passed, the name of a test that failed, or broken; and the log."""
        done = subprocess.run(
            [
                *(str(self._forge), "test", "--fail-fast", "--deny", "never"),
                *("--code-size-limit", "100000", "--gas-price", str(price), "--match-path", suite),
            ],
            cwd=self.contracts,
            capture_output=True,
            text=True,
            timeout=_FORGE_SECONDS,
        )
        log = done.stdout + done.stderr
        failed = _FAILED.findall(log)
        if failed:
            return failed[0], log
        if done.returncode == 0 and " passed; 0 failed" in log:
            return "passed", log
        return "broken", log


def campaign(shop: Workshop, names: Sequence[str]) -> Iterator[tuple[Mutant, str]]:
    """Every mutant of the files that are asked for, with the test that noticed it, or `passed`."""
    chosen = [
        (number, mutant)
        for number, mutant in enumerate(shop.mutants, 1)
        if not names or any(name in mutant.file for name in names)
    ]
    for suite in dict.fromkeys(mutant.suite for _, mutant in chosen):
        said, log = shop.test(suite, 0)
        if said != "passed":
            raise SystemExit(f"{suite}: the tests fail without any change\n{log[-2000:]}")
    for number, mutant in chosen:
        said, log = shop.test(mutant.suite, number)
        if said == "broken":
            raise SystemExit(f"{mutant.name}: forge could not test it\n{log[-2000:]}")
        sys.stderr.write(f"{number}/{len(shop.mutants)} {mutant.name}: {said}\n")
        yield mutant, said


def noted(found: dict[str, Any], mutants: Sequence[Mutant], one: Mutant, said: str) -> None:
    """Put a result into the report; what it says of statements that are no more goes away."""
    names = [mutant.name for mutant in mutants]
    killed = {name: test for name, test in found["killed"].items() if name in names}
    before = {*found["survivors"], *found.get("explained", {})}
    survivors = {name for name in before if name in names} - {one.name}
    killed.pop(one.name, None)
    if said == "passed":
        survivors.add(one.name)
    else:
        killed[one.name] = said
    found["date"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    found["mutants"] = len(names)
    found["killed"] = dict(sorted(killed.items()))
    explained = {name: EXPLAINED.get(re.sub(r":\d+ ", " ", name)) for name in sorted(survivors)}
    found["survivors"] = [name for name, reason in explained.items() if reason is None]
    found["explained"] = {name: reason for name, reason in explained.items() if reason}
    found["untried"] = sorted(set(names) - set(killed) - survivors)


def main(arguments: Sequence[str]) -> int:
    """Try mutants, write the report, and fail if one survived."""
    parser = ArgumentParser(prog="tests.mutation.reverts", description=__doc__)
    parser.add_argument("--forge", type=Path, default=CONTRACTS / "node_modules/.bin/forge")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    chosen = parser.parse_args(arguments)
    found: dict[str, Any] = {"killed": {}, "survivors": []}
    if chosen.names and RESULT.exists():
        found = json.loads(RESULT.read_text("utf-8"))
    with TemporaryDirectory(prefix="avow-mutants-") as scratch:
        folder = chosen.folder.absolute() if chosen.folder else Path(scratch)
        shop = Workshop(folder, chosen.forge.absolute())
        for mutant, said in campaign(shop, chosen.names):
            noted(found, shop.mutants, mutant, said)
            RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    said = f"{found['mutants']} mutants, {len(found['killed'])} killed"
    sys.stdout.write(f"{said}; survivors: {found['survivors']}\n")
    return bool(found["survivors"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
