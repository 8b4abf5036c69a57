"""py_ecc comes in by one door, which keeps its side effect out."""

import subprocess
import sys
from pathlib import Path

import avow.verifier
from avow.verifier.curves import FQ, G1, G2, add, multiply, normalize, pairing

ROOMS = Path(next(iter(avow.verifier.__path__))).parent


def test_importing_the_verifier_leaves_the_recursion_limit() -> None:
    program = (
        "import sys; before = sys.getrecursionlimit(); import avow.verifier.verify; "
        "sys.exit(before != sys.getrecursionlimit())"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_nobody_else_imports_py_ecc() -> None:
    importers = {
        path.relative_to(ROOMS).as_posix()
        for room in ("verifier", "models", "circuits", "prover", "api")
        for path in (ROOMS / room).rglob("*.py")
        if "from py_ecc" in path.read_text() or "import py_ecc" in path.read_text()
    }
    assert importers == {"verifier/curves.py"}


def test_the_ordinary_recursion_limit_is_enough() -> None:
    large = 2**254 - 1
    assert pairing(multiply(G2, large), G1) == pairing(G2, multiply(G1, large))
    assert normalize(add(G1, multiply(G1, 2))) == normalize(multiply(G1, 3))
    assert FQ(2) ** (2**300) == FQ(pow(2, 2**300, FQ.field_modulus))
