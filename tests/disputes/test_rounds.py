"""The campaigns about disputes, briefly: the same rounds with fixed seeds."""

import json
from collections import Counter
from random import Random

import pytest

from tests.contracts.optimistic.desk import Desk
from tests.disputes import rounds
from tests.disputes.campaign import RESULT, campaign
from tests.disputes.rounds import WAYS, Hole, differential, flip, griefers, liar
from tests.programs.builder import KINDS
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run


@pytest.fixture(scope="module")
def run() -> CommittedRun:
    return honest_run(*every_operation())


def test_one_flipped_element_of_every_tensor_falls_both_ways(run: CommittedRun, desk: Desk) -> None:
    rng = Random(1)
    for tensor, values in enumerate(run.values):
        flip(run, tensor, rng.randrange(len(values)), rng.randrange(64), desk)


@pytest.mark.parametrize("by_roots", [False, True])
def test_liars_of_every_sort_are_overturned(by_roots: bool) -> None:
    ways = Counter(liar(seed, by_roots) for seed in range(60))
    assert set(ways) == set(WAYS)


@pytest.mark.parametrize("seed", range(4))
def test_no_challenger_wins_an_honest_provider_s_bond(seed: int) -> None:
    griefers(seed)


def test_every_operation_at_its_edges_is_one_for_all(desk: Desk) -> None:
    kinds = {differential(seed, desk, 3)[0] for seed in range(2 * len(KINDS))}
    assert kinds == set(KINDS)


def test_a_round_notices_what_is_no_lie(run: CommittedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flip that flips nothing is a claim that stands, and the rounds must say so."""
    monkeypatch.setattr(CommittedRun, "with_value", lambda self, *other: self)
    with pytest.raises(Hole, match="not overturned"):
        flip(run, 5, 0, 0)


def test_a_round_notices_a_contract_that_says_yes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "verdict", lambda self, *other: "true")
    with pytest.raises(Hole, match="'true', 'false'"):
        differential(0, desk, 1)


def test_a_round_notices_an_executor_that_is_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = rounds.evaluated
    monkeypatch.setattr(
        rounds,
        "evaluated",
        lambda *given: [tuple(value + 1 for value in row) for row in right(*given)],
    )
    with pytest.raises(Hole, match="has another tensor"):
        differential(0, desk, 1)


def test_the_campaign_counts_what_it_did(desk: Desk) -> None:
    found = campaign(0.1, 5, desk, most_flips=3)
    assert found["failures"] == [] and found["seeds"][0] == 5
    assert found["counts"]["elements flipped, caught in one shot and in the game"] == 3
    assert found["counts"]["liars overturned"] == sum(found["ways of lying"].values()) >= 1
    assert found["counts"]["answers of the contract compared"] > 8


def test_the_kept_result_found_nothing() -> None:
    kept = json.loads(RESULT.read_text())
    assert kept["failures"] == []
    assert set(kept["ways of lying"]) == set(WAYS)
    assert set(kept["answers compared by operation"]) == set(KINDS)
    run = honest_run(*every_operation())
    counts = kept["counts"]
    assert counts["elements flipped, caught in one shot and in the game"] == sum(
        len(values) for values in run.values
    )
