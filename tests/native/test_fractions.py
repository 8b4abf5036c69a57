"""The tree of fractions against plain Python: layers, rounds, and what follows the leaves."""

from random import Random

import numpy as np
import pytest

from avow.prover.native import _core
from avow.verifier.bn254 import curve_order as R

Fraction = tuple[int, int]


def frs(values: list[int]) -> _core.Frs:
    """Scalars as a vector."""
    return _core.Frs.of_bytes(b"".join((value % R).to_bytes(32, "little") for value in values))


def eq_table(point: list[int]) -> list[int]:
    """eq(point, x) for all x, the first variable being the most significant bit."""
    table = [1]
    for z in point:
        table = [part % R for value in table for part in (value * (1 - z), value * z)]
    return table


class Plain:
    """The same, in plain Python and with all leaves written out."""

    def __init__(self, p: list[int], q: list[int]) -> None:
        self.depth = (len(p) - 1).bit_length()
        more = 2**self.depth - len(p)
        layer = list(zip([*p, *[0] * more], [*q, *[1] * more], strict=True))
        self.layers = [layer]
        while len(layer) > 1:
            layer = [
                ((p0 * q1 + p1 * q0) % R, q0 * q1 % R)
                for (p0, q0), (p1, q1) in zip(layer[::2], layer[1::2], strict=True)
            ]
            self.layers.insert(0, layer)

    def value(self, layer: int, point: list[int]) -> Fraction:
        """p~ and q~ of a layer at a point."""
        eq = eq_table(point)
        both = [(e * p, e * q) for e, (p, q) in zip(eq, self.layers[layer], strict=True)]
        return sum(p for p, _ in both) % R, sum(q for _, q in both) % R


def follow(tree: _core.FractionTree, plain: Plain, rng: Random, zero: bool) -> None:
    """All layers; every claim is checked against the layer itself."""

    def scalar() -> int:
        return 0 if zero and rng.random() < 0.3 else rng.randrange(R)

    p0, p1, q0, q1 = tree.nodes()
    assert [(p0, q0), (p1, q1)] == plain.layers[1]
    point: list[int] = []
    for layer in range(1, plain.depth):
        u, mu = scalar(), scalar()
        top, bottom = (p0 + u * (p1 - p0)) % R, (q0 + u * (q1 - q0)) % R
        point = [*point, u]
        assert (top, bottom) == plain.value(layer, point)
        claim = (top + mu * bottom) % R
        tree.descend(u, mu)
        drawn: list[int] = []
        for rho in reversed(point):
            assert tree.round() == tree.round()
            slope, leading = tree.round()
            x = scalar()
            claim = (claim - rho * slope + x * (slope - leading + x * leading)) % R
            drawn.insert(0, x)
            tree.bind(x)
        p0, p1, q0, q1 = tree.nodes()
        assert claim == (p0 * q1 + p1 * q0 + mu * q0 * q1) % R
        for u, p, q in ((0, p0, q0), (1, p1, q1)):
            assert (p, q) == plain.value(layer + 1, [*drawn, u])
        point = drawn


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7, 8, 15, 17, 31, 33, 64, 65, 100, 511, 513, 1500])
def test_every_layer_is_that_of_plain_python(backend: str, count: int) -> None:
    rng = Random(count)
    p = [rng.choice((0, 1, R - 1, rng.randrange(R))) for _ in range(count)]
    q = [rng.randrange(R) for _ in range(count)]
    plain, tree = Plain(p, q), _core.FractionTree(frs(p), frs(q))
    assert tree.depth == plain.depth
    follow(tree, plain, rng, zero=False)


@pytest.mark.parametrize("count", [6, 40, 300])
def test_zeros_among_numbers_and_challenges(backend: str, count: int) -> None:
    # Where a coordinate is 0 the value at 1 does not follow from the claim.
    rng = Random(count)
    p = [rng.choice((0, 0, 1)) for _ in range(count)]
    q = [rng.choice((0, 1, rng.randrange(R))) for _ in range(count)]
    follow(_core.FractionTree(frs(p), frs(q)), Plain(p, q), rng, zero=True)


@pytest.mark.parametrize("count", [2, 33, 64, 130, 511, 1024, 1500])
@pytest.mark.parametrize("stride", [0, 1, 3, 5, 30])
def test_picked_leaves_of_any_stride(backend: str, count: int, stride: int) -> None:
    # Runs of leaves alike, as dead cells are: 0 over one of a few numbers, or 1 over one.
    rng = Random(count + stride)
    p_table = [0, 0, 1, *(rng.randrange(R) for _ in range(5))]
    q_table = [rng.randrange(R) for _ in p_table]
    index: list[int] = []
    while len(index) < count:
        if rng.random() < 0.5:
            index += [rng.choice((0, 0, 1, 2))] * rng.choice((1, 8, 60, 300))
        else:
            index += [rng.randrange(len(p_table)) for _ in range(rng.choice((1, 7, 40)))]
    del index[count:]
    for dead in (0, 3, 4):
        # Eight neighbours, and eight that are 2^dead apart.
        for at in range(8):
            for place in (64 + at, 256 + (at << dead)):
                if place < count:
                    index[place] = 1
    p, q = [p_table[at] for at in index], [q_table[at] for at in index]
    top = _core.Picked(frs(p_table), np.array(index, np.int32))
    tree = _core.FractionTree(top, top.of(frs(q_table)), stride)
    follow(tree, Plain(p, q), rng, zero=count == 130)


@pytest.mark.parametrize("count", [5, 64, 700])
def test_vectors_and_others_that_are_not_written_out(backend: str, count: int) -> None:
    rng = Random(count)
    p = [rng.choice((0, 0, 0, 1)) for _ in range(count)]
    q = [rng.randrange(R) for _ in range(count)]
    tops = _core.Integers(np.array(p))
    bottoms = _core.Picked(frs(q), np.arange(count, dtype=np.int32))
    for top, bottom in ((tops, frs(q)), (frs(p), bottoms), (tops, bottoms), (frs(p), frs(q))):
        follow(_core.FractionTree(top, bottom, 2), Plain(p, q), rng, zero=False)


def test_leaves_that_are_all_alike(backend: str) -> None:
    rng, count = Random(3), 2**9
    top = _core.Picked(frs([0, 5]), np.zeros(count, np.int32))
    tree = _core.FractionTree(top, top.of(frs([7, 8])), 4)
    follow(tree, Plain([0] * count, [7] * count), rng, zero=False)


def test_several_threads_give_the_same(backend: str) -> None:
    rng, count = Random(5), 9000
    index = np.array([rng.choice((0, 1, 2)) for _ in range(count)], np.int32)
    index[1000:4000] = 0
    top = _core.Picked(frs([0, 1, 2]), index)
    bottom = top.of(frs([rng.randrange(R) for _ in range(3)]))
    before, found = _core.threads(), []
    try:
        for threads in (1, 3):
            _core.set_threads(threads)
            tree = _core.FractionTree(top, bottom, 6)
            said: list[tuple[int, ...]] = [tree.nodes()]
            for layer in range(1, tree.depth):
                tree.descend(layer, 7 * layer)
                for number in range(layer):
                    said.append(tree.round())
                    tree.bind(number + 3)
                said.append(tree.nodes())
            found.append(said)
    finally:
        _core.set_threads(before)
    assert found[0] == found[1]


def test_misuse_is_refused(backend: str) -> None:
    with pytest.raises(ValueError, match="at least two"):
        _core.FractionTree(frs([1]), frs([1]))
    with pytest.raises(ValueError):
        _core.FractionTree(frs([1, 2]), frs([1, 2, 3]))
    with pytest.raises(ValueError, match="stride"):
        _core.FractionTree(frs([1, 2]), frs([1, 2]), 31)
    with pytest.raises(ValueError, match="two vectors"):
        _core.FractionTree(frs([1, 2]), [1, 2])  # type: ignore[arg-type]
    tree = _core.FractionTree(frs([1, 2, 3]), frs([4, 5, 6]))
    with pytest.raises(ValueError, match="all variables are bound"):
        tree.round()
    tree.descend(1, 2)
    with pytest.raises(ValueError, match="not all variables"):
        tree.nodes()
    tree.bind(3)
    with pytest.raises(ValueError, match="these are the leaves"):
        tree.descend(1, 2)
    with pytest.raises(ValueError, match="below the field's order"):
        tree.descend(R, 2)
