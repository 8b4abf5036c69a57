"""`avow worker`: what it cannot begin with is one line and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prover.processes import ROOT


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AVOW_CONCURRENCY", "x", "AVOW_CONCURRENCY: expected a whole number"),
        ("AVOW_BROKER_URL", "amqp://h", "AVOW_BROKER_URL: expected redis://"),
        ("AVOW_DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/d", "job database: "),
    ],
)
def test_a_bad_environment(tmp_path: Path, name: str, value: str, said: str) -> None:
    paths = [os.path.abspath(path) for path in sys.path if path]
    environment = os.environ | {
        "AVOW_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(paths),
        name: value,
    }
    done = subprocess.run(
        [sys.executable, "-m", "avow.api.cli.main", "worker"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"avow: error: {said}") and done.stderr.count("\n") == 1
    assert done.stdout == "" and "secret" not in done.stderr
