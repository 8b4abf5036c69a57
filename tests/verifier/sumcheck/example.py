"""One small program of every kind of equation, its key, and an honest proof about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random

import numpy as np

from avow.verifier.argument.proof import R
from avow.verifier.curves import G2, multiply, normalize
from avow.verifier.keccak import keccak256
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, check, run
from avow.verifier.relation.relation import Kind
from avow.verifier.srs import G2Coordinates
from avow.verifier.systems.sumcheck.key import Key, gathered, stated
from avow.verifier.tensor import ElementType, Tensor
from tests.programs.builder import Builder, random_inputs
from tests.relation.evaluation import Run, honest_run
from tests.soundness.checking import Bytes
from tests.soundness.reference import Prover

# A secret that everybody knows: only to commit quickly in tests.
TAU = int.from_bytes(keccak256(b"the secret of a toy string"), "big") % R
ROOT = keccak256(b"a statement")
WIDTH, LOGROWS = 3, 5


# The secret of each string that was made here, by its point.
SECRETS: dict[tuple[int, ...], int] = {}


@cache
def tau_g2(tau: int = TAU) -> G2Coordinates:
    """tau G2 as keys hold it."""
    x, y = normalize(multiply(G2, tau))
    point = tuple(int(part) for axis in (x, y) for part in axis.coeffs)
    SECRETS[point] = tau
    return point  # type: ignore[return-value]


def small_program() -> tuple[Program, list[Blob]]:
    """Dense, clamp, table, gather, contract (with a shared axis) and multiply."""
    builder = Builder(Random(7))
    x = builder.add_input((2, 3), ElementType.INT8, -9, 9)
    weight = builder.blob([2, -1, 3, 0, 1, -2, 1, 1, 1], (3, 3))
    dense = builder.add(op.Dense((x,), weight, builder.blob([1, -4, 9], (3,))))
    clamped = builder.add(op.Rescale((dense,), 2, -4, 3))
    table = builder.blob([0, 0, 0, 0, 1, 2, 3, 9], (8,))
    looked = builder.add(op.Table((clamped,), table, -4))
    turned = builder.add(op.Gather((looked,), 1, builder.blob([2, 0, 1], (3,))))
    rows = builder.add(op.Reshape((turned,), (2, 1, 3)))
    matrix = builder.add(op.Constant((), builder.blob(list(range(-6, 6)), (2, 3, 2))))
    product = builder.add(op.Contract((rows, matrix)))
    builder.add(op.Multiply((product, product)))
    program = builder.program()
    return replace(program, outputs=program.outputs[-1:]), builder.blobs


def make_key(
    program: Program,
    blobs: Sequence[Blob],
    width: int = WIDTH,
    logrows: int = LOGROWS,
    tau: int = TAU,
) -> Key:
    """The key of a program, its rows committed with the secret."""
    chosen = stated(program)
    intervals = [
        interval
        for step, interval in zip(
            program.steps, check(program, blobs)[len(program.inputs) :], strict=True
        )
        if any(step.operation is operation for operation in chosen)
    ]
    gathers = tuple(blobs[number] for number in gathered(program))
    key = Key(program, tuple(intervals), gathers, width, logrows, (), tau_g2(tau))
    zeros = [np.zeros((1, *spec.shape), np.int64) + spec.minimum for spec in program.inputs]
    filled = honest_run(program, blobs, zeros, width)
    return replace(key, rows=tuple(_rows(key, filled, tau)))


def _rows(key: Key, filled: Run, tau: int) -> list[bytes]:
    prover = Prover(key, tau, filled, ROOT, [], [])
    constants = [column.kind is Kind.KEY for column in filled.relation.columns]
    assert len(prover.frame.stack.matrices[0].places) == sum(constants)
    words = prover.commit(prover.rows(0))
    octets = [word.to_bytes(32, "big") for word in words]
    return [x + y for x, y in zip(octets[::2], octets[1::2], strict=True)]


@dataclass(frozen=True, slots=True)
class Case:
    """A key and an honest proof under it."""

    key: Key
    blobs: tuple[Blob, ...]
    inputs: tuple[tuple[Tensor, ...], ...]
    outputs: tuple[tuple[Tensor, ...], ...]
    proof: Bytes

    def prover(self, root: bytes = ROOT) -> Prover:
        """A fresh prover of the same run."""
        return Prover(self.key, TAU, self.run(), root, self.inputs, self.outputs)

    def run(self) -> Run:
        """The honest columns."""
        program = self.key.program
        arrays = [
            np.array([sample[at].values for sample in self.inputs], np.int64).reshape(
                len(self.inputs), *spec.shape
            )
            for at, spec in enumerate(program.inputs)
        ]
        return honest_run(program, self.blobs, arrays, self.key.width)


def make_case(
    program: Program, blobs: Sequence[Blob], seed: int = 0, batch: int = 1, **sizes: int
) -> Case:
    """Prove random inputs honestly."""
    rng = Random(seed)
    inputs = tuple(tuple(random_inputs(program, rng)) for _ in range(batch))
    outputs = tuple(tuple(run(program, blobs, sample)) for sample in inputs)
    case = Case(make_key(program, blobs, **sizes), tuple(blobs), inputs, outputs, Bytes())
    return replace(case, proof=case.prover().prove())


@cache
def small_case(batch: int = 1, logrows: int = LOGROWS) -> Case:
    """The small program, proven."""
    program, blobs = small_program()
    return make_case(program, blobs, batch=batch, logrows=logrows)
