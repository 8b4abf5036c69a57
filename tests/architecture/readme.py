"""The help texts inside README.md: found, compared with the commands, and refreshed.

A block is `<!-- help:COMMAND -->`, a fenced text, `<!-- /help -->`. The command is `make`, or one
of ours with its subcommands, as in `help:avow model add`. Run as a program with the path of the
README, this writes the present help texts into it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

BLOCK = re.compile(
    r"<!-- help:(?P<command>[a-z -]+?) -->\n```(?:text)?\n(?P<text>.*?)```\n<!-- /help -->",
    re.DOTALL,
)
OPENING = re.compile(r"<!-- help:")
PROGRAMS = ("make", "avow", "avow-verify")


def blocks(readme: str) -> Iterator[tuple[str, str]]:
    """Yield the command and the text of every block; refuse one that is not well-formed."""
    found = [(match["command"], match["text"]) for match in BLOCK.finditer(readme)]
    if len(found) != len(OPENING.findall(readme)):
        raise ValueError("README: expected every help block closed and fenced")
    for command, _ in found:
        if command.split()[0] not in PROGRAMS:
            raise ValueError(f"README: expected one of {PROGRAMS}, got {command}")
    yield from found


def help_text(command: str) -> str:
    """Run a command for its help, at a fixed width; it is looked up beside this interpreter."""
    program, *rest = command.split()
    if program == "make":
        words = ["make", "--no-print-directory", "help"]
    else:
        words = [str(Path(sys.executable).parent / program), *rest, "--help"]
    # Make hands its own options down, and they would change what it prints.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).resolve().parents[2],
        env=environment | {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
    )
    return "".join(line.rstrip() + "\n" for line in done.stdout.strip("\n").splitlines())


def refreshed(readme: str, current: Callable[[str], str]) -> str:
    """Return the README with the present help text in every block."""
    list(blocks(readme))
    return BLOCK.sub(
        lambda match: (
            f"<!-- help:{match['command']} -->\n"
            f"```text\n{current(match['command'])}```\n<!-- /help -->"
        ),
        readme,
    )


def main(path: Path) -> None:
    """Refresh the README at `path` in place."""
    path.write_text(refreshed(path.read_text(encoding="utf-8"), help_text), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
