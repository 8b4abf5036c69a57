"""Where everything is evaluated, and what a proof's length follows from."""

from dataclasses import replace

import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Axis, Kind
from avow.verifier.relation.views import size
from avow.verifier.systems.sumcheck.frame import Frame, frame
from tests.verifier.sumcheck.example import small_case

CASE = small_case()


@pytest.fixture
def places() -> Frame:
    """The small proof's."""
    return frame(CASE.key.relation(1), CASE.key.logrows)


def test_the_length_of_a_proof_follows_from_its_frame(places: Frame) -> None:
    _, witness, helper = places.stack.matrices
    columns = places.stack.logrows
    folds = (columns - 2) // 3
    points = witness.rows + helper.rows + folds - 1 + 2
    rounds = 3 * places.variables + places.degree * places.summed + 2 * places.stack.logsize
    opened = 2 ** (columns - 3 * folds) + 8 * folds + 1
    values = len(places.reads()) + len(places.factors()) + 1 + opened
    assert len(CASE.proof) == 64 * points + 32 * (rounds + values)


def test_a_shared_axis_makes_the_degree_three(places: Frame) -> None:
    assert places.degree == 3
    relation = places.relation
    plain = [replace(bilinear, shared=()) for bilinear in relation.bilinears]
    assert frame(replace(relation, bilinears=plain), 5).degree == 2


def test_terms_are_evaluated_at_the_last_challenges(places: Frame) -> None:
    assert places.tail(0) == ()
    assert places.tail(2) == (places.variables - 2, places.variables - 1)
    with pytest.raises(VerificationError, match="more variables"):
        places.tail(places.variables + 1)


def test_a_factor_is_evaluated_where_its_axes_are(places: Frame) -> None:
    for bilinear in places.relation.bilinears:
        for expression, positions in places.sides(bilinear):
            assert len(positions) == expression.variables
            assert all(0 <= at < places.variables + places.summed for at in positions)
        summed = {at for _, positions in places.sides(bilinear) for at in positions}
        own = size(bilinear.summed)
        end = places.variables + places.summed
        assert {at for at in summed if at >= places.variables} == set(range(end - own, end))


def test_factors_whose_axes_do_not_fit_are_refused(places: Frame) -> None:
    bilinear = places.relation.bilinears[-1]
    for axes in (bilinear.left_axes[:-1], (*bilinear.left_axes, Axis(True, 0))):
        with pytest.raises(VerificationError, match="axes"):
            list(places.sides(replace(bilinear, left_axes=axes)))


def test_claims_are_about_committed_columns_and_each_is_made_once(places: Frame) -> None:
    relation = places.relation
    for spots in (places.reads(), places.factors()):
        assert len(set(spots)) == len(spots)
        for read, _ in spots:
            assert read.column in places.starts
            if read.column < len(relation.columns):
                assert relation.columns[read.column].kind is not Kind.PUBLIC
    helpers = len(relation.tables) + len(relation.lookups)
    numbers = [read.column for read, _ in places.reads()[-helpers:]]
    assert numbers == list(range(len(relation.columns), len(relation.columns) + helpers))
