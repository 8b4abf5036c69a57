"""Refutations of what is right: well formed, untrue, or cut about."""

from random import Random

from avow.prover.refutation import Place, Refuter
from avow.verifier.trace.refutation import Kind
from tests.programs.runs import CommittedRun


def forged(rng: Random, honest: CommittedRun, run: Refuter) -> bytes:
    """A refutation of some element of a right run, sometimes with a byte changed."""
    inputs, count = len(honest.program.inputs), len(honest.values)
    tensor = rng.randrange(inputs, count)
    place = Place(Kind.OPERATION, tensor, rng.randrange(len(honest.values[tensor])))
    data = bytearray(run.refute(place))
    if rng.random() < 0.5:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)
