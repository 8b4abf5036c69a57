"""ezkl does not go on computing after the verifier that asked it is gone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from avow.verifier.bundle import parse_bundle
from avow.verifier.systems.ezkl.material import parse_material, parse_proof
from avow.verifier.systems.ezkl.process import check_proof
from avow.verifier.systems.ezkl.settings import encode_settings

BUNDLE = Path(__file__).parents[1] / "vectors/bundles/tumour-risk.public-hashed.avow.json"


def check_endlessly() -> None:
    """Settings under which ezkl would fill constants for hours."""
    bundle = parse_bundle(BUNDLE.read_bytes())
    keys = parse_material(bundle.material)
    settings = json.loads(keys.settings) | {"total_const_size": 2**40}
    check_proof(replace(keys, settings=encode_settings(settings)), parse_proof(bundle.proof), 280.0)


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(2_000):
        if holds():
            return True
        time.sleep(0.05)
    return False


def computing(pid: int) -> bool:
    """Whether the process lives and has used a second, more than it needs to begin."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return fields[0] != "Z" and int(fields[11]) >= os.sysconf("SC_CLK_TCK")


def test_ezkl_ends_with_the_verifier() -> None:
    asking = subprocess.Popen([sys.executable, __file__])
    children = Path(f"/proc/{asking.pid}/task/{asking.pid}/children")
    try:
        assert eventually(lambda: bool(children.read_text().split()))
        (child,) = map(int, children.read_text().split())
        assert eventually(lambda: computing(child))
    finally:
        asking.kill()
        asking.wait()
    ended = eventually(lambda: not computing(child))
    if not ended:
        os.kill(child, signal.SIGKILL)
    assert ended


if __name__ == "__main__":
    check_endlessly()
