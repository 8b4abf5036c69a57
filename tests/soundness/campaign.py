"""Rounds for a given time, and what came of them: `python -m tests.soundness.campaign MINUTES`."""

import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from avow.prover.native import _core
from tests.soundness.rounds import Hole, Round, forged_round, honest_round
from tests.soundness.workbench import quicken

RESULT = Path(__file__).parent / "campaign.json"


def campaign(seconds: float, first: int) -> dict[str, object]:
    """Alternate honest and forged rounds; every failure is written down with its seed."""
    monkeypatch = pytest.MonkeyPatch()
    quicken(monkeypatch)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    failures: list[str] = []
    widths: Counter[int] = Counter()
    batches: Counter[int] = Counter()
    operations, longest, seed = 0, 0, first
    while time.monotonic() - began < seconds:
        kinds: tuple[tuple[str, Callable[[int], Round]], ...] = (
            ("honest proofs accepted", honest_round),
            ("forged", forged_round),
        )
        for name, kind in kinds:
            try:
                done = kind(seed)
            except Hole as hole:
                failures.append(str(hole))
                continue
            broken = done.forged == "an equation broken"
            told = {"forged": "forged proofs refused" if broken else f"accepted: {done.forged}"}
            counts[told.get(name, name)] += 1
            counts["compared byte by byte with the other prover"] += done.compared
            widths[done.width] += 1
            batches[done.batch] += 1
            operations += done.operations
            longest = max(longest, done.bytes)
        seed += 1
    monkeypatch.undo()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "backend": _core.backend(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "verifier": "the Python one; its pairing as an equation of points, by the known secret",
        "minutes": round((time.monotonic() - began) / 60, 1),
        "seeds": [first, seed - 1],
        "counts": dict(sorted(counts.items())),
        "failures": failures,
        "operations": operations,
        "longest proof in bytes": longest,
        "table widths": {str(width): widths[width] for width in sorted(widths)},
        "batches": {str(batch): batches[batch] for batch in sorted(batches)},
    }


def main() -> int:
    """Run it, write `campaign.json`, and fail if anything did."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    first = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time()) * 1000
    result = campaign(minutes * 60, first)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return bool(result["failures"])


if __name__ == "__main__":
    sys.exit(main())
