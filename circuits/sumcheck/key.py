"""Making the verifying key of a program: its constants committed, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.circuits.curve import Curve
from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.matrix import key_blocks
from avow.models.program.intervals import check
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program, output_specs
from avow.verifier.relation.relation import Relation
from avow.verifier.srs import G2Coordinates
from avow.verifier.systems.sumcheck.key import COMMITTED, Key, gathered, stated
from avow.verifier.systems.sumcheck.stack import stack
from avow.verifier.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class Draft:
    """All of a key that does not depend on its parameters; fields as in `Key`."""

    program: Program
    intervals: tuple[Interval, ...]
    gathers: tuple[Blob, ...]

    def key(
        self,
        width: int,
        logrows: int,
        rows: Sequence[bytes],
        tau_g2: G2Coordinates,
        lookups: str = COMMITTED,
    ) -> Key:
        """The key with these rows."""
        return Key(
            program=self.program,
            intervals=self.intervals,
            gathers=self.gathers,
            width=width,
            logrows=logrows,
            rows=tuple(rows),
            tau_g2=tau_g2,
            lookups=lookups,
        )

    def relation(self, width: int, batch: int, lookups: str = COMMITTED) -> Relation:
        """What proofs establish with a range table of that width."""
        return self.key(width, 1, (), (0, 0, 0, 0), lookups).relation(batch)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The schemas of inputs and outputs, in that order."""
        bounds = self.key(1, 1, (), (0, 0, 0, 0)).bounds()
        return (*self.program.inputs, *output_specs(self.program, bounds))


def draft_key(program: Program, blobs: Sequence[Blob]) -> Draft:
    """Begin a key. Raises `VerificationError` where some valid input has no answer."""
    intervals = check(program, blobs)
    return Draft(
        program=program,
        intervals=_stated(program, intervals),
        gathers=tuple(blobs[number] for number in gathered(program)),
    )


def commit_rows(
    relation: Relation, blobs: Sequence[Blob], powers: bytes, logrows: int, curve: Curve
) -> list[bytes]:
    """One commitment for each row of the key matrix, 64 bytes x || y.

    `powers` are 2^logrows powers of tau. Always the same for the same arguments. Raises
    `CircuitError` for a point off the curve.
    """
    placed = stack(relation, logrows)
    try:
        bases = curve.bases(powers)
    except ValueError as error:
        raise CircuitError(f"the powers of tau cannot be used: {error}") from error
    return [
        point
        for block in key_blocks(relation, blobs, placed)
        for point in bases.commit_ints(block.cells)
    ]


def _stated(program: Program, intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    results = zip(program.steps, intervals[len(program.inputs) :], strict=True)
    found = []
    for operation in stated(program):
        # The operations stand in the program's order, so this goes through it once.
        found.append(next(interval for step, interval in results if step.operation is operation))
    return tuple(found)
