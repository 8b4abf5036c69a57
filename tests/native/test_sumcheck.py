"""Sumcheck provers: every round of every backend equals the definition, in plain integers."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from avow.prover.native import _core
from tests.native.scalars import R, equality, frs, ints, scalars

HALF = (R + 1) // 2
CHALLENGES = [0, 1, 5, R - 1, 2**247 + 99, 2**253, HALF]


def on_cube(vector: Sequence[int], n: int) -> list[int]:
    """Return a function of the last variables as one of all n."""
    return list(vector) * ((1 << n) // len(vector))


def at_first(table: Sequence[int], x: int) -> list[int]:
    """Return the table with its first variable set to x."""
    half = len(table) // 2
    return [(a + x * (b - a)) % R for a, b in zip(table[:half], table[half:], strict=True)]


class Definition:
    """A sum over the cube of products of tables, each with a coefficient."""

    def __init__(self, terms: list[tuple[int, list[list[int]]]]) -> None:
        self.terms = terms

    def round(self, points: Sequence[int]) -> list[int]:
        values = []
        for x in points:
            total = 0
            for coefficient, tables in self.terms:
                for factors in zip(*(at_first(table, x) for table in tables), strict=True):
                    product = coefficient
                    for factor in factors:
                        product = product * factor % R
                    total += product
            values.append(total % R)
        return values

    def bind(self, r: int) -> None:
        self.terms = [(c, [at_first(table, r) for table in tables]) for c, tables in self.terms]


Term = tuple[int, int]  # a coefficient and the number of a vector


def zero_definition(
    n: int,
    rho: list[int],
    vectors: list[list[int]],
    products: list[tuple[int, int, int]],
    linear: list[Term],
    sums: list[Term],
) -> Definition:
    eq = equality(rho)
    wide = [on_cube(vector, n) for vector in vectors]
    terms: list[tuple[int, list[list[int]]]] = []
    terms += [(c, [eq, wide[a], wide[b]]) for c, a, b in products]
    terms += [(c, [eq, wide[a]]) for c, a in linear]
    terms += [(c * len(vectors[a]) * pow(2**n, -1, R), [wide[a]]) for c, a in sums]
    return Definition(terms)


def zero_check(
    n: int,
    rho: list[int],
    vectors: list[list[int]],
    products: list[tuple[int, int, int]],
    linear: list[Term],
    sums: list[Term],
) -> _core.ZeroCheck:
    made = [frs(vector) for vector in vectors]
    return _core.ZeroCheck(
        n,
        rho,
        [(c, made[a], made[b]) for c, a, b in products],
        [(c, made[a]) for c, a in linear],
        [(c, made[a]) for c, a in sums],
    )


def compare_zero_check(
    n: int,
    rho: list[int],
    vectors: list[list[int]],
    products: list[tuple[int, int, int]],
    linear: list[Term],
    sums: list[Term],
    seed: int,
) -> None:
    definition = zero_definition(n, rho, vectors, products, linear, sums)
    prover = zero_check(n, rho, vectors, products, linear, sums)
    source = random.Random(seed)
    for _ in range(n):
        expected = tuple(definition.round([0, 2, 3]))
        assert prover.round() == expected
        assert prover.round() == expected
        r = source.choice(CHALLENGES)
        definition.bind(r)
        prover.bind(r)
    with pytest.raises(ValueError, match="all variables are bound"):
        prover.round()
    with pytest.raises(ValueError, match="all variables are bound"):
        prover.bind(1)


@pytest.mark.parametrize("n", range(1, 8))
def test_zero_checks(backend: str, n: int) -> None:
    for seed in range(12 if n < 6 else 3):
        source = random.Random(f"{n}-{seed}")
        sizes = [source.randrange(n + 1) for _ in range(6)]
        if seed % 2:
            sizes[0] = n
        vectors = [scalars(2**m, seed) for m in sizes]

        def coefficient(source: random.Random = source) -> int:
            return source.choice([1, 2, R - 1, 2**252 + 1])

        products = [
            (coefficient(), source.randrange(6), source.randrange(6))
            for _ in range(source.randrange(6))
        ]
        linear = [(coefficient(), source.randrange(6)) for _ in range(source.randrange(4))]
        sums = [(coefficient(), source.randrange(6)) for _ in range(source.randrange(4))]
        compare_zero_check(n, scalars(n, seed), vectors, products, linear, sums, seed)


@pytest.mark.parametrize("part", ["products", "linear", "sums"])
def test_each_part_alone(backend: str, part: str) -> None:
    for n, m in [(1, 0), (1, 1), (4, 0), (4, 2), (5, 5), (9, 9), (9, 7)]:
        vectors = [scalars(2**m, 1), scalars(2**m, 2)]
        compare_zero_check(
            n,
            scalars(n),
            vectors,
            [(3, 0, 1), (5, 0, 0)] if part == "products" else [],
            [(3, 0), (5, 1), (7, 0)] if part == "linear" else [],
            [(3, 0), (5, 1), (7, 0)] if part == "sums" else [],
            n,
        )


def test_nothing_to_check(backend: str) -> None:
    prover = _core.ZeroCheck(2, [1, 2], [], [], [])
    assert prover.round() == (0, 0, 0)
    prover.bind(3)
    assert prover.round() == (0, 0, 0)
    with pytest.raises(ValueError, match="all variables are bound"):
        _core.ZeroCheck(0, [], [], [], []).round()


@pytest.mark.parametrize("edge", [0, 1])
def test_rho_on_the_cube(backend: str, edge: int) -> None:
    # Then the claim alone does not give every value of the round.
    vectors = [scalars(64, 1), scalars(64, 2), scalars(8, 3)]
    products, linear, sums = [(2, 0, 1), (R - 1, 2, 2)], [(5, 1), (6, 2)], [(9, 0), (4, 2)]
    for rho in [[edge] * 6, [edge, 7, 1 - edge, edge, 8, edge]]:
        compare_zero_check(6, rho, vectors, products, linear, sums, 1)


def test_a_shared_factor_keeps_its_meaning(backend: str) -> None:
    # One vector in products of different coefficients, as either factor, and in other terms.
    vectors = [scalars(32, seed) for seed in range(4)]
    products = [(2, 0, 1), (3, 1, 0), (4, 0, 0), (5, 2, 0), (6, 3, 2), (2, 0, 1), (1, 3, 3)]
    compare_zero_check(5, scalars(5), vectors, products, [(8, 0), (9, 3)], [(7, 0)], 2)


def test_hundreds_of_products_of_the_largest_values(backend: str, threads: int) -> None:
    n, count = 8, 300
    vector = frs([R - 1] * 2**n)
    other = frs([R - 2] * 2 ** (n - 1))
    rho = [R - 1] * n
    prover = _core.ZeroCheck(
        n,
        rho,
        [(R - 1, vector, vector)] * count + [(R - 1, other, vector)] * count,
        [(R - 1, vector)] * count,
        [(R - 1, vector)] * count,
    )
    # All vectors are constant: Z is count * (-1 - 2 + 1), the plain sum count * 2^n.
    claim = (-2 * count + count * 2**n) % R
    for _ in range(n):
        g0, g2, g3 = prover.round()
        # Of degree 1 here, so that 0 and 2 give the value at 1.
        assert (g0 + (g0 + g2) * HALF) % R == claim
        assert g3 == (g2 + (g2 - g0) * HALF) % R
        prover.bind(R - 3)
        claim = (g0 + (R - 3) * (g2 - g0) * HALF) % R


def test_the_honest_sum_is_zero_and_another_is_not(backend: str) -> None:
    n = 10
    values = np.random.default_rng(1).integers(-1000, 1000, (2, 2**n), dtype=np.int64)
    a, b = (_core.Frs.of_ints(row) for row in values)
    for fault in [0, 1]:
        product = values[0] * values[1]
        product[77] += fault
        c = _core.Frs.of_ints(product)
        prover = _core.ZeroCheck(n, scalars(n), [(1, a, b)], [(R - 1, c)], [])
        g0, g2, g3 = prover.round()
        assert g0 == 0 or fault
        # g(1) by interpolation through a degree of 3 is not known; the definition decides.
        definition = zero_definition(
            n, scalars(n), [ints(a), ints(b), ints(c)], [(1, 0, 1)], [(R - 1, 2)], []
        )
        found = definition.round([0, 1, 2, 3])
        assert [g0, g2, g3] == [found[0], found[2], found[3]]
        assert ((found[0] + found[1]) % R == 0) == (fault == 0)


def long_zero_check(n: int) -> list[object]:
    values = np.random.default_rng(n).integers(-(2**63), 2**63 - 1, (5, 2**n), dtype=np.int64)
    wide = [_core.Frs.of_ints(row, 2**190 + 7, 3) for row in values]
    short = [_core.Frs.of_ints(row[: 2 ** (n - 2)], 2**180 + 7, 3) for row in values]
    prover = _core.ZeroCheck(
        n,
        scalars(n),
        [(2**200, wide[0], wide[1]), (3, wide[1], wide[2]), (4, short[0], short[1])],
        [(5, wide[3]), (6, short[2])],
        [(7, wide[4]), (8, short[0])],
    )
    seen: list[object] = []
    for r in scalars(n, 7):
        seen.append(prover.round())
        prover.bind(r)
    return seen


def long_product_sum(n: int) -> list[object]:
    values = np.random.default_rng(n).integers(-(2**63), 2**63 - 1, (5, 2**n), dtype=np.int64)
    wide = [_core.Frs.of_ints(row, 2**190 + 7, 3) for row in values]
    short = [_core.Frs.of_ints(row[: 2 ** (n - 2)], 2**180 + 7, 3) for row in values]
    prover = _core.ProductSum(
        n,
        [
            (2**200, wide[0], wide[1], None),
            (3, wide[1], wide[2], wide[3]),
            (4, short[0], short[1], None),
            (5, short[1], short[2], short[3]),
        ],
    )
    seen: list[object] = []
    for r in scalars(n, 7):
        seen.append(prover.round())
        prover.bind(r)
    return [*seen, prover.values()]


@pytest.mark.parametrize("run", [long_zero_check, long_product_sum])
@pytest.mark.parametrize("n", [10, 14])
def test_backends_agree_on_long_vectors(threads: int, n: int, run: object) -> None:
    before = _core.backend()
    found = []
    try:
        for name in _core.backends():
            _core.set_backend(name)
            found.append(run(n))  # type: ignore[operator]
    finally:
        _core.set_backend(before)
    assert found[1:] == found[:-1]


Product = tuple[int, int, int, int | None]


def compare_product_sum(n: int, vectors: list[list[int]], terms: list[Product], seed: int) -> None:
    wide = [on_cube(vector, n) for vector in vectors]
    definition = []
    for c, *factors in terms:
        used = [factor for factor in factors if factor is not None]
        size = max(len(vectors[factor]) for factor in used)
        definition.append((c * size * pow(2**n, -1, R), [wide[factor] for factor in used]))
    expected = Definition(definition)
    made = [frs(vector) for vector in vectors]
    prover = _core.ProductSum(
        n, [(k, made[a], made[b], None if c is None else made[c]) for k, a, b, c in terms]
    )
    points = [0, 2, 3] if any(c is not None for *_, c in terms) else [0, 2]
    source = random.Random(seed)
    challenges = []
    for left in range(n, 0, -1):
        with pytest.raises(ValueError, match=f"{left} variables are not bound"):
            prover.values()
        assert prover.round() == tuple(expected.round(points))
        challenges.append(source.choice(CHALLENGES))
        expected.bind(challenges[-1])
        prover.bind(challenges[-1])
    ends = []
    for vector in vectors:
        value = list(vector)
        for r in challenges[n - (len(vector).bit_length() - 1) :]:
            value = at_first(value, r)
        ends += value
    assert prover.values() == [
        (ends[a], ends[b], None if c is None else ends[c]) for _, a, b, c in terms
    ]
    assert prover.values() == prover.values()
    with pytest.raises(ValueError, match="all variables are bound"):
        prover.bind(1)


@pytest.mark.parametrize("n", range(8))
def test_product_sums(backend: str, n: int) -> None:
    for seed in range(12 if n < 6 else 3):
        source = random.Random(f"{n}-{seed}")
        vectors = [scalars(2 ** source.randrange(n + 1), k) for k in range(6)]
        count = source.randrange(1, 6)
        terms: list[Product] = []
        for _ in range(count):
            third = source.randrange(6) if seed % 3 and source.random() < 0.5 else None
            coefficient = source.choice([0, 1, R - 1, 2**252 + 1])
            terms.append((coefficient, source.randrange(6), source.randrange(6), third))
        compare_product_sum(n, vectors, terms, seed)


def test_vectors_are_shared_and_kept(backend: str) -> None:
    values = [scalars(64, seed) for seed in range(3)]
    vectors = [frs(value) for value in values]
    a, b, c = vectors
    prover = _core.ProductSum(6, [(1, a, b, None), (2, a, a, a), (3, b, c, None)])
    check = _core.ZeroCheck(6, scalars(6), [(4, a, b), (5, a, c)], [(6, a)], [(7, b)])
    for r in range(6):
        prover.round()
        prover.bind(r)
        check.round()
        check.bind(r)
    assert [ints(vector) for vector in vectors] == values


def test_malformed_arguments_are_refused(backend: str) -> None:
    a, b, three = frs([1, 2, 3, 4]), frs([1, 2]), frs([1, 2, 3])
    for wrong in [three, frs([]), frs([1] * 8)]:
        size = len(wrong)
        match = rf"expected vectors of a power of two up to 2\^2, got {size}"
        with pytest.raises(ValueError, match=match):
            _core.ProductSum(2, [(1, a, wrong, None)])
        with pytest.raises(ValueError, match=match):
            _core.ProductSum(2, [(1, a, b, wrong)])
        with pytest.raises(ValueError, match=match):
            _core.ZeroCheck(2, [1, 2], [(1, wrong, a)], [], [])
        with pytest.raises(ValueError, match=match):
            _core.ZeroCheck(2, [1, 2], [], [(1, wrong)], [])
        with pytest.raises(ValueError, match=match):
            _core.ZeroCheck(2, [1, 2], [], [], [(1, wrong)])
    with pytest.raises(ValueError, match="expected rho of 2 scalars, got 1"):
        _core.ZeroCheck(2, [1], [], [], [])
    with pytest.raises(ValueError, match="at most 40 variables, got 41"):
        _core.ZeroCheck(41, [1] * 41, [], [], [])
    with pytest.raises(ValueError, match="at most 40 variables, got 41"):
        _core.ProductSum(41, [])
    for scalar in [-1, R]:
        with pytest.raises(ValueError, match="from 0 to below"):
            _core.ProductSum(2, [(scalar, a, b, None)])
        with pytest.raises(ValueError, match="from 0 to below"):
            _core.ZeroCheck(1, [scalar], [], [], [])
        with pytest.raises(ValueError, match="from 0 to below"):
            _core.ProductSum(2, [(1, a, b, None)]).bind(scalar)
    for term in [(1, a), (1, a, 2), (1, a, b, None, None), [1, a, b], (1, a, None)]:
        with pytest.raises(ValueError, match="expected terms"):
            _core.ProductSum(2, [term])  # type: ignore[list-item]
        with pytest.raises(ValueError, match=r"expected products|expected linear|expected sums"):
            _core.ZeroCheck(2, [1, 2], [term], [term], [term])  # type: ignore[list-item]
