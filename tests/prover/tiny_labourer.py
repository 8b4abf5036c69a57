"""A labourer process with the tiny system: `python tiny_labourer.py infer|prove`."""

import os
import sys
from dataclasses import replace
from functools import lru_cache

from avow.prover.bench import Bench, open_bench
from avow.prover.children import WORKER_ID
from avow.prover.config import from_environment
from avow.prover.labourer import work
from avow.prover.logs import set_up_logging
from avow.prover.queues import WorkQueue
from tests.prover.tiny import SYSTEM, SlowTiny, TinyCatalogue, check, no_preview


@lru_cache(maxsize=1)
def bench() -> Bench:
    """The real bench, but with the tiny system."""
    sizes = tuple(map(int, os.environ.get("TINY_SIZES", "1").split(",")))
    real = open_bench(from_environment(), os.environ[WORKER_ID])
    return replace(
        real,
        catalogue=TinyCatalogue(),
        preview=no_preview,
        check=check,
        check_together=None,
        systems={SYSTEM: SlowTiny(sizes=sizes)},
    )


if __name__ == "__main__":
    set_up_logging(from_environment())
    work(from_environment(), WorkQueue(sys.argv[1]), os.environ[WORKER_ID], bench)
