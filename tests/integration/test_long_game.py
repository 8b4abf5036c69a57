"""A convolutional network of fifty operations, compiled here: games about it keep their bounds."""

import numpy as np
import onnx
import pytest

from avow.api.bench.dispute_court import Case, Court
from avow.api.bench.scaling_point import sample_of
from avow.api.bench.trace_point import arrays_of
from avow.api.local.people import development_people
from avow.models.compiler.compile import compile_model
from avow.models.compiler.options import Options
from avow.prover.trace import Tracer
from avow.verifier.chain.claims import Claims
from avow.verifier.program.operations import Convolution
from avow.verifier.tensor import ElementType, TensorSpec
from tests.integration.town import QUICK, STRANGER, Town
from tests.models.compiler.graphs import model, node

MOST_ROUNDS, MOST_GAS = 8, 1_500_000
CHANNELS, SIDE, CLASSES = 32, 32, 10


def fifty_operations() -> bytes:
    """23 convolutions with relu, two poolings, flatten and a dense layer: 50 ONNX operations."""
    random, constants = np.random.default_rng(1), {}
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, *arrays: np.ndarray, **attributes: object) -> None:
        names = [f"c{len(constants) + at}" for at in range(len(arrays))]
        constants.update(zip(names, (one.astype(np.float32) for one in arrays), strict=True))
        before = f"v{len(nodes)}" if nodes else "x"
        result = "y" if kind == "Gemm" else f"v{len(nodes) + 1}"
        nodes.append(node(kind, " ".join((before, *names)), result, **attributes))

    before, side = 3, SIDE
    for number in range(23):
        after = CHANNELS if number < 2 else 16
        weight = random.normal(0, (2 / (9 * before)) ** 0.5, (after, before, 3, 3))
        add("Conv", weight, random.normal(0, 0.1, after), pads=[1, 1, 1, 1])
        add("Relu")
        before = after
        if number in (1, 7):
            add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
            side //= 2
    add("Flatten")
    inner = before * side * side
    add("Gemm", random.normal(0, inner**-0.5, (inner, CLASSES)), np.zeros(CLASSES))
    assert len(nodes) == 50
    return model(nodes, (1, 3, SIDE, SIDE), constants, rank=2)


@pytest.fixture(scope="module")
def case() -> Case:
    """The network as a program of the project's own compiler, and the right run of one input."""
    spec = TensorSpec("x", ElementType.INT16, (1, 3, SIDE, SIDE), 8, 0, 255)
    rows = {"x": np.random.default_rng(2).random((8, 1, 3, SIDE, SIDE), np.float32) * 0.99}
    made = compile_model(fifty_operations(), rows, Options(8, (spec,)))
    program, blobs = made.program, made.blobs
    tracer = Tracer(program, blobs, threads=1)
    given = tuple(sample_of(program))
    run = tracer.run(arrays_of(given))
    # The largest tensor of all: the second convolution's sums.
    sums = [at for at, step in enumerate(program.steps) if isinstance(step.operation, Convolution)]
    wrong = len(program.inputs) + sums[1]
    sizes = [descriptor.result.size for descriptor in tracer.key.descriptors]
    assert sizes[wrong] == max(sizes) and len(program.steps) >= 50
    return Case("fifty", program, blobs, tracer.key, given, run, tuple(run.stored()), wrong)


def test_a_game_about_fifty_operations_keeps_its_bounds(bare_town: Town, case: Case) -> None:
    claims = Claims(bare_town.chain, bare_town.deployment, QUICK)
    court = Court(bare_town.market(), claims, development_people(), STRANGER)
    desk = court.register(case)
    spent, rounds = court.lie(desk, case).game()
    total = sum(spent.gas.values())
    chunks = case.key.descriptors[case.wrong].result.chunks
    print(f"{len(case.stored)} tensors of up to {chunks} chunks, {rounds} rounds, {spent.gas}")
    print("\n".join(f"{party:10} {what:13} {gas:7,}" for party, what, gas in spent.moves))
    assert total == sum(gas for _, _, gas in spent.moves)
    assert {party for party, _, _ in spent.moves} == {"challenger", "provider"}
    assert rounds == sum(party == "provider" for party, _, _ in spent.moves)
    assert rounds <= MOST_ROUNDS
    assert total <= MOST_GAS
