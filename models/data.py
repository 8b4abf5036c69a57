"""Rows of real numbers for a model, read from an npz file: calibration and held-out data."""

import io
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avow.models.errors import ModelError
from avow.models.files import read_bounded
from avow.models.limits import LIMITS
from avow.models.load import Port
from avow.verifier.tensor import TensorSpec

LABELS = "labels"
_GREATEST_FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Rows:
    """`inputs`, one float64 array [n, *shape] per model input in order, all finite.

    `labels`, when the file has them: int64 classes [n] or float64 targets [n, ...].
    """

    inputs: tuple[NDArray[np.float64], ...]
    labels: NDArray[np.int64] | NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.inputs[0])

    def keys(self) -> set[bytes]:
        """One value per distinct row, to find rows that two sets share."""
        return {b"".join(array[at].tobytes() for array in self.inputs) for at in range(len(self))}


def load_rows(path: Path, ports: tuple[Port, ...]) -> Rows:
    """Read an npz file for these model inputs; raises `ModelError`."""
    return parse_rows(read_bounded(path, LIMITS.data_file_bytes, "data"), ports, path.name)


def load_row(path: Path, specs: Sequence[TensorSpec], row: int) -> Rows:
    """As `load_rows`, of a file that has a row of this number, counted from 0."""
    rows = load_rows(path, tuple(Port(spec.name, spec.shape) for spec in specs))
    if row >= len(rows):
        raise ModelError(f"--row: {path} has {len(rows)} rows, from 0; got {row}")
    return rows


def parse_rows(data: bytes, ports: tuple[Port, ...], what: str) -> Rows:
    """Check untrusted npz bytes against the model's inputs; `what` names them in errors.

    An array is named like its input, or `x` where there is one input. It has shape [n, *shape];
    where the input's first dimension is 1 it may be left out: [n, *shape[1:]]. Nothing is
    unpickled. NaN, infinity and anything beyond float32 are refused.
    """
    arrays = _unpack(data, what)
    labels = arrays.pop(LABELS, None)
    if len(ports) == 1 and list(arrays) == ["x"]:
        arrays = {ports[0].name: arrays["x"]}
    expected = [port.name for port in ports]
    if sorted(arrays) != sorted(expected):
        raise ModelError(f"{what}: expected the arrays {expected}, got {sorted(arrays)}")
    inputs = tuple(_check(arrays[port.name], port, what) for port in ports)
    counts = [len(array) for array in inputs]
    if len(set(counts)) != 1:
        raise ModelError(f"{what}: every input needs the same number of rows, got {counts}")
    if not 1 <= counts[0] <= LIMITS.rows:
        raise ModelError(f"{what}: expected 1 to {LIMITS.rows} rows, got {counts[0]}")
    return Rows(inputs, None if labels is None else _check_labels(labels, counts[0], what))


def _unpack(data: bytes, what: str) -> dict[str, NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if not 1 <= len(members) <= LIMITS.data_arrays:
                raise ModelError(
                    f"{what}: expected 1 to {LIMITS.data_arrays} arrays, got {len(members)}"
                )
            # The sizes are the file's own claim; reading a member stops at what it claimed.
            size = sum(member.file_size for member in members)
            if size > LIMITS.data_unpacked_bytes:
                raise ModelError(
                    f"{what}: unpacks to {size} bytes, at most {LIMITS.data_unpacked_bytes}"
                )
            arrays: dict[str, NDArray[np.generic]] = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name in arrays:
                    raise ModelError(f"{what}: array {name[:80]!r} appears twice")
                arrays[name] = _array(archive.read(member), f"{what}: array {name[:80]!r}")
            return arrays
    except ModelError:
        raise
    except Exception as error:
        # A damaged zip raises BadZipFile, zlib.error, NotImplementedError, EOFError and more.
        raise ModelError(f"{what}: not an npz file, or damaged ({len(data)} bytes)") from error


def _array(data: bytes, what: str) -> NDArray[np.generic]:
    stream = io.BytesIO(data)
    try:
        shape, fortran, dtype = _header(stream, what)
    except ModelError:
        raise
    except Exception as error:
        # The header is a Python literal: damaged ones raise ValueError, SyntaxError, TypeError...
        raise ModelError(f"{what} has no readable npy header") from error
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ModelError(
            f"{what} must hold real numbers of 64 bits or less, got {dtype.kind!r} "
            f"({str(dtype)[:100]})"
        )
    body = data[stream.tell() :]
    if any(dimension < 0 for dimension in shape) or prod(shape) * dtype.itemsize != len(body):
        raise ModelError(
            f"{what} of shape {list(shape)} and type {dtype} does not fit its {len(body)} bytes"
        )
    if not body:
        raise ModelError(f"{what} of shape {list(shape)} is empty")
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")


def _header(stream: io.BytesIO, what: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    with warnings.catch_warnings():
        # Odd headers make Python and numpy warn on stderr; what is odd is refused instead.
        warnings.simplefilter("error")
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(stream)
    raise ModelError(f"{what} has npy version {version}, expected 1.0 or 2.0")


def _check(array: NDArray[np.generic], port: Port, what: str) -> NDArray[np.float64]:
    shapes = [port.shape]
    if port.shape and port.shape[0] == 1:
        shapes.append(port.shape[1:])
    if array.ndim == 0 or array.shape[1:] not in shapes:
        wanted = " or ".join(str(["n", *shape]).replace("'", "") for shape in shapes)
        raise ModelError(
            f"{what}: array {port.name!r} must have shape {wanted}, got {list(array.shape)}"
        )
    reals = array.astype(np.float64).reshape(len(array), *port.shape)
    bad = ~np.isfinite(reals) | (np.abs(reals) > _GREATEST_FLOAT32)
    if bad.any():
        at = int(np.argmax(bad.reshape(len(reals), -1).any(axis=1)))
        value = reals[at].reshape(-1)[int(np.argmax(bad[at].reshape(-1)))]
        raise ModelError(
            f"{what}: array {port.name!r} must hold finite float32 numbers, row {at} holds {value}"
        )
    return reals


def _check_labels(
    labels: NDArray[np.generic], rows: int, what: str
) -> NDArray[np.int64] | NDArray[np.float64]:
    if labels.ndim == 0 or len(labels) != rows:
        raise ModelError(f"{what}: expected {rows} labels, got shape {list(labels.shape)}")
    if labels.dtype.kind == "f":
        targets = labels.astype(np.float64)
        if not np.isfinite(targets).all():
            raise ModelError(f"{what}: labels must be finite numbers")
        return targets
    if labels.ndim != 1:
        raise ModelError(f"{what}: classes must have shape [{rows}], got {list(labels.shape)}")
    return labels.astype(np.int64)
