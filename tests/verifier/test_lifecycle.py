"""The words of jobs and legs for what their evidence is worth, and the steps between states."""

from itertools import product

import pytest

from avow.verifier.lifecycle import (
    EVIDENCE_STATE,
    EVIDENCE_STATES,
    JOB_TRANSITIONS,
    LEG_TRANSITIONS,
    JobState,
    LegState,
    job_ends,
    leg_ends,
)
from avow.verifier.verdict import Assurance


def test_each_verdict_makes_a_state_of_its_own_name() -> None:
    """Only a proof is `proven`; a claim that its chain has settled is not a job that was paid."""
    assert EVIDENCE_STATE == {
        Assurance.SIMULATED: JobState.SIMULATED,
        Assurance.ATTESTED: JobState.ATTESTED,
        Assurance.CHALLENGEABLE: JobState.CHALLENGEABLE,
        Assurance.SETTLED: JobState.CHALLENGEABLE,
        Assurance.PROVEN: JobState.PROVEN,
    }


def test_the_weakest_leg_gives_its_name_and_no_order_or_number_changes_that() -> None:
    assert EVIDENCE_STATES == (
        JobState.SIMULATED,
        JobState.ATTESTED,
        JobState.CHALLENGEABLE,
        JobState.PROVEN,
    )
    for legs in product(Assurance, repeat=3):
        found = min((EVIDENCE_STATE[one] for one in legs), key=EVIDENCE_STATES.index)
        # The order in which a policy asks for a minimum.
        least = min(legs, key=lambda one: one.rank)
        assert found is EVIDENCE_STATE[least]


@pytest.mark.parametrize("state", EVIDENCE_STATES)
def test_evidence_of_any_kind_is_paid_for_or_not_and_never_becomes_another(
    state: JobState,
) -> None:
    assert JOB_TRANSITIONS[state] == {
        JobState.SETTLED,
        JobState.EXPIRED,
        JobState.SLASHED,
        JobState.REFUNDED,
    }
    assert not job_ends(state)
    assert [one for one in JobState if state in JOB_TRANSITIONS[one]] == [JobState.PROVING]


def test_every_state_has_its_steps_and_these_are_the_last() -> None:
    assert set(JOB_TRANSITIONS) == set(JobState) and set(LEG_TRANSITIONS) == set(LegState)
    assert {one.value for one in JobState if job_ends(one)} == {
        *("settled", "failed", "expired", "cancelled", "slashed", "refunded")
    }
    assert {one.name for one in LegState if leg_ends(one)} == {
        *("SETTLED", "REFUNDED", "SLASHED", "CANCELLED")
    }
