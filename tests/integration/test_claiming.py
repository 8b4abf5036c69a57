"""A provider node that claims, defends its claims and is paid; who challenges it in vain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from avow.prover.attempt import attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.disputes import moves
from avow.prover.disputes.onchain import challenge_of, send
from avow.prover.disputes.state import Challenge, climb, replay
from avow.prover.inference import infer
from avow.prover.nodes.contracts import to_register
from avow.prover.nodes.provider import Provider
from avow.prover.nodes.start import (
    ProviderOptions,
    ValidatorOptions,
    open_provider,
    open_validator,
)
from avow.prover.nodes.validator import Validator
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import open_queue
from avow.verifier.chain.claim_events import (
    ChallengeLost,
    Claimed,
    ClaimEvent,
    ClaimProven,
    ClaimUpheld,
)
from avow.verifier.chain.claim_records import ClaimState, Turn
from avow.verifier.chain.client import checksum
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import send as transact
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from tests.circuits.sumcheck.small import compiled, inputs, stored
from tests.integration.court import MODEL, SELECTOR, Court, made, opened, place_of
from tests.integration.town import (
    BOND,
    CLAIMS,
    OWNER,
    PRICE,
    PROVIDER,
    QUICK,
    REQUESTER,
    STRANGER,
    TERMS,
    VALIDATOR,
    Town,
)
from tests.integration.watching import Killed, Reaper, reaping

Event = TypeVar("Event", bound=ClaimEvent)


@dataclass
class Office:
    """A court whose provider and validator are nodes, and the workers behind the provider."""

    court: Court
    bench: Bench
    provider: Provider
    validator: Validator

    def request(self, row: int = 0, bond: int = BOND) -> bytes:
        """An order that nobody has locked yet."""
        court, given = self.court, inputs(MODEL, row)
        court.town.mine()
        now = court.town.chain.head().timestamp
        terms = OrderTerms(
            model_key=court.registered.model_key,
            input=commit_public(given),
            input_data=b"".join(tensor.data() for tensor in given),
            input_uri="",
            legs=(LegTerms(SELECTOR, now + 1_200, 10_000),),
            price=PRICE,
            bond=bond,
            lock_deadline=now + 600,
        )
        return court.town.market().request(REQUESTER, terms)[0]

    def work(self) -> None:
        """Carries out what waits in the queue, as workers would."""
        queue = open_queue(self.bench.config)
        try:
            for job in queue.jobs([JobState.QUEUED]):
                leg = job.evidence[0].leg
                # The answer is every leg's; its task is the first one's.
                attempt(self.bench, job.id, 0, Task.INFER, infer)
                attempt(self.bench, job.id, leg, Task.PROVE, prove)
        finally:
            queue.close()

    def claimed(self, order_id: bytes | None = None, rounds: int = 20) -> Claimed:
        """Lets the provider serve what was ordered; its claim, of a certain order if any."""
        for _ in range(rounds):
            self.provider.step()
            self.provider.join()
            self.work()
            found = [one for one in self.events(Claimed) if order_id in (None, one.order_id)]
            if found:
                return found[-1]
        seen = self.provider.worklist.active()
        pytest.fail(f"nothing was claimed: {[(one.status, one.reason) for one in seen]}")

    def events(self, kind: type[Event]) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.court.events() if isinstance(event, kind)]

    def pass_window(self, claimed: Claimed) -> None:
        """Until the claim cannot be challenged any more, and its provider may settle alone."""
        stored = self.court.claims.stored(claimed.claim_id)
        assert stored is not None
        town = self.court.town
        now, grace = town.chain.head().timestamp, TERMS.grace_period
        delivered = town.market().leg(claimed.order_id, claimed.leg).delivered_at
        town.pass_time(max(0, stored.window_end - now, delivered + grace - now) + 1)

    def settled(self, claimed: Claimed) -> bool:
        """The order is paid, and the provider has all its bonds back."""
        court = self.court
        state = court.claims.stored(claimed.claim_id)
        return (
            court.town.state(claimed.order_id) is LegState.SETTLED
            and state is not None
            and state.state is ClaimState.UPHELD
            and not court.claims.credit(PROVIDER.address)
        )

    def challenge(self, claimed: Claimed) -> Challenge | None:
        """How the stranger's challenge stands."""
        events = self.court.events()
        return challenge_of(self.court.claims, claimed.claim_id, STRANGER.address, events)

    def grief(self, claimed: Claimed) -> bool:
        """The stranger points at whatever stands first; whether it had a move."""
        court, challenge = self.court, self.challenge(claimed)
        if challenge is None or challenge.turn is not Turn.PICK:
            return False
        seen, view = replay(challenge), court.view(claimed)
        node, siblings = seen.children[0], climb(seen.children, 0)
        move: moves.Move = moves.Pick(view.id, 0, node, siblings)
        if not seen.in_tensor and seen.levels <= seen.step:
            place = view.traced.program + place_of(0)
            move = moves.PickTensor(view.traced, 0, node, siblings, place)
        send(court.claims, STRANGER, move)
        return True


@pytest.fixture
def office(bare_town: Town) -> Iterator[Office]:
    """The model is compiled and registered; both nodes have just started."""
    made_up = established(bare_town)
    yield made_up
    closed(made_up)


def established(town: Town, by_proof: bool = False) -> Office:
    """Everything that the nodes need lies under the town's home."""
    config = replace(town.config, allow_unsafe_srs=True)
    for folder in (made().artifact.folder, compiled().artifact.folder):
        shutil.copytree(folder, config.artifacts / folder.name)
    model = config.models / stored().digest.hex()
    model.mkdir(parents=True)
    (model / "model.onnx").write_bytes(stored().model().data)
    court = opened(town, MODEL)
    open_bench.cache_clear()
    return Office(court, open_bench(config, "test"), *started(town, by_proof))


def started_provider(town: Town, by_proof: bool = False, claims: bool = True) -> Provider:
    """A provider as the command starts it."""
    config = replace(town.config, allow_unsafe_srs=True)
    offers = ProviderOptions(1, {}, 0, 60.0, None, claim=claims, defend_by_proof=by_proof)
    return open_provider(config, town.market(), PROVIDER, offers)


def started(town: Town, by_proof: bool = False) -> tuple[Provider, Validator]:
    """Both nodes, as the commands start them."""
    config = replace(town.config, allow_unsafe_srs=True)
    provider = started_provider(town, by_proof)
    duties = ValidatorOptions(0, True, 10.0, config.bundles)
    return provider, open_validator(config, town.market(), VALIDATOR, duties)


def closed(office: Office) -> None:
    """Gives every database connection back."""
    office.provider.close()
    office.validator.close()
    office.bench.database.close()
    open_bench.cache_clear()


@pytest.mark.parametrize("lazy", [False, True], ids=["posted root", "root that waits"])
def test_an_answer_is_claimed_stands_and_is_paid(office: Office, lazy: bool) -> None:
    court, town = office.court, office.court.town
    if lazy:
        court.claims.set_model_terms(OWNER, court.registered.model_key, 0, True)
        town.pass_time(601)
    before = town.holdings(PROVIDER.address)
    order_id = office.request()
    claimed = office.claimed()
    assert claimed.order_id == order_id
    assert (claimed.traced.trace == ZERO_WORD) is lazy
    for _ in range(3):
        office.validator.step()
        office.provider.step()
    assert town.state(order_id) is LegState.DELIVERED, "its window is not over"
    office.pass_window(claimed)
    for _ in range(6):
        office.validator.step()
        office.provider.step()
    assert office.settled(claimed)
    gain = town.holdings(PROVIDER.address)[PROVIDER.address] - before[PROVIDER.address]
    assert PRICE * 9 // 10 <= gain < PRICE
    queue = open_queue(office.bench.config)
    assert [job.state for job in queue.jobs()] == [JobState.SETTLED]
    queue.close()


def test_a_challenge_without_a_case_is_answered_to_its_end(office: Office) -> None:
    town = office.court.town
    before = town.holdings(PROVIDER.address, STRANGER.address)
    office.request()
    claimed = office.claimed()
    office.court.challenge(claimed, STRANGER)
    for _ in range(20):
        office.provider.step()
        town.mine()
        if not office.grief(claimed):
            break
    challenge = office.challenge(claimed)
    assert challenge is not None and challenge.turn is Turn.REFUTATION
    town.pass_time(challenge.deadline - town.chain.head().timestamp + 1)
    office.provider.step()
    (lost,) = office.events(ChallengeLost)
    assert lost.challenger == STRANGER.address
    office.pass_window(claimed)
    for _ in range(6):
        office.provider.step()
    assert office.settled(claimed)
    after = town.holdings(PROVIDER.address, STRANGER.address)
    assert before[STRANGER.address] - after[STRANGER.address] == CLAIMS.challenge_bond
    assert after[PROVIDER.address] - before[PROVIDER.address] > PRICE * 9 // 10


def test_a_provider_killed_between_every_two_steps_answers_once(office: Office) -> None:
    town = office.court.town
    office.request()
    claimed = office.claimed()
    office.court.challenge(claimed, STRANGER)
    since = town.chain.head().number
    reaper = Reaper()
    with reaping(reaper, PROVIDER):
        for _ in range(400):
            try:
                assert office.provider.defender is not None
                moved = office.provider.defender.step()
            except Killed:
                office.provider.close()
                office.provider = started_provider(town)
                continue
            if office.grief(claimed) or moved:
                continue
            challenge = office.challenge(claimed)
            assert challenge is not None
            if not challenge.undecided:
                break
            town.pass_time(30)
    assert office.events(ChallengeLost)
    sent = []
    for number in range(since + 1, town.chain.head().number + 1):
        for one in town.rpc("eth_getBlockByNumber", hex(number), True)["transactions"]:
            if one["from"].lower() == "0x" + PROVIDER.address.hex():
                receipt = town.rpc("eth_getTransactionReceipt", one["hash"])
                assert receipt["status"] == "0x1"
                sent.append(one["input"])
    # Two reveals in the trace and the tensor, one chunk, the end of the challenger's clock.
    assert len(sent) == len(set(sent)) >= 4
    assert reaper.deaths["before begin"] >= 4
    assert reaper.deaths["after broadcast"] >= 4


def test_a_challenge_is_ended_by_a_proof(bare_town: Town) -> None:
    town = bare_town
    office = established(town, by_proof=True)
    try:
        registered_for_proofs(town)
        office.request()
        claimed = office.claimed()
        office.court.challenge(claimed, STRANGER)
        office.provider.step()
        assert office.challenge(claimed).turn is Turn.CHILDREN, "it waits for its proof"  # type: ignore[union-attr]
        office.work()
        for _ in range(3):
            office.provider.step()
        assert len(office.events(ClaimProven)) == 1
        assert len(office.events(ClaimUpheld)) == 1
        town.pass_time(TERMS.grace_period + 1)
        for _ in range(6):
            office.provider.step()
        assert office.settled(claimed)
    finally:
        closed(office)


def test_before_a_proof_who_is_late_loses_its_bond(bare_town: Town) -> None:
    town = bare_town
    office = established(town)
    try:
        registered_for_proofs(town)
        office.request()
        claimed = office.claimed()
        office.court.challenge(claimed, STRANGER)
        office.provider.step()
        challenge = office.challenge(claimed)
        assert challenge is not None and challenge.turn is Turn.PICK
        town.pass_time(challenge.deadline - town.chain.head().timestamp + 1)
        office.court.challenge(claimed, VALIDATOR)
        office.provider.close()
        office.provider = started_provider(town, by_proof=True)
        for _ in range(6):
            office.provider.step()
            office.work()
        assert len(office.events(ClaimProven)) == 1
        assert [one.challenger for one in office.events(ChallengeLost)] == [STRANGER.address]
        office.court.claims.reclaim(VALIDATOR, claimed.claim_id, VALIDATOR.address)
        assert office.court.claims.credit(VALIDATOR.address) == CLAIMS.challenge_bond
    finally:
        closed(office)


def registered_for_proofs(town: Town) -> None:
    """The same program under `sumcheck/v1`, long enough before any order."""
    registry = Registry(town.chain, town.deployment, QUICK)
    cap = town.market().gas_cap(selector_of(SUMCHECK))
    artifact = to_register(compiled().artifact.folder, (1,), cap)
    registry.register(OWNER, artifact, Royalty())
    # A proof system counts only where it was there long before the order.
    town.pass_time(601)


def test_a_proof_that_never_comes_is_not_waited_for(bare_town: Town) -> None:
    town = bare_town
    office = established(town, by_proof=True)
    try:
        # The model is not registered for proofs: the game is all that there is.
        office.request()
        claimed = office.claimed()
        office.court.challenge(claimed, STRANGER)
        office.provider.step()
        challenge = office.challenge(claimed)
        assert challenge is not None and challenge.turn is Turn.PICK
    finally:
        closed(office)


def test_what_could_not_be_claimed_in_time_is_declined(office: Office) -> None:
    court, town = office.court, office.court.town
    # A dispute of the model's longest window would outlast the market's settlement window.
    court.claims.set_model_terms(OWNER, court.registered.model_key, 3 * 24 * 3600, False)
    town.pass_time(601)
    order_id = office.request()
    for _ in range(3):
        office.provider.step()
    seen = office.provider.worklist.order(order_id)
    assert seen is not None and "a dispute may last" in seen.reason
    assert town.state(order_id) is LegState.OPEN


def test_without_claims_such_legs_are_declined(office: Office) -> None:
    town = office.court.town
    config = replace(town.config, allow_unsafe_srs=True)
    offers = ProviderOptions(1, {}, 0, 60.0, None, claim=False)
    provider = open_provider(config, town.market(), PROVIDER, offers)
    order_id = office.request()
    for _ in range(3):
        provider.step()
    seen = provider.worklist.order(order_id)
    assert seen is not None and "must be claimed on chain" in seen.reason
    provider.close()


def test_without_the_claims_bond_no_order_is_locked(office: Office) -> None:
    """Its own bond is there, that of the claim is not."""
    court, town = office.court, office.court.town
    spare = town.market().tokens(PROVIDER.address) - BOND - CLAIMS.claim_bond + 1
    call = court.claims.token.call("transfer", checksum(STRANGER.address), spare)
    transact(town.chain, PROVIDER, call, QUICK)
    order_id = office.request()
    for _ in range(3):
        office.provider.step()
    seen = office.provider.worklist.order(order_id)
    assert seen is not None and "claim's bond" in seen.reason
    assert town.state(order_id) is LegState.OPEN
    back = court.claims.token.call("transfer", checksum(PROVIDER.address), 1)
    transact(town.chain, STRANGER, back, QUICK)
    assert office.claimed().order_id == order_id


def test_bonds_of_claims_are_kept_for_orders_that_are_locked(office: Office) -> None:
    """Also by a provider that has just started, and comes to the other order first."""
    court, town = office.court, office.court.town
    token, bond = court.claims.token, 2 * BOND + 1

    def pay(sender: Signer, to: Signer, amount: int) -> None:
        transact(town.chain, sender, token.call("transfer", checksum(to.address), amount), QUICK)

    # One token too few for the first order and its claim; enough for the second.
    left = bond + CLAIMS.claim_bond - 1
    pay(PROVIDER, STRANGER, town.market().tokens(PROVIDER.address) - left)
    first, second = office.request(bond=bond), office.request(1)
    office.provider.step()
    assert [town.state(one) for one in (first, second)] == [LegState.OPEN, LegState.LOCKED]
    # What the second one has taken, and that token: now it is only the claim's bond that is owed.
    pay(STRANGER, PROVIDER, BOND + 1)
    office.provider.close()
    office.provider = started_provider(town)
    for _ in range(2):
        office.provider.step()
    seen = office.provider.worklist.order(first)
    assert seen is not None and "for claims before it" in seen.reason
    assert town.state(first) is LegState.OPEN
    assert office.claimed().order_id == second
    pay(STRANGER, PROVIDER, CLAIMS.claim_bond)
    assert office.claimed(first).order_id == first


def test_a_claim_that_a_reorganisation_took_is_made_again(office: Office) -> None:
    town = office.court.town
    order_id = office.request()
    for _ in range(12):
        office.provider.step()
        office.work()
        if town.state(order_id) is LegState.DELIVERED:
            break
    assert office.events(Claimed) == []
    snapshot = town.rpc("evm_snapshot")
    first = office.claimed()
    office.provider.step()
    assert town.rpc("evm_revert", snapshot)
    town.mine(2)
    assert office.court.claims.stored(first.claim_id) is None
    again = office.claimed()
    assert again.claim_id == first.claim_id
    office.pass_window(again)
    for _ in range(6):
        office.provider.step()
    assert office.settled(again)
