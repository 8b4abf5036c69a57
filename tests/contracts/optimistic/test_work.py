"""What the referee takes for elements that are heavy in one way or another, beside predictions."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from avow.circuits.optimistic.heaviest import MOST_GAS, of_tensor
from avow.prover.refutation import Place, Refuter
from avow.verifier.keccak import keccak256
from avow.verifier.program import operations as op
from avow.verifier.tensor import ElementType
from avow.verifier.trace.key import program_key
from avow.verifier.trace.refutation import Kind, TracedClaim
from tests.contracts.node import call_of
from tests.contracts.optimistic.desk import CLAIM, Desk, words
from tests.programs.builder import Builder
from tests.programs.runs import STATEMENT

INT8, INT16, INT32, INT64 = ElementType
SNAPSHOT = Path(__file__).resolve().parents[3] / "contracts" / "snapshots" / "claims.json"
OVERTURNED = "overturn a claim by a committed refutation, mock referee"
# Returns the gas that a call takes: the callee's address stands before its calldata.
STOPWATCH = bytes.fromhex("6020360360205f375a5f5f602036035f5f355afa5a905090035f5260205ff3")


@pytest.fixture(scope="module")
def stopwatch(desk: Desk) -> str:
    """A contract that measures a call."""
    size = len(STOPWATCH)
    return desk.create(bytes.fromhex(f"60{size:02x}80600a5f395ff300") + STOPWATCH)


def sums(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    first: tuple[int, ...],
    kind: ElementType = INT8,
) -> Builder:
    """A sum over what lies as an earlier sum wished."""
    builder = Builder(Random(41))
    shift = max(0, 8 * kind.width - 45)
    x = builder.add_input(shape, kind, kind.minimum // 2**shift, kind.maximum // 2**shift)
    builder.add(op.Sum((x,), first))
    builder.add(op.Sum((x,), axes))
    return builder


def dense(count: int, bound: int, first: tuple[int, ...] = (), rows: int = 2) -> Builder:
    """A dense layer."""
    builder = Builder(Random(42))
    x = builder.add_input((rows, count), INT8, -128, 127)
    if first:
        builder.add(op.Sum((x,), first))
    weight = builder.integers((2, count), bound)
    builder.add(op.Dense((x,), weight, builder.integers((2,), 100)))
    return builder


def convolution(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    around: int = 0,
    apart: int = 1,
    bound: int = 127,
    first: tuple[int, ...] = (),
) -> Builder:
    """A convolution to two channels."""
    builder = Builder(Random(43))
    x = builder.add_input(shape, INT8, -128, 127)
    if first:
        builder.add(op.Sum((x,), first))
    weight, bias = builder.integers((2, shape[1], *kernel), bound), builder.integers((2,), 100)
    axes = len(kernel)
    pads = (around,) * axes
    builder.add(op.Convolution((x,), weight, bias, (1,) * axes, (apart,) * axes, pads, pads, 1))
    return builder


def contraction() -> Builder:
    """A product of two matrices, neither of which lies in the order in which it is read."""
    builder = Builder(Random(44))
    a = builder.add_input((1, 150, 200), INT8, -128, 127)
    b = builder.add_input((1, 200, 300), INT8, -128, 127)
    builder.add(op.Sum((a,), (1,)))
    builder.add(op.Sum((b,), (2,)))
    builder.add(op.Contract((a, b)))
    return builder


def affine(count: int, backwards: bool) -> Builder:
    """A sum of many tensors, the last one first or last."""
    builder = Builder(Random(45))
    x = builder.add_input((3_000,), INT8, -5, 5)
    parts = tuple(builder.add(op.Affine((x,), (1,), at)) for at in range(count))
    builder.add(op.Affine(parts[::-1] if backwards else parts, (3,) * count, 5))
    return builder


def concatenation() -> Builder:
    """The last of many operands has to be found."""
    builder = Builder(Random(46))
    x = builder.add_input((400,), INT8, -5, 5)
    builder.add(op.Concat(tuple(builder.add(op.Affine((x,), (1,), at)) for at in range(250)), 0))
    return builder


def view() -> Builder:
    """Eight axes, all of them padded on every side."""
    builder = Builder(Random(47))
    x = builder.add_input((5, 4, 3, 3, 3, 2, 2, 2), INT8, -5, 5)
    ones = (1,) * 8
    builder.add(op.Pad((x,), ones, ones, ones, 3))
    return builder


CASES: dict[str, Callable[[], Builder]] = {
    "runs of two": lambda: sums((5_000, 2, 2), (0, 2), (2,)),
    "runs in loops": lambda: sums((90, 2, 4, 2, 2, 2, 2, 2), (0, 2, 4, 6), (7,)),
    "runs in other loops": lambda: sums((7, 2, 4, 2, 4, 2, 4, 2), (0, 2, 4, 6), (7,)),
    "runs backwards": lambda: sums((300, 2, 60), (0, 2), (0,)),
    "runs over ranges again and again": lambda: sums((20, 90, 30), (0, 1), (0,)),
    "elements far apart": lambda: sums((300, 1_000), (0,), (1,)),
    "one long run": lambda: sums((100_000,), (0,), ()),
    "one run of wide elements": lambda: sums((12_000,), (0,), (), INT64),
    "bytes": lambda: dense(30_000, 127),
    "bytes times words": lambda: dense(20_000, 2**30),
    "over columns": lambda: dense(300, 127, (0,), 300),
    "matrices": contraction,
    "channels last": lambda: convolution((1, 64, 16, 16), (3, 3), 1),
    "few channels": lambda: convolution((1, 2, 40, 40), (9, 9), 1, 2),
    "one axis": lambda: convolution((1, 3, 900), (301,), 20, 2),
    "channels far apart": lambda: convolution((1, 120, 30, 30), (3, 3), first=(2, 3)),
    "words": lambda: convolution((1, 90, 15, 15), (15, 15), 7, bound=2**20),
    "many operands": lambda: affine(200, False),
    "many operands backwards": lambda: affine(200, True),
    "last operand": concatenation,
    "eight axes": view,
}


def predicted_and_used(
    desk: Desk, stopwatch: str, builder: Builder, elements: int = 6
) -> tuple[int, int]:
    """Gas of a transaction that overturns a claim by the last tensor's heaviest element."""
    program, blobs = builder.program(), builder.blobs
    key = program_key(program, blobs)
    # What the claims take beside their referee.
    around = int(json.loads(SNAPSHOT.read_text())[OVERTURNED]) - 21_000
    rng = Random(48)
    tensors = [rng.randbytes(descriptor.result.size) for descriptor in key.descriptors]
    refuter = Refuter(program, blobs, key, STATEMENT, tensors)
    claim = TracedClaim(
        key.digest, program.digest(), STATEMENT, refuter.root, keccak256(b""), keccak256(b"")
    )
    tensor = len(key.descriptors) - 1
    count, used = key.descriptors[tensor].result.count, 0
    for element in {0, count // 2, count - 1, *(rng.randrange(count) for _ in range(elements))}:
        refutation = refuter.refute(Place(Kind.OPERATION, tensor, element))
        data = call_of("refutes", (CLAIM, "bytes"), (words(claim), refutation))
        request = {
            "from": desk.sender,
            "to": stopwatch,
            "gas": hex(100_000_000),
            "data": "0x" + (bytes(12) + bytes.fromhex(desk.referee[2:]) + data).hex(),
        }
        work = int(desk.rpc("eth_call", request, "latest"), 16)
        tokens = 4 * len(data) - 3 * data.count(0)
        # Once for its hash, once for the referee: copied, and memory that has to be there.
        copied = 2 * (len(data) // 32 + 1)
        passed_on = 12 * copied + copied**2 // 512
        used = max(used, 21_000 + max(10 * tokens, 4 * tokens + around + passed_on + work))
    # What is compared is the operation's own gas, not that of showing a whole input or output.
    return max(one.gas for one in of_tensor(key, tensor) if "input" not in one.operation), used


@pytest.mark.parametrize("name", CASES)
def test_no_element_takes_more_than_predicted(desk: Desk, stopwatch: str, name: str) -> None:
    predicted, used = predicted_and_used(desk, stopwatch, CASES[name]())
    assert used <= predicted, f"{used:,} gas used, {predicted:,} predicted"
    # And what fits is not refused for long: at most two and a half times as much is predicted.
    assert predicted <= 2.5 * used, f"{used:,} gas used, {predicted:,} predicted"


def test_what_compiles_can_be_refuted_in_a_transaction(desk: Desk, stopwatch: str) -> None:
    """The most runs of two elements that are allowed, by the referee itself."""
    rows = 6_000
    predicted, used = predicted_and_used(desk, stopwatch, sums((rows, 2, 2), (0, 2), (2,)), 1)
    assert 0.8 * MOST_GAS < predicted <= MOST_GAS
    assert used <= predicted
