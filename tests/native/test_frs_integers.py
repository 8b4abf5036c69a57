"""Integers against vectors of scalars: folds of matrices, and sparse maps along an axis."""

import random

import numpy as np
import pytest

from avow.prover.native import _core
from tests.native.scalars import LENGTHS, R, frs, ints, scalars

KINDS = [np.int8, np.int16, np.int32, np.int64]


def matrix(rows: int, cols: int, kind: type[np.signedinteger], seed: int = 0) -> np.ndarray:
    limits = np.iinfo(kind)
    values = np.random.default_rng(seed).integers(limits.min, limits.max, (rows, cols), dtype=kind)
    flat = values.reshape(-1)
    flat[::3] = limits.min
    flat[1::5] = limits.max
    return values


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cols", [*LENGTHS, 129])
def test_folds_of_small_matrices(backend: str, cols: int, kind: type[np.signedinteger]) -> None:
    for rows in [1, 2, 5, 9, 70]:
        values = matrix(rows, cols, kind)
        table = values.tolist()
        weights = scalars(rows)
        expected = [
            sum(w * line[c] for w, line in zip(weights, table, strict=True)) % R
            for c in range(cols)
        ]
        assert ints(_core.fold_ints(values, frs(weights))) == expected
        weights = scalars(cols)
        expected = [sum(w * v for w, v in zip(weights, line, strict=True)) % R for line in table]
        assert ints(_core.fold_rows(values, frs(weights))) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows", "cols"), [(3001, 9), (17, 5003), (1, 3000), (3000, 1)])
def test_folds_of_many_extreme_values(
    backend: str, threads: int, rows: int, cols: int, kind: type[np.signedinteger]
) -> None:
    # The same extreme everywhere, and weights of r - 1: sums kept unreduced are largest here.
    for value in [np.iinfo(kind).min, np.iinfo(kind).max]:
        values = np.full((rows, cols), value, dtype=kind)
        down = _core.fold_ints(values, frs([R - 1] * rows))
        assert ints(down) == [-int(value) * rows % R] * cols
        along = _core.fold_rows(values, frs([R - 1] * cols))
        assert ints(along) == [-int(value) * cols % R] * rows


@pytest.mark.parametrize("kind", KINDS)
def test_folds_of_larger_matrices_agree(
    backend: str, threads: int, kind: type[np.signedinteger]
) -> None:
    rows, cols = 301, 403
    values = matrix(rows, cols, kind)
    left = _core.Frs.of_ints(matrix(1, rows, np.int64, 1)[0], 2**200 + 1, 1)
    right = _core.Frs.of_ints(matrix(1, cols, np.int64, 2)[0], 2**200 + 1, 1)
    flat = _core.Frs.zeros(rows * cols)
    _core.outer_add(flat, 0, 1, [left, right])
    expected = flat.dot(_core.Frs.of_ints(values.reshape(-1)))
    assert flat.dot_ints(values.reshape(-1)) == expected
    assert _core.fold_ints(values, left).dot(right) == expected
    assert _core.fold_rows(values, right).dot(left) == expected


def mapped(
    values: list[int],
    outer: int,
    inner: int,
    rows: int,
    cols: int,
    entries: list[tuple[int, int, int]],
) -> list[int]:
    out = [0] * (outer * rows * inner)
    for o in range(outer):
        for t, c, weight in entries:
            for i in range(inner):
                at = (o * rows + t) * inner + i
                out[at] = (out[at] + weight * values[(o * cols + c) * inner + i]) % R
    return out


@pytest.mark.parametrize("kind", [*KINDS, None])
@pytest.mark.parametrize("inner", [1, 2, 3, 8, 9, 16])
@pytest.mark.parametrize(("outer", "rows", "cols"), [(1, 1, 1), (2, 5, 3), (3, 8, 16), (1, 40, 2)])
def test_sparse_maps(
    backend: str,
    threads: int,
    outer: int,
    rows: int,
    cols: int,
    inner: int,
    kind: type[np.signedinteger] | None,
) -> None:
    source = random.Random(f"{outer}{rows}{cols}{inner}")
    for count in [0, 1, 3, 50, 200]:
        places = [(source.randrange(rows), source.randrange(cols)) for _ in range(count)]
        if count == 50:
            places.sort()
        weights = scalars(count)
        entries = [(t, c, w) for (t, c), w in zip(places, weights, strict=True)]
        size = outer * cols * inner
        if kind is None:
            plain = scalars(size)
            values: _core.Frs | np.ndarray = frs(plain)
        else:
            array = matrix(1, size, kind)[0]
            plain, values = array.tolist(), array.reshape(outer, cols, inner)
        found = _core.contract(
            values,
            outer,
            inner,
            rows,
            cols,
            np.array([t for t, _ in places], dtype=np.int32),
            np.array([c for _, c in places], dtype=np.int32),
            frs(weights),
        )
        assert ints(found) == mapped(plain, outer, inner, rows, cols, entries)


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_sparse_maps_of_many_extreme_values(
    backend: str, kind: type[np.signedinteger] | None
) -> None:
    count, cols, inner = 1500, 700, 8
    at_row = np.zeros(count, dtype=np.int32)
    at_col = (np.arange(count) % cols).astype(np.int32)
    value = -1 if kind is None else int(np.iinfo(kind).min)
    plain = np.full(cols * inner, value, dtype=kind or np.int8)
    values = _core.Frs.of_ints(plain) if kind is None else plain
    found = _core.contract(values, 1, inner, 1, cols, at_row, at_col, frs([R - 1] * count))
    assert ints(found) == [-value * count % R] * inner


def test_malformed_arguments_are_refused(backend: str) -> None:
    values = np.ones((2, 3), dtype=np.int8)
    with pytest.raises(ValueError, match="a weight for each of 2 rows, got 3"):
        _core.fold_ints(values, frs([1, 2, 3]))
    with pytest.raises(ValueError, match="a weight for each of 3 columns, got 2"):
        _core.fold_rows(values, frs([1, 2]))
    with pytest.raises(ValueError, match="expected 2 axes, got 1"):
        _core.fold_ints(values[0], frs([1]))
    with pytest.raises(ValueError, match="contiguous"):
        _core.fold_ints(values.T, frs([1, 2, 3]))
    with pytest.raises(ValueError, match="not empty"):
        _core.fold_ints(values[:0], frs([]))

    def contract(
        outer: int = 1,
        inner: int = 1,
        rows: int = 2,
        cols: int = 6,
        at_row: int = 1,
        at_col: int = 1,
        weights: int = 1,
    ) -> _core.Frs:
        return _core.contract(
            values,
            outer,
            inner,
            rows,
            cols,
            np.array([at_row], dtype=np.int32),
            np.array([at_col], dtype=np.int32),
            frs([1] * weights),
        )

    assert ints(contract()) == [0, 1]
    for wrong in [
        {"outer": 2},
        {"inner": 2**62},
        {"outer": 2**62, "inner": 2**62},
        {"cols": 5},
    ]:
        with pytest.raises(ValueError, match="outer x cols x inner values, got 6"):
            contract(**wrong)
    for wrong in [{"rows": 0}, {"cols": 0}, {"outer": 0}, {"inner": 0}]:
        with pytest.raises(ValueError, match="sizes of at least 1"):
            contract(**wrong)
    for wrong in [{"at_row": 2}, {"at_row": -1}, {"at_col": 6}, {"at_col": -1}]:
        with pytest.raises(ValueError, match=r"entry 0 at row .* is not inside 2 x 6"):
            contract(**wrong)
    with pytest.raises(ValueError, match="as many rows, columns and weights, got 1, 1 and 2"):
        contract(weights=2)
