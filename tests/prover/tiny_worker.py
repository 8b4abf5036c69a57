"""A whole worker with the tiny system; writes a line to READY_FILE when it is ready."""

import atexit
import gc
import os
import sys
from pathlib import Path

from avow.prover.config import from_environment
from avow.prover.logs import set_up_logging
from avow.prover.worker import Worker

if __name__ == "__main__":
    # As `avow worker` leaves.
    atexit.register(gc.freeze)
    set_up_logging(from_environment())
    labourer = (sys.executable, str(Path(__file__).with_name("tiny_labourer.py")))
    ready = Path(os.environ["READY_FILE"])
    Worker(from_environment(), labourer).run(lambda: ready.write_text("ready"))
