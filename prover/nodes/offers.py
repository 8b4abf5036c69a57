"""Whether an order is worth locking, decided before any money is put up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from avow.prover.catalogue import Compiled
from avow.verifier.chain.orders import OrderTerms, selector_of
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.records import InputVisibility, ModelRecord
from avow.verifier.srs import ceremony
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.tensor import Tensor, TensorSpec
from avow.verifier.trace.inputs import PUBLIC_SCHEMES, commit_as, input_scheme

LARGEST_INLINE = 24_576
"""Bytes of input that an order may hold itself: OrderTerms.MAXIMUM_INPUT of the contracts."""

LARGEST_DELIVERED = LIMITS.bundle_bytes // 2
"""Bytes of input that a bundle shows, as base64, with room for what else stands in it."""


@dataclass(frozen=True, slots=True)
class Pricing:
    """The least price of a leg in token units, by model name, else `default`."""

    default: int
    by_model: Mapping[str, int] = field(default_factory=dict)

    def least(self, model: str) -> int:
        """What each leg of an order for this model must pay at least."""
        return self.by_model.get(model, self.default)


class Declined(Exception):
    """An order that is left alone. `final` is False when a later look may decide otherwise."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True, slots=True)
class Offer:
    """What an order could be served with: of each leg the artifacts of those systems that it
    names, in the requester's order."""

    legs: tuple[tuple[Compiled, ...], ...]

    @property
    def model(self) -> ModelRecord:
        """The model that the order is about."""
        return self.legs[0][0].model


@dataclass(frozen=True, slots=True)
class Plan:
    """How an order is served: the artifact that was chosen for each leg."""

    legs: tuple[Compiled, ...]


# Why an artifact's answers could not be settled for a leg of that system, or None.
Objection = Callable[[bytes, Compiled], str | None]


def offer(
    terms: OrderTerms,
    digest: bytes | None,
    catalogue: Sequence[Compiled],
    allow_unsafe_srs: bool = False,
    claims: bool = False,
    objection: Objection = lambda selector, compiled: None,
    fetches: bool = False,
) -> Offer:
    """Finds the artifacts for every leg; raises Declined when a leg cannot be served by any of the
    systems that it names, or the input is not named as answers name it.

    `digest` is the model digest that the registry holds under the order's model key, `claims`
    whether this provider makes claims, `fetches` whether it gets inputs from an address.
    """
    if digest is None:
        raise Declined("its model is not registered")

    def servable(selector: bytes) -> Compiled:
        compiled = _artifact(selector, digest, catalogue)
        _check_servable(compiled, allow_unsafe_srs, claims)
        found = objection(selector, compiled)
        if found is not None:
            raise Declined(f"it could not be settled: {found}")
        return compiled

    found = Offer(tuple(_servable(leg.named, servable) for leg in terms.legs))
    _check_input(terms, found.model, fetches)
    return found


def _servable(
    selectors: Sequence[bytes], servable: Callable[[bytes], Compiled]
) -> tuple[Compiled, ...]:
    """The artifacts of one leg's systems that can be served; raises Declined where none can."""
    found, refusals = list[Compiled](), list[str]()
    for selector in selectors:
        try:
            found.append(servable(selector))
        except Declined as refusal:
            refusals.append(str(refusal))
    if not found:
        raise Declined("; ".join(dict.fromkeys(refusals)))
    return tuple(found)


def _check_servable(compiled: Compiled, allow_unsafe_srs: bool, claims: bool) -> None:
    if compiled.record.input_visibility is not InputVisibility.PUBLIC:
        raise Declined("its input is hidden, and this provider reads public inputs only")
    if not allow_unsafe_srs and _srs_is_unsafe(compiled):
        # The workers would refuse the job, and the bond would be lost.
        raise Declined("its proof would rest on an unsafe SRS (--allow-unsafe-srs)")
    if compiled.record.system == OPTIMISTIC and not claims:
        # Delivered without a claim it would never be paid, and the bond would be lost.
        raise Declined("its answer must be claimed on chain, which this provider does not do")


def input_bytes(specs: Sequence[TensorSpec]) -> int:
    """How many bytes a model's inputs have, one after the other."""
    return sum(math.prod(spec.shape) * spec.element_type.width for spec in specs)


def _check_input(terms: OrderTerms, model: ModelRecord, fetches: bool) -> None:
    """What can be said of an input before it is here; raises Declined."""
    if (terms.input_uri and not fetches) or (not terms.input_uri and not terms.input_data):
        raise Declined("its input is not inline")
    size = input_bytes(model.inputs)
    if size > LARGEST_DELIVERED:
        # Nobody reads a larger bundle: it could not be delivered, and the bond would be lost.
        raise Declined(f"its input has {size} bytes, answers show at most {LARGEST_DELIVERED}")
    scheme = terms.input.scheme
    if scheme not in PUBLIC_SCHEMES:
        raise Declined("its input is not committed to by a public digest")
    if scheme is not input_scheme(model.inputs):
        raise Declined(
            f"it commits to its input by scheme {scheme:d}, answers for inputs of {size} bytes "
            f"commit by scheme {input_scheme(model.inputs):d}"
        )


def read_input(terms: OrderTerms, model: ModelRecord, data: bytes) -> tuple[Tensor, ...]:
    """The input as tensors that fit the model and the order's commitment; raises Declined.

    `data` are its bytes: what stands in the order, or at the address that it names.
    """
    size = input_bytes(model.inputs)
    if len(data) != size:
        raise Declined(f"its input has {len(data)} bytes, the model takes {size}")
    tensors, at = [], 0
    try:
        for spec in model.inputs:
            width = input_bytes([spec])
            tensor = Tensor.from_data(spec.element_type, spec.shape, data[at : at + width])
            spec.check(tensor)
            tensors.append(tensor)
            at += width
    except VerificationError as error:
        raise Declined(f"its input is malformed: {error.message}") from error
    if commit_as(terms.input.scheme, tensors) != terms.input:
        raise Declined("its input is not the one that it commits to")
    return tuple(tensors)


def check_deadline(terms: OrderTerms, now: int, head: int, reason: str) -> None:
    """Raises Declined for an order that need not be locked any more; `reason` is why it waited.

    Not for good before a block, at `head`, says so: what was sent to lock it may yet be mined.
    """
    if head >= terms.lock_deadline:
        waited = f", while {reason}" if reason else ""
        raise Declined(f"the time to lock it has passed{waited}")
    if now >= terms.lock_deadline:
        raise Declined(reason or "the time to lock it is over, says the clock here", final=False)


def check_price(terms: OrderTerms, offered: Offer, pricing: Pricing) -> None:
    """Raises Declined for an order that pays less than the model's least price for each leg."""
    # Nobody gets several kinds of evidence at the price of one.
    least = pricing.least(offered.model.name) * len(offered.legs)
    if terms.price < least:
        raise Declined(f"it pays {terms.price}, the least is {least}")


def choose(
    terms: OrderTerms,
    offered: Offer,
    cost: Callable[[Compiled], float],
    needed: Callable[[Sequence[Compiled]], float],
    now: int,
) -> Plan:
    """The artifact of each leg that costs least among those that deliver it in time.

    The leg that is due first is served first. `cost` is what one answer takes by an artifact,
    `needed` the seconds from now until answers by all of these are delivered, waiting included.
    No leg is claimed beside one that is attested, where something else is in time.
    Raises Declined for a leg that cannot be delivered in time.
    """
    planned = _cheapest(terms, offered, cost, needed, now)
    systems = [item.record.system for item in planned.legs]
    if OPTIMISTIC not in systems or TEE not in systems:
        return planned
    try:
        return _cheapest(terms, offered, claims_last(cost, attested=True), needed, now)
    except Declined:
        return planned


def claims_last(
    cost: Callable[[Compiled], float], attested: bool
) -> Callable[[Compiled], tuple[bool, float]]:
    """What the artifacts of a leg are compared by: `cost`, and a claim only after all others where
    another leg of the order is `attested`.

    A claim that is lost, if only by silence, costs the stake of the key that signed the same
    answer, and the attested leg with it.
    """

    def rank(item: Compiled) -> tuple[bool, float]:
        return attested and item.record.system == OPTIMISTIC, cost(item)

    return rank


def _cheapest(
    terms: OrderTerms,
    offered: Offer,
    cost: Callable[[Compiled], float | tuple[bool, float]],
    needed: Callable[[Sequence[Compiled]], float],
    now: int,
) -> Plan:
    chosen: dict[int, Compiled] = {}
    for index in by_deadline(terms):
        left, before = terms.legs[index].deadline - now, list(chosen.values())
        times = {item: needed([*before, item]) for item in offered.legs[index]}
        in_time = [item for item, seconds in times.items() if seconds <= left]
        if not in_time:
            raise Declined(
                f"its deadline leaves {max(0, left)} s, about "
                f"{math.ceil(min(times.values()))} s are needed",
                # What waits before it may be done sooner than expected.
                final=False,
            )
        chosen[index] = min(in_time, key=cost)
    return Plan(tuple(chosen[index] for index in range(len(terms.legs))))


def by_deadline(terms: OrderTerms) -> list[int]:
    """The legs, first the one that is due first."""
    return sorted(range(len(terms.legs)), key=lambda index: terms.legs[index].deadline)


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
