"""The soundness sum: counted from a relation, and what the page says is what is counted."""

from dataclasses import fields, replace
from fractions import Fraction

import pytest

from avow.api.bench.soundness import (
    CHALLENGES,
    bits,
    refreshed,
    relation_of,
    soundness_terms,
    total,
)
from avow.verifier.relation.relation import Relation
from avow.verifier.systems.sumcheck.key import LIMITS
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def relation() -> Relation:
    return relation_of("digits-mlp", 8)


def test_terms_by_hand(relation: Relation) -> None:
    """digits-mlp: two dense layers of 64 and 32 sums, four lookups, a table of 512 rows."""
    terms = {term.step: term.count for term in soundness_terms(relation, 10, 2**20)}
    # Rows of 2^10: three of the key, one of the witness, one of helpers; 2^13 entries.
    cells = sum(2**lookup.live.variables for lookup in relation.lookups)
    assert len(relation.lookups) == 4 and relation.variables == 9
    assert terms["alpha"] == 2 * (cells + 512)
    assert terms["lambda"] == 512 * (2 - 1)
    assert (terms["rho"], terms["r"], terms["z"], terms["q"]) == (9, 36, 39, 1)
    # One table and four lookups, each with its inverses; two outputs of products; one sum.
    assert terms["gamma"] == 1 + 4 + len(relation.products) + 1 - 1
    assert terms["theta"] == 1 and terms["s"] == 2 * 6
    assert terms["beta"] == 8 * 2**20 and terms["zeta"] == 2**20 + 9


def test_terms_of_layers_by_hand(relation: Relation) -> None:
    """Four lookups of 64, 64, 32 and 32 padded cells or so, and a table of 512 rows."""
    layered = replace(relation, layered=True)
    terms = {term.step: term.count for term in soundness_terms(layered, 10, 2**20)}
    cells = sum(2**lookup.live.variables for lookup in relation.lookups)
    depth = (cells + 512 - 1).bit_length()
    assert terms["alpha"] == cells + 512
    assert terms["lambda"] == 512 * 2
    # Rounds of layers 1 to L - 1, each 2; L times u and L - 1 times mu.
    assert terms["mu, t"] == 2 * sum(range(depth)) + depth + depth - 1
    assert terms["gamma"] == max(len(relation.products) - 1, 1)
    assert terms["beta"] == 8 * 2**20


def test_the_sum_is_what_fiat_shamir_multiplies(relation: Relation) -> None:
    terms = soundness_terms(relation, 10)
    assert total(terms) == Fraction(sum(term.count for term in terms), CHALLENGES)
    assert 216 < bits(total(terms)) < 217
    # With a string of 2^14 powers alone the sum would be that of the lookups.
    assert 230 < bits(total(soundness_terms(relation, 10, 2**14)))


def test_wider_tables_and_more_components_cost(relation: Relation) -> None:
    wide = {term.step: term.count for term in soundness_terms(relation_of("digits-mlp", 12), 13)}
    narrow = {term.step: term.count for term in soundness_terms(relation, 10)}
    assert wide["lambda"] == 16 * narrow["lambda"]
    assert wide["alpha"] > narrow["alpha"]


def test_the_page_has_the_numbers_of_the_relation() -> None:
    page = (ROOT / "docs" / "sumcheck.md").read_text(encoding="utf-8")
    assert refreshed(page) == page
    with pytest.raises(ValueError, match="soundness"):
        refreshed("no block")


def test_the_reference_has_the_limits_of_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "sumcheck-system.md").read_text(encoding="utf-8")
    for field in fields(LIMITS):
        assert f"| {getattr(LIMITS, field.name):,} |" in page, field.name
