"""Every size that a key or proof may make this half work through, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SumcheckLimits:
    """Upper bounds, chosen so that the worst of them together still end within minutes.

    `operands` counts those of all operations, `digits` the operations times the digits that a
    range check of 62 bits needs, `cells` the elements of all tensors of a batch, `rows` those
    of the stack, `pairs` the cells that all views join, `terms` the reads of all expressions.
    """

    operations: int = 2**12
    operands: int = 2**14
    digits: int = 2**15
    cells: int = 2**22
    rows: int = 2**13
    key_rows: int = 2**12
    pairs: int = 2**22
    terms: int = 2**20
    width: int = 16
    logrows: int = 20
    batch: int = 2**10


LIMITS = SumcheckLimits()
