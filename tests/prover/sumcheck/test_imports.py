"""The queue works where the native core was not built: only proving needs it."""

import subprocess
import sys

_WITHOUT_CORE = """
import sys
sys.modules["avow.prover.native._core"] = None
import avow.prover.systems
import avow.prover.worker
"""


def test_the_core_is_loaded_only_to_prove() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_CORE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
