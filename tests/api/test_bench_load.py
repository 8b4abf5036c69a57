"""A service under load: the arithmetic, refusals, and a short real run that loses nothing."""

import json
import math
from pathlib import Path

import pytest

from avow.api.bench.load_report import TITLES, Outcome, Row, cells, draw, percentiles, section
from avow.api.bench.load_run import _compare, held_by
from avow.api.bench.machine import describe_machine
from avow.api.cli.main import main
from avow.api.errors import BenchError
from avow.verifier.lifecycle import JobState
from tests.api.processes import start


def row(*outcomes: Outcome) -> Row:
    """One worker under a load of ten seconds."""
    return Row(1, 2, 10.0, 2, outcomes, 1, 9000, {"worker": 10**8, "api": 2 * 10**7})


PROVEN = Outcome("proven", 1.0, 3.0, 4.0, 6.0)
LATE = Outcome("proven", 2.0, 5.0, 9.0, 12.0)


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([float(n) for n in range(1, 101)]) == {"p50": 50, "p90": 90, "p99": 99}
    assert percentiles([7.0]) == {"p50": 7, "p90": 7, "p99": 7}
    assert percentiles([3.0, 1.0, 2.0]) == {"p50": 2, "p90": 3, "p99": 3}
    assert percentiles([]) == {"p50": None, "p90": None, "p99": None}


def test_every_request_is_counted_once() -> None:
    given_up = Outcome("unfinished", 1.5, math.inf, 8.0, math.inf)
    found = row(PROVEN, LATE, Outcome("refused"), Outcome("failed"), given_up).to_json()
    assert found["submitted"] == 4
    assert found["submitted"] == found["proven"] + found["failed"] + found["unfinished"]
    assert (found["proven"], found["refused"]) == (2, 1)
    # What happened after the time was over counts for no rate, but for how long it took.
    assert (found["answers_per_s"], found["proofs_per_s"]) == (0.3, 0.1)
    assert found["proof_s"]["p99"] == 5.0
    assert found["answer_s"]["p50"] == 1.5
    json.dumps(found, allow_nan=False)


def test_a_job_that_the_service_lost_or_doubled_is_noticed() -> None:
    two = row(PROVEN, LATE)
    _compare(two, [JobState.PROVEN] * 4)
    with pytest.raises(BenchError, match="4 jobs were submitted, the service lists 3"):
        _compare(two, [JobState.PROVEN] * 3)
    with pytest.raises(BenchError, match="4 jobs were submitted, the service lists 5"):
        _compare(two, [JobState.PROVEN] * 5)
    with pytest.raises(BenchError, match="4 jobs were seen proven, the service lists 3"):
        _compare(two, [JobState.PROVEN] * 3 + [JobState.FAILED])
    given_up = row(PROVEN, Outcome("unfinished"))
    for state in (JobState.PROVEN, JobState.CANCELLED):
        _compare(given_up, [JobState.PROVEN] * 3 + [state])


def test_the_page_and_the_chart_hold_every_row(tmp_path: Path) -> None:
    rows = [row(PROVEN, LATE).to_json(), row(PROVEN).to_json() | {"workers": 2}]
    found = {
        "measured_at": "2026-01-01",
        "machine": describe_machine(),
        "load_average": 0.1,
        "model": "digits-mlp",
        "rows": rows,
    }
    text = "\n".join(section(found))
    assert all("| " + " | ".join(cells(one)) + " |" in text for one in rows)
    assert "Of 3 jobs 0 are unaccounted for" in text
    draw(found, tmp_path / "load.svg")
    assert "2 workers" in (tmp_path / "load.svg").read_text()
    assert {len(cells(one)) for one in rows} == {len(TITLES)}


def test_memory_of_a_process_is_found() -> None:
    import os

    assert held_by(os.getpid()) > 10**6
    assert held_by(2**22 + 1) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--workers", "0"], "expected numbers from 1 to 64, got '0'"),
        (["--workers", ""], "--workers: expected"),
        (["--models", "lenet5,digits-mlp"], "one model at a time"),
        (["--seconds", "0"], "--seconds"),
        (["--clients", "0"], "--clients"),
    ],
)
def test_refusals(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--load", *arguments]) == 2
    said = capsys.readouterr()
    assert line in said.err and said.out == "" and said.err.count("\n") == 1


def test_a_short_load_loses_nothing(tmp_path: Path) -> None:
    """Real requests, a real worker, real proofs; the command itself compares with the service."""
    report = tmp_path / "load.json"
    arguments = ["bench", "--load", "--workers", "1", "--clients", "3", "--seconds", "2"]
    place = ["--json", str(report), "--folder", str(tmp_path / "bench")]
    run = start([*arguments, *place], tmp_path)
    try:
        assert run.wait() == 0, run.text()
        assert run.survivors() == []
    finally:
        run.end()
    (found,) = json.loads(report.read_text())["rows"]
    assert found["proven"] >= 3
    assert (found["failed"], found["refused"], found["unfinished"]) == (0, 0, 0)
    assert found["submitted"] == found["proven"]
    assert 0 < found["answer_s"]["p50"] <= found["proof_s"]["p50"] <= found["proof_s"]["p99"]
    assert found["checked"] >= 1 and found["bundle_bytes"] > 5000
    assert found["peak_bytes"].keys() == {"worker", "api"}
    assert min(found["peak_bytes"].values()) > 10**7
