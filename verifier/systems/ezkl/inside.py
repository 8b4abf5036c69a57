"""Runs in the child process: bound its resources, let ezkl verify, say one line.

Usage: `python -m avow.verifier.systems.ezkl.inside WORD MEMORY_BYTES CPU_SECONDS` in a folder
with settings.json, vk.key, srs and proof.json.
"""

import ctypes
import os
import resource
import signal
import sys
from importlib import metadata

from avow.verifier.systems.ezkl.version import EZKL_VERSION

_PR_SET_PDEATHSIG = 1


def decide() -> str:
    """`accepted`, `refused: ...`, or `unable: ...` where nothing could be decided."""
    try:
        import ezkl

        found = metadata.version("ezkl")
    except ModuleNotFoundError:
        return "unable: checking ezkl/v1 needs the ezkl package: pip install 'avow-verifier[ezkl]'"
    except (ImportError, OSError, MemoryError) as error:
        return f"unable: ezkl cannot be loaded: {' '.join(str(error).split())[:200]}"
    if found != EZKL_VERSION:
        return f"unable: ezkl {EZKL_VERSION} is needed to check this, {found} is installed"
    try:
        # It raises instead of returning False; panics are no subclass of Exception.
        accepted = ezkl.verify("proof.json", "settings.json", "vk.key", "srs", False)
    except BaseException as error:
        reason = " ".join(str(error).split())[:200]
        return f"refused: ezkl refuses the proof: {reason or type(error).__name__}"
    return "accepted" if accepted is True else "refused: ezkl refuses the proof"


def main() -> None:
    """Tie this process to the verifier, set the limits, print WORD and the decision."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    word, memory, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    cores = len(os.sched_getaffinity(0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds * cores, seconds * cores))
    print(word, decide(), flush=True)


if __name__ == "__main__":
    main()
