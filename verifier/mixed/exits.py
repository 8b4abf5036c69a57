"""What commands that judge evidence say last, and the exit status that scripts see."""

import json
import sys

from avow.verifier.errors import VerificationError

ACCEPTED, REJECTED, USAGE, NOT_FINAL = 0, 1, 2, 3


def shown(program: str, said: str, status: int) -> int:
    """Prints a verdict; returns `status`, or `USAGE` where it cannot be written."""
    try:
        print(said, flush=True)
    except OSError as error:
        sys.stdout = None  # or leaving would try to write again
        return unusable(program, f"the verdict cannot be written: {error.strerror}")
    return status


def unusable(program: str, said: str) -> int:
    """Says in one line why nothing was judged; returns `USAGE`."""
    print(f"{program}: error: {said}", file=sys.stderr)
    return USAGE


def rejection(error: VerificationError, as_json: bool) -> str:
    """The step that refused, and why."""
    if as_json:
        value = {"accepted": False, "step": error.step, "reason": error.message}
        return json.dumps(value, indent=2)
    return f"REJECTED at step {error.step}: {error.message}"
