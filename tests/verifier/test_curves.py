"""py_ecc comes in by one door, which keeps its side effect out."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_ecc.optimized_bn128 import pairing

import avow.verifier
from avow.verifier import bn254
from avow.verifier.curves import (
    FQ,
    G1,
    G2,
    Z1,
    Point1,
    add,
    combination,
    curve_order,
    eq,
    equal_pairings,
    field_modulus,
    multiply,
    normalize,
    read_point,
)
from avow.verifier.errors import VerificationError

ROOMS = Path(next(iter(avow.verifier.__path__))).parent


def test_importing_the_verifier_leaves_the_recursion_limit() -> None:
    program = (
        "import sys; before = sys.getrecursionlimit(); import avow.verifier.verify; "
        "sys.exit(before != sys.getrecursionlimit())"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("first", ["", "import web3; "])
def test_talking_to_a_chain_leaves_it_too(first: str) -> None:
    """web3 imports py_ecc itself, and so may whoever uses this as a library."""
    program = (
        f"import sys; before = sys.getrecursionlimit(); {first}import avow.verifier.chain.client; "
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
    assert equal_pairings((multiply(G2, large), G1), (G2, multiply(G1, large)))
    assert normalize(add(G1, multiply(G1, 2))) == normalize(multiply(G1, 3))
    assert FQ(2) ** (2**300) == FQ(pow(2, 2**300, FQ.field_modulus))


@pytest.mark.parametrize(
    ("tau", "left", "right", "holds"),
    [
        (7, 35, 5, True),
        (7, 35, -5, False),
        (7, 0, 0, True),
        (7, 0, 5, False),
    ],
)
def test_pairings_are_equal_where_those_of_py_ecc_are(
    tau: int, left: int, right: int, holds: bool
) -> None:
    def multiple(scalar: int) -> tuple[FQ, FQ, FQ]:
        return multiply(G1, scalar % curve_order) if scalar else Z1

    first, second = (G2, multiple(left)), (multiply(G2, tau), multiple(right))
    assert equal_pairings(first, second) is holds
    assert (pairing(*first) == pairing(*second)) is holds


def test_pairings_refuse_points_off_their_curves() -> None:
    off = (FQ(1), FQ(3), FQ(1))
    with pytest.raises(ValueError, match="not on the correct"):
        equal_pairings((G2, off), (G2, off))


def point(scalar: int) -> Point1:
    """A multiple of the generator, affine."""
    if scalar % curve_order == 0:
        return 0, 0
    x, y = normalize(multiply(G1, scalar % curve_order))
    return int(x), int(y)


SCALARS = st.one_of(st.integers(0, curve_order - 1), st.sampled_from([0, 1, curve_order - 1]))


@given(st.lists(st.tuples(st.sampled_from([0, 1, 1, 2, 5, -1, -5, 2**200]), SCALARS), max_size=5))
def test_a_combination_is_the_sum_of_multiples(terms: list[tuple[int, int]]) -> None:
    # Equal, opposite and absent points included.
    total = sum(known * scalar for known, scalar in terms) % curve_order
    found = combination([point(known) for known, _ in terms], [scalar for _, scalar in terms])
    assert eq(found, multiply(G1, total) if total else Z1)


def test_scalars_of_a_combination_are_taken_modulo_the_order() -> None:
    assert eq(combination([(1, 2)], [-1]), multiply(G1, curve_order - 1))
    assert eq(combination([(1, 2)], [curve_order + 2]), multiply(G1, 2))


def test_points_are_read_in_one_form() -> None:
    def octets(x: int, y: int) -> bytes:
        return x.to_bytes(32, "big") + y.to_bytes(32, "big")

    assert read_point(octets(*point(77)), "it") == point(77)
    assert read_point(bytes(64), "it") == (0, 0)
    for x, y in ((1, 3), (0, 1), (1, 0), (1 + field_modulus, 2), (1, 2 + field_modulus)):
        with pytest.raises(VerificationError, match="it"):
            read_point(octets(x, y), "it")


def test_the_constants_are_those_of_py_ecc() -> None:
    assert (bn254.field_modulus, bn254.curve_order) == (field_modulus, curve_order)
    assert tuple(map(int, normalize(G1))) == bn254.G1_COORDINATES
    generator = tuple(int(part) for axis in normalize(G2) for part in axis.coeffs)
    assert generator == bn254.G2_COORDINATES
