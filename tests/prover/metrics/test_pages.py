"""The reference lists exactly the metrics that there are, and the dashboard asks for no others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avow.prover.metrics.names import METRICS, Kind, Metric

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "metrics.md"
DASHBOARD = ROOT / "deploy" / "grafana" / "avow.json"
RULES = ROOT / "deploy" / "prometheus" / "avow.rules.yml"
# What the client library shows of a process on Linux.
PROCESS = {
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
}


def row(metric: Metric) -> str:
    """The line of the reference for a metric."""
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    cells = (f"`{metric.name}`", metric.kind.value, labels, metric.shown.value, metric.help)
    return f"| {' | '.join(cells)} |"


def series(metric: Metric) -> Iterator[str]:
    """The names under which a metric's series are asked for."""
    if metric.kind is Kind.HISTOGRAM:
        yield from (f"{metric.name}_{part}" for part in ("bucket", "sum", "count"))
    else:
        yield metric.name


SERIES = {name for metric in METRICS for name in series(metric)} | PROCESS


def unknown(expression: str) -> set[str]:
    """The metrics in a query that nothing shows."""
    return set(re.findall(r"\b(?:avow|process)_\w+", expression)) - SERIES


def labels_of(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric in a query with the labels that are asked of it."""
    for name, inside in re.findall(r"\b((?:avow|process)_\w+)(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", inside))


def test_the_reference_lists_what_there_is() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    listed = [line for line in lines if line.startswith("| `avow_")]
    assert listed == [row(metric) for metric in METRICS]
    assert {name for name in re.findall(r"process_\w+", PAGE.read_text("utf-8"))} == PROCESS


def expressions(value: Any) -> Iterator[str]:
    """Every query anywhere in the dashboard."""
    if isinstance(value, dict):
        if isinstance(value.get("expr"), str):
            yield value["expr"]
        for one in value.values():
            yield from expressions(one)
    elif isinstance(value, list):
        for one in value:
            yield from expressions(one)


def test_the_dashboard_asks_for_what_there_is() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    found = list(expressions(dashboard))
    assert len(found) > 20
    assert {query: names for query in found if (names := unknown(query))} == {}
    by_name = {name: metric for metric in METRICS for name in series(metric)}
    for query in found:
        for name, labels in labels_of(query):
            if name in by_name:
                given = {*by_name[name].labels, "le", "instance", "job"}
                assert labels <= given, (query, name)
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(panel["title"] and panel["targets"] for panel in panels)


def test_every_metric_is_on_the_dashboard() -> None:
    text = " ".join(expressions(json.loads(DASHBOARD.read_text("utf-8"))))
    missing = [metric.name for metric in METRICS if metric.name not in text]
    assert missing == []


def test_the_alerts_ask_for_what_there_is() -> None:
    text = RULES.read_text("utf-8")
    assert text.count("alert:") >= 5 and unknown(text) == set()


@pytest.mark.parametrize("query", ["avow_nothing", "rate(avow_jobs_total[5m])", "process_x > 1"])
def test_a_planted_metric_is_found(query: str) -> None:
    assert len(unknown(query)) == 1
