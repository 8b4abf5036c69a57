"""Keys made ready for the native prover, under a string whose secret is known."""

from collections.abc import Sequence
from functools import cache
from random import Random

from avow.prover.native import _core
from avow.prover.systems.sumcheck.prepared import Prepared, prepare
from avow.prover.systems.sumcheck.prove import STAGES
from avow.verifier.argument.proof import R
from avow.verifier.program.program import Program
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED
from avow.verifier.tensor import Tensor
from tests.programs.builder import random_inputs, random_program
from tests.soundness.checking import Bytes
from tests.soundness.programs import every_operation
from tests.soundness.workbench import TAU, Case, make_case

WIDTH, LOGROWS = 4, 5


@cache
def powers(logrows: int, tau: int = TAU) -> bytes:
    """2^logrows powers of the secret, as SRS files hold them."""
    scalars = (pow(tau, power, R).to_bytes(32, "little") for power in range(2**logrows))
    return _core.multiples(b"".join(scalars))


def ready(case: Case, batch: int = 1) -> Prepared:
    """A key made ready for a batch."""
    given = powers(case.key.logrows + bits(batch))
    return prepare(case.program, case.blobs, case.key, given, batch)


def plainly(case: Case, samples: list[list[Tensor]]) -> Bytes:
    """The proof of the prover that is written in plain Python."""
    prover = case.prover(samples)
    # (0, 0) stands in two rows of the range table; it counts in row 0, the native one in row 1.
    counts = prover.run.cells[prover.relation.tables[0].multiplicity]
    counts[0], counts[1] = 0, counts[0] + counts[1]
    return prover.prove()


def stages(lookups: str) -> tuple[str, ...]:
    """Those of a proof with lookups of that kind."""
    other = "helpers" if lookups == LAYERED else "layers"
    return tuple(stage for stage in STAGES if stage != other)


@cache
def random_case(seed: int, operations: int = 8) -> Case:
    """A random program with its key, its lookups layered where the seed is odd."""
    lookups = LAYERED if seed % 2 else COMMITTED
    return make_case(*random_program(seed, operations), WIDTH, LOGROWS, lookups)


@cache
def full_case(lookups: str = COMMITTED, logrows: int = 5) -> Case:
    """A program with every operation."""
    program, blobs, _ = every_operation()
    return make_case(program, blobs, 3, logrows, lookups)


def random_samples(program: Program, seed: int, batch: int) -> list[list[Tensor]]:
    """Valid inputs for a batch."""
    rng = Random(seed)
    return [random_inputs(program, rng) for _ in range(batch)]


def edge_samples(program: Program, ends: Sequence[str]) -> list[list[Tensor]]:
    """For each sample every input at one end (`minimum` or `maximum`) of its range."""
    samples = []
    for end in ends:
        tensors = []
        for spec in program.inputs:
            empty = Tensor(spec.element_type, (), (getattr(spec, end),))
            count = 1
            for length in spec.shape:
                count *= length
            tensors.append(Tensor(empty.element_type, spec.shape, empty.values * count))
        samples.append(tensors)
    return samples
