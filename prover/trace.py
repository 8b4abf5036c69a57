"""Tensors as a trace holds them: numpy arrays in storage order, and back."""

from __future__ import annotations

import numpy as np

from avow.models.program.blobs import AnyIntegers, Integers, stored
from avow.verifier.program.blob import Blob
from avow.verifier.trace.layout import Layout


def store(layout: Layout, values: AnyIntegers) -> bytes:
    """An array of the layout's shape in storage order; the same bytes as `Layout.store`."""
    # Axes of length one may share a stride with another; their place changes nothing.
    order = sorted(range(len(layout.shape)), key=lambda axis: -layout.strides[axis])
    return np.transpose(values, order).astype(f">i{layout.width}").tobytes()


def store_blob(layout: Layout, blob: Blob) -> bytes:
    """A blob in storage order."""
    return store(layout, stored(blob))


def load(layout: Layout, data: bytes) -> Integers:
    """A tensor of the layout's shape from its bytes in storage order."""
    flat = np.frombuffer(data, f">i{layout.width}").astype(np.int64)
    order = sorted(range(len(layout.shape)), key=lambda axis: -layout.strides[axis])
    lengths = [layout.shape[axis] for axis in order]
    return np.transpose(flat.reshape(lengths), np.argsort(np.array(order, int)))
