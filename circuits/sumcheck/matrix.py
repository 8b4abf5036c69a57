"""A key's constants as the rows of its matrix, each run of rows in the narrowest type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avow.models.program.blobs import stored
from avow.verifier.program.blob import Blob
from avow.verifier.relation.relation import Column, Constant, Relation
from avow.verifier.relation.views import Lengths, bits
from avow.verifier.systems.sumcheck.stack import Stack

Integers = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows from number `first` on, as a 2-D array (rows, entries)."""

    first: int
    cells: NDArray[Any]


def key_blocks(relation: Relation, blobs: Sequence[Blob], stack: Stack) -> tuple[Block, ...]:
    """All rows of the key matrix: a block for each column of whole rows, one for all others.

    Dead cells and gaps are zero.
    """
    length = 2**stack.key_logrows
    matrix = stack.matrices[0]
    blocks = []
    small: list[tuple[int, Integers]] = []
    for number, offset in matrix.places:
        entries = padded(relation.columns[number], blobs)
        if len(entries) >= length:
            blocks.append(Block(offset // length, entries.reshape(-1, length)))
        else:
            small.append((offset, entries))
    if small:
        first = small[0][0] // length
        dtype = max((entries.dtype for _, entries in small), key=lambda one: one.itemsize)
        rest = np.zeros((matrix.rows - first) * length, dtype)
        for offset, entries in small:
            at = offset - first * length
            rest[at : at + len(entries)] = entries
        blocks.append(Block(first, rest.reshape(-1, length)))
    return tuple(blocks)


def padded(column: Column, blobs: Sequence[Blob]) -> Integers:
    """A key column's entries, every axis padded with zeros to a power of two; one axis."""
    if not isinstance(column.source, Constant):
        raise TypeError(f"expected a column of constants, got {type(column.source).__name__}")
    return pad(stored(blobs[column.source.blob]), column.lengths)


def widths(lengths: Lengths) -> tuple[int, ...]:
    """The padded lengths of axes."""
    return tuple(2 ** bits(length) for length in lengths)


def pad(values: NDArray[Any], lengths: Lengths) -> NDArray[Any]:
    """Row-major cells of axes of these lengths, as row-major cells of the padded axes."""
    shape = widths(lengths)
    if shape == lengths:
        return values.reshape(-1)
    padded = np.zeros(shape, values.dtype)
    padded[tuple(slice(length) for length in lengths)] = values.reshape(lengths)
    return padded.reshape(-1)
