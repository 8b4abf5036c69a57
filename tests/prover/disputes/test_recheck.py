"""What a validator finds of claims, and which way it overturns the wrong ones."""

import dataclasses
from collections.abc import Callable
from random import Random

import pytest

from avow.prover.disputes.moves import Commit, Refute
from avow.prover.disputes.products import ProductCheck
from avow.prover.disputes.recheck import Basis, Course, Recheck, Stated, mostly_weights
from avow.prover.disputes.state import ClaimView
from avow.prover.errors import Refused
from avow.prover.refutation import Place
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Output, Program
from avow.verifier.tensor import ElementType, tensors_digest
from avow.verifier.trace.refutation import Kind, refutes
from tests.programs.builder import Builder
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run
from tests.prover.disputes.games import PROVIDER, Game, defended
from tests.prover.disputes.simulated import SimulatedClaims
from tests.prover.disputes.test_game import assert_overturned, liar, with_output


def products() -> tuple[Program, list[Blob]]:
    """A convolution, a dense layer and a product of two tensors, all large enough to check."""
    builder = Builder(Random(3))
    add, integers = builder.add, builder.integers
    image = builder.add_input((1, 3, 6, 6), ElementType.INT8, -120, 120)
    weight, bias = integers((16, 3, 3, 3), 127), integers((16,), 1000)
    image = add(op.Convolution((image,), weight, bias, (1, 1), (1, 1), (1, 1), (1, 1), groups=1))
    image = add(op.Rescale((image,), 9, -128, 127))
    rows = add(op.Reshape((image,), (16, 36)))
    across = add(op.Transpose((rows,), (1, 0)))
    square = add(op.Contract((rows, across)))
    square = add(op.Rescale((square,), 10, -128, 127))
    last = add(op.Dense((square,), integers((20, 16), 127), integers((20,), 99)))
    program = builder.program()
    return dataclasses.replace(program, outputs=(Output("y", last),)), builder.blobs


@pytest.fixture(scope="module", params=[every_operation, products])
def honest(request: pytest.FixtureRequest) -> CommittedRun:
    made: Callable[[], tuple[Program, list[Blob]]] = request.param
    return honest_run(*made())


@pytest.fixture(scope="module")
def recheck(honest: CommittedRun) -> Recheck:
    return Recheck(honest.program, honest.blobs, threads=1, columns=True)


def stated(run: CommittedRun, shown: bool = False, root: bytes | None = None) -> Stated:
    """The claim of a run, its tensors shown or not."""
    traced = run.claim(run.refuter().root if root is None else root)
    view = ClaimView(traced, run.outputs, PROVIDER, ClaimState.STANDING, 10**9, 0)
    return Stated(view, run.inputs, tuple(run.stored()) if shown else None)


def test_right_claims_agree_on_every_basis(honest: CommittedRun, recheck: Recheck) -> None:
    claims = [stated(honest), stated(honest, shown=True), stated(honest, root=ZERO_WORD)]
    findings = recheck.look(claims)
    assert [one.course for one in findings] == [None] * 3
    assert [one.basis for one in findings] == [Basis.TRACE, Basis.SHOWN, Basis.OUTPUTS]
    assert recheck.look(claims[:1], traces=False)[0].basis is Basis.OUTPUTS


def test_claims_of_different_inputs_are_looked_at_together(
    honest: CommittedRun, recheck: Recheck
) -> None:
    runs = [honest_run(honest.program, honest.blobs, seed) for seed in range(2, 7)]
    runs[1] = with_output(runs[1])
    runs[3] = liar(runs[3], 8)
    found = recheck.look([stated(run) for run in runs])
    courses = [None, Course.AT_ONCE, None, Course.GAME, None]
    assert [one.course for one in found] == courses


@pytest.mark.parametrize("seed", range(15))
def test_a_liar_who_shows_its_tensors_is_refuted(
    honest: CommittedRun, recheck: Recheck, seed: int
) -> None:
    """What differs first is named, whatever follows; and a referee believes it."""
    lying = liar(honest, seed)
    about = stated(lying, shown=True)
    found = recheck.look([about])[0]
    assert found.course is Course.AT_ONCE and found.published is not None
    assert found.place is not None
    given = honest.inputs if found.place.kind is Kind.INPUT else lying.outputs
    assert refutes(about.claim.traced, found.published.refute(found.place, given))


@pytest.mark.parametrize("traces", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_without_columns_a_run_of_ones_own_decides(
    honest: CommittedRun, seed: int, traces: bool
) -> None:
    recheck = Recheck(honest.program, honest.blobs, threads=1, columns=False)
    lying = dataclasses.replace(liar(honest, seed), outputs=with_output(honest).outputs)
    claims = [stated(lying, shown=True), stated(lying), stated(honest, shown=True)]
    found = recheck.look(claims, traces)
    assert [one.course for one in found] == [Course.AT_ONCE, Course.GAME, None]
    assert found[0].published is not None and found[0].place is None
    assert found[2].basis is (Basis.TRACE if traces else Basis.OUTPUTS)


def test_columns_are_for_programs_of_weights(honest: CommittedRun) -> None:
    builder = Builder(Random(1))
    x = builder.add_input((1, 64), ElementType.INT8, -100, 100)
    y = builder.add(op.Dense((x,), builder.integers((64, 64), 9), builder.integers((64,), 9)))
    program = dataclasses.replace(builder.program(), outputs=(Output("y", y),))
    assert mostly_weights(program) and not mostly_weights(honest.program)


def test_one_wrong_element_of_any_product_is_found(honest: CommittedRun, recheck: Recheck) -> None:
    inputs = len(honest.program.inputs)
    for at, step in enumerate(honest.program.steps):
        if not isinstance(step.operation, op.Dense | op.Convolution | op.Contract):
            continue
        number = inputs + at
        element = len(honest.values[number]) // 2
        found = recheck.look([stated(honest.flipped(number, element), shown=True)])[0]
        assert found.place == Place(Kind.OPERATION, number, element)


def test_a_value_outside_its_interval_is_found(
    honest: CommittedRun, recheck: Recheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns' bound does not cover it: it is found even where they let everything pass."""
    monkeypatch.setattr(ProductCheck, "holds", lambda *_: True)
    inputs = len(honest.program.inputs)
    number = next(
        inputs + at
        for at, step in enumerate(honest.program.steps)
        if isinstance(step.operation, op.Dense | op.Convolution)
    )
    limit = 2 ** (8 * honest.key.descriptors[number].result.width - 1)
    found = recheck.look([stated(honest.with_value(number, 0, -limit), shown=True)])[0]
    assert found.place == Place(Kind.OPERATION, number, 0)


def test_shown_tensors_that_are_not_the_claims_say_nothing(
    honest: CommittedRun, recheck: Recheck
) -> None:
    lying = liar(honest, 4)
    about = dataclasses.replace(stated(lying), shown=tuple(honest.stored()))
    found = recheck.look([about])[0]
    assert found.course is Course.GAME and found.published is None
    cut = dataclasses.replace(about, shown=(b"", *honest.stored()[1:]))
    assert recheck.look([cut])[0].published is None


def test_a_wrong_trace_of_a_right_output_is_wrong(honest: CommittedRun, recheck: Recheck) -> None:
    about = stated(honest, root=b"\7" * 32)
    assert recheck.look([about])[0].course is Course.GAME
    assert recheck.look([about], traces=False)[0].course is None


def test_an_input_out_of_its_range_is_wrong(honest: CommittedRun, recheck: Recheck) -> None:
    spec, first = honest.program.inputs[0], honest.inputs[0]
    outside = dataclasses.replace(first, values=(spec.maximum + 1, *first.values[1:]))
    run = dataclasses.replace(honest, inputs=(outside, *honest.inputs[1:]))
    assert recheck.look([stated(run)])[0].course is not None
    found = recheck.look([stated(run, shown=True)])[0]
    assert found.place == Place(Kind.INPUT, 0, 0)


def test_values_of_another_claim_are_refused(honest: CommittedRun, recheck: Recheck) -> None:
    about = stated(honest)
    other = honest_run(honest.program, honest.blobs, 9)
    # What was compared for a commitment stands for no other tensors.
    assert recheck.look([about])[0].course is None
    with pytest.raises(Refused, match="inputs are not those of the claim"):
        recheck.look([dataclasses.replace(about, inputs=other.inputs)])
    view = dataclasses.replace(about.claim, outputs=other.outputs)
    with pytest.raises(Refused, match="outputs are not those of the claim"):
        recheck.look([dataclasses.replace(about, claim=view)])
    traced = dataclasses.replace(about.claim.traced, key=bytes(32))
    view = dataclasses.replace(about.claim, traced=traced)
    with pytest.raises(Refused, match="of another program"):
        recheck.look([dataclasses.replace(about, claim=view)])


def test_of_an_input_of_another_shape_nothing_is_said(
    honest: CommittedRun, recheck: Recheck
) -> None:
    first = honest.inputs[0]
    flat = dataclasses.replace(first, shape=(len(first.values),))
    run = dataclasses.replace(honest, inputs=(flat, *honest.inputs[1:]))
    about = stated(run)
    assert about.claim.traced.input == tensors_digest(run.inputs)
    found = recheck.look([about, stated(liar(honest, 3))])
    assert (found[0].basis, found[0].course) == (Basis.NOTHING, None)
    assert found[1].course is Course.GAME


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_what_was_found_is_played_to_its_end(
    honest: CommittedRun, recheck: Recheck, seed: int, shown: bool
) -> None:
    lying = liar(honest, seed)
    about = stated(lying, shown)
    found = recheck.look([about])[0]
    claims = SimulatedClaims()
    claims.learn(honest.key)
    claims.claim(about.claim.traced, lying.outputs, PROVIDER)
    own = recheck.own_run(about)
    answer = defended(lying.refuter(), about.claim.id)
    game = Game(claims, about.claim.id, answer, lambda: own, lambda: found.published)
    game.play()
    assert_overturned(game)
    kinds = [type(move) for _, move in game.sent]
    assert (kinds == [Commit, Refute]) is shown
