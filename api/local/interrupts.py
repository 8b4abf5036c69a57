"""Being asked to stop: raised at once, and remembered, because Python may lose what is raised."""

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_asked = False


def raise_on_termination() -> None:
    """Make SIGINT, SIGTERM and SIGHUP leave by KeyboardInterrupt, so blocks end in order."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        global _asked
        _asked = True
        raise KeyboardInterrupt

    def unraisable(dropped: "UnraisableHookArgs") -> None:
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(dropped)

    sys.unraisablehook = unraisable
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)


def check_interrupted() -> None:
    """Raise KeyboardInterrupt when a signal asked for it, now or earlier.

    An exception raised by a handler is dropped when it hits a callback that Python ignores
    errors of, like those that run around a fork. So whoever waits asks here as well.
    """
    if _asked:
        raise KeyboardInterrupt
