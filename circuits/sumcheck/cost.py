"""What a proof will take: seconds by stage, memory and bytes, from the relation alone."""

import math
from dataclasses import dataclass

from avow.verifier.relation.relation import Column, Digit, Kind, Multiplicity, Relation
from avow.verifier.relation.views import size
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.key import LIMITS
from avow.verifier.systems.sumcheck.stack import Stack, stack

_SCALAR, _POINT = 32, 64
# What a process holds before it proves anything: Python, numpy and the native core.
_BASE_BYTES = 90 * 10**6


@dataclass(frozen=True, slots=True)
class Units:
    """Nanoseconds on two threads, save where the name says microseconds.

    `small` are commitments per entry of up to 12, 16 and more bits, `row` what each row adds;
    `value` is an inverse committed by its value, `distinct` a different value of a row; `entry`
    one entry of a sumcheck in all its rounds, `cell` one that a view or a column is made of,
    `fold` one integer of the key; `power` one power of tau in the opening. `vector_us` is what
    every vector of a sumcheck costs in every round whatever its length, `claim_us` every claim.
    """

    small: tuple[float, float, float]
    row: float
    value: float
    distinct: float
    entry: float
    cell: float
    fold: float
    power: float
    vector_us: float
    claim_us: float


# Fitted to proofs of the bench models on 2 cores of an AMD EPYC (Zen 5); see
# docs/reference/sumcheck-costs.md.
UNITS = {
    "ifma": Units((17.5, 33, 36), 2e4, 62, 550, 10, 12, 0.2, 1400, 2.0, 60),
    "mulx": Units((58, 95, 100), 6e4, 190, 1500, 60, 25, 1.0, 3900, 2.0, 60),
    "portable": Units((85, 140, 150), 9e4, 290, 2300, 90, 35, 1.6, 6000, 2.0, 60),
}
# The table by which parameters are chosen, whatever the machine, so that keys are the same.
REFERENCE = "ifma"
_FIXED_MS = {"witness": 1.0, "opening": 3.5}


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

    Counts of entries: `live` witness cells, `padded` ones of key and witness, `looked_up` cells
    of lookups and tables, `read` and `factors` what is evaluated in both sumchecks; `claims`
    and `vectors` are numbers of them. `small` has the live witness cells of each kind of units.
    """

    relation: Relation
    width: int
    variables: int
    summed: int
    degree: int
    reads: int
    factors: int
    read_cells: int
    factor_cells: int
    small: tuple[int, int, int]
    padded_key: int
    padded_witness: int
    looked_up: int
    lookup_cells: int


def survey(relation: Relation, width: int) -> Survey:
    """Count once; `width` is the relation's range table's."""
    shape = frame(relation, LIMITS.logrows)
    reads, factors = shape.reads(), shape.factors()
    sums = {bilinear.result for bilinear in relation.bilinears}
    small = [0, 0, 0]
    padded = dict.fromkeys(Kind, 0)
    for number, column in enumerate(relation.columns):
        padded[column.kind] += 2**column.variables
        if column.kind is Kind.WITNESS:
            small[_kind(column, number in sums)] += math.prod(column.lengths)
    lives = [lookup.live for lookup in relation.lookups]
    lives += [table.live for table in relation.tables]
    return Survey(
        relation=relation,
        width=width,
        variables=shape.variables,
        summed=shape.summed,
        degree=shape.degree,
        reads=len(reads),
        factors=len(factors),
        read_cells=sum(2 ** size(one.view.outs) for one, _ in reads),
        factor_cells=sum(2 ** size(one.view.ins) for one, _ in factors),
        small=(small[0], small[1], small[2]),
        padded_key=padded[Kind.KEY],
        padded_witness=padded[Kind.WITNESS],
        looked_up=sum(math.prod(live.lengths) for live in lives),
        lookup_cells=sum(2**live.variables for live in lives),
    )


def predict(found: Survey, logrows: int, backend: str = REFERENCE) -> Cost | None:
    """What a proof with rows of 2^logrows entries takes; None where the rows are too many."""
    placed = stack(found.relation, logrows)
    key, witness, helper = placed.matrices
    rows = key.rows + witness.rows + helper.rows
    if rows > LIMITS.rows:
        return None
    units, length = UNITS[backend], 2**logrows
    claims = found.reads + found.factors
    vectors = found.reads + len(found.relation.lookups)
    distinct = helper.rows * min(length, 2 ** (found.width + 1))
    nanoseconds = {
        "witness": units.cell * sum(found.small),
        "commit": sum(count * cost for count, cost in zip(found.small, units.small, strict=True))
        + units.row * witness.rows,
        "helpers": units.value * found.looked_up + units.distinct * distinct,
        "identities": (units.entry + units.cell) * found.read_cells
        + 1e3 * units.vector_us * vectors * found.variables,
        "linear": units.fold * found.padded_key
        + units.cell * found.factor_cells
        + units.entry * 2**found.summed * 2 * len(found.relation.bilinears),
        "reduction": units.fold * found.padded_key
        + units.entry * (length + found.padded_witness + found.lookup_cells)
        + 1e3 * units.claim_us * claims,
        "opening": units.power * length,
    }
    return Cost(
        seconds={
            stage: value * 1e-9 + _FIXED_MS.get(stage, 0.2) * 1e-3
            for stage, value in nanoseconds.items()
        },
        memory_bytes=_memory(found, length, helper.rows),
        proof_bytes=_proof_bytes(found, placed),
        verify_seconds=0.1 + 4e-4 * rows + 2e-3 * claims,
        rows=rows,
    )


def _proof_bytes(found: Survey, placed: Stack) -> int:
    """The one length that a proof has: points of 64 bytes and scalars of 32."""
    _, witness, helper = placed.matrices
    points = witness.rows + helper.rows + (placed.logrows - 1) + 2
    scalars = (
        3 * found.variables
        + found.reads
        + found.summed * found.degree
        + found.factors
        + 2 * placed.logsize
        + 1
        + (2 * placed.logrows + 1)
    )
    return points * _POINT + scalars * _SCALAR


def _memory(found: Survey, length: int, helper_rows: int) -> int:
    columns = 8 * (found.padded_key + found.padded_witness)
    # Vectors of the identities stand beside their folded halves; a base has two forms.
    vectors = 48 * (found.read_cells + found.lookup_cells)
    opening = length * (2 * _POINT + 6 * _SCALAR)
    reduction = 3 * _SCALAR * length * max(1, helper_rows)
    return _BASE_BYTES + 2 * columns + vectors + opening + reduction


def _kind(column: Column, is_sum: bool) -> int:
    """Which of the units of `small` its entries cost."""
    match column.source:
        case Digit(width=bits):
            return 0 if bits <= 12 else 1
        case Multiplicity():
            return 1
        case _:
            return 2 if is_sum else 0
