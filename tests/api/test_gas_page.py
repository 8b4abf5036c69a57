"""The page of measured gas: made from its report, and the cost model agrees with it."""

import json
from typing import Any

import pytest

from avow.api.bench import gas
from avow.circuits.sumcheck.cost import survey
from avow.circuits.sumcheck.gas import BASE, PER_TOKEN, Tensors, counts, predict_gas
from avow.verifier.systems.sumcheck.stack import stack
from tests.circuits.sumcheck.test_plan import draft
from tests.conftest import ROOT

DOCS = ROOT / "docs"
MARK = 0.15


def report() -> Any:
    """The committed measurements."""
    return json.loads((DOCS / "gas.json").read_text(encoding="utf-8"))


def test_the_committed_page_is_that_of_its_report() -> None:
    found = report()
    assert (DOCS / "gas.md").read_text(encoding="utf-8") == gas.page(found)
    assert {row["model"] for row in found["rows"]} == set(gas.POINTS)
    assert sum(row["chosen"] for row in found["rows"]) == len(gas.POINTS)
    assert found["code_bytes"] <= 24_576


def test_every_key_takes_what_the_cost_model_says() -> None:
    for row in report()["rows"]:
        shown = f"{row['model']}, {row['width']} bits, 2^{row['logrows']}"
        assert gas.predicted(row) == pytest.approx(gas.running(row), rel=MARK), shown


def test_lenet5_stays_below_its_marks() -> None:
    (row,) = [row for row in report()["rows"] if row["model"] == "lenet5" and row["chosen"]]
    assert row["proof_bytes"] <= 8_192


def test_a_report_counts_as_the_prediction_does() -> None:
    one = draft()
    tensors = Tensors.of(one.tensors())
    found = survey(one.relation(8, 1), 8)
    (row,) = [
        row
        for row in report()["rows"]
        if (row["model"], row["width"], row["logrows"]) == ("digits-mlp", 8, 8)
    ]
    assert row["counts"] == counts(found, stack(found.relation, 8), tensors)
    # What is predicted of its data is what was sent, but for what the adapter adds.
    whole = predict_gas(found, 8, tensors)
    assert row["calldata_bytes"] < whole.calldata_bytes < row["calldata_bytes"] + 1_500
    parts = sum(gas for part, gas in whole.parts.items() if part != "adapter")
    assert parts == pytest.approx(gas.predicted(row), abs=10)


def test_units_are_found_again_from_what_they_made() -> None:
    rows = report()["rows"]
    made = [
        row | {"gas": round(gas.predicted(row)) + BASE + PER_TOKEN * row["tokens"]} for row in rows
    ]
    solved = gas.fit(made, ("claims", "public_cells", "once"))
    assert solved == pytest.approx({name: gas.units()[name] for name in solved}, rel=1e-2)
