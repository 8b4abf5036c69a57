"""Logging of every process: one line per event, plain for terminals or JSON for machines.

Inputs, answers and secrets never enter a line. Messages are written so that they hold none; as a
second line of defence credentials in addresses are blotted out, and of an exception only its type
and where it was raised are kept, since its text may quote a caller's input.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from avow.prover.config import Config

FORMATS = ("plain", "json")
LEVELS = ("debug", "info", "warning", "error")
# Libraries that tell of every request or statement at their usual level.
_CHATTY = ("alembic", "amqp", "boto3", "botocore", "celery", "httpcore", "httpx", "kombu")
_MORE_CHATTY = ("opentelemetry", "s3transfer", "urllib3", "web3")
_CREDENTIALS = re.compile(r"(\w[\w+.-]*://)[^\s/@]*@")
_SAID_ALOUD = (OSError, MemoryError)

_NONE: Mapping[str, str] = MappingProxyType({})
_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("avow.prover.logs.about", default=_NONE)


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Every line of the block carries these ids (`job`, `order`, `request`, ...); empty ones not.

    Blocks may be nested; an inner one adds to the outer one's ids or replaces them.
    """
    token = _ABOUT.set({**_ABOUT.get(), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def ids() -> Mapping[str, str]:
    """The ids that a line written here and now would carry."""
    return _ABOUT.get()


def set_up_logging(config: Config, stream: TextIO | None = None) -> None:
    """Send every logger's lines to stderr in the configured format; a second call replaces it.

    A program around this one that has set up its own logging keeps that.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, PlainLines | JsonLines):
            root.removeHandler(handler)
    if not root.handlers:
        ours = logging.StreamHandler(stream or sys.stderr)
        ours.setFormatter(JsonLines() if config.log_format == "json" else PlainLines())
        root.addHandler(ours)
        root.setLevel(config.log_level.upper())
    for chatty in (*_CHATTY, *_MORE_CHATTY):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class PlainLines(logging.Formatter):
    """`time level=... logger=... pid=... job=... message`, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one event."""
        when = datetime.fromtimestamp(record.created).astimezone()
        parts = [
            f"{when:%Y-%m-%d %H:%M:%S},{int(record.msecs):03d}",
            f"level={record.levelname}",
            f"logger={record.name}",
            f"pid={record.process or os.getpid()}",
            *(f"{name}={_one_line(value)}" for name, value in _ids(record).items()),
            _message(record),
        ]
        error = _error(record)
        if error is not None:
            parts.append(f"error={error.kind} at={' < '.join(error.at) or 'nowhere'}")
            if error.text:
                parts.append(f"({error.text})")
        return " ".join(parts)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, process, the ids, message, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one event; times are UTC with milliseconds."""
        when = datetime.fromtimestamp(record.created, UTC)
        value: dict[str, object] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process or os.getpid(),
            **{name: _blot(text) for name, text in _ids(record).items()},
            "message": _message(record),
        }
        error = _error(record)
        if error is not None:
            value["error"] = {"type": error.kind, "at": error.at}
            if error.text:
                value["error"] = {"type": error.kind, "text": error.text, "at": error.at}
        return json.dumps(value, ensure_ascii=True)


def _ids(record: logging.LogRecord) -> dict[str, str]:
    # A line's own ids (logging's `extra`) come before those of its surroundings.
    found = dict(_ABOUT.get())
    given = getattr(record, "ids", None)
    if isinstance(given, Mapping):
        found |= {str(name): str(value) for name, value in given.items()}
    return found


def _message(record: logging.LogRecord) -> str:
    return _one_line(record.getMessage())


def _one_line(text: str) -> str:
    return _blot(" ".join(text.split()))


def _blot(text: str) -> str:
    return _CREDENTIALS.sub(r"\1***@", text)


@dataclass(frozen=True, slots=True)
class _Error:
    """An exception: its type, where it was raised, innermost first, its text where harmless."""

    kind: str
    at: list[str]
    text: str


def _error(record: logging.LogRecord) -> _Error | None:
    if not record.exc_info or record.exc_info[0] is None:
        return None
    kind, error, trace = record.exc_info
    frames = traceback.extract_tb(trace)
    at = [f"{_module(frame.filename)}:{frame.lineno}" for frame in reversed(frames)]
    text = _one_line(str(error))[:300] if isinstance(error, _SAID_ALOUD) else ""
    return _Error(kind.__name__, at[:20], text)


def _module(path: str) -> str:
    return "/".join(path.rsplit("/", 3)[1:])
