"""Keys, runs and a quick verifier for soundness tests: the secret of the string is known here."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from avow.models.program.reference import evaluate
from avow.prover.native import _core
from avow.verifier.argument import opening
from avow.verifier.argument.proof import R
from avow.verifier.curves import G2, multiply, normalize
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Gather
from avow.verifier.program.program import Program, check, output_specs
from avow.verifier.relation.lower import lower
from avow.verifier.relation.relation import Multiplicity, Relation
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED, Key, gathered, stated
from avow.verifier.systems.sumcheck.stack import stack
from avow.verifier.tensor import Tensor
from tests.relation.evaluation import Cells, Run, fill, pad
from tests.soundness.checking import check_all
from tests.soundness.reference import GENERATOR, Prover, horner

Integers = NDArray[np.int64]
Samples = list[tuple[Tensor, ...]]

TAU = int.from_bytes(b"a secret that everybody knows", "big") % R
ROOT = bytes(range(32))


@cache
def tau_g2(tau: int = TAU) -> tuple[int, int, int, int]:
    """tau times the second group's generator: (x.c0, x.c1, y.c0, y.c1)."""
    x, y = normalize(multiply(G2, tau))
    return (int(x.coeffs[0]), int(x.coeffs[1]), int(y.coeffs[0]), int(y.coeffs[1]))


@dataclass(frozen=True)
class Case:
    """A program with its constants, and its key."""

    program: Program
    blobs: tuple[Blob, ...]
    key: Key

    def under(self, lookups: str) -> "Case":
        """The same with lookups proven in that way."""
        return replace(self, key=replace(self.key, lookups=lookups))

    def relation(self, batch: int) -> Relation:
        """What is proven of a batch."""
        return self.key.relation(batch)

    def trace(
        self,
        inputs: Sequence[Sequence[Tensor]],
        lies: Mapping[int, Callable[[Integers], Integers]] | None = None,
    ) -> list[Integers]:
        """Every tensor, (batch, *shape); a lie replaces a result, and all after it follow."""
        values = [
            np.array([sample[number].values for sample in inputs], np.int64).reshape(
                len(inputs), *spec.shape
            )
            for number, spec in enumerate(self.program.inputs)
        ]
        for number, step in enumerate(self.program.steps, len(values)):
            operands = [values[at] for at in step.operation.of]
            result = evaluate(step.operation, operands, self.blobs, len(inputs))
            if lies and number in lies:
                result = lies[number](result.copy())
            values.append(result)
        return values

    def outputs(self, trace: Sequence[Integers]) -> Samples:
        """What a trace answers to each sample."""
        specs = output_specs(self.program, self.key.bounds())
        return [
            tuple(
                Tensor(
                    spec.element_type,
                    spec.shape,
                    tuple(int(v) for v in trace[output.tensor][sample].reshape(-1)),
                )
                for spec, output in zip(specs, self.program.outputs, strict=True)
            )
            for sample in range(len(trace[0]))
        ]

    def run(self, trace: Sequence[Integers], relation: Relation | None = None) -> Run:
        """The columns that go with a trace, modulo the group's order."""
        relation = relation or self.relation(len(trace[0]))
        return counted(relation, fill(relation, self.program, self.blobs, trace).cells)

    def prover(self, inputs: Sequence[Sequence[Tensor]], kind: type[Prover] = Prover) -> Prover:
        """An honest one."""
        trace = self.trace(inputs)
        return kind(self.key, TAU, self.run(trace), ROOT, inputs, self.outputs(trace))


def counted(relation: Relation, cells: Sequence[Cells]) -> Run:
    """Columns with multiplicities: how often each live row is met, rows of no table left out."""
    run = Run(relation, list(cells), R)
    for number, table in enumerate(relation.tables):
        found: Counter[tuple[int, ...]] = Counter()
        for lookup in relation.lookups:
            if lookup.table == number:
                found.update(run.rows(lookup))
        # Of equal rows the last counts: row 1 of the ranges, not row 0.
        values = np.array([found.pop(row, 0) for row in reversed(run.rows(table))], object)[::-1]
        column = relation.columns[table.multiplicity]
        assert isinstance(column.source, Multiplicity)
        whole = len(values) == 2**column.variables
        run.cells[table.multiplicity] = values if whole else pad(values, column.lengths)
    return run


def make_case(
    program: Program, blobs: Sequence[Blob], width: int, logrows: int, lookups: str = COMMITTED
) -> Case:
    """The key of a program, committed with the known secret."""
    bounds = check(program, blobs)
    operations = [step.operation for step in program.steps]
    wanted = {id(operation) for operation in stated(program)}
    results = zip(operations, bounds[len(program.inputs) :], strict=True)
    key = Key(
        program=program,
        intervals=tuple(bound for operation, bound in results if id(operation) in wanted),
        gathers=tuple(blobs[number] for number in gathered(program)),
        width=width,
        logrows=logrows,
        rows=(),
        tau_g2=tau_g2(),
        lookups=lookups,
    )
    case = Case(program, tuple(blobs), key)
    empty = [np.zeros((1, *shape), np.int64) for shape in program.shapes()]
    run = fill(key.relation(1), program, blobs, empty)
    return Case(program, tuple(blobs), replace(key, rows=tuple(key_rows(case, run))))


def key_rows(case: Case, run: Run) -> list[bytes]:
    """The commitments of the key's columns, as a run has them."""
    placed = stack(run.relation, case.key.logrows).matrices[0]
    width = 2**case.key.logrows
    cells = np.zeros(placed.rows * width, object)
    for number, offset in placed.places:
        column = run.cells[number] % R
        cells[offset : offset + len(column)] = column
    rows = cells.reshape(placed.rows, width)
    return [_core.point_mul(GENERATOR, horner([int(x) for x in row], TAU)) for row in rows]


def relation_of(case: Case, batch: int) -> Relation:
    """The relation without the limits of a stranger's key."""
    gathers = {
        step.operation.indices: tuple(case.blobs[step.operation.indices].values())
        for step in case.program.steps
        if isinstance(step.operation, Gather)
    }
    relation = lower(case.program, case.key.bounds(), gathers, case.key.width, batch)
    relation.layered = case.key.lookups == LAYERED
    return relation


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the verifier do the same group operations in the native core.

    The one pairing equation e(A, G2) = e(B, tau G2) is checked as A = tau B: the same statement
    to whoever knows tau. `test_pairing.py` uses the real one. A key's relation is derived once.
    """
    monkeypatch.setattr(opening, "combination", _combination)
    monkeypatch.setattr(opening, "equal_pairings", _equal_pairings)
    derive = Key.relation
    derived: dict[tuple[int, int], tuple[Key, Relation]] = {}

    def relation(key: Key, batch: int) -> Relation:
        # Kept by identity: a key that differs anywhere is lowered anew.
        if (id(key), batch) not in derived:
            derived[id(key), batch] = key, derive(key, batch)
        return derived[id(key), batch][1]

    monkeypatch.setattr(Key, "relation", relation)


def _combination(points: Sequence[tuple[int, int]], scalars: Sequence[int]) -> bytes:
    total = bytes(64)
    for (x, y), scalar in zip(points, scalars, strict=True):
        data = x.to_bytes(32, "big") + y.to_bytes(32, "big")
        total = _core.point_add(total, _core.point_mul(data, scalar % R))
    return total


def _equal_pairings(left: tuple[Any, bytes], right: tuple[Any, bytes]) -> bool:
    return left[1] == _core.point_mul(right[1], TAU)


def accepts(case: Case, prover: Prover, proof: bytes) -> None:
    """Check a prover's proof against its own claims; raises `VerificationError`."""
    check_all(case.key, prover.root, prover.inputs, prover.outputs, proof)
