"""Processors of other generations give the same answers: emulated, instruction by instruction."""

import os
import platform
import shutil
import subprocess
import sys
from random import Random

import pytest

from avow.models.program.reference import Reference
from tests.models.program.arrays import batch_inputs
from tests.models.program.child import BATCH, digest
from tests.programs.builder import random_program

SEEDS = range(300, 308)


def _emulator() -> str:
    path = shutil.which("qemu-x86_64")
    if path is None or platform.machine() != "x86_64":
        message = "needs an x86-64 machine with qemu-x86_64 (Debian: qemu-user)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


# What numpy must find, and must not find, so that the emulation is known to be one.
@pytest.mark.parametrize(
    ("processor", "has", "lacks"),
    [("Nehalem", "SSE42", "AVX"), ("SandyBridge", "AVX", "FMA3"), ("Haswell", "AVX2", "AVX512F")],
)
def test_an_older_processor_agrees(processor: str, has: str, lacks: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        # numpy's own linear algebra, which nothing here uses, looks past the emulation.
        "OPENBLAS_CORETYPE": processor,
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [_emulator(), "-cpu", processor, sys.executable, "-m", "tests.models.program.child"]
    child = subprocess.run(
        [*command, *map(str, SEEDS)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    features, checked, *answers = child.stdout.splitlines()
    assert has in features.split()
    assert lacks not in features.split()
    assert checked.startswith("checked ")
    expected = []
    for seed in SEEDS:
        program, blobs = random_program(seed)
        inputs, _ = batch_inputs(program, Random(seed), BATCH)
        expected.append(f"{seed} {digest(Reference(program, blobs).run(inputs))}")
    assert answers == expected
