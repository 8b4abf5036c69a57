"""Making the verifying key of a program: its constants committed, row by row."""

from collections.abc import Sequence

from avow.circuits.curve import Curve
from avow.circuits.errors import CircuitError
from avow.circuits.powers import Powers
from avow.circuits.sumcheck.matrix import key_blocks
from avow.models.program.intervals import check
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program
from avow.verifier.relation.relation import Relation
from avow.verifier.systems.sumcheck.key import Key, gathered, stated
from avow.verifier.systems.sumcheck.stack import stack


def plan_key(
    program: Program, blobs: Sequence[Blob], powers: Powers, width: int, logrows: int
) -> Key:
    """The key without its rows. Raises `CircuitError` for a program without an answer."""
    try:
        intervals = check(program, blobs)
    except VerificationError as error:
        raise CircuitError(f"the program cannot be proven: {error.message}") from error
    return Key(
        program=program,
        intervals=_stated(program, intervals),
        gathers=tuple(blobs[number] for number in gathered(program)),
        width=width,
        logrows=logrows,
        rows=(),
        tau_g2=powers.tau_g2,
    )


def make_key(
    program: Program,
    blobs: Sequence[Blob],
    powers: Powers,
    width: int,
    logrows: int,
    curve: Curve,
) -> Key:
    """The key of a program at these parameters; the same arguments always give the same key.

    Raises `CircuitError` where the program cannot be proven or there are fewer than 2^logrows
    powers.
    """
    plan = plan_key(program, blobs, powers, width, logrows)
    try:
        relation = plan.relation(1)
    except VerificationError as error:
        raise CircuitError(f"the program cannot be proven: {error.message}") from error
    rows = commit_rows(relation, blobs, powers, logrows, curve)
    return Key(program, plan.intervals, plan.gathers, width, logrows, tuple(rows), powers.tau_g2)


def commit_rows(
    relation: Relation, blobs: Sequence[Blob], powers: Powers, logrows: int, curve: Curve
) -> list[bytes]:
    """One commitment for each row of the key matrix."""
    placed = stack(relation, logrows)
    bases = curve.bases(powers.first(logrows))
    return [
        point
        for block in key_blocks(relation, blobs, placed)
        for point in bases.commit_ints(block.rows)
    ]


def _stated(program: Program, intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    results = zip(program.steps, intervals[len(program.inputs) :], strict=True)
    found = []
    for operation in stated(program):
        # The operations stand in the program's order, so this goes through it once.
        found.append(next(interval for step, interval in results if step.operation is operation))
    return tuple(found)
