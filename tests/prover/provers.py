"""The proving processes of a test: those that run now and did not when it began."""

import psutil

# Other tests of this process may keep provers of their own; the fixture `earlier` notes them.
EARLIER: set[psutil.Process] = set()


def children() -> list[psutil.Process]:
    """The proving processes that the test has started and that run."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if one not in EARLIER and _proves(one)]


def _proves(process: psutil.Process) -> bool:
    try:
        # Of a zombie there is no command line; others may end at any moment.
        return "avow.prover.systems.sumcheck.inside" in process.cmdline()
    except psutil.NoSuchProcess:
        return False
