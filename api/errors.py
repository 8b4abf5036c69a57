"""The errors of this room and how any room's error becomes one line."""

from avow.models.errors import ModelError


class ApiError(Exception):
    """Base of this room's errors; the message says what was expected and what came."""


class DemoError(ApiError):
    """A step of the demo did not give what it must give."""


class BenchError(ApiError):
    """A measurement could not be made."""


def one_line(text: str, limit: int = 600) -> str:
    """`text` on one line without control characters, cut after `limit` characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."


def describe(error: BaseException) -> str:
    """One line that says what an exception is about."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return one_line(f"{name}{error.strerror}")
    # A model's refusal names every node that is not supported, however many there are.
    limit = 1_000_000 if isinstance(error, ModelError) else 600
    return one_line(str(error), limit) or type(error).__name__
