"""What checking a proof in a contract costs in gas, by part, from the relation alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from avow.circuits.sumcheck.cost import Survey, proof_bytes
from avow.verifier.systems.sumcheck.stack import Stack, stack
from avow.verifier.tensor import TensorSpec

# Gas of one of each count, calldata apart: cells of public tensors; openings of a batch; rounds of
# the sumchecks; evaluations; rows; folds of the opening. Fitted to `docs/gas.json`, but for rounds,
# rows and folds, which are costs of precompiles and of single parts; what batches alone have is
# from 4 and 16 answers of two models, and `further_answers`, what router and adapter take for
# each, is a guess.
UNITS: dict[str, dict[str, float]] = {
    "adapter": {"once": 40_000},
    "statement": {"once": 84_300},
    "answers": {
        "public_cells": 91,
        "batched_cells": 84,
        "openings": 24_500,
        "further_answers": 15_000,
    },
    "rounds": {"rounds": 450},
    "claims": {"claims": 1_165},
    "rows": {"rows": 6_550},
    "folds": {"folds": 8_000},
    "pairing": {"once": 113_000},
}
# Every transaction, and a byte of its data (EIP-7623: a token, four of them where it is not zero).
BASE, PER_TOKEN, FLOOR_PER_TOKEN = 21_000, 4, 10
_NONZERO = 4
_OPENING_BYTES = 64
# Selectors, statement, offsets and lengths around tensors and proof; in a batch each answer has a
# statement, a path and an opening of its own.
_ENVELOPE_WORDS, _ENVELOPE_NONZERO = 34, 420


@dataclass(frozen=True, slots=True)
class Gas:
    """Gas of one transaction that checks one proof; `parts` are those of running the contract.

    `calldata_bytes` is the transaction's data, `tokens` what EIP-7623 counts of it.
    """

    parts: dict[str, int]
    calldata_bytes: int
    tokens: int

    @property
    def total(self) -> int:
        """What the sender pays for: the dearer of running with calldata, and calldata's floor."""
        running = sum(self.parts.values()) + PER_TOKEN * self.tokens
        return BASE + max(running, FLOOR_PER_TOKEN * self.tokens)


@dataclass(frozen=True, slots=True)
class Tensors:
    """The tensors of one sample as a transaction carries them."""

    cells: int
    octets: int

    @classmethod
    def of(cls, specs: Sequence[TensorSpec]) -> "Tensors":
        """Those with these schemas."""
        sizes = [(math.prod(spec.shape), spec.element_type.width) for spec in specs]
        return cls(sum(n for n, _ in sizes), sum(n * width for n, width in sizes))

    @property
    def tokens(self) -> int:
        """One byte of each integer as if it were not zero, the bytes above it as if they were."""
        return self.octets + (_NONZERO - 1) * self.cells


def counts(found: Survey, placed: Stack, tensors: Tensors, answers: int = 1) -> dict[str, int]:
    """How often a contract pays each of the units."""
    several = int(answers > 1)
    return {
        "once": 1,
        "rounds": found.variables + found.summed + placed.logsize,
        "public_cells": 0 if several else tensors.cells,
        "batched_cells": answers * tensors.cells * several,
        "further_answers": answers - 1,
        "openings": answers * several,
        "claims": found.reads + found.factors,
        "rows": sum(matrix.rows for matrix in placed.matrices),
        "folds": max(placed.logrows - 2, 0) // 3,
    }


def calldata_bytes(found: Survey, placed: Stack, tensors: Tensors, answers: int = 1) -> int:
    """Bytes of what one transaction with one proof of so many answers sends."""
    return _sent(found, placed, answers) + answers * (tensors.octets + 32 * _ENVELOPE_WORDS)


def _sent(found: Survey, placed: Stack, answers: int) -> int:
    """Bytes of the proof, and in a batch of each answer's opening."""
    return proof_bytes(found, placed) + (answers * _OPENING_BYTES if answers > 1 else 0)


def predict_gas(found: Survey, logrows: int, tensors: Tensors, answers: int = 1) -> Gas:
    """Gas of one transaction with one proof of so many answers, rows of 2^logrows entries.

    `found` is the survey of the relation for that batch.
    """
    placed = stack(found.relation, logrows)
    times = counts(found, placed, tensors, answers)
    parts = {
        name: round(sum(unit * times[count] for count, unit in units.items()))
        for name, units in UNITS.items()
    }
    sent = _sent(found, placed, answers)
    return Gas(
        parts=parts,
        calldata_bytes=calldata_bytes(found, placed, tensors, answers),
        # One byte in 256 of a proof is zero.
        tokens=round(sent * (_NONZERO - (_NONZERO - 1) / 256))
        + answers * (tensors.tokens + 32 * _ENVELOPE_WORDS + (_NONZERO - 1) * _ENVELOPE_NONZERO),
    )
