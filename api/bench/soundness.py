"""Adds up how often a false statement could pass `sumcheck/v1`, from a model's own relation.

Each term bounds the chance that one challenge, or one group of challenges drawn together, hides an
error; docs/sumcheck.md says why. Challenges are uniform below 2^248.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory

from avow.models.catalogue import add_zoo_model
from avow.models.compiler.stored import compile_stored
from avow.models.program.intervals import check
from avow.models.store import ModelStore
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Gather
from avow.verifier.program.program import Program
from avow.verifier.relation.lower import lower
from avow.verifier.relation.relation import Relation
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.key import LAYERED

CHALLENGES = 2**248
# The largest public ceremony has this many powers of tau; nobody can commit to a higher degree.
POWERS = 2**28
BEGIN, END = "<!-- soundness:", "<!-- /soundness -->"


@dataclass(frozen=True, slots=True)
class Term:
    """At most `count` of the 2^248 challenges of `step` hide an error; `formula` says why."""

    step: str
    formula: str
    count: int

    @property
    def bits(self) -> float:
        """Minus the binary logarithm of the chance."""
        return 248 - log2(self.count)


def soundness_terms(relation: Relation, logrows: int, powers: int = POWERS) -> tuple[Term, ...]:
    """Every term of the sum, in the order of the argument, for rows of 2^logrows entries."""
    shape = frame(relation, logrows)
    cells = sum(2**lookup.live.variables for lookup in relation.lookups)
    rows = sum(2**table.live.variables for table in relation.tables)
    collisions = sum(
        (len(table.components) - 1) * 2**table.live.variables for table in relation.tables
    )
    tables, lookups = len(relation.tables), len(relation.lookups)
    n, bilinears = relation.variables, relation.bilinears
    if relation.layered:
        identities, depth = len(relation.products), shape.layers
        widest = max(len(group.components) for group in relation.groups)
        terms = [
            Term("lambda", "rows of the tables, times components", widest * rows),
            Term("alpha", "zeros: cells + rows", cells + rows),
            Term("mu, t", "L² + L - 1: two a round, one a fold", depth * (depth + 1) - 1),
        ]
    else:
        identities = tables + lookups + len(relation.products) + tables
        terms = [
            Term("lambda", "rows of the tables, times components less one", collisions),
            Term("alpha", "zeros and poles: 2 (cells + rows)", 2 * (cells + rows)),
        ]
    terms += [
        Term("rho", "n", n),
        Term("gamma", "identities less one", max(identities - 1, 1)),
        Term("r", "3 n, and n for the bilinear equations", 4 * n),
    ]
    claims = len(shape.leaves()) + len(shape.reads())
    if bilinears:
        claims += len(shape.factors())
        terms += [
            Term("theta", "bilinear equations less one", max(len(bilinears) - 1, 1)),
            Term("s", f"{shape.degree} K", shape.degree * shape.summed),
        ]
    return (
        *terms,
        Term("eta", "claims less one", claims - 1),
        Term("z", "2 N, and N for rows that are too long", 3 * shape.stack.logsize),
        Term("beta", "8 D, D the powers of tau in the world", 8 * powers),
        Term("q", "k - 1, or 1", max((logrows - 2) // 3 - 1, 1)),
        Term("zeta", "D + 9", powers + 9),
    )


def total(terms: Sequence[Term]) -> Fraction:
    """The chance that a false statement passes, for one try."""
    return Fraction(sum(term.count for term in terms), CHALLENGES)


def bits(chance: Fraction) -> float:
    """Minus the binary logarithm of a chance."""
    return log2(chance.denominator) - log2(chance.numerator)


def gathered(program: Program, blobs: Sequence[Blob]) -> dict[int, tuple[int, ...]]:
    """The elements of every blob that a gather names."""
    return {
        step.operation.indices: tuple(blobs[step.operation.indices].values())
        for step in program.steps
        if isinstance(step.operation, Gather)
    }


@cache
def relation_of(name: str, width: int) -> Relation:
    """The relation of one run of a model that comes with Avow."""
    with TemporaryDirectory(prefix="avow-soundness-") as home:
        stored = add_zoo_model(ModelStore.at(Path(home)), name).stored
        compiled = compile_stored(stored, None)
    program, blobs = compiled.program, compiled.blobs
    return lower(program, check(program, blobs), gathered(program, blobs), width, 1)


def block(name: str, width: int, logrows: int, lookups: str) -> str:
    """A part of docs/sumcheck.md with a model's own numbers."""
    relation = replace(relation_of(name, width), layered=lookups == LAYERED)
    terms = soundness_terms(relation, logrows)
    once = bits(total(terms))
    shape = frame(relation, logrows)
    layers = f"L = {shape.layers}, " if relation.layered else ""
    lines = [
        f"{BEGIN}{name} {width} {logrows} {lookups} -->",
        f"`{name}` with w = {width}, c = {logrows}, {lookups} lookups: n = {relation.variables}, "
        f"N = {shape.stack.logsize}, {layers}{len(relation.lookups)} lookups,",
        f"{len(relation.products)} products, {len(relation.bilinears)} bilinear equations; "
        f"D = 2^{POWERS.bit_length() - 1}, the largest public ceremony.",
        "",
        "| challenge | hides an error for at most | count | bits |",
        "|---|---|---|---|",
        *(f"| {term.step} | {term.formula} | {term.count:,} | {term.bits:.1f} |" for term in terms),
        f"| all | | {sum(term.count for term in terms):,} | **{once:.1f}** |",
        "",
        f"So one try passes with a chance of at most 2^-{once:.1f}, and 2^80 tries at the hash "
        f"function with 2^-{once - 80:.1f}.",
        END,
    ]
    return "\n".join(lines)


def refreshed(page: str) -> str:
    """The page with its blocks made anew from the model and shape that each block itself names."""
    before, *blocks = page.split(BEGIN)
    if not blocks or any(END not in each for each in blocks):
        raise ValueError(f"expected {BEGIN} and {END} in the page")
    for rest in blocks:
        name, width, logrows, lookups = rest.partition(" -->")[0].split()
        before += block(name, int(width), int(logrows), lookups) + rest.partition(END)[2]
    return before


def main(arguments: Sequence[str]) -> int:
    """Refresh the page `sumcheck.md` in the folder that is given."""
    page = Path(arguments[0] if arguments else "docs") / "sumcheck.md"
    page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
