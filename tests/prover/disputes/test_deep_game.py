"""Games down trees of several openings, between runs that the native core has committed to."""

import dataclasses
from functools import lru_cache
from random import Random

import numpy as np
import pytest

from avow.prover.disputes import moves
from avow.prover.disputes.challenger import OwnRun
from avow.prover.refutation import Refuter
from avow.prover.trace import Tracer
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.merkle import leaf
from avow.verifier.program import operations as op
from avow.verifier.program.program import Output, Program
from avow.verifier.tensor import ElementType, Tensor, tensors_digest
from avow.verifier.trace.refutation import TracedClaim
from tests.programs.builder import Builder
from tests.prover.disputes.games import CHALLENGER, PROVIDER, Game, defended
from tests.prover.disputes.simulated import CLAIM_BOND, SimulatedClaims

STATEMENT = leaf(b"a deep claim")
SHAPE = (1, 3, 50, 100)


@lru_cache(maxsize=1)
def world() -> tuple[Program, Tracer, tuple[Tensor, ...], tuple[Tensor, ...], list[bytes]]:
    """A chain of 300 operations on tensors of 59 chunks, and the right run of it."""
    builder = Builder(Random(1))
    x = builder.add_input(SHAPE, ElementType.INT8, -100, 100)
    for at in range(150):
        x = builder.add(op.Affine((x,), (3,), at))
        x = builder.add(op.Rescale((x,), 1, -100, 100))
    program = dataclasses.replace(builder.program(), outputs=(Output("y", x),))
    tracer = Tracer(program, builder.blobs, 1)
    array = np.random.default_rng(1).integers(-100, 101, (1, *SHAPE)).astype(np.int64)
    run = tracer.run([array])
    given = Tensor(ElementType.INT8, SHAPE, tuple(array.reshape(-1).tolist()))
    return program, tracer, (given,), run.outputs, run.stored()


def refuter(stored: list[bytes]) -> Refuter:
    program, tracer, *_ = world()
    return Refuter(program, [], tracer.key, STATEMENT, stored)


@pytest.mark.parametrize(
    ("tensor", "byte"), [(0, 0), (0, 14999), (1, 29999), (150, 256), (255, 8191), (300, 777)]
)
def test_the_first_wrong_byte_is_found_in_a_deep_trace(tensor: int, byte: int) -> None:
    program, tracer, inputs, outputs, stored = world()
    wrong = list(stored)
    # What comes after the first lie is a lie as well.
    for later in range(tensor, len(wrong)):
        at = byte % len(wrong[later])
        wrong[later] = wrong[later][:at] + bytes([wrong[later][at] ^ 1]) + wrong[later][at + 1 :]
    lying, own = refuter(wrong), refuter(stored)
    claims = SimulatedClaims()
    traced = TracedClaim(
        tracer.key.digest,
        program.digest(),
        STATEMENT,
        lying.root,
        tensors_digest(inputs),
        tensors_digest(outputs),
    )
    claims.learn(tracer.key)
    claims.claim(traced, outputs, PROVIDER)
    mine = OwnRun(program, tracer.key, own, inputs)
    game = Game(claims, STATEMENT, defended(lying, STATEMENT), lambda: mine)
    game.play()
    assert claims.view(STATEMENT).state is ClaimState.OVERTURNED
    assert claims.credit[CHALLENGER] == CLAIM_BOND // 2 + claims.paid[CHALLENGER]
    found = next(move for _, move in game.sent if isinstance(move, moves.RevealChunk))
    place = byte // 256 * 256
    assert found.data == wrong[tensor][place : place + 256]
    kinds = [type(move) for _, move in game.sent]
    # Nine levels of the trace, six or seven of the tensor: five openings and five picks.
    assert kinds.count(moves.Reveal) == 4 and kinds.count(moves.RevealTensor) == 1
    assert kinds.count(moves.Pick) == 4 and kinds.count(moves.PickTensor) == 1
