"""Bonds of claims that are owed: no order is locked for which they would not be there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from avow.prover.nodes.claiming import CLAIMED, Claiming
from avow.prover.nodes.offers import Declined
from avow.prover.nodes.provider import Provider
from avow.verifier.chain.claim_records import ClaimParameters
from avow.verifier.chain.signer import development_signer
from avow.verifier.lifecycle import LegState

SIGNER = development_signer(0)
BOND, CLAIM_BOND = 10, 50
PROVEN = b"\x01\x02\x03\x04"


class Purse:
    """A provider with so many tokens, and the orders that it locks."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        market = SimpleNamespace(
            affordable=lambda account: self.tokens, tokens=lambda account: self.tokens
        )
        held = ClaimParameters(claim_bond=CLAIM_BOND)
        claims = SimpleNamespace(
            is_learned=lambda model: True,
            terms_at=lambda model, at: SimpleNamespace(parameters=held, lazy=False),
            credit=lambda account: 0,
        )
        self.claiming = Claiming(market, claims, SIGNER)  # type: ignore[arg-type]

    def order(self, number: int) -> Any:
        return SimpleNamespace(
            order_id=number.to_bytes(32, "big"),
            model_key=b"m" * 32,
            requested_at=1,
            grace_period=60,
            settlement_window=10**6,
        )

    def check(self, number: int, *selectors: bytes) -> None:
        """Weighs an order with such legs, one that is claimed unless said otherwise."""
        terms: Any = SimpleNamespace(model_key=b"m" * 32, bond=BOND)
        self.claiming.check(terms, self.order(number), (selectors or (CLAIMED,)).count(CLAIMED))

    def lock(self, number: int, *selectors: bytes) -> None:
        """Weighs an order and locks it."""
        self.check(number, *selectors)
        found = selectors or (CLAIMED,)
        legs = [at for at, selector in enumerate(found) if selector == CLAIMED]
        self.claiming.reserve(self.order(number), legs)
        self.tokens -= BOND

    def lock_all(self, *selectors: bytes) -> int:
        """How many orders it locks."""
        for number in range(1000):
            try:
                self.lock(number, *selectors)
            except Declined as refusal:
                assert not refusal.final
                return number
        pytest.fail("it locks without end")

    def note(self, number: int, state: LegState) -> None:
        """Sees a locked order's one leg, which is to be claimed, in a state."""
        leg: Any = SimpleNamespace(state=state)
        self.claiming.note(self.order(number), [leg], [CLAIMED])


def test_attack_every_order_that_is_locked_can_be_claimed() -> None:
    """Whoever requests many at once must not have those slashed for which no bond is left."""
    purse = Purse(200)
    assert purse.lock_all() == 3
    assert 3 * CLAIM_BOND <= purse.tokens


def test_every_claimed_leg_of_an_order_takes_its_bond() -> None:
    purse = Purse(200)
    assert purse.lock_all(CLAIMED, PROVEN, CLAIMED) == 1


def test_an_order_without_claims_leaves_the_bonds_of_others() -> None:
    purse = Purse(2 * BOND + CLAIM_BOND - 1)
    purse.lock(1)
    with pytest.raises(Declined, match=f"{CLAIM_BOND} for claims before it"):
        purse.check(2, PROVEN)
    purse.tokens += 1
    purse.check(2, PROVEN)


def test_an_order_is_not_weighed_against_itself() -> None:
    purse = Purse(BOND + CLAIM_BOND)
    purse.lock(1)
    purse.tokens += BOND  # The transaction was not mined.
    purse.check(1)
    with pytest.raises(Declined):
        purse.check(2)


@pytest.mark.parametrize("state", [LegState.LOCKED, LegState.DELIVERED])
def test_what_was_locked_before_a_restart_is_owed(state: LegState) -> None:
    purse = Purse(BOND + CLAIM_BOND)
    purse.note(1, state)
    with pytest.raises(Declined):
        purse.check(2)
    purse.note(1, LegState.SLASHED)
    purse.check(2)


def test_nothing_is_kept_for_an_order_that_has_ended() -> None:
    purse = Purse(2 * BOND + CLAIM_BOND)
    purse.lock(1)
    with pytest.raises(Declined):
        purse.check(2)
    purse.claiming.release(purse.order(1).order_id)
    purse.check(2)


def test_a_leg_that_turns_out_to_be_proven_frees_its_bond() -> None:
    """A leg that may be claimed or proven: the bond is kept until it is known which."""
    purse = Purse(2 * BOND + CLAIM_BOND)
    purse.lock(1)
    leg: Any = SimpleNamespace(state=LegState.LOCKED)
    purse.claiming.note(purse.order(1), [leg], [CLAIMED])
    with pytest.raises(Declined):
        purse.check(2)
    purse.claiming.note(purse.order(1), [leg], [PROVEN])
    purse.check(2)


def test_the_bond_of_an_order_that_is_locked_is_not_asked_for_again() -> None:
    """When a locked leg falls back to a claim, only the claim's bond has to be there."""
    purse = Purse(BOND + CLAIM_BOND)
    purse.tokens -= BOND
    provider = Provider.__new__(Provider)
    provider._claiming = purse.claiming
    seen: Any = SimpleNamespace(terms=SimpleNamespace(model_key=b"m" * 32, bond=BOND))
    view: Any = SimpleNamespace(order=purse.order(1))
    with pytest.raises(Declined):
        purse.check(1)
    assert provider._can_claim(seen, view, 0, CLAIMED)
    # From then on it is kept.
    assert not provider._can_claim(seen, SimpleNamespace(order=purse.order(2)), 0, CLAIMED)  # type: ignore[arg-type]
