"""The benchmark's arithmetic, what it refuses, and one real measurement."""

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from avow.api.bench.machine import describe_machine
from avow.api.bench.plot import chart
from avow.api.bench.profile import profile
from avow.api.bench.rows import Row, Sample, table
from avow.api.bench.run import Plan
from avow.api.errors import BenchError
from tests.api.processes import start

COLUMNS = {
    "model", "system", "setup_s", "infer_s", "prove_s", "verify_s", "peak_rss_bytes", "key_bytes",
    "proof_bytes", "calldata_bytes", "gas",
}  # fmt: skip


def sample(prove: float, gas: int) -> Sample:
    """A sample with two chosen values."""
    return Sample(9.0, 3.0, 0.1, prove, 0.2, 10**8, 10**7, 3072, 20_000, 5_000, gas)


def test_a_row_holds_medians_and_every_sample() -> None:
    samples = (sample(1.0, 100), sample(5.0, 300), sample(2.0, 200))
    row = Row("m", "ezkl/v1", samples, {"agreement": "1"}).to_json()
    assert COLUMNS <= set(row) and row["agreement"] == "1"
    # What a system does not have stands nowhere.
    assert not {"prove_warm_s", "stages"} & set(row)
    assert (row["prove_s"], row["gas"], row["runs"]) == (2.0, 200, 3)
    assert row["samples"] == [
        {**row["samples"][0], "prove_s": prove, "gas": gas}  # type: ignore[index]
        for prove, gas in ((1.0, 100), (5.0, 300), (2.0, 200))
    ]


def test_the_table_is_aligned() -> None:
    rows = [
        Row(name, "ezkl/v1", (sample(1.0, 1_234_567),), {}).to_json() for name in ("a", "longer")
    ]
    lines = table(rows)
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split()[-2:] == ["1,234,567", "-"]


def proof(warm: float, stages: dict[str, float]) -> Sample:
    """A sample of a system that settles on no chain."""
    one = sample(1.0, 1)
    return replace(one, gas=None, calldata_bytes=None, prove_warm_s=warm, stages=stages)


def test_stages_have_medians_of_their_own() -> None:
    samples = tuple(proof(warm, {"commit": warm / 2, "opening": 0.1}) for warm in (3.0, 1.0, 2.0))
    row = Row("m", "sumcheck/v1", samples, {}).to_json()
    assert row["stages"] == {"commit": 1.0, "opening": 0.1}
    assert row["prove_warm_s"] == 2.0 and "gas" not in row
    assert table([row])[1].split()[-2:] == ["-", "-"]


def test_a_profile_adds_up() -> None:
    samples = (proof(0.5, {"commit": 0.3, "opening": 0.1}),)
    row = Row("m", "sumcheck/v1", samples, {"predicted_stages": {"commit": 0.2}}).to_json()
    title, head, *lines = profile(row)
    assert title.startswith("m, sumcheck/v1") and head.split()[0] == "stage"
    assert [line.split() for line in lines] == [
        ["commit", "300.00", "60.0", "%", "200.00"],
        ["opening", "100.00", "20.0", "%", "-"],
        ["other", "100.00", "20.0", "%", "-"],
        ["all", "500.00", "100.0", "%", "200.00"],
    ]
    assert profile(Row("m", "ezkl/v1", (sample(1.0, 1),), {}).to_json()) == []


def test_the_chart_is_wellformed_and_its_bars_are_in_proportion() -> None:
    rows = [Row("<a&b>", "ezkl/v1", (sample(6.0, 1),), {}).to_json()]
    root = ElementTree.fromstring(chart(rows))  # noqa: S314 - our own text
    bars = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars[0] / bars[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("models", "systems"),
    [(("nobody",), ("ezkl",)), (("digits-mlp",), ("x",)), ((), ("ezkl",)), (("digits-mlp",), ())],
)
def test_unknown_models_and_systems_are_refused(
    models: tuple[str, ...], systems: tuple[str, ...]
) -> None:
    with pytest.raises(BenchError, match="expected"):
        Plan(models, systems, 1)


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine["cores"] >= 1  # type: ignore[operator]
    kernel = subprocess.run(["uname", "-r"], capture_output=True, text=True).stdout.strip()
    assert str(machine["kernel"]).endswith(kernel)


def test_one_model_is_really_measured(tmp_path: Path) -> None:
    report, plot = tmp_path / "bench.json", tmp_path / "bench.svg"
    files = ["--json", str(report), "--plot", str(plot), "--folder", str(tmp_path / "bench")]
    run = start(
        [
            "bench",
            "--models",
            "tumour-risk",
            "--runs",
            "1",
            "--profile",
            "--systems",
            "ezkl,sumcheck",
            *files,
        ],
        tmp_path,
    )
    try:
        assert run.wait() == 0, run.text()
        assert run.survivors() == []
    finally:
        run.end()
    found = json.loads(report.read_text())
    ezkl, sumcheck, cheap = found["rows"]
    assert [row.get("optimize") for row in found["rows"]] == [None, "time", "gas"]
    for row, system in ((ezkl, "ezkl/v1"), (sumcheck, "sumcheck/v1"), (cheap, "sumcheck/v1")):
        assert (row["model"], row["system"], row["runs"]) == ("tumour-risk", system, 1)
        for name in COLUMNS - {"model", "system", "gas", "calldata_bytes"}:
            assert row[name] > 0, name
        assert row["peak_rss_bytes"] > 20 * 2**20
        assert float(row["agreement"]) > 0.9
    assert ezkl["gas"] > ezkl["verify_gas"] > 500_000
    assert ezkl["proof_bytes"] < ezkl["calldata_bytes"] < ezkl["bundle_bytes"]
    assert not {"gas", "calldata_bytes"} & set(sumcheck)
    assert cheap["gas"] > cheap["verify_gas"] and cheap["verify_gas"] < ezkl["verify_gas"]
    assert cheap["proof_bytes"] < cheap["calldata_bytes"] and "unsettled" not in cheap
    assert set(sumcheck["stages"]) == set(sumcheck["predicted_stages"])
    assert sum(sumcheck["stages"].values()) <= sumcheck["prove_warm_s"]
    # Another proof than the first; which took longer is this machine's affair.
    assert sumcheck["prove_warm_s"] != sumcheck["prove_s"]
    assert sumcheck["quick_s"] > 0 and cheap["quick_s"] > 0 and "quick_s" not in ezkl
    assert "tumour-risk" in run.text() and "tumour-risk" in plot.read_text()
    assert "identities" in run.text() and found["machine"]["native"] in run_backends()


def run_backends() -> list[str]:
    """What the native core can run here."""
    from avow.prover.native import _core

    return list(_core.backends())
