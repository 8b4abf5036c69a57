"""One build for every processor: what is chosen, by whom, and that threads survive a fork."""

import os
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from avow.prover.native import _core
from tests.native.group import packed, point

CORE = Path(_core.__file__)

# Commits to 300 integers by points of known logarithms and says what came out of it.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import _core
logs = b"".join(i.to_bytes(32, "little") for i in range(1, 301))
bases = _core.Bases(_core.multiples(logs))
print(*_core.backends(), bases.commit_bytes(logs).hex())
"""
ANSWER = point(sum(i * i for i in range(1, 301))).hex()


def test_the_fastest_backend_is_used() -> None:
    names = _core.backends()
    assert names[0] == "portable"
    assert names == [name for name in ("portable", "mulx", "ifma") if name in names]
    done = run("import _core; print(_core.backend())")
    assert done.stdout == f"{names[-1]}\n"


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(CORE.parent)!r}); {program}"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("name", _core.backends())
def test_the_environment_chooses(name: str) -> None:
    done = run("import _core; print(_core.backend())", AVOW_NATIVE_BACKEND=name)
    assert done.stdout == f"{name}\n"


def test_an_unknown_backend_is_refused() -> None:
    known = ", ".join(_core.backends())
    with pytest.raises(ValueError, match=f"backend: expected one of {known}, got abacus$"):
        _core.set_backend("abacus")
    done = run("import _core", AVOW_NATIVE_BACKEND="abacus")
    assert done.returncode == 1
    assert done.stderr.endswith(f"ImportError: backend: expected one of {known}, got abacus\n")


@pytest.mark.parametrize(
    ("processor", "names"), [("Nehalem", ["portable"]), ("Broadwell", ["portable", "mulx"])]
)
def test_an_older_processor_computes_the_same(processor: str, names: list[str]) -> None:
    if platform.machine() != "x86_64" or shutil.which("qemu-x86_64") is None:
        message = "needs an x86-64 machine with qemu-x86_64 (Debian: qemu-user)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    done = subprocess.run(
        ["qemu-x86_64", "-cpu", processor, sys.executable, "-I", "-c", PROGRAM, CORE.parent],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*names, ANSWER]


# Asks for three things with hardly any memory left, and again with what there was.
STARVED = """
import resource, sys
import numpy
sys.path.insert(0, sys.argv[1])
import _core
_core.set_threads(int(sys.argv[2]))
count = 2**19
scalars = (1).to_bytes(32, "little") * count
points = _core.multiples(scalars[:32]) * count
bases = _core.Bases(points)
rows = numpy.ones((1, count), dtype=numpy.int8)
calls = (
    lambda: _core.multiples(scalars) == points,
    lambda: len(_core.Bases(points)) == count,
    lambda: bases.commit_ints(rows) == bases.commit_ints(rows * 2 - 1),
)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, before[1]))
for call in calls:
    try:
        call()
    except MemoryError:
        print("refused")
resource.setrlimit(resource.RLIMIT_AS, before)
print(*[call() for call in calls])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("count", ["1", "5"])
def test_memory_that_cannot_be_had_is_a_memory_error(count: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", STARVED, CORE.parent, count],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        # Numpy's own threads would claim memory of theirs; glibc's arenas likewise.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
    )
    assert (done.stdout, done.stderr) == ("refused\n" * 3 + "True True True\n", "")


@pytest.mark.parametrize("count", [0, 257, 2**40])
def test_a_wrong_number_of_threads_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"threads: expected 1 to 256, got {count}"):
        _core.set_threads(count)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no choice of cores here")
def test_a_thread_for_each_core_that_may_be_used() -> None:
    done = run(
        "import _core, os; print(_core.threads() == len(os.sched_getaffinity(0))); "
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(_core.threads())"
    )
    assert (done.stdout, done.stderr) == ("True\n1\n", "")


def committed() -> list[bytes]:
    bases = _core.Bases(_core.multiples(packed(range(1, 501))))
    return bases.commit_ints(np.ones((50, 500), dtype=np.int8))


EXPECTED = [point(500 * 501 // 2)] * 50


def test_the_number_of_threads_can_change() -> None:
    before = _core.threads()
    try:
        for count in (1, 4, 2, 8):
            _core.set_threads(count)
            assert _core.threads() == count
            assert committed() == EXPECTED
    finally:
        _core.set_threads(before)


def test_a_forked_child_makes_its_own_threads() -> None:
    # A program of its own: the interpreter that runs the tests has threads of its own.
    done = run(
        "_core = __import__('_core'); import os; _core.set_threads(3); "
        "work = lambda: _core.multiples(bytes(32 * 20000)); work(); child = os.fork(); "
        "work(); child or os._exit(7); print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert (done.stdout, done.stderr) == ("7\n", "")


def test_several_callers_share_the_threads() -> None:
    before = _core.threads()
    _core.set_threads(3)
    found: list[bool] = []
    callers = [
        threading.Thread(target=lambda: found.append(committed() == EXPECTED)) for _ in range(4)
    ]
    try:
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    finally:
        _core.set_threads(before)
    assert found == [True] * 4
