"""Demos of several scenes on one chain: each is played and accounted for, and reported on."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avow.api.cli.failures import EXPECTED
from avow.api.demo.dispute_ledger import gas_by_party, sent_since, to_json
from avow.api.errors import DemoError, describe
from avow.api.local.folder import scratch
from avow.api.local.interrupts import raise_on_termination
from avow.api.local.output import check_output, write_output
from avow.api.local.steps import Steps
from avow.api.local.tokens import shown
from avow.verifier.chain.client import Chain


@dataclass(frozen=True, slots=True)
class Ledger:
    """Whose transactions and tokens a scene is accounted by.

    `held` reads what each of `parties` has, in token units; a scene must leave their sum as it
    was. `places` names contracts as `sent_since` has it.
    """

    chain: Chain
    parties: Mapping[str, bytes]
    held: Callable[[], dict[str, int]]
    places: Mapping[bytes, str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scene in words; what the report has of it besides, and what its line has."""

    said: str
    more: dict[str, Any] = field(default_factory=dict)
    counted: str = ""


@dataclass
class Scenes:
    """Plays scenes one after the other; `report` has what came of them."""

    folder: Path
    report_file: Path
    steps: Steps = field(default_factory=Steps)
    report: dict[str, Any] = field(default_factory=lambda: {"scenarios": [], "error": None})

    @contextmanager
    def reported(self) -> Iterator[Path]:
        """A scratch folder for as long as the scenes take; the report is written however they end.

        Raises `ApiError` before anything begins where the report cannot be written.
        """
        self.report_file.parent.mkdir(parents=True, exist_ok=True)
        check_output(self.report_file)
        began = time.monotonic()
        try:
            with scratch(self.folder) as root:
                self.steps.say("Start a chain, deploy, compile, register")
                yield root
        except BaseException as error:
            self.report["error"] = describe(error)
            raise
        finally:
            self.report["seconds"] = round(time.monotonic() - began, 3)
            self._write()

    def play(self, scene: Callable[..., Any], ledger: Ledger, act: Callable[[], Outcome]) -> None:
        """Play `act` under the name and the first line of `scene`, and report on it.

        Raises `DemoError` where tokens were lost or made.
        """
        name = scene.__name__.replace("_", " ")
        first, before = ledger.chain.head(), ledger.held()
        with self.steps.step(name, (scene.__doc__ or name).splitlines()[0]):
            outcome = act()
            last, after = ledger.chain.head(), ledger.held()
            sent = sent_since(ledger.chain, first.number, ledger.parties, ledger.places)
            if sum(before.values()) != sum(after.values()):
                raise DemoError(f"{name}: tokens were lost or made")
            gas = gas_by_party(sent)
            self.report["scenarios"].append(
                {
                    "name": name,
                    "outcome": outcome.said,
                    **outcome.more,
                    "transactions": to_json(sent),
                    "gas": gas,
                    "before": before,
                    "after": after,
                    "chain_seconds": last.timestamp - first.timestamp,
                }
            )
            self.steps.say(f"{outcome.said}; {len(sent)} transactions{outcome.counted}")
            for party in ledger.parties:
                gained = after[party] - before[party]
                if gained or gas.get(party):
                    spent = f"{gas.get(party, 0):>10,} gas"
                    self.steps.say(
                        f"{party:10} {'+' if gained > 0 else ''}{shown(gained):>10} {spent}"
                    )

    def _write(self) -> None:
        write_output(self.report_file, (json.dumps(self.report, indent=2) + "\n").encode("ascii"))


def arguments_of(module: str, about: str | None, folder: str) -> argparse.ArgumentParser:
    """`[FOLDER [REPORT]]` of a demo; what is left out is `folder`, and JSON of that name."""
    parser = argparse.ArgumentParser(prog=module, description=about)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(folder))
    parser.add_argument("report", nargs="?", type=Path, default=Path(f"{folder}.json"))
    return parser


def conclude(played: Callable[[], str]) -> int:
    """Play to the end and print what that says; returns the exit status, errors in one line.

    1 for whatever was to be expected, 130 when it was interrupted.
    """
    raise_on_termination()
    try:
        said = played()
    except (*EXPECTED, OSError) as error:
        sys.stderr.write(f"avow: error: {describe(error)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("avow: interrupted\n")
        return 130
    sys.stdout.write(f"\n{said}\n")
    return 0
