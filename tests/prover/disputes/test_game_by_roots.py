"""Games about inputs that are committed to by their roots: no data of an input is ever shown."""

import dataclasses
from random import Random

import pytest

from avow.prover.disputes import moves
from avow.prover.refutation import Place
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.trace import layout
from avow.verifier.trace.refutation import Kind, refutes
from tests.programs.runs import CommittedRun
from tests.prover.disputes.games import CHALLENGER, Game, claimed, own_run
from tests.prover.disputes.simulated import CLAIM_BOND
from tests.vectors.generate_optimistic import two_inputs, with_stated_input


@pytest.fixture(autouse=True)
def nothing_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's inputs, of 600 bytes each, count as too large to be shown."""
    monkeypatch.setattr(layout, "LARGEST_SHOWN", 599)


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return two_inputs()


def played(honest: CommittedRun, lying: CommittedRun, shown: bool = False) -> Game:
    """The game about a claim of a lying run of the honest one's inputs."""
    run = lying.refuter()
    game = claimed(honest, run, lying.claim(run.root))
    if shown:
        game.published = lambda: run
    game.play()
    return game


def refutation(game: Game) -> bytes:
    """What overturned the claim."""
    assert game.claims.view(game.claim).state is ClaimState.OVERTURNED
    assert game.claims.credit[CHALLENGER] == CLAIM_BOND // 2 + game.claims.paid[CHALLENGER]
    last = game.sent[-1][1]
    assert isinstance(last, moves.Refute)
    return last.refutation


@pytest.mark.parametrize("tensor", [0, 1])
@pytest.mark.parametrize("element", [0, 300, 599])
def test_another_input_in_the_trace_is_overturned_at_its_root(
    honest: CommittedRun, tensor: int, element: int
) -> None:
    game = played(honest, honest.flipped(tensor, element))
    assert refutation(game)[0] == Kind.INPUT_BY_ROOT
    kinds = [type(move) for _, move in game.sent]
    assert moves.RevealTensor in kinds and moves.RevealChunk not in kinds
    assert len(refutation(game)) < 600


@pytest.mark.parametrize("tensor", [0, 1])
def test_another_input_that_is_shown_is_overturned_at_once(
    honest: CommittedRun, tensor: int
) -> None:
    game = played(honest, honest.flipped(tensor, 7), shown=True)
    assert refutation(game)[0] == Kind.INPUT_BY_ROOT
    assert [type(move) for _, move in game.sent] == [moves.Commit, moves.Refute]


def test_what_follows_the_inputs_is_disputed_as_ever(honest: CommittedRun) -> None:
    for shown in (False, True):
        assert refutation(played(honest, honest.flipped(2, 599), shown))[0] == Kind.OPERATION


@pytest.mark.parametrize("shown", [False, True])
def test_an_input_out_of_its_range_is_refuted_though_it_is_the_stated_one(
    honest: CommittedRun, shown: bool
) -> None:
    """Where the roots agree an element is shown; where the trace holds another, no element is."""
    stated = with_stated_input(honest, 1, (*honest.values[1][:-1], 101))
    for committed in (stated, dataclasses.replace(stated, values=honest.values)):
        run = committed.refuter()
        game = claimed(honest, run, committed.claim(run.root))
        own = dataclasses.replace(own_run(honest), inputs=stated.inputs)
        game.own = lambda own=own: own  # type: ignore[misc]
        if shown:
            game.published = lambda run=run: run  # type: ignore[misc]
        game.play()
        assert refutation(game)[0] == Kind.INPUT_BY_ROOT


def test_nothing_by_roots_refutes_a_right_run(honest: CommittedRun) -> None:
    """Neither the honest comparison nor one with a byte changed, of other inputs, or swapped."""
    run, claim, rng = honest.refuter(), honest.claim(), Random(11)
    first, second = honest.inputs
    other = dataclasses.replace(first, values=first.values[::-1])
    for tensor in range(2):
        assert not refutes(claim, run.refute_by_root(tensor, 5, honest.inputs))
        for stated in ((second, first), (other, second), (first, other)):
            with pytest.raises(VerificationError, match=r"not those of the statement"):
                refutes(claim, run.refute_by_root(tensor, 5, stated))
        data = run.refute_by_root(tensor, 5, honest.inputs)
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 1 << rng.randrange(8)
            try:
                assert not refutes(claim, bytes(changed)), at
            except VerificationError:
                continue


def test_either_scheme_has_none_of_the_others_refutations(honest: CommittedRun) -> None:
    lying = honest.flipped(0, 0)
    by_root = lying.refuter().refute_by_root(0, 0, honest.inputs)
    by_data = lying.refuter().refute(Place(Kind.INPUT, 0, 0), honest.inputs)
    flat = dataclasses.replace(lying, scheme=Scheme.PUBLIC)
    assert refutes(lying.claim(), by_root) and refutes(flat.claim(), by_data)
    for claim, data in ((lying.claim(), by_data), (flat.claim(), by_root)):
        with pytest.raises(VerificationError, match=r"not those of the statement"):
            refutes(claim, data)
