"""One round of each campaign about disputes; every failure is a `Hole` with what makes it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from copy import deepcopy
from random import Random
from unittest.mock import patch

import numpy as np

from avow.models.program.reference import Reference
from avow.prover.disputes import moves
from avow.prover.refutation import Place, Refuter
from avow.prover.trace import Tracer
from avow.verifier.commitment import Scheme
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.merkle import leaf
from avow.verifier.program.program import check, output_specs
from avow.verifier.tensor import Tensor
from avow.verifier.trace import layout
from avow.verifier.trace.commitment import trace_tree
from avow.verifier.trace.key import program_key
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.refutation import Kind
from avow.verifier.trace.tree import Tree, chunk_leaves
from tests.contracts.optimistic.desk import Desk, readable
from tests.disputes.edges import edge_inputs, one_operation
from tests.programs.builder import KINDS, random_program
from tests.programs.runs import CommittedRun, evaluated, honest_run
from tests.prover.disputes import test_game
from tests.prover.disputes.games import PROVIDER, claimed, defended
from tests.prover.disputes.simulated import Reverted, SimulatedClaims

_STRANGE = b"\x77" * 32
# How a provider may go wrong beside the values that it commits to.
WAYS = (
    "all is shown",
    "tensors are published",
    "answers stop",
    "wrong chunks",
    "wrong nodes",
    "a leaf beyond the trace",
    "a leaf beyond a tensor",
    "a last chunk filled up otherwise",
    "a tensor without a root",
    "a root that waits",
)


class Hole(AssertionError):
    """Somebody won who must not."""


def flip(run: CommittedRun, tensor: int, element: int, bit: int, desk: Desk | None = None) -> None:
    """One element is another one: its claim falls in one shot and in the game.

    With a desk the contract is asked about the refutation, too.
    """
    width = run.key.descriptors[tensor].result.width
    sign = 1 << (8 * width - 1)
    value = ((run.values[tensor][element] ^ (1 << bit % (8 * width))) + sign) % (2 * sign) - sign
    wrong = run.with_value(tensor, element, value)
    lying = wrong.refuter()
    claim = wrong.claim(lying.root)
    told = f"tensor {tensor}, element {element}, bit {bit}"
    for shown in (lying, None):
        game = claimed(run, lying, claim)
        game.published = lambda shown=shown: shown  # type: ignore[misc]
        game.play()
        _require_overturned(game, f"{told}, {'shown' if shown else 'withheld'}")
        kinds = [type(move) for _, move in game.sent]
        if shown and kinds != [moves.Commit, moves.Refute]:
            raise Hole(f"{told}: shown tensors took {kinds}")
        if not shown and moves.RevealChunk not in kinds:
            raise Hole(f"{told}: the game was no game: {kinds}")
        last = game.sent[-1][1]
        if desk is not None and isinstance(last, moves.Refute):
            if desk.verdict(last.traced, last.refutation) != "true":
                raise Hole(f"{told}: the contract does not see it")


def liar(seed: int, by_roots: bool = False) -> str:
    """A provider that lies in some way against an honest challenger; the way.

    `by_roots`: about inputs that count as too large to be shown.
    """
    if not by_roots:
        return _lie(seed, Scheme.PUBLIC)
    with patch.object(layout, "LARGEST_SHOWN", 0):
        return _lie(seed, Scheme.PUBLIC_TREE)


def _lie(seed: int, scheme: Scheme) -> str:
    rng = Random(seed)
    honest = honest_run(*random_program(seed, rng.randint(2, 10)), seed)
    honest = dataclasses.replace(honest, scheme=scheme)
    way = rng.choice(WAYS)
    wrong = test_game.liar(honest, seed)
    run = wrong.refuter()
    if not _spoil(run, honest.refuter(), wrong.statement, way, rng):
        way = WAYS[2]
    lazy = way == "a root that waits"
    if lazy:
        # Who owes its root is challenged for a wrong output only.
        wrong = dataclasses.replace(test_game.with_output(honest), values=wrong.values)
        run = wrong.refuter()
    claim = wrong.claim(ZERO_WORD if lazy else run.root)
    game = claimed(honest, run, claim, wrong, answer=_answers(run, claim.statement, way, rng))
    if way == "tensors are published":
        game.published = lambda: run
    game.play()
    _require_overturned(game, f"seed {seed}, {scheme.name.lower()}, {way}")
    return way


def griefers(seed: int) -> None:
    """Challengers of a right claim who try anything; raises where its provider loses."""
    try:
        test_game.test_an_honest_provider_never_loses(honest_run(*random_program(seed)), seed)
    except AssertionError as error:
        raise Hole(f"seed {seed}: an honest provider lost: {error}") from error


def differential(seed: int, desk: Desk, most: int) -> tuple[str, int]:
    """One operation at its edges by the definition, numpy, the fast executor and the contract.

    Returns the operation and how many answers of the contract were compared: of at most `most`
    elements of each tensor, as they are and with one added or taken away.
    """
    rng = Random(seed)
    kind = KINDS[seed % len(KINDS)]
    program, blobs = one_operation(kind, rng)
    inputs = edge_inputs(program, rng)
    values = evaluated(program, blobs, inputs)
    arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in inputs]
    plain = Reference(program, blobs).trace(
        [
            array.astype(f"int{8 * one.element_type.width}")
            for array, one in zip(arrays, inputs, strict=True)
        ]
    )
    fast = Tracer(program, blobs, threads=1).run(arrays).tensors
    for name, found in (("numpy", plain), ("the fast executor", fast)):
        for number, (array, right) in enumerate(zip(found, values, strict=True)):
            if tuple(array.reshape(-1).astype(np.int64).tolist()) != tuple(right):
                raise Hole(f"seed {seed}, {kind}: {name} has another tensor {number}")
    specs = output_specs(program, check(program, blobs))
    outputs = tuple(
        Tensor(spec.element_type, spec.shape, values[output.tensor])
        for spec, output in zip(specs, program.outputs, strict=True)
    )
    key = program_key(program, blobs)
    run = CommittedRun(program, tuple(blobs), key, inputs, outputs, tuple(values))
    compared = 0
    for tensor in range(len(inputs), len(values)):
        count = len(values[tensor])
        for element in rng.sample(range(count), min(most, count)):
            _asked(run, tensor, element, 0, desk, f"seed {seed}, {kind}")
            _asked(run, tensor, element, rng.choice((-1, 1)), desk, f"seed {seed}, {kind}")
            compared += 2
    return kind, compared


def _asked(run: CommittedRun, tensor: int, element: int, wrong: int, desk: Desk, told: str) -> None:
    limit = 2 ** (8 * run.key.descriptors[tensor].result.width - 1)
    value = run.values[tensor][element]
    if not -limit <= value + wrong < limit:
        wrong = -wrong
    committed = run.with_value(tensor, element, value + wrong)
    refuter = committed.refuter()
    claim = committed.claim(refuter.root)
    data = refuter.refute(Place(Kind.OPERATION, tensor, element))
    expected = str(bool(wrong)).lower()
    said = desk.verdict(claim, data), readable(claim, data)
    if said != (expected, expected):
        raise Hole(f"{told}: tensor {tensor}, element {element}, {wrong:+}: {said}")


def _require_overturned(game: object, told: str) -> None:
    try:
        test_game.assert_overturned(game)  # type: ignore[arg-type]
    except AssertionError as error:
        raise Hole(f"{told}: a liar was not overturned, or its challenger not paid") from error


def _spoil(run: Refuter, honest: Refuter, statement: bytes, way: str, rng: Random) -> bool:
    """Put what nobody can open into a right run's trees; False where there is no room for it."""
    if way not in WAYS[5:9]:
        return True
    count = len(run.tensors)
    run.tensors, run.trees = honest.tensors, list(honest.trees)
    leaves = [honest.trace.at(0, at) for at in range(count)]
    if way == "a leaf beyond the trace":
        if not count & (count - 1):
            return False
        run.trace = Tree([*leaves, _STRANGE])
        return True
    if way == "a tensor without a root":
        leaves[rng.randrange(count)] = _STRANGE
        run.trace = Tree(leaves)
        return True
    lengths = [len(data) for data in run.tensors]
    chunks = [-(-length // CHUNK) for length in lengths]
    if way == "a leaf beyond a tensor":
        fitting = [at for at, some in enumerate(chunks) if some & (some - 1)]
    else:
        fitting = [at for at, length in enumerate(lengths) if length % CHUNK]
    if not fitting:
        return False
    tensor = rng.choice(fitting)
    below = chunk_leaves(run.tensors[tensor])
    if way == "a leaf beyond a tensor":
        below.append(_STRANGE)
    else:
        rest = run.tensors[tensor][(chunks[tensor] - 1) * CHUNK :]
        below[-1] = leaf(rest + b"\x01" * (CHUNK - len(rest)))
    run.trees[tensor] = Tree(below)
    roots = [tree.root for tree in run.trees]
    run.trace = trace_tree(statement, roots)
    return True


def _answers(
    run: Refuter, statement: bytes, way: str, rng: Random
) -> Callable[[SimulatedClaims], moves.Move | None]:
    """A provider's answers out of a run; what the contract refuses takes its time."""
    answer, said = defended(run, statement), 0
    stop = rng.randrange(6) if way == "answers stop" else 1000

    def move(claims: SimulatedClaims) -> moves.Move | None:
        nonlocal said
        found = answer(claims)
        if found is None or isinstance(found, moves.Finish):
            return found
        said += 1
        if said > stop:
            return None
        if way in ("wrong chunks", "wrong nodes") and rng.random() < 0.5:
            found = _altered(found, rng)
        try:
            deepcopy(claims).send(PROVIDER, found)
        except Reverted:
            return None
        return found

    return move


def _altered(move: moves.Move, rng: Random) -> moves.Move:
    match move:
        case moves.RevealChunk(claim, challenger, data):
            at = rng.randrange(len(data))
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            return moves.RevealChunk(
                claim, challenger, rng.choice([changed, data[:-1], data + b"\0"])
            )
        case moves.Reveal(claim, challenger, children):
            at = rng.randrange(len(children))
            others = (*children[:at], rng.randbytes(32), *children[at + 1 :])
            return moves.Reveal(claim, challenger, rng.choice([others, children[1:]]))
        case moves.RevealTensor(claim, challenger, _, children):
            return moves.RevealTensor(claim, challenger, rng.randbytes(32), children)
        case _:
            return move
