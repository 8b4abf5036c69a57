"""npz bytes become finite rows of the right shape or one line."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.models.data import parse_rows
from avow.models.errors import ModelError
from avow.models.load import Port
from tests.models.samples import PORT, npz

TWO = (PORT, Port("z", (2, 3)))
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def refusal(data: bytes, ports: tuple[Port, ...] = (PORT,)) -> str:
    """The one line with which data are refused."""
    with pytest.raises(ModelError) as caught:
        parse_rows(data, ports, "d.npz")
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("shape", [(3, 4), (3, 1, 4)])
@pytest.mark.parametrize("kind", ["f2", "<f4", ">f4", "f8", "i1", "u8", "<i4"])
def test_shapes_and_types(shape: tuple[int, ...], kind: str) -> None:
    rows = parse_rows(npz(x=ROWS.reshape(shape).astype(kind)), (PORT,), "d.npz")
    assert rows.inputs[0].dtype == np.float64
    assert rows.inputs[0].shape == (3, 1, 4)
    assert np.array_equal(rows.inputs[0].reshape(3, 4), ROWS)
    assert (len(rows), rows.labels) == (3, None)


def test_fortran_order_and_single_array_under_another_name() -> None:
    rows = parse_rows(npz(x=np.asfortranarray(ROWS)), (Port("pixels", (1, 4)),), "d.npz")
    assert np.array_equal(rows.inputs[0].reshape(3, 4), ROWS)


def test_two_inputs_come_in_the_models_order() -> None:
    other = np.ones((3, 2, 3))
    rows = parse_rows(npz(z=other, x=ROWS), TWO, "d.npz")
    assert [array.shape for array in rows.inputs] == [(3, 1, 4), (3, 2, 3)]


def test_names() -> None:
    assert refusal(npz(y=ROWS)) == "d.npz: expected the arrays ['x'], got ['y']"
    assert refusal(npz(x=ROWS, y=ROWS)) == "d.npz: expected the arrays ['x'], got ['x', 'y']"
    assert refusal(npz(labels=np.arange(3))) == "d.npz: expected the arrays ['x'], got []"
    assert refusal(npz(x=ROWS), TWO) == "d.npz: expected the arrays ['x', 'z'], got ['x']"


def test_wrong_shapes() -> None:
    assert refusal(npz(x=ROWS[:, :3])) == (
        "d.npz: array 'x' must have shape [n, 1, 4] or [n, 4], got [3, 3]"
    )
    assert refusal(npz(x=np.float32(1))) == (
        "d.npz: array 'x' must have shape [n, 1, 4] or [n, 4], got []"
    )
    assert refusal(npz(x=ROWS[:0])) == "d.npz: array 'x' of shape [0, 4] is empty"
    assert refusal(npz(x=ROWS, z=np.ones((2, 2, 3))), TWO) == (
        "d.npz: every input needs the same number of rows, got [3, 2]"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_values_must_be_finite_float32(value: float) -> None:
    rows = ROWS.astype(np.float64)
    rows[1, 2] = value
    assert refusal(npz(x=rows)) == (
        f"d.npz: array 'x' must hold finite float32 numbers, row 1 holds {value}"
    )


@pytest.mark.parametrize(
    "array", [ROWS > 1, ROWS.astype(complex), ROWS.astype(str), ROWS.astype(np.longdouble)]
)
def test_other_types(array: np.ndarray) -> None:
    assert "must hold real numbers of 64 bits or less, got" in refusal(npz(x=array))


def test_pickles_are_not_opened() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("unpickled",))

    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([Bomb()], dtype=object))
    assert "must hold real numbers of 64 bits or less, got 'O'" in refusal(buffer.getvalue())


def test_labels() -> None:
    classes = parse_rows(npz(x=ROWS, labels=np.array([0, 1, 2])), (PORT,), "d.npz").labels
    assert classes is not None
    assert classes.dtype == np.int64
    targets = parse_rows(npz(x=ROWS, labels=np.ones((3, 2))), (PORT,), "d.npz").labels
    assert targets is not None
    assert targets.dtype == np.float64
    assert refusal(npz(x=ROWS, labels=np.arange(2))) == "d.npz: expected 3 labels, got shape [2]"
    assert refusal(npz(x=ROWS, labels=np.array([1, np.nan, 2]))) == (
        "d.npz: labels must be finite numbers"
    )
    assert refusal(npz(x=ROWS, labels=np.zeros((3, 2), int))) == (
        "d.npz: classes must have shape [3], got [3, 2]"
    )


def archive(members: dict[str, bytes]) -> bytes:
    """A zip file with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in members.items():
            out.writestr(name, data)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    """The bytes of an npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_a_shape_that_lies_allocates_nothing() -> None:
    data = npy(ROWS).replace(b"(3, 4), ", b"(9999999999, 4), ")
    data = data.replace(b" " * 9 + b"\n", b"\n", 1)
    assert "of shape [9999999999, 4] and type float32 does not fit its" in refusal(
        archive({"x.npy": data})
    )


def test_trailing_bytes_and_broken_headers() -> None:
    assert "does not fit its 49 bytes" in refusal(archive({"x.npy": npy(ROWS) + b"!"}))
    assert "has no readable npy header" in refusal(archive({"x.npy": b"hello"}))
    assert refusal(b"") == "d.npz: not an npz file, or damaged (0 bytes)"
    assert refusal(archive({})) == "d.npz: expected 1 to 32 arrays, got 0"


def test_the_same_name_twice() -> None:
    text = refusal(archive({"x.npy": npy(ROWS), "x": npy(ROWS)}))
    assert text == "d.npz: array 'x' appears twice"


def test_a_zip_bomb_is_not_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        with out.open("x.npy", "w") as member:
            for _ in range(513):
                member.write(bytes(2**20))
    assert len(buffer.getvalue()) < 2**20
    assert refusal(buffer.getvalue()) == "d.npz: unpacks to 537919488 bytes, at most 536870912"


@given(st.binary(max_size=500))
def test_random_bytes(data: bytes) -> None:
    refusal(data)


@given(st.data())
def test_mutated(data: st.DataObject) -> None:
    whole = bytearray(npz(x=ROWS, labels=np.array([0, 1, 2])))
    places = st.integers(0, len(whole) - 1)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1)):
        whole[at] = value
    try:
        rows = parse_rows(bytes(whole), (PORT,), "d.npz")
    except ModelError as error:
        assert str(error).isprintable()
    else:
        assert np.isfinite(rows.inputs[0]).all()
