"""Whether an order is worth locking, decided before any money is put up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from avow.prover.catalogue import Compiled
from avow.verifier.chain.orders import OrderTerms, selector_of
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.records import InputVisibility, ModelRecord
from avow.verifier.srs import ceremony
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Pricing:
    """The least price of an order in token units, by model name, else `default`."""

    default: int
    by_model: Mapping[str, int] = field(default_factory=dict)

    def least(self, model: str) -> int:
        """What an order for this model must pay at least."""
        return self.by_model.get(model, self.default)


class Declined(Exception):
    """An order that is left alone. `final` is False when a later look may decide otherwise."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True, slots=True)
class Plan:
    """An order that can be served: the artifact of each leg, and the input as tensors."""

    legs: tuple[Compiled, ...]
    inputs: tuple[Tensor, ...]


def plan(
    terms: OrderTerms,
    digest: bytes | None,
    catalogue: Sequence[Compiled],
    allow_unsafe_srs: bool = False,
    claims: bool = False,
) -> Plan:
    """Finds an artifact for every leg and reads the inline input; raises Declined.

    `digest` is the model digest that the registry holds under the order's model key, `claims`
    whether this provider makes claims.
    """
    if digest is None:
        raise Declined("its model is not registered")
    legs = tuple(_artifact(leg.selector, digest, catalogue) for leg in terms.legs)
    for compiled in legs:
        if compiled.record.input_visibility is not InputVisibility.PUBLIC:
            raise Declined("its input is hidden, and this provider reads inputs inline only")
        if not allow_unsafe_srs and _srs_is_unsafe(compiled):
            # The workers would refuse the job, and the bond would be lost.
            raise Declined("its proof would rest on an unsafe SRS (--allow-unsafe-srs)")
        if compiled.record.system == OPTIMISTIC and not claims:
            # Delivered without a claim it would never be paid, and the bond would be lost.
            raise Declined("its answer must be claimed on chain, which this provider does not do")
    return Plan(legs, read_input(terms, legs[0].model))


def read_input(terms: OrderTerms, model: ModelRecord) -> tuple[Tensor, ...]:
    """The inline input as tensors that fit the model and the order's commitment."""
    if terms.input_uri or not terms.input_data:
        raise Declined("its input is not inline")
    if terms.input.scheme is not Scheme.PUBLIC:
        raise Declined("its inline input is not committed to by its public digest")
    tensors, at = [], 0
    try:
        for spec in model.inputs:
            width = math.prod(spec.shape) * spec.element_type.width
            data = terms.input_data[at : at + width]
            tensor = Tensor.from_data(spec.element_type, spec.shape, data)
            spec.check(tensor)
            tensors.append(tensor)
            at += width
    except VerificationError as error:
        raise Declined(f"its input is malformed: {error.message}") from error
    if at != len(terms.input_data):
        raise Declined(f"its input has {len(terms.input_data)} bytes, the model takes {at}")
    if commit_public(tensors) != terms.input:
        raise Declined("its input is not the one that it commits to")
    return tuple(tensors)


def check_price(terms: OrderTerms, planned: Plan, pricing: Pricing) -> None:
    """Raises Declined for an order that pays less than the model's least price."""
    least = pricing.least(planned.legs[0].model.name)
    if terms.price < least:
        raise Declined(f"it pays {terms.price}, the least is {least}")


def check_time(terms: OrderTerms, seconds: float, now: int) -> None:
    """Raises Declined for an order that cannot be locked or delivered in time.

    `seconds` is how long all its legs will take from now, waiting included.
    """
    if now >= terms.lock_deadline:
        raise Declined("the time to lock it has passed")
    first = min(leg.deadline for leg in terms.legs)
    if now + seconds > first:
        raise Declined(
            f"its deadline leaves {max(0, first - now)} s, about {math.ceil(seconds)} s are needed",
            # What waits before it may be done sooner than expected.
            final=False,
        )


def _srs_is_unsafe(compiled: Compiled) -> bool:
    claim = compiled.record.srs
    return claim is not None and not (claim.safe and ceremony(claim.digest) is not None)


def _artifact(selector: bytes, digest: bytes, catalogue: Sequence[Compiled]) -> Compiled:
    known = [item for item in catalogue if item.model.digest() == digest]
    if not known:
        raise Declined("its model is not one of this provider's")
    for item in known:
        if selector_of(item.record.system) == selector:
            return item
    raise Declined(f"its model is not compiled here for the system 0x{selector.hex()}")
