"""Tracing into memory for the length of a test."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from avow.prover.config import from_environment
from avow.prover.tracing import end_tracing, set_up_tracing


@contextmanager
def traced() -> Iterator[Any]:
    """The exporter in which ended spans are found."""
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    end_tracing()
    set_up_tracing(from_environment({}), "test", exporter)
    try:
        yield exporter
    finally:
        end_tracing()


def tree(exporter: Any) -> dict[str, str]:
    """The name of each span's parent by its own name; empty where the parent is not here."""
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return {span.name: names.get(span.parent.span_id, "") if span.parent else "" for span in spans}


def texts(spans: Iterable[Any]) -> set[str]:
    """All that spans say of themselves, as text: names, attributes, events and statuses."""
    found = set()
    for span in spans:
        found |= {span.name, str(span.status.description), *span.attributes}
        found |= {str(value) for value in span.attributes.values()}
        for event in span.events:
            found |= {event.name, *event.attributes, *map(str, event.attributes.values())}
    return found
