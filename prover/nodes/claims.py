"""The statement that an order's proof must bind, from what the chain holds alone."""

from __future__ import annotations

from avow.prover.errors import ProverError
from avow.verifier.bundle import Bundle
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import Order, selector_of
from avow.verifier.chain.registration import Registry
from avow.verifier.commitment import Commitment
from avow.verifier.policy import Policy
from avow.verifier.statement import Statement
from avow.verifier.systems.optimistic.claim import SYSTEM_ID

# What names the legs that are claimed.
CLAIMED = selector_of(SYSTEM_ID)


class ClaimRefused(ProverError):
    """A bundle is about something else than the order that it was delivered for."""


def expected_statement(
    market: Market, registry: Registry, order: Order, selector: bytes, output: Commitment
) -> tuple[Statement, bytes]:
    """The statement of one leg, and the digest of the system record that is registered for it."""
    digest = registry.model_digest(order.model_key)
    system = registry.system(order.model_key, selector)
    if digest is None or system is None:
        raise ClaimRefused("the order's model or its system is not registered")
    statement = Statement(
        domain=market.domain,
        model=digest,
        system=system.system,
        program=system.program,
        key=system.key,
        input=order.input,
        output=output,
        order=order.order_id,
        provider=order.provider,
        nonce=order.nonce,
    )
    return statement, system.record_digest


def check_claim(bundle: Bundle, expected: Statement, record_digest: bytes) -> None:
    """Establishes that a bundle's statement is the expected one, under the registered record."""
    for name in Statement.__slots__:
        if getattr(bundle.statement, name) != getattr(expected, name):
            raise ClaimRefused(f"the bundle's statement differs from the order in its {name}")
    if bundle.system.digest() != record_digest:
        raise ClaimRefused("the bundle carries another system record than the registered one")


def policy_for(statement: Statement, allow_unsafe_srs: bool) -> Policy:
    """What a validator insists on before it submits a proof of this statement."""
    return Policy(
        model=statement.model,
        systems=(statement.system,),
        program=statement.program,
        domain=statement.domain,
        order=statement.order,
        provider=statement.provider,
        nonce=statement.nonce,
        unsafe_allow_unsafe_srs=allow_unsafe_srs,
    )
