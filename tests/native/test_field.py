"""The scalar arithmetic of every backend against Python's integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.native import _core
from tests.native.group import Q, R

PRIMES = {"r": R, "q": Q}
EDGES = [0, 1, 2, 2**64 - 1, 2**64, 2**128 - 1, 2**192, 2**253, -1, -2, -(2**64)]


def expected(prime: int, a: int, b: int) -> list[int]:
    return [(a + b) % prime, (a - b) % prime, a * b % prime, -a % prime, a * a % prime]


def operations(field: str, a: int, b: int) -> list[int]:
    found = _core.field_operations(field, a.to_bytes(32, "little"), b.to_bytes(32, "little"))
    return [int.from_bytes(value, "little") for value in found]


@pytest.mark.parametrize("field", PRIMES)
def test_the_edges_of_the_field(backend: str, field: str) -> None:
    prime = PRIMES[field]
    for a in EDGES:
        for b in EDGES:
            *found, inverse = operations(field, a % prime, b % prime)
            assert found == expected(prime, a, b)
            assert inverse == (pow(a, -1, prime) if a % prime else 0)


@pytest.mark.parametrize("field", PRIMES)
@pytest.mark.parametrize("name", _core.backends())
@given(first=st.integers(0, Q - 1), second=st.integers(0, Q - 1))
def test_any_two_elements(name: str, field: str, first: int, second: int) -> None:
    before = _core.backend()
    _core.set_backend(name)
    try:
        prime = PRIMES[field]
        a, b = first % prime, second % prime
        *found, inverse = operations(field, a, b)
        assert found == expected(prime, a, b)
        assert inverse * a % prime == (a != 0)
    finally:
        _core.set_backend(before)


@pytest.mark.parametrize("field", PRIMES)
@pytest.mark.parametrize("offset", [0, 1, 2**256 - 1])
def test_an_integer_that_is_not_below_the_prime_is_refused(field: str, offset: int) -> None:
    value = min(PRIMES[field] + offset, 2**256 - 1).to_bytes(32, "little")
    for a, b in ((value, bytes(32)), (bytes(32), value), (bytes(31), bytes(32)), (b"", b"")):
        with pytest.raises(ValueError, match="expected 32 bytes of an integer below the prime"):
            _core.field_operations(field, a, b)


def test_another_field_is_refused() -> None:
    with pytest.raises(ValueError, match="expected r or q, got p"):
        _core.field_operations("p", bytes(32), bytes(32))
