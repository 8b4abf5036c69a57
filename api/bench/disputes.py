"""What disputes of `optimistic/v1` cost, and what traces cost beside answers, against model size.

`python -m avow.api.bench.disputes docs measure` measures every program in a process of its own, its
disputes on a development chain with the real contracts, and writes `docs/disputes.json`; without
`measure` chart and page are made from that file.
"""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from avow.api.bench.dispute_page import FAMILIES as TRACED
from avow.api.bench.dispute_page import draw, page
from avow.api.bench.machine import describe_machine
from avow.api.bench.points import point
from avow.api.local.people import development_people
from avow.api.local.tokens import STAKE, UNIT, endow, transfer
from avow.prover.config import from_environment
from avow.verifier.chain.anvil import CHAIN_ID, running_anvil
from avow.verifier.chain.client import Chain
from avow.verifier.chain.deploy import Settings, deploy
from avow.verifier.chain.market import open_market

NAME = "disputes"
# The networks of `avow.api.bench.scaling` with about 10^8 multiplications.
_LARGEST = 8
_POINT_SECONDS = 600


def measure(contracts: Path, points: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """The report of these programs (family, number), on a chain that runs for them."""
    load = os.getloadavg()[0]
    traces = [_trace(family) for family in TRACED]
    with TemporaryDirectory(prefix="avow-disputes-") as folder, running_anvil(contracts) as anvil:
        path = Path(folder) / f"{CHAIN_ID}.json"
        _prepare(anvil.url, path)
        rows = [_dispute(family, number, anvil.url, path) for family, number in points]
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "load_average": round(load, 1),
        "traces": traces,
        "rows": rows,
    }


def _trace(family: str) -> dict[str, Any]:
    arguments, what = (family, str(_LARGEST), "1"), f"trace {family} {_LARGEST}"
    return point("trace_point", *arguments, what=what, seconds=_POINT_SECONDS)


def _dispute(family: str, number: int, url: str, deployment: Path) -> dict[str, Any]:
    arguments, what = (family, str(number), url, str(deployment)), f"{family} {number}"
    return point("dispute_point", *arguments, what=what, seconds=_POINT_SECONDS)


def _prepare(url: str, path: Path) -> None:
    """Deploy, and give everybody what bonds and prices need."""
    from avow.api.bench.dispute_point import CHALLENGER

    people, chain = development_people(), Chain(url)
    deploy(chain, people.deployer, path, Settings(treasury=people.treasury.address))
    market = open_market(url, path)
    endow(market, people)
    market.join_validators(people.validator, STAKE)
    for account in (people.requester.address, people.provider.address, CHALLENGER.address):
        transfer(market, people.deployer, account, 10_000 * UNIT)


def main(arguments: Sequence[str]) -> int:
    """`FOLDER [measure [FAMILY ...]]`: see the module."""
    folder = Path(arguments[0] if arguments else "docs")
    report = folder / f"{NAME}.json"
    if arguments[1:2] == ["measure"]:
        from avow.api.bench.dispute_point import FAMILIES

        wanted = arguments[2:] or list(FAMILIES)
        points = [(family, at) for family in wanted for at in range(FAMILIES[family])]
        found = measure(from_environment().contracts, points)
        report.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found = json.loads(report.read_text(encoding="utf-8"))
    (folder / f"{NAME}.md").write_text(page(found), encoding="utf-8")
    draw(found, folder / f"{NAME}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
