"""Blobs as numpy arrays, and arrays as blobs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.tensor import ElementType

Integers = NDArray[np.int64]
AnyIntegers = NDArray[np.signedinteger[Any]]

_LITTLE_ENDIAN = {kind: np.dtype(f"<i{kind.width}") for kind in ElementType}


def stored(blob: Blob) -> AnyIntegers:
    """The blob's elements in its own type and shape: a read-only view, nothing is copied."""
    return np.frombuffer(blob.data, _LITTLE_ENDIAN[blob.element_type]).reshape(blob.shape)


def integers(blob: Blob) -> Integers:
    """The blob's elements as int64."""
    return stored(blob).astype(np.int64)


def blob_of(array: AnyIntegers) -> Blob:
    """The blob of these integers in the narrowest type that holds them all.

    Byte for byte what `verifier.program.blob.blob_of` gives for the same values.
    """
    if array.dtype.kind != "i" or array.size == 0:
        raise VerificationError(
            "program",
            f"a constant must be one or more signed integers, got {array.dtype} of "
            f"shape {list(array.shape)}",
        )
    low, high = int(array.min()), int(array.max())
    kind = next(kind for kind in ElementType if kind.minimum <= low and high <= kind.maximum)
    # `tobytes` is row-major whatever the array's own order.
    return Blob(kind, array.shape, array.astype(_LITTLE_ENDIAN[kind]).tobytes())
