"""Rounds for a given time: `python -m tests.disputes.campaign MINUTES [SEED]`.

Every element of every tensor of the program with all operations is flipped first, however long
that takes; then liars, griefers and operations at their edges take turns.
"""

import json
import os
import platform
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from avow.prover.native import _core
from avow.verifier.chain.anvil import running_anvil
from tests.conftest import ROOT
from tests.contracts.optimistic.desk import Desk
from tests.disputes.rounds import Hole, differential, flip, griefers, liar
from tests.programs.every import every_operation
from tests.programs.runs import honest_run

RESULT = Path(__file__).parent / "campaign.json"


def flips(desk: Desk, first: int, failures: list[str], most: int | None = None) -> int:
    """Flip one bit of every element, or of so many, of the program with every operation."""
    run, rng = honest_run(*every_operation()), Random(first)
    places = [(tensor, at) for tensor, row in enumerate(run.values) for at in range(len(row))]
    for tensor, element in places[:most]:
        try:
            flip(run, tensor, element, rng.randrange(64), desk)
        except Hole as hole:
            failures.append(str(hole))
    return len(places[:most])


def campaign(
    seconds: float, first: int, desk: Desk, most_flips: int | None = None
) -> dict[str, Any]:
    """The report; every failure is written down with what makes it again."""
    began = time.monotonic()
    failures: list[str] = []
    counts: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    counts["elements flipped, caught in one shot and in the game"] = flips(
        desk, first, failures, most_flips
    )
    flipped, seed = time.monotonic(), first
    while time.monotonic() - flipped < seconds:
        try:
            for by_roots in (False, True):
                ways[liar(seed, by_roots)] += 1
                counts["liars overturned"] += 1
            griefers(seed)
            counts["honest providers upheld"] += 1
            for at in range(8):
                kind, answers = differential(8 * seed + at, desk, 6)
                compared[kind] += answers
        except Hole as hole:
            failures.append(str(hole))
        seed += 1
    counts["answers of the contract compared"] = sum(compared.values())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "backend": _core.backend(),
            "python": platform.python_version(),
        },
        "minutes": round((time.monotonic() - began) / 60, 1),
        "seeds": [first, seed - 1],
        "counts": dict(sorted(counts.items())),
        "failures": failures,
        "ways of lying": dict(sorted(ways.items())),
        "answers compared by operation": dict(sorted(compared.items())),
    }


def main() -> int:
    """Run it, write `campaign.json`, and fail if anything did."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    first = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    with running_anvil(ROOT / "contracts") as node:
        desk = Desk(node.url)
        result = campaign(minutes * 60, first, desk)
        desk.http.close()
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return bool(result["failures"])


if __name__ == "__main__":
    sys.exit(main())
