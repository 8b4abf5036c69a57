"""The proving processes of a test: those that run now and did not when it began."""

import psutil

# Other tests of this process may keep provers of their own; the fixture `earlier` notes them.
EARLIER: set[int] = set()


def children() -> list[psutil.Process]:
    """The proving processes that the test has started and that run."""
    found = psutil.Process().children(recursive=True)
    own = [one for one in found if one.pid not in EARLIER]
    alive = [one for one in own if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in alive if "avow.prover.systems.sumcheck.inside" in one.cmdline()]
