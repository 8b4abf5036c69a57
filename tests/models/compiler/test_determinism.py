"""The same bytes in, the same program out: in any process, with any threads, on any processor."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.compiler import digests

# Any change of these is a change of what the models mean: bump versions and say so.
GOLDEN = {
    "curves 8": "4283eb3d4dab5258ecbfcbd925e2d9e20d362e45e10b01aebbeebb6d8cdd314c",
    "curves 12": "baebbf79c8ec766f00ac8f86b7e6d5259c12e01ebac81e04e9e7fb963ba36675",
    "curves 16": "31294a841843882455cdeae9f33fa84cbff08ce55bd41616314ce704b3733293",
    "digits-mlp 8": "2b4b4a7fc05826970b87395e5ec6c0f4310c5f2a1962b03a8a84acf2dfdc72a0",
    "digits-mlp 12": "652ee3270734304ff50f143a0da2d76facae0e03f50b2af6d6c84c2a776cd5bf",
    "digits-mlp 16": "8e450b421ad7388163aeb8376746775f9db426d85bf5b0b0508f84272ffbf33b",
    "digits-cnn 8": "777d9cc5b9cb82d265402189b5be0731916fe54cfaa7d9c4099e0754ff4407bc",
    "digits-cnn 12": "5a64b7e578d10b2de8bcb4aa0248e2ee870014b07c41bbd8aaaf6227091f2781",
    "digits-cnn 16": "bae36e5d296d9aef34008bcb565bb95dc7ef9d16c98d974d38a881dddf2be239",
    "tumour-risk 8": "c496b15682d6c1be7e56ea77c1d555582c20d51bdb2967e0e5ceb8e78158b339",
    "tumour-risk 12": "db6e8a7308bc11933ad76101f795bc617362eb84c7bf74b61e6e2403fda7aa63",
    "tumour-risk 16": "c786061fc65aa2c81f48af4375eb23cc9dfc079b47f36c55f145639ede9a9558",
}


def printed(command: list[str], **environment: str) -> dict[str, str]:
    """What another process prints."""
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [*command, sys.executable, "-W", "ignore", str(Path(digests.__file__))],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = (line.rsplit(" ", 1) for line in done.stdout.splitlines())
    return {name: digest for name, digest in lines}


def test_the_programs_are_those_that_were_recorded() -> None:
    """The zoo's programs and one of nothing but curves, at every precision."""
    assert digests.digests() == GOLDEN


@pytest.mark.parametrize(("seed", "threads"), [("0", "1"), ("4711", "4")])
def test_another_process_finds_the_same_programs(seed: str, threads: str) -> None:
    """Neither the order of sets nor the number of threads decides anything."""
    found = printed([], PYTHONHASHSEED=seed, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads)
    assert found == GOLDEN


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="qemu-user is not installed")
def test_an_emulated_older_processor_finds_the_same_programs() -> None:
    """Without AVX2, FMA and AVX-512, the libraries take other paths through exp and matmul."""
    found = printed(["qemu-x86_64", "-cpu", "SandyBridge"], OPENBLAS_NUM_THREADS="1")
    assert found == GOLDEN
