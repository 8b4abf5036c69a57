"""The planter: an ordinary order and an ordinary claim, but for one element that it knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avow.circuits.optimistic.artifact import Loaded
from avow.prover.catalogue import Compiled
from avow.prover.database import Database
from avow.prover.disputes.recent import Recent
from avow.prover.errors import Refused
from avow.prover.nodes.claiming import too_short_for_disputes
from avow.prover.nodes.claims import CLAIMED, expected_statement
from avow.prover.nodes.node import LOG, Node, View, Wall
from avow.prover.nodes.provider import Address
from avow.prover.nodes.worklist import Seen
from avow.prover.planting.bailiff import Bailiff
from avow.prover.planting.hours import Almanac, Hours
from avow.prover.planting.lie import Liar, Lie
from avow.prover.refutation import Refuter
from avow.prover.stores.store import BundleStore, StoredAlready
from avow.verifier.bundle import Bundle
from avow.verifier.chain.claim_records import ClaimState, StoredClaim, commitment
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import NOBODY, LegTerms, Order, OrderTerms
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_records import planted
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import Path, leaf
from avow.verifier.statement import Statement
from avow.verifier.systems.optimistic.claim import Claim, material_json
from avow.verifier.tensor import Tensor, tensors_digest
from avow.verifier.trace.inputs import commit_input
from avow.verifier.trace.refutation import TracedClaim

# Each holds every tensor of a run.
_KEPT = 4
# A leg can be delivered for so long after it can be locked.
_LEG_SECONDS = 600
# What cannot be exposed is overturned so long before its window ends: longer than a node waits
# after a failure.
_LAST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who places the orders and who answers them: to everybody else two accounts like others.

    The requester does nothing but this: each of its orders is taken for a plant.
    """

    requester: Signer
    provider: Signer


@dataclass(frozen=True, slots=True)
class Crop:
    """What is planted: a model with rows to ask about, and what an order of it pays (units)."""

    model_key: bytes
    compiled: Compiled
    loaded: Loaded
    rows: Sequence[tuple[Tensor, ...]]
    price: int
    bond: int


@dataclass(frozen=True)
class _Plant:
    """A lie about one order, as it is claimed and as it is refuted."""

    lie: Lie
    statement: Statement
    claim_id: bytes
    run: Refuter

    def refutation(self, given: Sequence[Tensor]) -> bytes:
        """What the referee accepts."""
        return self.run.refute(self.lie.place, given)


class Planter(Node):
    """Plants wrong claims of one model, exposes them, and holds them against validators.

    The signer is the account that the watch's owner has named. Every step follows from the chain,
    the hours and the lie from the key: a process that was killed goes on where the chain stands.
    """

    role = "planter"

    def __init__(
        self,
        market: Market,
        claims: Claims,
        watch: Watch,
        signer: Signer,
        accounts: Accounts,
        crop: Crop,
        almanac: Almanac,
        database: Database,
        store: BundleStore,
        address: Address,
        confirmations: int,
        wall: Wall = time.time,
    ) -> None:
        super().__init__(market, signer, database, confirmations, wall)
        self._claims = claims
        self._watch = watch
        self._accounts = accounts
        self._crop = crop
        self._almanac = almanac
        self._store = store
        self._address = address
        self._liar = Liar(crop.loaded, crop.compiled.record.outputs)
        self._plants: Recent[_Plant] = Recent(_KEPT)
        say: Callable[[str], None] = LOG.info
        self._bailiff = Bailiff(watch, signer, market.deployment.first_block, say)

    def step(self) -> bool:
        """As every node's; then an order and a word, if they are due, and penalties."""
        moved = super().step()
        head = self.market.chain.head()
        moved |= self._sow(head.timestamp)
        return self._bailiff.step(head, self.confirmations) or moved

    def concerns(self, view: View) -> str | None:
        """One's own orders; those that another provider has while their epoch lasts, in which
        there is no other then: who locks them all would be paid for as many as there are."""
        order, epoch_at = view.order, self._watch.parameters.epoch_at
        if order.requester != self._accounts.requester.address:
            return "it is nobody's plant here"
        if self._is_lost(order) and epoch_at(order.requested_at) != epoch_at(view.head.timestamp):
            return "another provider has it"
        return None

    def _is_lost(self, order: Order) -> bool:
        return order.provider not in (NOBODY, self._accounts.provider.address)

    def advance(self, seen: Seen, view: View) -> bool:
        """The next of: lock, plant, deliver, claim, commit to the refutation, expose, refund.

        What cannot be exposed is overturned instead."""
        order, state = view.order, view.legs[0].state
        now = view.head.timestamp
        if self._is_lost(order):
            return False
        if state is LegState.OPEN:
            if now > order.lock_deadline:
                self.market.cancel(self._accounts.requester, order.order_id)
                return True
            held = self._claims.terms_at(order.model_key, order.requested_at).parameters
            if (short := too_short_for_disputes(held, order)) is not None:
                raise Refused(f"nothing can be planted: {short}")
            self.market.lock(self._accounts.provider, order)
            return True
        plant = self._plant(view, seen)
        hours = self._hours(order.requested_at)
        if state is LegState.LOCKED:
            return self._grow(view, seen, plant, hours)
        stored = self._claims.stored(plant.claim_id)
        if stored is None:
            data = b"".join(tensor.data() for tensor in plant.lie.outputs)
            provider = self._accounts.provider
            self._claims.claim(provider, order.order_id, 0, data, plant.run.root)
            self.say(order.order_id, "claimed what is wrong")
            return True
        return self._harvest(view, seen, plant, stored)

    def finish(self, seen: Seen, view: View) -> None:
        """Nothing is left: penalties are called for from the plants that were exposed."""

    def _look(self, seen: Seen) -> bool:
        """An order that others have ended is exposed all the same, as long as that counts."""
        view = self.view(seen.order_id)
        if view is not None and view.ended and self.concerns(view) is None:
            if self._is_lost(view.order):
                return False
            if view.order.provider != NOBODY:
                plant = self._plant(view, seen)
                stored = self._claims.stored(plant.claim_id)
                if stored is not None and self._counts(view, plant, stored):
                    return self._harvest(view, seen, plant, stored)
        return super()._look(seen)

    def _sow(self, now: int) -> bool:
        """The order and the word of the epoch, once each."""
        epoch = self._watch.parameters.epoch_at(now)
        hours = self._almanac.hours(epoch)
        own = [one for one in map(self._own, self.worklist.active()) if one is not None]
        ordered = [one for one in own if self._watch.parameters.epoch_at(one.requested_at) == epoch]
        if self._almanac.plants(epoch) and not ordered and hours.request <= now < hours.word:
            return not self._has_unread() and self._request(epoch, hours)
        if now < hours.word or not all(map(self._is_lost, ordered)):
            return False
        word = self._almanac.empty_word(epoch)
        if self._watch.planted_at(word):
            return False
        self._watch.plant(self.signer, word)
        LOG.info("role=%s planted the word of epoch %d", self.role, epoch)
        return True

    def _own(self, seen: Seen) -> Order | None:
        """An order of this planter; None for any other."""
        order = self.market.order(seen.order_id)
        own = order is not None and order.requester == self._accounts.requester.address
        return order if own else None

    def _has_unread(self) -> bool:
        """Whether the requester has sent something that was not read yet, perhaps the order."""
        cursor, account = self.worklist.cursor(), self._accounts.requester.address
        if cursor is None:
            return True
        sent = self.market.chain.transactions_of
        return sent(account, cursor.number) != sent(account, None)

    def _request(self, epoch: int, hours: Hours) -> bool:
        crop = self._crop
        row = crop.rows[self._almanac.draw("row", epoch.to_bytes(32, "big"), len(crop.rows))]
        terms = OrderTerms(
            model_key=crop.model_key,
            input=commit_input(row),
            input_data=b"".join(tensor.data() for tensor in row),
            input_uri="",
            legs=(LegTerms(CLAIMED, hours.lock_by + _LEG_SECONDS, 10_000),),
            price=crop.price,
            bond=crop.bond,
            lock_deadline=hours.lock_by,
        )
        order_id, _ = self.market.request(self._accounts.requester, terms)
        self.say(order_id, f"ordered for epoch {epoch}")
        return True

    def _grow(self, view: View, seen: Seen, plant: _Plant, hours: Hours) -> bool:
        """Plants the word of a claim to come; in a later block its answer is delivered."""
        order_id, now = view.order.order_id, view.head.timestamp
        word = planted(plant.claim_id, self._almanac.salt(plant.claim_id))
        at = self._watch.planted_at(word)
        if not at:
            if now < hours.word:
                return False
            self._watch.plant(self.signer, word)
            self.say(order_id, "planted")
            return True
        if now <= at or now < hours.deliver:
            return False
        bundle = self._bundle(view, seen, plant).encode()
        digest = plant.statement.digest()
        try:
            self._store.publish(self._store.draft(bundle), digest)
        except StoredAlready as error:
            raise Refused(f"a bundle of a plant is there already: {error}") from error
        output = commit_public(plant.lie.outputs)
        self.market.deliver(
            self._accounts.provider,
            order_id,
            0,
            CLAIMED,
            output,
            keccak256(bundle),
            self._address(digest),
        )
        self.say(order_id, "delivered what is wrong")
        return True

    def _counts(self, view: View, plant: _Plant, stored: StoredClaim) -> bool:
        """Whether exposing a claim now or later may still judge anybody."""
        times = self._watch.parameters.times(self._epoch(view, stored))
        if view.head.timestamp > times.reveals_by:
            return False
        if self._watch.plant_of(plant.claim_id) is not None:
            return False
        if stored.state is ClaimState.OVERTURNED:
            return self._claims.overturned_at(plant.claim_id) > times.verdicts_by
        return stored.state is ClaimState.STANDING

    def _harvest(self, view: View, seen: Seen, plant: _Plant, stored: StoredClaim) -> bool:
        order_id, now = view.order.order_id, view.head.timestamp
        standing = stored.state is ClaimState.STANDING
        if not self._counts(view, plant, stored):
            if standing:
                return self._retract(view, seen, plant, stored)
            return stored.state is ClaimState.OVERTURNED and self._refund(view)
        if now <= self._watch.parameters.times(self._epoch(view, stored)).verdicts_by:
            return False
        refutation = plant.refutation(self._given(seen))
        salt = self._almanac.refutation_salt(plant.claim_id)
        if standing:
            noted = commitment(self._watch.address, plant.claim_id, refutation, salt)
            if (sent := self._commit(self.signer, noted, view)) is not None:
                return sent
        told = (refutation, self._almanac.salt(plant.claim_id), salt)
        try:
            self._watch.expose(self.signer, order_id, 0, self._traced(seen, plant), *told)
        except Reverted:
            # No bounty, or too many plants: that may change until its window ends.
            if standing and now > stored.window_end - _LAST_SECONDS:
                return self._retract(view, seen, plant, stored)
            if not standing and self._refund(view):
                return True
            raise
        self.say(order_id, "exposed")
        return True

    def _refund(self, view: View) -> bool:
        """Gives the requester of an overturned claim its money back, unless it has it."""
        if view.legs[0].state is not LegState.DELIVERED:
            return False
        self.market.refute(self.signer, view.order.order_id, 0)
        self.say(view.order.order_id, "refunded")
        return True

    def _retract(self, view: View, seen: Seen, plant: _Plant, stored: StoredClaim) -> bool:
        """Overturns, as anybody could, what judges nobody any more: nothing wrong becomes final.

        The half of the bond that this pays goes back to the provider: a planter collects nothing.
        """
        if view.head.timestamp > stored.window_end and not stored.open:
            return False
        provider, refutation = self._accounts.provider, plant.refutation(self._given(seen))
        salt = self._almanac.refutation_salt(plant.claim_id)
        noted = commitment(provider.address, plant.claim_id, refutation, salt)
        if (sent := self._commit(provider, noted, view)) is not None:
            return sent
        self._claims.refute(provider, self._traced(seen, plant), refutation, salt)
        self.say(view.order.order_id, "overturned, it was not exposed")
        return True

    def _commit(self, signer: Signer, noted: bytes, view: View) -> bool | None:
        """Commits to a refutation: whether that was sent now; None when it can be shown."""
        committed_in = self._claims.committed_in(noted)
        if not committed_in:
            self._claims.commit(signer, noted)
            return True
        return False if committed_in >= view.head.number else None

    def _traced(self, seen: Seen, plant: _Plant) -> TracedClaim:
        key, given = self._crop.loaded.key, seen.terms.input.value
        output = tensors_digest(plant.lie.outputs)
        return TracedClaim(key.digest, key.program, plant.claim_id, plant.run.root, given, output)

    def _hours(self, requested_at: int) -> Hours:
        return self._almanac.hours(self._watch.parameters.epoch_at(requested_at))

    def _epoch(self, view: View, stored: StoredClaim) -> int:
        """The epoch of a claim: that of the second in which it was made."""
        order = view.order
        terms = self._claims.terms_at(order.model_key, order.requested_at).parameters
        return self._watch.parameters.epoch_at(stored.window_end - terms.window)

    def _given(self, seen: Seen) -> tuple[Tensor, ...]:
        for row in self._crop.rows:
            if commit_input(row) == seen.terms.input:
                return row
        raise Refused("the rows of an order are gone: start with the same inputs")

    def _plant(self, view: View, seen: Seen) -> _Plant:
        """The lie about an order, and its names: the same after a restart."""
        order_id = seen.order_id
        found = self._plants.get(order_id)
        if found is None:
            record = self._crop.compiled
            lie = self._liar.lie(
                self._given(seen), lambda name, below: self._almanac.draw(name, order_id, below)
            )
            statement, digest = expected_statement(
                self.market, self.registry, view.order, CLAIMED, commit_public(lie.outputs)
            )
            if digest != record.record.digest():
                raise Refused("the model is registered with another artifact than this one")
            claim_id = leaf(statement.digest())
            found = _Plant(lie, statement, claim_id, self._liar.refuter(lie, claim_id))
            self._plants.put(order_id, found)
        return found

    def _bundle(self, view: View, seen: Seen, plant: _Plant) -> Bundle:
        """What is delivered, its tensors shown: a verdict on it is a refutation."""
        order, crop = view.order, self._crop
        terms = self._claims.terms_at(order.model_key, order.requested_at).parameters
        ends = self._hours(order.requested_at).deliver + terms.window
        return Bundle(
            statement=plant.statement,
            path=Path(0, ()),
            model=crop.compiled.model,
            system=crop.compiled.record,
            signature=None,
            inputs=self._given(seen),
            salt=None,
            outputs=plant.lie.outputs,
            proof=Claim(plant.run.root, ends, plant.run.tensors).to_json(),
            material=material_json(crop.loaded.program, crop.loaded.blobs),
        )
