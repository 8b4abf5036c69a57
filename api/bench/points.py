"""One point of a measurement, in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

from avow.api.errors import BenchError
from avow.prover.systems.sumcheck.child import ONE_THREAD


def point(module: str, *arguments: str, what: str, seconds: float) -> dict[str, Any]:
    """The object that `avow.api.bench.MODULE` prints as JSON, within so many seconds.

    `what` is shown when it begins. Libraries get one thread, as in the process that proves for a
    worker. Raises `BenchError` with the last line of what it said where it fails.
    """
    sys.stderr.write(f"{what}\n")
    done = subprocess.run(  # noqa: S603 - our own module, fixed arguments
        [sys.executable, "-P", "-m", f"avow.api.bench.{module}", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        env=os.environ | ONE_THREAD,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise BenchError(f"{what}: {said[-1][:200]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
