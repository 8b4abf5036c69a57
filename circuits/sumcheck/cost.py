"""What a proof will take: seconds by stage, memory and bytes, from the relation alone."""

import math
from dataclasses import dataclass

from avow.verifier.relation.relation import Kind, Relation
from avow.verifier.relation.views import bits, size
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.key import LIMITS
from avow.verifier.systems.sumcheck.stack import Stack, stack

_SCALAR, _POINT = 32, 64

# Nanoseconds on one thread with AVX-512 IFMA, fitted to 42 proofs of the bench models on an AMD
# EPYC (Zen 5), layers and reduction to 32 of bench models and of networks of 10^6 to 10^8
# multiplications: a stage is the sum of these times the counts of a `Survey`.
UNITS: dict[str, dict[str, float]] = {
    "witness": {"once": 134e3, "columns": 5e3, "witness_cells": 17.5, "lookups": 11.8e3},
    "commit": {
        "once": 169e3,
        "small_cells": 3.3,
        "sum_cells": 148,
        "witness_rows": 500,
        "columns": 5.2e3,
    },
    "helpers": {
        "once": 626e3,
        "looked_up": 64,
        "distinct": 143,
        "table_rows": 34,
        "lookups": 17.8e3,
    },
    "layers": {"once": 1.28e6, "leaves": 24, "looked_up": 64.5, "lookups": 11.4e3},
    "identities": {"once": 165e3, "read_cells": 16.6, "vectors": 3.6e3, "helped_rows": 27},
    "linear": {"once": 94e3, "factor_cells": 1.9, "bilinears": 19.5e3, "key_cells": 0.3},
    "reduction": {
        "row_length": 142,
        "claims": 4.1e3,
        "weighed_cells": 3.04,
        "claimed_rows": 59,
        "key_cells": 2.05,
    },
    "opening": {"once": 0.7e6, "row_length": 2.14e3},
}
# How much slower a stage is elsewhere, in the order of `UNITS`.
SLOWER: dict[str, tuple[float, ...]] = {
    "ifma": (1, 1, 1, 1, 1, 1, 1, 1),
    "mulx": (1, 2.5, 4.2, 4.2, 5, 1.5, 3.6, 4.6),
    "portable": (1, 5, 8, 8, 8.5, 2, 6.5, 9),
}
# The share of a stage that more threads shorten.
_PARALLEL = (0, 0.6, 0.7, 0.7, 0.5, 0, 0.5, 0.8)
# The machine by which parameters are chosen, whatever this one is, so that keys are the same.
REFERENCE, THREADS = "ifma", 2

# Resident bytes of the proving process, fitted to 18 proofs of batches of 1 to 64; the prediction
# adds a quarter. Sums of many points have buckets that shorter rows do not need.
_BYTES: dict[str, float] = {
    "once": 46e6,
    "key_cells": 6.5,
    "read_cells": 43,
    "row_length": 800,
    "long_rows": 25e6,
    "claims": 13e3,
    "layered_leaves": 25,
    "layered_cells": 190,
}
_LONG = 14
MARGIN = 1.25


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of each stage of the prover, peak resident bytes, and what the verifier gets.

    `verify_seconds` is the plain Python verifier's time, `rows` those of the whole stack.
    """

    seconds: dict[str, float]
    memory_bytes: int
    proof_bytes: int
    verify_seconds: float
    rows: int

    @property
    def total(self) -> float:
        """Seconds of a proof."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Survey:
    """What a relation asks of a prover, whatever the length of a row.

    `counts` are named as in `UNITS`; the others make up the length of a proof.
    """

    relation: Relation
    width: int
    variables: int
    summed: int
    degree: int
    layers: int
    leaves: int
    reads: int
    factors: int
    counts: dict[str, float]


def survey(relation: Relation, width: int) -> Survey:
    """Count once; `width` is the relation's range table's. Raises `VerificationError`."""
    shape = frame(relation, LIMITS.logrows - bits(relation.batch))
    leaves, reads, factors = shape.leaves(), shape.reads(), shape.factors()
    sums = {bilinear.result for bilinear in relation.bilinears}
    witness = [c for c in enumerate(relation.columns) if c[1].kind is Kind.WITNESS]
    padded = dict.fromkeys(Kind, 0)
    for column in relation.columns:
        padded[column.kind] += 2**column.variables
    live = [lookup.live for lookup in relation.lookups]
    rows = [table.live for table in relation.tables]
    looked_up = sum(2**one.variables for one in (*live, *rows))
    helped = 0 if relation.layered else looked_up
    found = sum(math.prod(one.lengths) for one in (*live, *rows))
    sum_cells = sum(math.prod(column.lengths) for at, column in witness if at in sums)
    witness_cells = sum(math.prod(column.lengths) for _, column in witness)
    counts: dict[str, float] = {
        "once": 1,
        "lookups": len(relation.lookups),
        "columns": len(relation.columns),
        "bilinears": len(relation.bilinears),
        "claims": len(leaves) + len(reads) + len(factors),
        "vectors": len(reads) + (0 if relation.layered else len(relation.lookups)),
        "witness_cells": witness_cells,
        "small_cells": witness_cells - sum_cells,
        "sum_cells": sum_cells,
        "looked_up": found,
        "table_rows": sum(2**one.variables for one in rows),
        "helped_rows": 0 if relation.layered else sum(2**one.variables for one in rows),
        "leaves": looked_up,
        "layered_leaves": looked_up if relation.layered else 0,
        "layered_cells": found if relation.layered else 0,
        "read_cells": sum(2 ** size(one.view.outs) for one, _ in reads) + helped,
        "factor_cells": sum(2 ** size(one.view.ins) for one, _ in factors),
        "key_cells": padded[Kind.KEY],
        # Claims about columns of one shape share their weights inside a row: every cell is weighed
        # once for each shape.
        "weighed_cells": len({column.lengths for _, column in witness})
        * (padded[Kind.WITNESS] + helped),
    }
    return Survey(
        relation=relation,
        width=width,
        variables=shape.variables,
        summed=shape.summed,
        degree=shape.degree,
        layers=shape.layers,
        leaves=len(leaves),
        reads=len(reads),
        factors=len(factors),
        counts=counts,
    )


def predict(
    found: Survey, logrows: int, backend: str = REFERENCE, threads: int = THREADS
) -> Cost | None:
    """What a proof takes under a key of rows of 2^logrows entries; those of a batch are longer.

    None where the rows are too many or too long.
    """
    placed = stack(found.relation, logrows)
    key, witness, helper = placed.matrices
    rows, length = key.rows + witness.rows + helper.rows, 2**placed.logrows
    if rows > LIMITS.rows or placed.logrows > LIMITS.logrows:
        return None
    counts = found.counts | {
        "row_length": length,
        "long_rows": float(placed.logrows >= _LONG),
        "witness_rows": witness.rows,
        "claimed_rows": rows * found.counts["claims"],
        "distinct": helper.rows * min(length, 2 ** (found.width + 1)),
    }
    seconds = {}
    factors = zip(SLOWER[backend], _PARALLEL, strict=True)
    left_out = "helpers" if found.relation.layered else "layers"
    for (stage, units), (slower, share) in zip(UNITS.items(), factors, strict=True):
        if stage == left_out:
            continue
        nanoseconds = sum(unit * counts[name] for name, unit in units.items())
        seconds[stage] = 1e-9 * nanoseconds * slower * (1 - share + share / threads)
    return Cost(
        seconds=seconds,
        memory_bytes=int(MARGIN * sum(unit * counts[name] for name, unit in _BYTES.items())),
        proof_bytes=proof_bytes(found, placed),
        verify_seconds=0.33 + 3e-4 * rows + 1.8e-4 * counts["claims"],
        rows=rows,
    )


def proof_bytes(found: Survey, placed: Stack) -> int:
    """The one length that a proof has: points of 64 bytes and scalars of 32."""
    _, witness, helper = placed.matrices
    folds = (placed.logrows - 2) // 3
    points = witness.rows + helper.rows + (folds - 1) + 2
    scalars = (
        found.layers * (found.layers + 3)
        + found.leaves
        + 3 * found.variables
        + found.reads
        + found.summed * found.degree
        + found.factors
        + 2 * placed.logsize
        + 1
        + (1 << (placed.logrows - 3 * folds))
        + (8 * folds + 1)
    )
    return points * _POINT + scalars * _SCALAR
