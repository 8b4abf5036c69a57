"""What the client's logic asks of the world, as values: one logic, a sync and an async driver.

An operation is a generator: it yields effects, is sent their outcomes, and returns its result. It
opens no socket and reads no clock of its own, so that tests can play the server by hand.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `path` begins with a slash and is below the server's address.

    `silence` is how many seconds the answer may pause. Repeating it must be harmless.
    """

    method: str
    path: str
    silence: float
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer; names are lower-case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """The connection gave no answer, or not all of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request; the outcome is a Head or a Failure. A connection open before is closed."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """The next bytes of the open answer, undecoded; None at its end, or a Failure."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the open answer, read to its end or not."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Compute:
    """Seconds of work that no event loop should wait for; the outcome is what it returns."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand an item to whoever iterates over the operation."""

    item: Any


Effect: TypeAlias = Open | Read | Close | Pause | Compute | Emit
Steps: TypeAlias = Generator[Effect, Any, T]
