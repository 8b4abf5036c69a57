"""How times, sizes, numbers and digests are written on a page."""

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup, escape

NOT_KNOWN = "not known"
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_TAIL = 6


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as a page shows it: how long ago, and exactly (UTC)."""

    ms: int

    @property
    def machine(self) -> str:
        """ISO 8601, for `datetime` attributes."""
        return self._utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def exact(self) -> str:
        """To the second."""
        return self._utc.strftime("%Y-%m-%d %H:%M:%S UTC")

    def ago(self, now_ms: int | None = None) -> str:
        """Relative to now, in one unit."""
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        seconds = (now - self.ms) / 1000
        if abs(seconds) < 2:
            return "now"
        text = duration(float(int(abs(seconds))), units=1)
        return f"{text} ago" if seconds > 0 else f"in {text}"

    @property
    def _utc(self) -> datetime:
        # A deadline may be any number; the calendar ends in the year 9999.
        return datetime.fromtimestamp(min(self.ms, 253_402_300_799_000) / 1000, UTC)


def moment(ms: int | None, now_ms: int | None = None) -> Markup:
    """A `time` element: relative in the text, exact in its title."""
    if ms is None:
        return Markup('<span class="unknown">{}</span>').format(NOT_KNOWN)
    at = Moment(ms)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.machine, at.exact, at.ago(now_ms)
    )


def exact(ms: int | None) -> Markup:
    """A `time` element with the exact time as its text."""
    if ms is None:
        return Markup('<span class="unknown">{}</span>').format(NOT_KNOWN)
    at = Moment(ms)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.machine, at.ago(), at.exact)


def duration(seconds: float | None, units: int = 2) -> str:
    """Seconds in at most so many units: `38 ms`, `4.2 s`, `3 min 5 s`, `2 d 4 h`."""
    if seconds is None:
        return NOT_KNOWN
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    left, parts = round(seconds), []
    for size, unit in _STEPS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    if left or not parts:
        parts.append(f"{left} s")
    return " ".join(parts[:units])


def size(count: int | None) -> str:
    """Bytes with a binary unit."""
    if count is None:
        return NOT_KNOWN
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
    return f"{value:.0f} PiB"


def whole(count: int | None) -> str:
    """A whole number with thin spaces between thousands."""
    return NOT_KNOWN if count is None else f"{count:,}".replace(",", "\u202f")


def real(value: float) -> str:
    """A number with four significant digits."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.4g}"
    return f"{value:.3e}"


def short(digest: str) -> str:
    """The ends of a digest or id, for where it is only to be recognised."""
    return digest if len(digest) <= 18 else f"{digest[:10]}…{digest[-_TAIL:]}"


def digest(text: str | None, name: str = "digest") -> Markup:
    """A digest whose middle gives way where there is no room, with a button that copies it all.

    All of it is in the page, so that it can be selected where no script runs. `name` says what
    it is to whoever cannot see where it stands.
    """
    if not text:
        return Markup('<span class="unknown">{}</span>').format(NOT_KNOWN)
    head, tail = (text[:-_TAIL], text[-_TAIL:]) if len(text) > 18 else (text, "")
    code = Markup('<code class="digest" title="{}"><span>{}</span><span>{}</span></code>').format(
        text, head, tail
    )
    button = Markup(
        '<button type="button" class="copy" data-copy="{}" aria-label="Copy {}" hidden></button>'
    ).format(text, name)
    return Markup('<span class="copyable">{}{}</span>').format(code, button)


def words(text: str) -> Markup:
    """Text in which `code` between backticks is set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    shown = [
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part)
        for at, part in enumerate(parts)
    ]
    return Markup("").join(shown)


def money(units: int, decimals: int | None) -> str:
    """Token units as tokens where it is known how many decimals these have, else as units."""
    if decimals is None or not 0 <= decimals <= 36:
        return f"{whole(units)} units"
    whole_part, rest = divmod(abs(units), 10**decimals)
    digits = f"{rest:0{decimals}d}"[:6].rstrip("0") if decimals else ""
    sign = "-" if units < 0 else ""
    if not whole_part and not digits and units:
        return f"{sign}below 0.000001" if decimals > 6 else f"{sign}0"
    return sign + whole(whole_part) + (f".{digits}" if digits else "")
