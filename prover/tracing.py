"""Traces with OpenTelemetry (extra `tracing`): a request from the API to the proving process.

Without an endpoint nothing is imported, and a span costs what an empty block costs. A span names
what was done and carries ids, sizes and outcomes, never an input, an answer or an error's text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from avow.prover.errors import ConfigurationError
from avow.prover.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

    from avow.prover.config import Config

VARIABLE = "AVOW_TRACES"
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_EXPORT_SECONDS = 5
_BATCH_MS = 1000

Value = str | int | float | bool


@dataclass(slots=True)
class _Tracing:
    provider: TracerProvider
    tracer: Tracer
    owner: int


_on: _Tracing | None = None


def set_up_tracing(config: Config, service: str, exporter: SpanExporter | None = None) -> None:
    """Send the spans of this process to `config.traces`, or to an `exporter` at once.

    Does nothing without either. Called again in a process that was forked from one that traced,
    since the thread that sends does not come along. Raises ConfigurationError without the extra.
    """
    global _on
    if (config.traces is None and exporter is None) or is_on():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{VARIABLE}: traces need the extra avow[tracing]") from error
    about = {"service.name": service, "service.version": VERSION}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        sender = OTLPSpanExporter(endpoint=config.traces, timeout=_EXPORT_SECONDS)
        provider.add_span_processor(BatchSpanProcessor(sender, schedule_delay_millis=_BATCH_MS))
    _on = _Tracing(provider, provider.get_tracer("avow", VERSION), os.getpid())


def end_tracing() -> None:
    """Send what was not sent yet and trace no more."""
    global _on
    if _on is not None and is_on():
        _on.provider.shutdown()
    _on = None


def is_on() -> bool:
    """Whether this very process traces."""
    return _on is not None and _on.owner == os.getpid()


def span(
    name: str, parent: str = "", /, **attributes: Value
) -> AbstractContextManager[Span | None]:
    """A span around the block, below the one around it, or below `parent` (a W3C traceparent).

    An exception that leaves the block marks the span as failed, with its type only.
    """
    if _on is None or not is_on():
        return nullcontext()
    return _span(_on.tracer, name, parent, False, attributes)


def serving(name: str, parent: str) -> AbstractContextManager[Span | None]:
    """A span of a request from outside, below the caller's own where it names one."""
    if _on is None or not is_on():
        return nullcontext()
    return _span(_on.tracer, name, parent, True, {})


def traceparent() -> str:
    """The W3C context of the span around the call; empty outside of any."""
    if _on is None or not is_on():
        return ""
    from opentelemetry.trace import get_current_span

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def record(spans: Sequence[dict[str, Any]], **attributes: Value) -> None:
    """Spans that another process went through, below the one around the call.

    Each has `name`, `start` and `end` in Unix nanoseconds.
    """
    if _on is None or not is_on():
        return
    for one in spans:
        made = _on.tracer.start_span(
            str(one["name"]), start_time=int(one["start"]), attributes=_full(attributes)
        )
        made.end(int(one["end"]))


@contextmanager
def _span(
    tracer: Tracer, name: str, parent: str, server: bool, attributes: dict[str, Value]
) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None
    if _TRACEPARENT.fullmatch(parent):
        context = TraceContextTextMapPropagator().extract({"traceparent": parent})
    with tracer.start_as_current_span(
        name,
        context,
        SpanKind.SERVER if server else SpanKind.INTERNAL,
        _full(attributes),
        # The text of an exception may quote a caller's input.
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_status(Status(StatusCode.ERROR))
            made.set_attribute("error.type", type(error).__name__)
            raise


def _full(attributes: dict[str, Value]) -> dict[str, Value]:
    return {f"avow.{name}": value for name, value in attributes.items() if value != ""}
