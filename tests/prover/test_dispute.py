"""Where a challenge stands, by its events alone; who may move; what is never said."""

from dataclasses import replace

import pytest

from avow.prover.dispute import (
    Game,
    Pick,
    Refutation,
    Reveal,
    RevealChunk,
    RevealTensor,
    Watcher,
    answer,
)
from avow.prover.errors import Refused
from avow.verifier.chain.claim_events import (
    ChallengeLost,
    ChallengeOpened,
    ChildPicked,
    ChildrenRevealed,
    ChunkRevealed,
    ClaimEvent,
    KeyLearned,
    TensorPicked,
    TensorRevealed,
)
from avow.verifier.chain.claim_records import Turn
from avow.verifier.chain.events import Place
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.tensor import Tensor
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.refutation import refutes
from avow.verifier.trace.tree import Tree
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run

HERE = Place(1, 0, bytes(32))
CLAIM, ALICE, BOB = keccak256(b"claim"), b"\x0a" * 20, b"\x0b" * 20


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


def opened(run: CommittedRun) -> ChallengeOpened:
    """The beginning of a challenge."""
    trace = run.refuter().trace
    return ChallengeOpened(HERE, CLAIM, ALICE, trace.root, len(trace.levels) - 1)


def played(honest: CommittedRun, lying: CommittedRun) -> tuple[list[ClaimEvent], Game]:
    """Events of a challenge up to its refutation, without a contract between both sides."""
    watcher = Watcher(honest.refuter(), honest.inputs, honest.outputs)
    run, events = lying.refuter(), list[ClaimEvent]([opened(lying)])
    sizes = [descriptor.result.size for descriptor in honest.key.descriptors]
    while True:
        game = Game.after(CLAIM, ALICE, events)
        if game.turn is Turn.REFUTATION:
            return events, game
        move = answer(game, run) if game.turn.is_providers else watcher.move(game)
        match move:
            case Reveal():
                root = Tree(move.children).root
                events.append(ChildrenRevealed(HERE, CLAIM, ALICE, root, move.children))
            case RevealTensor():
                revealed = (game.tensor, move.root, move.children)
                events.append(TensorRevealed(HERE, CLAIM, ALICE, *revealed))
            case RevealChunk():
                chunk = (game.tensor, game.position, move.data)
                events.append(ChunkRevealed(HERE, CLAIM, ALICE, *chunk))
            case Pick():
                position = game.position << game.step | move.index
                if move.place is None:
                    picked = (move.node, position, game.levels - game.step)
                    events.append(ChildPicked(HERE, CLAIM, ALICE, *picked))
                else:
                    events.append(
                        TensorPicked(HERE, CLAIM, ALICE, move.node, position, sizes[position])
                    )


def test_every_wrong_tensor_is_found_and_shown(honest: CommittedRun) -> None:
    for tensor in range(len(honest.values)):
        lying = honest.flipped(tensor, len(honest.values[tensor]) - 1)
        _, game = played(honest, lying)
        assert game.tensor == tensor
        start = game.chunk * CHUNK
        assert game.data == lying.stored()[tensor][start : start + CHUNK]
        assert game.data != honest.stored()[tensor][start : start + CHUNK]


def test_events_of_others_are_passed_over(honest: CommittedRun) -> None:
    events, game = played(honest, honest.flipped(20, 0))
    noise: list[ClaimEvent] = []
    for event in events:
        assert not isinstance(event, KeyLearned)
        noise += [
            replace(event, challenger=BOB),  # type: ignore[call-arg]
            event,
            replace(event, claim_id=keccak256(b"another")),  # type: ignore[call-arg]
            KeyLearned(HERE, bytes(32), 7),
        ]
    assert Game.after(CLAIM, ALICE, noise) == game
    assert (
        Game.after(CLAIM, ALICE, [*noise, ChallengeLost(HERE, CLAIM, ALICE, 1)]).turn is Turn.ENDED
    )


def test_nobody_moves_out_of_turn(honest: CommittedRun) -> None:
    watcher = Watcher(honest.refuter(), honest.inputs, honest.outputs)
    game = Game.after(CLAIM, ALICE, [opened(honest)])
    assert game.turn is Turn.CHILDREN
    with pytest.raises(Refused, match="the challenger owes no move: it waits for CHILDREN"):
        watcher.move(game)
    shown = answer(game, honest.refuter())
    assert isinstance(shown, Reveal)
    game = Game.after(
        CLAIM,
        ALICE,
        [
            opened(honest),
            ChildrenRevealed(HERE, CLAIM, ALICE, Tree(shown.children).root, shown.children),
        ],
    )
    with pytest.raises(Refused, match="the provider owes no move: the challenge waits for PICK"):
        answer(game, honest.refuter())
    with pytest.raises(Refused, match="no element of the committed run differs"):
        watcher.move(game)
    assert not watcher.disputes(honest.claim())
    assert not watcher.disputes(replace(honest.claim(), trace=ZERO_WORD))


def test_a_root_that_waits_is_owed_first(honest: CommittedRun) -> None:
    begun = replace(opened(honest), contested=ZERO_WORD)
    game = Game.after(CLAIM, ALICE, [begun])
    assert game.turn is Turn.TRACE
    shown = answer(game, honest.refuter())
    assert isinstance(shown, Reveal)
    assert len(shown.children) == 16


def test_a_lie_in_the_output_alone_is_shown_beside_the_honest_trace(honest: CommittedRun) -> None:
    first, *rest = honest.outputs
    wrong = Tensor(first.element_type, first.shape, (first.values[0] ^ 1, *first.values[1:]))
    lying = replace(honest, outputs=(wrong, *rest))
    watcher = Watcher(honest.refuter(), honest.inputs, lying.outputs)
    for trace in (ZERO_WORD, lying.claim().trace):
        assert watcher.disputes(replace(lying.claim(), trace=trace))
    shown = answer(Game.after(CLAIM, ALICE, [opened(honest)]), lying.refuter())
    assert isinstance(shown, Reveal)
    root = Tree(shown.children).root
    revealed = ChildrenRevealed(HERE, CLAIM, ALICE, root, shown.children)
    move = watcher.move(Game.after(CLAIM, ALICE, [opened(honest), revealed]))
    # The trace has more levels than one opening shows, and is the watcher's own all the same.
    assert isinstance(move, Refutation)
    assert refutes(lying.claim(), move.data)
