"""Predicting how much memory a proof or a run needs, before anybody makes one."""

from pathlib import Path

from avow.verifier.program.program import Program
from avow.verifier.systems.optimistic.effort import run_elements

# Fitted to the measured proofs in docs/reference/ezkl-system.md.
BASE_BYTES = 35 * 10**6
PER_KEY_BYTE = 2.45
# Of elements as integers of eight bytes, with room for what an operation makes on the way.
_BYTES_PER_ELEMENT = 40
_RUN_BYTES = 256 * 2**20


def predicted_proving_bytes(proving_key_bytes: int) -> int:
    """Peak resident bytes of `prove`, as a prediction: the key is held about two and a half times.

    Fitted to ezkl 23.0.5 on keys of 9 MB to 4.6 GB; the largest error was 15 %, on the safe side.
    """
    return BASE_BYTES + int(PER_KEY_BYTE * proving_key_bytes)


def predicted_run_bytes(program: Program) -> int:
    """Peak resident bytes of running a program once, as a prediction; nothing is proven."""
    constants = sum(blob.count * blob.element_type.width for blob in program.blobs)
    return _RUN_BYTES + 8 * constants + _BYTES_PER_ELEMENT * run_elements(program)


def machine_bytes() -> int:
    """Memory of this machine, or of the container that this process is in, whichever is less."""
    candidates = []
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemTotal:"):
            candidates.append(int(line.split()[1]) * 1024)
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            candidates.append(int(text))
    return min(candidates)
