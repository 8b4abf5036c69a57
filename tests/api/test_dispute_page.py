"""The page about disputes: made from its report, which really plays them."""

import json
from pathlib import Path

from avow.api.bench import disputes
from avow.api.bench.dispute_page import PROMISED_GAS, draw, gas_of, page, refute_gas
from avow.api.bench.dispute_point import FAMILIES, INNER
from avow.verifier.chain.anvil import CHAIN_ID, running_anvil
from tests.conftest import ROOT

DOCS = ROOT / "docs"
COMMITTED = json.loads((DOCS / "disputes.json").read_text(encoding="utf-8"))


def test_the_committed_page_is_that_of_its_report() -> None:
    assert (DOCS / "disputes.md").read_text(encoding="utf-8") == page(COMMITTED)
    assert (DOCS / "disputes.svg").stat().st_size > 5_000
    rows = COMMITTED["rows"]
    points = [(family, at) for family, count in FAMILIES.items() for at in range(count)]
    assert [(row["family"], row["number"]) for row in rows] == points
    assert max(row["weights"] for row in rows) > 10**8


def test_the_committed_report_keeps_the_marks_of_gas() -> None:
    shots = {row["inner"]: row for row in COMMITTED["rows"] if row["family"] == "dot"}
    assert tuple(shots) == INNER
    for inner, row in shots.items():
        assert row["referee_gas"] <= refute_gas(row) <= PROMISED_GAS[inner]
    for row in COMMITTED["rows"]:
        assert row["game"]["rounds"] <= 8 and gas_of(row, "game") <= 1_500_000
        assert row["run_peak_bytes"] < row["memory_limit_bytes"]


def test_a_mark_that_is_missed_is_said_to_be() -> None:
    dots = [row for row in COMMITTED["rows"] if row["family"] == "dot"]
    found = COMMITTED | {"rows": [row | {"referee_gas": 10**6} for row in dots]}
    assert "to the referee miss the mark at 256 and 1,024 and 4,096 products" in page(found)
    slow = [row | {"overhead": 0.5, "overhead_ns_per_byte": 1.5} for row in found["traces"]]
    assert page(found | {"traces": slow}).count("miss the mark.") == 2
    fast = [row | {"overhead": 0.1, "overhead_ns_per_byte": 1.5} for row in found["traces"]]
    assert page(found | {"traces": fast}).count("keep the mark (below 20 %).") == 2


def test_a_point_is_really_disputed(tmp_path: Path) -> None:
    deployment = tmp_path / f"{CHAIN_ID}.json"
    with running_anvil(ROOT / "contracts") as anvil:
        disputes._prepare(anvil.url, deployment)
        row = disputes._dispute("mlp", 0, anvil.url, deployment)
    moves = [name for _, name, _ in row["game"]["moves"]]
    assert moves[0] == "Open" and moves[-3:] == ["RevealChunk", "Commit", "Refute"]
    assert [name for _, name, _ in row["one_shot"]["moves"]] == ["Commit", "Refute"]
    assert row["game"]["rounds"] == sum(name.startswith("Reveal") for name in moves)
    assert row["multiplications"] == 4 * 158**2 and row["inner"] == 158
    assert 21_000 < row["referee_gas"] < gas_of(row, "one_shot") < gas_of(row, "game")
    (known,) = (one for one in COMMITTED["rows"] if (one["family"], one["number"]) == ("mlp", 0))
    assert row["game"]["rounds"] == known["game"]["rounds"]
    draw(COMMITTED | {"rows": [row]}, tmp_path / "disputes.svg")
    assert (tmp_path / "disputes.svg").stat().st_size > 5_000
