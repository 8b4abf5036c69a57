"""The pages of measured proofs: made from committed reports, nobody typed a number in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from avow.api.bench import batches, proving, scaling
from avow.api.bench.scaling_point import FAMILIES, SIZES, measure_point, net_of
from avow.models.bench.registry import bench_names
from tests.conftest import ROOT

DOCS = ROOT / "docs"


def committed(name: str) -> Any:
    """A report that is part of the project."""
    return json.loads((DOCS / f"{name}.json").read_text(encoding="utf-8"))


def test_the_committed_page_of_proofs_is_that_of_its_reports() -> None:
    reports = committed("proving")
    assert (DOCS / "proving.md").read_text(encoding="utf-8") == proving.page(reports)
    rows = [row for report in reports for row in report["rows"]]
    assert {"ezkl/v1", "sumcheck/v1"} == {row["system"] for row in rows}
    assert set(bench_names()) <= {row["model"] for row in rows if row["system"] == "sumcheck/v1"}
    assert all(row["runs"] == len(row["samples"]) for row in rows)


def test_the_readme_s_figures_are_those_of_the_reports() -> None:
    rows = [row for report in committed("proving") for row in report["rows"]]
    ezkl, own = (
        next(row for row in rows if (row["model"], row["system"]) == ("lenet5", system))
        for system in ("ezkl/v1", "sumcheck/v1")
    )
    assert ezkl["agreement"] == own["agreement"] == "1.000000"
    said = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"`ezkl/v1` proves in {ezkl['prove_s']:.0f} s with {ezkl['peak_rss_bytes'] / 10**9:.1f} GB "
        f"and a key of {ezkl['key_bytes'] / 10**9:.1f} GB, `sumcheck/v1` in {own['prove_s']:.2f} s "
        f"({own['prove_warm_s']:.2f} s in a worker that is kept) with "
        f"{own['peak_rss_bytes'] / 10**6:.0f} MB and a key of {own['key_bytes'] / 10**6:.1f} MB;"
    ) in said


def test_what_stands_side_by_side_is_a_quotient_of_measured_numbers() -> None:
    common = {"model": "m", "setup_s": 2.0, "peak_rss_bytes": 4_000, "key_bytes": 10}
    ezkl = common | {"system": "ezkl/v1", "prove_s": 90.0}
    sumcheck = common | {"system": "sumcheck/v1", "prove_s": 0.5, "prove_warm_s": 0.05}
    (first, second, _) = proving.beside([ezkl, sumcheck | {"peak_rss_bytes": 100}])
    assert "1,800 times the warm proof" in first and "180 times" in first
    assert "40 times the memory, 1 times the setup" in second
    assert proving.beside([sumcheck]) == []


def test_a_row_without_gas_says_why() -> None:
    row = {"model": "large", "optimize": "gas", "unsettled": "the blob is too long"}
    lines = proving.unsettled([row, {"model": "small", "optimize": "time"}])
    assert lines == ["`large` for gas has no gas: the blob is too long.", ""]
    assert proving.unsettled([]) == []


def test_gas_stands_beside_gas_where_both_were_measured() -> None:
    common = {"model": "m", "setup_s": 2.0, "peak_rss_bytes": 4_000, "key_bytes": 10}
    common |= {"prove_s": 1.0, "prove_warm_s": 0.25, "proof_bytes": 7_000}
    ezkl = common | {"system": "ezkl/v1", "verify_gas": 2_000_000}
    soon = common | {"system": "sumcheck/v1", "optimize": "time"}
    cheap = common | {"system": "sumcheck/v1", "optimize": "gas"}
    assert len(proving.beside([ezkl, soon, cheap])) == 3
    *_, mine, theirs, _ = proving.beside([ezkl, soon, cheap | {"verify_gas": 500_000}])
    assert "500,000 gas for a check, a proof of 7,000 bytes and 0.25 s" in mine
    assert "4.0 times the gas, 2,000,000" in theirs


def test_the_committed_page_of_scaling_is_that_of_its_report() -> None:
    found = committed("scaling")
    assert (DOCS / "scaling.md").read_text(encoding="utf-8") == scaling.page(found)
    assert (DOCS / "scaling.svg").stat().st_size > 5_000
    counts: dict[str, list[int]] = {name: [] for name in FAMILIES}
    for row in found["rows"]:
        counts[row["family"]].append(row["multiplications"])
    for sizes in counts.values():
        assert sizes == sorted(sizes) and len(sizes) == len(SIZES)
        assert sizes[0] < 1.2e4 and sizes[-1] > 0.9e8


@pytest.mark.parametrize("family", FAMILIES)
def test_a_point_is_really_measured(family: str, tmp_path: Any) -> None:
    row = measure_point(family, SIZES[0], 2, tmp_path)
    assert row["family"] == family and 9_000 < row["multiplications"] < 11_000
    for name in ("setup_s", "prove_s", "verify_s", "exact_s", "float_s", "proof_bytes"):
        assert row[name] > 0, name
    assert sum(row["stages"].values()) <= 1.5 * row["prove_s"]
    assert row["peak_rss_bytes"] > 30 * 2**20
    assert len(scaling.cells(row)) == len(scaling.TITLES)


def test_the_mark_is_the_promise() -> None:
    row = {"prove_s": 1.05, "exact_s": 0.01, "float_s": 0.002}
    assert scaling.ratio(row) == pytest.approx(100)
    assert scaling.ratio(row | {"prove_s": 0.04}) == 0
    largest = {"family": "mlp", "multiplications": 10**8, **row}
    rows = [largest, largest | {"family": "conv", "prove_s": 3.0}]
    kept, missed = scaling._largest(rows)
    assert "keeps it: 100.0" in kept and "misses it: 295.0" in missed


def test_sizes_grow_evenly() -> None:
    assert [net_of("mlp", size).shape[0] for size in SIZES] == sorted(s.width for s in SIZES)


def test_the_committed_page_of_batches_is_that_of_its_report() -> None:
    found = committed("batches")
    assert (DOCS / "batches.md").read_text(encoding="utf-8") == batches.page(found)
    assert [row["batch"] for row in found["rows"]] == list(batches.SIZES)
    assert (DOCS / "batches.svg").exists()
    # What a bundle gains grows with the logarithm: some hundred bytes for each doubling.
    sizes = [row["bundle_bytes"] for row in found["rows"]]
    assert sizes == sorted(sizes) and sizes[-1] < sizes[0] + 6 * 1024


def test_batches_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    found = batches.measure(
        tmp_path / "scratch", None, said.append, "digits-mlp", sizes=(1, 4), proofs=1
    )
    assert said[0] == "compile" and "batch 4: verify" in said
    assert [row["batch"] for row in found["rows"]] == [1, 4]
    one, four = found["rows"]
    assert one["gas"] is four["gas"] is None
    assert four["proof_bytes"] < 2 * one["proof_bytes"]
    assert four["peak_rss_bytes"] > 10**7
    text = batches.page(found)
    assert "| 4 |" in text and "gas per answer" in text
    for row in found["rows"]:
        row |= {"gas": 700_000, "calldata_bytes": 9_000, "transactions": 1}
    batches.draw(found, tmp_path / "batches.svg")
    assert (tmp_path / "batches.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert "One of 4 orders costs 175,000 gas, alone 700,000." in batches.page(found)
