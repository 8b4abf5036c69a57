"""Games to their end: liars are overturned, an honest provider never loses."""

import dataclasses
from random import Random

import pytest

from avow.prover.disputes import moves
from avow.prover.disputes.provider import Defence
from avow.prover.disputes.state import StateTorn, replay
from avow.prover.errors import Refused
from avow.prover.refutation import Refuter
from avow.verifier.chain.claim_records import ClaimState, Turn
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.tensor import tensors_digest
from avow.verifier.trace.tree import Nodes, Tree
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run
from tests.prover.disputes.forged import forged
from tests.prover.disputes.games import (
    CHALLENGER,
    PROVIDER,
    Game,
    claimed,
    defended,
    own_run,
)
from tests.prover.disputes.simulated import (
    CHALLENGE_BOND,
    CLAIM_BOND,
    Reverted,
    SimulatedClaims,
)


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


def liar(honest: CommittedRun, seed: int) -> CommittedRun:
    """A run that is wrong somewhere and says anything at all of some tensors after that."""
    rng = Random(seed)
    values = list(honest.values)
    layouts = [descriptor.result for descriptor in honest.key.descriptors]
    first = rng.randrange(len(values))
    for tensor in range(first, len(values)):
        if tensor > first and rng.random() < 0.5:
            continue
        limit = 2 ** (8 * layouts[tensor].width - 1)
        one = list(values[tensor])
        for _ in range(rng.choice([1, 1, 3, len(one)])):
            one[rng.randrange(len(one))] = rng.randrange(-limit, limit)
        if tensor == first:
            at = rng.randrange(len(one))
            one[at] = honest.values[tensor][at] ^ 1
        values[tensor] = tuple(one)
    return dataclasses.replace(honest, values=tuple(values))


def with_output(honest: CommittedRun, number: int = 0) -> CommittedRun:
    """The right trace under an output that is not its own."""
    tensor = honest.outputs[number]
    wrong = dataclasses.replace(tensor, values=(tensor.values[0] ^ 1, *tensor.values[1:]))
    outputs = tuple(wrong if at == number else one for at, one in enumerate(honest.outputs))
    return dataclasses.replace(honest, outputs=outputs)


def assert_overturned(game: Game) -> None:
    claims = game.claims
    assert claims.view(game.claim).state is ClaimState.OVERTURNED
    assert claims.credit[CHALLENGER] == CLAIM_BOND // 2 + claims.paid[CHALLENGER]
    assert claims.credit[PROVIDER] == 0 and claims.held() == 0


@pytest.mark.parametrize("seed", range(25))
def test_a_liar_is_overturned_in_the_game(honest: CommittedRun, seed: int) -> None:
    lying = liar(honest, seed)
    run = lying.refuter()
    game = claimed(honest, run, lying.claim(run.root))
    game.play()
    assert_overturned(game)
    assert isinstance(game.sent[0][1], moves.Open)
    assert isinstance(game.sent[-1][1], moves.Refute)


@pytest.mark.parametrize("seed", range(6))
def test_shown_tensors_are_refuted_at_once(honest: CommittedRun, seed: int) -> None:
    lying = liar(honest, seed)
    run = lying.refuter()
    game = claimed(honest, run, lying.claim(run.root))
    game.published = lambda: run
    game.play()
    assert_overturned(game)
    assert [type(move) for _, move in game.sent] == [moves.Commit, moves.Refute]


def test_shown_tensors_that_are_not_the_claimed_ones_are_ignored(honest: CommittedRun) -> None:
    """Neither the right ones nor those of another lie, which would refute something else."""
    lying, other = liar(honest, 3), liar(honest, 4).refuter()
    run = lying.refuter()
    for published in (honest.refuter(), other):
        game = claimed(honest, run, lying.claim(run.root))
        game.published = lambda published=published: published  # type: ignore[misc]
        game.play()
        assert_overturned(game)
        assert len(game.sent) > 5


@pytest.mark.parametrize("seed", range(12))
def test_a_liar_who_stops_answering_is_overturned(honest: CommittedRun, seed: int) -> None:
    lying = liar(honest, seed)
    run = lying.refuter()
    stop, answered = seed % 5, 0

    def withhold(claims: SimulatedClaims) -> moves.Move | None:
        nonlocal answered
        move = defended(run, honest.statement)(claims)
        answered += move is not None
        return move if answered <= stop else None

    game = claimed(honest, run, lying.claim(run.root), answer=withhold)
    game.play()
    assert_overturned(game)
    assert isinstance(game.sent[-1][1], moves.Timeout | moves.Refute)


def test_who_never_shows_the_root_it_owes_is_overturned(honest: CommittedRun) -> None:
    wrong = with_output(honest)
    traced = wrong.claim(ZERO_WORD)
    game = claimed(honest, wrong.refuter(), traced, wrong, answer=lambda claims: None)
    game.play()
    assert_overturned(game)
    assert isinstance(game.sent[-1][1], moves.Timeout)


def test_a_wrong_output_is_refuted_by_ones_own_run(honest: CommittedRun) -> None:
    for number in range(len(honest.outputs)):
        wrong = with_output(honest, number)
        run = wrong.refuter()
        game = claimed(honest, run, wrong.claim(run.root), wrong)
        game.play()
        assert_overturned(game)
        assert [type(move) for _, move in game.sent] == [moves.Commit, moves.Refute]


def test_a_commitment_counts_from_the_next_block_on(honest: CommittedRun) -> None:
    wrong = with_output(honest)
    run = wrong.refuter()
    game = claimed(honest, run, wrong.claim(run.root), wrong)
    assert isinstance(game.challengers(), moves.Commit)
    game.step()
    assert game.challengers() is None
    game.claims.block += 1
    assert isinstance(game.challengers(), moves.Refute)


def test_who_has_a_challenge_commits_as_well(honest: CommittedRun) -> None:
    """Who copies a refutation might hold an older challenge."""
    lying = liar(honest, 1)
    run = lying.refuter()
    game = claimed(honest, run, lying.claim(run.root))
    game.step()
    game.step()
    # The tensors are published only now.
    game.published = lambda: run
    assert isinstance(game.challengers(), moves.Commit)
    game.step()
    assert game.challengers() is None
    game.claims.block += 1
    assert isinstance(game.challengers(), moves.Refute)


def test_a_lazy_claim_of_a_wrong_output_is_opened_and_refuted(honest: CommittedRun) -> None:
    wrong = with_output(honest)
    game = claimed(honest, wrong.refuter(), wrong.claim(ZERO_WORD), wrong)
    game.play()
    assert_overturned(game)
    kinds = [type(move) for _, move in game.sent]
    assert kinds == [moves.Open, moves.Reveal, moves.Commit, moves.Refute]


@pytest.mark.parametrize("seed", range(4))
def test_a_lazy_liar_is_overturned(honest: CommittedRun, seed: int) -> None:
    wrong = dataclasses.replace(with_output(honest), values=liar(honest, seed).values)
    game = claimed(honest, wrong.refuter(), wrong.claim(ZERO_WORD), wrong)
    game.play()
    assert_overturned(game)


def test_a_lazy_claim_of_the_right_output_is_left_alone(honest: CommittedRun) -> None:
    game = claimed(honest, honest.refuter(), honest.claim(ZERO_WORD))
    game.play()
    assert game.claims.view(game.claim).state is ClaimState.UPHELD
    assert [type(move) for _, move in game.sent] == [moves.Finish]


class Padded(Tree):
    """A tree of which one leaf beyond the last is not zero, or one leaf has no preimage."""

    def __init__(self, tree: Nodes, count: int, at: int) -> None:
        leaves = [tree.at(0, place) for place in range(max(count, at))] + [b"\x77" * 32]
        super().__init__(leaves if at >= count else [*leaves[:at], b"\x77" * 32, *leaves[at + 1 :]])


def test_what_stands_beyond_the_last_tensor_overturns(honest: CommittedRun) -> None:
    run = honest.refuter()
    count = len(run.tensors)
    assert count & count - 1
    run.trace = Padded(run.trace, count, count)
    game = claimed(honest, run, honest.claim(run.root))
    game.play()
    assert_overturned(game)
    last = game.sent[-1][1]
    assert isinstance(last, moves.PickTensor) and last.place == b""


def test_a_tensor_without_a_preimage_overturns(honest: CommittedRun) -> None:
    run = honest.refuter()
    run.trace = Padded(run.trace, len(run.tensors), 3)
    game = claimed(honest, run, honest.claim(run.root), answer=_while_it_can(honest, run))
    game.play()
    assert_overturned(game)
    assert isinstance(game.sent[-1][1], moves.Timeout)


def _while_it_can(honest: CommittedRun, run: Refuter):  # type: ignore[no-untyped-def]
    """A liar out of whose trees some node cannot be opened."""

    def answer(claims: SimulatedClaims) -> moves.Move | None:
        move = defended(run, honest.statement)(claims)
        if isinstance(move, moves.RevealTensor):
            try:
                claims.send(PROVIDER, move)
            except Reverted as error:
                assert str(error) == "NodeDiffers"
            return None
        return move

    return answer


@pytest.mark.parametrize("seed", range(10))
def test_an_honest_provider_never_loses(honest: CommittedRun, seed: int) -> None:
    """Challengers who pick anything, repeat, lie, refute what is right, or stop; always upheld."""
    rng = Random(seed)
    run, claims = honest.refuter(), SimulatedClaims()
    traced = honest.claim(run.root)
    claims.learn(honest.key)
    claims.claim(traced, honest.outputs, PROVIDER)
    answer = defended(run, traced.statement)
    others = [bytes([65 + at]) * 20 for at in range(4)]
    own = own_run(honest)
    refused = 0
    for _ in range(250):
        move = answer(claims)
        if move is not None:
            claims.send(PROVIDER, move)
        claims.now += rng.choice([0, 1, 1, 5, 19, 60])
        who = rng.choice(others)
        try:
            claims.send(who, random_move(rng, claims, honest, own.run, who))
        except Reverted:
            refused += 1
    assert claims.view(traced.statement).state is not ClaimState.OVERTURNED
    while claims.view(traced.statement).state is ClaimState.STANDING:
        move = answer(claims)
        if move is None:
            claims.now += 100
        else:
            claims.send(PROVIDER, move)
    assert claims.credit[PROVIDER] == claims.paid.total()
    assert refused and claims.held() == 0


def random_move(
    rng: Random, claims: SimulatedClaims, honest: CommittedRun, run: Refuter, who: bytes
) -> moves.Move:
    """Something that a challenger of a right claim might try."""
    traced = claims.view(honest.statement).traced
    challenge = claims.challenge(honest.statement, who)
    if challenge is None:
        return moves.Open(traced)
    if challenge.turn is Turn.PICK and rng.random() < 0.9:
        seen = replay(challenge)
        index = rng.randrange(len(seen.children))
        tree = run.trees[seen.tensor] if seen.in_tensor else run.trace
        height = seen.levels - seen.step
        at = (seen.position << seen.step) + index
        siblings = tuple(tree.at(height + up, at >> up ^ 1) for up in range(seen.step))
        chosen = tree.at(height, at) if rng.random() < 0.9 else rng.randbytes(32)
        if height or seen.in_tensor:
            return moves.Pick(honest.statement, index, chosen, siblings)
        place = honest.key.program + run.place(min(at, len(run.tensors) - 1))
        return moves.PickTensor(traced, index, chosen, siblings, place)
    return rng.choice(
        [
            moves.Timeout(honest.statement, who),
            moves.Finish(honest.statement),
            moves.Reclaim(honest.statement, who),
            moves.Reveal(honest.statement, who, (rng.randbytes(32),) * 16),
            moves.Refute(traced, forged(rng, honest, run)),
        ]
    )


def test_a_failed_challenge_is_not_tried_again(honest: CommittedRun) -> None:
    run = liar(honest, 1).refuter()
    game = claimed(honest, run, honest.claim(run.root))
    game.step()
    game.step()
    while game.step():
        challenge = game.claims.challenge(game.claim, CHALLENGER)
        if challenge is not None and challenge.turn is Turn.PICK:
            break
    # The challenger sleeps until its clock has run out.
    game.claims.now += 301
    assert game.challengers() is None
    game.play()
    assert game.claims.view(game.claim).state is ClaimState.UPHELD
    assert game.claims.credit[PROVIDER] == CLAIM_BOND + CHALLENGE_BOND


def test_the_first_to_win_leaves_the_others_their_bonds(honest: CommittedRun) -> None:
    lying = liar(honest, 5)
    run = lying.refuter()
    game = claimed(honest, run, lying.claim(run.root))
    other = b"o" * 20
    game.step()
    game.claims.send(other, moves.Open(lying.claim(run.root)))
    game.step()
    game.claims.now += 301
    game.claims.send(other, moves.Timeout(game.claim, other))
    game.play()
    assert game.claims.view(game.claim).state is ClaimState.OVERTURNED
    assert game.claims.credit[CHALLENGER] == CHALLENGE_BOND
    assert isinstance(game.sent[-1][1], moves.Reclaim)


def test_a_provider_of_another_run_says_so(honest: CommittedRun) -> None:
    run = liar(honest, 2).refuter()
    game = claimed(honest, run, honest.claim(run.root))
    game.step()
    challenge = game.claims.challenge(game.claim, CHALLENGER)
    assert challenge is not None
    with pytest.raises(Refused, match="another run was claimed"):
        Defence(honest.refuter()).move(game.claims.view(game.claim), challenge, game.claims.now)


def test_logs_of_another_block_are_refused(honest: CommittedRun) -> None:
    run = liar(honest, 2).refuter()
    game = claimed(honest, run, honest.claim(run.root))
    for _ in range(5):
        game.step()
    challenge = game.claims.challenge(game.claim, CHALLENGER)
    assert challenge is not None
    with pytest.raises(StateTorn, match="do not end where it stands"):
        replay(dataclasses.replace(challenge, events=challenge.events[:-1]))
    torn = dataclasses.replace(challenge.events[1], children=(bytes(32),) * 16)
    with pytest.raises(StateTorn, match="do not lead"):
        replay(dataclasses.replace(challenge, events=(challenge.events[0], torn)))


def test_an_input_out_of_its_range_is_refuted(honest: CommittedRun) -> None:
    """No right run begins with it, whatever the provider committed to."""
    first = honest.inputs[0]
    outside = dataclasses.replace(first, values=(101, *first.values[1:]))
    stated = dataclasses.replace(honest, inputs=(outside, *honest.inputs[1:]))
    for committed in (stated, stated.with_value(0, 0, 101)):
        run = committed.refuter()
        traced = dataclasses.replace(committed.claim(run.root), input=tensors_digest(stated.inputs))
        game = claimed(honest, run, traced)
        own = dataclasses.replace(own_run(honest), inputs=stated.inputs)
        game.own = lambda own=own: own  # type: ignore[misc]
        game.play()
        assert_overturned(game)
