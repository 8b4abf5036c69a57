"""Writes the ledger anew: `python -m tests.models.compiler.conformance.generate`."""

import json
from collections import Counter
from pathlib import Path

from tests.models.compiler.conformance.cases import collect, run

LEDGER = Path(__file__).with_name("ledger.json")


def ledger() -> dict[str, str]:
    """What becomes of every case."""
    return {name: run(case) for name, case in sorted(collect().items())}


def main() -> None:
    """Write the file and print how many passed."""
    found = ledger()
    LEDGER.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(
        Counter(
            outcome.split(",")[0] if "passed" in outcome else "refused"
            for outcome in found.values()
        )
    )


if __name__ == "__main__":
    main()
