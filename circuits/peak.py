"""The peak of this process's resident memory, as Linux counts it."""

import resource
from pathlib import Path


def forget_peak() -> None:
    """Begin anew, where the system allows it: an earlier peak would count as a later one's."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_rss() -> int:
    """Bytes, since the process began or last forgot."""
    # ru_maxrss would include the parent's memory from before exec.
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
