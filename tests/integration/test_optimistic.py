"""Claims of `optimistic/v1` on a chain with the real referee: stood up to, and overturned."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from avow.circuits.sumcheck.artifact import load as load_sumcheck
from avow.prover.disputes.moves import Move, Pick, PickTensor
from avow.prover.disputes.onchain import send
from avow.prover.disputes.provider import Defence
from avow.prover.disputes.state import Challenge, ClaimView, climb, replay
from avow.prover.nodes.claims import policy_for
from avow.prover.nodes.contracts import to_register
from avow.prover.refutation import Place as Element
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove as prove_samples
from avow.verifier.chain.claim_events import (
    ChallengeBondReturned,
    ChallengeLost,
    Claimed,
    ClaimOverturned,
    ClaimProven,
    ClaimUpheld,
    CreditWithdrawn,
    ModelTermsChanged,
    ParametersChanged,
    RefutationCommitted,
    TraceRootPosted,
)
from avow.verifier.chain.claim_records import ClaimState, Turn, commitment
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.deployment import Placed
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.registration import Registered, Registry, Royalty, read_artifact
from avow.verifier.chain.settlement import fetch
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import leaf
from avow.verifier.systems.optimistic.claim import parse_claim
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.tensor import ElementType
from avow.verifier.trace.refutation import Kind, refutes
from avow.verifier.trace.tree import Tree
from avow.verifier.verdict import Assurance, Verdict
from avow.verifier.verify import verify
from tests.circuits.sumcheck.small import compiled
from tests.integration.court import (
    MODEL,
    SALT,
    SELECTOR,
    Court,
    Delivered,
    beside,
    deep,
    inside,
    loaded,
    made,
    opened,
    place_of,
)
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
    TREASURY,
    VALIDATOR,
    Town,
    refusing,
)

# Of both sides of one game together, with what the referee takes; the design's mark.
MOST_GAME_GAS = 1_500_000
MOST_ROUNDS = 8


@pytest.fixture
def court(bare_town: Town) -> Court:
    """A model of four tensors."""
    return opened(bare_town, MODEL)


def shown(court: Court) -> str:
    """The gas of each party's moves, for the report."""
    return "\n".join(f"{party}: {dict(moves)}" for party, moves in court.spent.items())


def settled(court: Court, delivered: Delivered, claimed: Claimed) -> Verdict:
    """The verdict with a proof of what the newest block says of the claim."""
    address = court.claims.contract.address
    anchor, found = fetch(court.town.chain, address, claimed.claim_id, "latest")
    assert found is not None
    bundle = delivered.bundle(claimed.window_end)
    proof = replace(parse_claim(bundle.proof), settlement=found).to_json()
    policy = replace(
        policy_for(delivered.statement, False),
        minimum_assurance=Assurance.CHALLENGEABLE,
        anchor=anchor,
    )
    return verify(replace(bundle, proof=proof).encode(), policy)


def test_an_honest_claim_stands_and_is_paid(court: Court) -> None:
    town, claims = court.town, court.claims
    before = town.holdings(PROVIDER.address, REQUESTER.address)
    delivered = court.deliver()
    with refusing(Reverted, "NotProvider"):
        claims.claim(STRANGER, delivered.order_id, 0, delivered.output, delivered.run.root)
    with refusing(Reverted, "OutputDiffers"):
        claims.claim(
            PROVIDER, delivered.order_id, 0, delivered.output[:-1] + b"\x7f", delivered.run.root
        )
    claimed = court.claim(delivered)
    assert claimed.claim_id == claimed.traced.statement
    assert claimed.claim_id == leaf(delivered.statement.digest())
    assert claimed.output == delivered.output
    attack = court.attack(claimed, delivered, STRANGER, shown=True)
    assert attack.refutation(court.view(claimed)) is None
    assert court.playing(attack)(court.view(claimed), None) is None
    policy = replace(
        policy_for(delivered.statement, False), minimum_assurance=Assurance.CHALLENGEABLE
    )
    verdict = verify(delivered.bundle(claimed.window_end).encode(), policy, claimed.window_end + 1)
    assert (verdict.assurance, verdict.final_at) == (Assurance.CHALLENGEABLE, claimed.window_end)

    standing = settled(court, delivered, claimed)
    assert (standing.assurance, standing.final_at) == (Assurance.CHALLENGEABLE, claimed.window_end)

    # Every kind of element that could be shown is right.
    for place, stated in (
        (Element(Kind.OPERATION, len(delivered.run.tensors) - 1, 0), ()),
        (Element(Kind.INPUT, 0, 3), delivered.given),
        (Element(Kind.OUTPUT, loaded().program.outputs[0].tensor, 1), delivered.outputs),
    ):
        vain = delivered.run.refute(place, stated)
        assert not refutes(claimed.traced, vain)
        claims.commit(STRANGER, commitment(STRANGER.address, claimed.claim_id, vain, SALT))
        town.mine()
        with refusing(Reverted, "NotRefuted"):
            claims.refute(STRANGER, claimed.traced, vain, SALT)
    with refusing(Reverted, "ProofRefused", "NotFinal"):
        town.pass_time(claimed.window_end - town.chain.head().timestamp - 2)
        court.settle(delivered, VALIDATOR)
    with refusing(Reverted, "ClaimNotFinal"):
        claims.finish(STRANGER, claimed.claim_id)
    town.pass_time(3)
    assert claims.is_final(claimed.claim_id)
    assert settled(court, delivered, claimed).assurance is Assurance.SETTLED
    with refusing(Reverted, "ClaimIsFinal"):
        claims.open(STRANGER, claimed.traced)
    court.settle(delivered, VALIDATOR)
    court.pays("provider", "finish", claims.finish(PROVIDER, claimed.claim_id))
    assert settled(court, delivered, claimed).assurance is Assurance.SETTLED
    court.pays("provider", "withdraw", claims.withdraw(PROVIDER))
    stored = claims.stored(claimed.claim_id)
    assert stored is not None and stored.state is ClaimState.UPHELD
    assert town.state(delivered.order_id) is LegState.SETTLED
    after = town.holdings(PROVIDER.address, REQUESTER.address)
    assert after[REQUESTER.address] == before[REQUESTER.address] - PRICE
    # The price but for royalty, treasury and what falls to the validator; the claim bond is back.
    assert PRICE * 9 // 10 <= after[PROVIDER.address] - before[PROVIDER.address] < PRICE
    kinds = {type(event) for event in court.events()}
    assert {Claimed, RefutationCommitted, ClaimUpheld, CreditWithdrawn} <= kinds
    (first,) = (event for event in court.events() if isinstance(event, ParametersChanged))
    assert (first.version, first.parameters) == (0, CLAIMS)
    print(shown(court))


def test_one_wrong_activation_overturns_a_claim_in_one_shot(court: Court) -> None:
    town, claims = court.town, court.claims
    before = town.holdings(REQUESTER.address, PROVIDER.address, STRANGER.address, TREASURY)
    delivered = court.deliver(deep)
    claimed = court.claim(delivered)
    attack = court.attack(claimed, delivered, STRANGER, shown=True)
    view = court.view(claimed)
    assert view.outputs == delivered.outputs
    refutation = attack.refutation(view)
    assert refutation is not None and refutes(claimed.traced, refutation)
    noted = attack.commitment(view)
    assert noted is not None and claims.committed_in(noted) == 0

    with refusing(Reverted, "NotCommitted"):
        claims.refute(STRANGER, claimed.traced, refutation, SALT)
    with refusing(Reverted, "NotRefuted"):
        town.market().refute(STRANGER, delivered.order_id, 0)
    receipt = court.pays("challenger", "commit", claims.commit(STRANGER, noted))
    assert claims.committed_in(noted) == receipt.block
    town.mine()
    # Who copies it has no commitment of its own, and the same bytes with another salt have none.
    with refusing(Reverted, "NotCommitted"):
        claims.refute(VALIDATOR, claimed.traced, refutation, SALT)
    with refusing(Reverted, "NotCommitted"):
        claims.refute(STRANGER, claimed.traced, refutation, keccak256(b"another"))
    with refusing(Reverted, "ClaimDiffers"):
        claims.refute(
            STRANGER, replace(claimed.traced, trace=ZERO_WORD[:-1] + b"\1"), refutation, SALT
        )
    receipt = claims.refute(STRANGER, claimed.traced, refutation, SALT)
    court.pays("challenger", "refute", receipt)
    # The whole transaction takes no more than compiling has said.
    assert receipt.gas_used <= made().heaviest.gas
    assert claims.is_overturned(claimed.claim_id)
    court.pays("challenger", "withdraw", claims.withdraw(STRANGER))

    refunded(court, delivered.order_id, before)
    with refusing(Reverted, "WrongLegState"):
        court.settle(delivered)
    assert receipt.gas_used < 600_000, receipt.gas_used
    print(shown(court))


def refunded(court: Court, order_id: bytes, before: dict[bytes, int]) -> None:
    """The market refunds and slashes by its own function; everybody has what is due."""
    town = court.town
    court.pays("anybody", "market.refute", town.market().refute(VALIDATOR, order_id, 0))
    assert town.state(order_id) is LegState.SLASHED
    after = town.holdings(*before)
    gained = {account: after[account] - before[account] for account in before}
    assert gained == {
        REQUESTER.address: BOND // 2,
        PROVIDER.address: -BOND - CLAIMS.claim_bond,
        STRANGER.address: CLAIMS.claim_bond // 2,
        TREASURY: BOND - BOND // 2,
    }
    (overturned,) = (event for event in court.events() if isinstance(event, ClaimOverturned))
    assert (overturned.winner, overturned.reward) == (
        STRANGER.address,
        CLAIMS.claim_bond // 2,
    )


@pytest.mark.parametrize(
    ("model", "lazy"),
    [("digits-cnn", False), ("digits-cnn", True), ("lenet5", False)],
    ids=["posted root", "root that waits", "large tensors"],
)
def test_a_withheld_trace_is_overturned_by_the_game(
    bare_town: Town, model: str, lazy: bool
) -> None:
    court = opened(bare_town, model)
    town, claims = court.town, court.claims
    if lazy:
        key = court.registered.model_key
        claims.set_model_terms(OWNER, key, 0, True)
        town.pass_time(601)
        assert claims.terms_at(key, town.chain.head().timestamp + 1).lazy
        assert any(isinstance(event, ModelTermsChanged) for event in court.events())
    before = town.holdings(REQUESTER.address, PROVIDER.address, STRANGER.address, TREASURY)
    delivered = court.deliver(inside)
    claimed = court.claim(delivered, lazy)
    attack = court.attack(claimed, delivered, STRANGER)
    sizes = [one.result.chunks for one in loaded(court.model).key.descriptors]
    print(f"{len(sizes)} tensors of up to {max(sizes)} chunks")
    court.spent.clear()
    court.challenge(claimed, STRANGER)
    if lazy:
        assert court.game(claimed, STRANGER).turn is Turn.TRACE
    turns = [
        game.turn for game in court.moves(claimed, STRANGER, delivered.run, court.playing(attack))
    ]
    assert turns[-1] is Turn.ENDED and turns[-2] is Turn.REFUTATION
    assert claims.is_overturned(claimed.claim_id)
    posted = [event for event in court.events() if isinstance(event, TraceRootPosted)]
    assert [event.trace for event in posted] == ([delivered.run.root] if lazy else [])
    assert any(isinstance(event, ChallengeBondReturned) for event in court.events())
    rounds = sum(turn.is_providers for turn in turns)
    gas = court.totals()
    print(f"{rounds} rounds, gas {gas}\n{shown(court)}")
    assert rounds <= MOST_ROUNDS
    assert sum(gas.values()) <= MOST_GAME_GAS
    claims.withdraw(STRANGER)
    refunded(court, delivered.order_id, before)


def test_a_difference_beyond_the_last_tensor_loses_when_it_is_picked(bare_town: Town) -> None:
    """Every tensor is right, and the trace holds something where nothing belongs."""
    court = opened(bare_town, "digits-cnn")
    town, claims = court.town, court.claims
    before = town.holdings(REQUESTER.address, PROVIDER.address, STRANGER.address, TREASURY)
    delivered = court.deliver()
    leaves = delivered.run.trace.levels[0]
    assert len(leaves) & (len(leaves) - 1), "this program's trace has no padding"
    delivered.run.trace = Tree([*leaves, keccak256(b"nobody knows")])
    claimed = court.claim(delivered)
    attack = court.attack(claimed, delivered, STRANGER)
    court.challenge(claimed, STRANGER)
    turns = [
        game.turn for game in court.moves(claimed, STRANGER, delivered.run, court.playing(attack))
    ]
    assert turns[-2:] == [Turn.PICK, Turn.ENDED]
    claims.withdraw(STRANGER)
    refunded(court, delivered.order_id, before)


def test_an_output_beside_the_run_is_overturned_though_the_trace_is_right(court: Court) -> None:
    town, claims = court.town, court.claims
    before = town.holdings(REQUESTER.address, PROVIDER.address, STRANGER.address, TREASURY)
    # Committed to is the right run: only what was delivered differs, in its last element.
    delivered = court.deliver(beside)
    claimed = court.claim(delivered)
    attack = court.attack(claimed, delivered, STRANGER)
    assert claimed.traced.trace == court.own(claimed, delivered.given).run.root
    court.challenge(claimed, STRANGER)
    turns = [
        game.turn for game in court.moves(claimed, STRANGER, delivered.run, court.playing(attack))
    ]
    # Committed to, then refuted, while the provider could have answered.
    assert turns == [Turn.CHILDREN, Turn.CHILDREN, Turn.ENDED]
    claims.withdraw(STRANGER)
    refunded(court, delivered.order_id, before)


def test_a_provider_that_does_not_answer_loses(court: Court) -> None:
    town, claims = court.town, court.claims
    before = town.holdings(REQUESTER.address, PROVIDER.address, STRANGER.address, TREASURY)
    delivered = court.deliver(deep)
    claimed = court.claim(delivered)
    court.challenge(claimed, STRANGER)
    with refusing(Reverted, "ClockStillRuns"):
        claims.timeout(VALIDATOR, claimed.claim_id, STRANGER.address)
    deadline = claims.deadline(claimed.claim_id, STRANGER.address)
    town.pass_time(deadline - town.chain.head().timestamp + 1)
    move = delivered.run.trace.levels[0]
    with refusing(Reverted):
        claims.reveal(PROVIDER, claimed.claim_id, STRANGER.address, move)
    claims.timeout(VALIDATOR, claimed.claim_id, STRANGER.address)
    claims.withdraw(STRANGER)
    refunded(court, delivered.order_id, before)


def pointing(view: ClaimView, game: Challenge) -> Move | None:
    """A challenger who points at whatever stands first, and has nothing to show in the end."""
    if game.turn is not Turn.PICK:
        return None
    seen = replay(game)
    node, siblings = seen.children[0], climb(seen.children, 0)
    if seen.in_tensor or seen.levels > seen.step:
        return Pick(view.id, 0, node, siblings)
    return PickTensor(view.traced, 0, node, siblings, view.traced.program + place_of(0))


def test_a_challenger_without_a_case_loses_its_bond(court: Court) -> None:
    town, claims = court.town, court.claims
    before = town.holdings(PROVIDER.address, STRANGER.address)
    delivered = court.deliver()
    claimed = court.claim(delivered)
    court.spent.clear()
    court.challenge(claimed, STRANGER)
    with refusing(Reverted, "AlreadyChallenged"):
        claims.open(STRANGER, claimed.traced)
    game = list(court.moves(claimed, STRANGER, delivered.run, pointing))[-1]
    assert game.turn is Turn.REFUTATION and replay(game).data == delivered.run.tensors[0][:256]
    vain = delivered.run.refute(Element(Kind.INPUT, 0, 0), delivered.given)
    with refusing(Reverted, "NotCommitted"):
        claims.refute(STRANGER, claimed.traced, vain)
    claims.commit(STRANGER, commitment(STRANGER.address, claimed.claim_id, vain, ZERO_WORD))
    town.mine()
    with refusing(Reverted, "NotRefuted"):
        claims.refute(STRANGER, claimed.traced, vain)

    deadline = claims.deadline(claimed.claim_id, STRANGER.address)
    town.pass_time(deadline - town.chain.head().timestamp + 1)
    # While the challenge is undecided, nothing is paid.
    assert not claims.is_final(claimed.claim_id)
    court.pays("provider", "timeout", claims.timeout(PROVIDER, claimed.claim_id, STRANGER.address))
    assert claims.credit(PROVIDER.address) == CLAIMS.challenge_bond
    (lost,) = (event for event in court.events() if isinstance(event, ChallengeLost))
    assert (lost.challenger, lost.bond) == (STRANGER.address, CLAIMS.challenge_bond)
    town.pass_time(max(0, claimed.window_end - town.chain.head().timestamp) + 1)
    court.settle(delivered, VALIDATOR)
    claims.finish(PROVIDER, claimed.claim_id)
    claims.withdraw(PROVIDER)
    assert town.state(delivered.order_id) is LegState.SETTLED
    after = town.holdings(PROVIDER.address, STRANGER.address)
    assert after[STRANGER.address] == before[STRANGER.address] - CLAIMS.challenge_bond
    assert after[PROVIDER.address] - before[PROVIDER.address] > PRICE * 9 // 10
    print(f"gas {court.totals()}\n{shown(court)}")


def test_a_proof_of_the_same_statement_ends_all_challenges(court: Court) -> None:
    town, claims = court.town, court.claims
    registry = Registry(town.chain, town.deployment, QUICK)
    proof_system = compiled().artifact
    cap = town.market().gas_cap(selector_of(SUMCHECK))
    registry.register(OWNER, to_register(proof_system.folder, (1,), cap), Royalty())
    early = court.deliver()
    court.claim(early)
    # Who had ordered before it could look at the proof system was not promised it.
    with refusing(Reverted, "ProofSystemTooNew"):
        claims.prove(PROVIDER, early.order_id, 0, proof_of(early))
    town.pass_time(601)
    delivered = court.deliver()
    claimed = court.claim(delivered)
    court.challenge(claimed, STRANGER)
    other = court.deliver(row=1)
    for wrong in (proof_of(other), proof_of(delivered)[:-32]):
        with refusing(Reverted, "ProofRefused"):
            claims.prove(PROVIDER, delivered.order_id, 0, wrong)
    claims.prove(PROVIDER, delivered.order_id, 0, proof_of(delivered))
    assert claims.is_final(claimed.claim_id)
    assert any(isinstance(event, ClaimProven) for event in court.events())
    claims.reclaim(VALIDATOR, claimed.claim_id, STRANGER.address)
    assert claims.credit(PROVIDER.address) == CLAIMS.claim_bond
    assert claims.credit(STRANGER.address) == CLAIMS.challenge_bond
    town.pass_time(TERMS.grace_period + 1)
    court.settle(delivered)
    assert town.state(delivered.order_id) is LegState.SETTLED


def proof_of(delivered: Delivered) -> bytes:
    """A seal of the other system for a delivered statement."""
    known = load_sumcheck(compiled().artifact)
    statement = replace(delivered.statement, system=SUMCHECK, key=known.key.digest())
    prepared = prepare(known.program, known.blobs, known.key, known.powers)
    proved = prove_samples(prepared, leaf(statement.digest()), [delivered.given])
    data = b"".join(tensor.data() for tensor in delivered.given)
    body = encode(["bytes", "bytes", "bytes"], [data, delivered.output, proved.proof])
    return selector_of(SUMCHECK) + body


@pytest.mark.parametrize("lie", ["length", "type", "program"])
def test_a_model_registered_otherwise_than_its_key_cannot_be_claimed(
    bare_town: Town, lie: str
) -> None:
    """Of such claims no output, or nothing at all, could be refuted."""
    town, honest = bare_town, to_register(made().artifact.folder, (), 200_000)
    record, (output,) = honest.record, honest.record.outputs
    if lie == "length":
        record = replace(record, outputs=(replace(output, shape=(*output.shape, 1)),))
    elif lie == "type":
        assert output.element_type is not ElementType.INT64
        record = replace(record, outputs=(replace(output, element_type=ElementType.INT64),))
    else:
        record = replace(record, program=keccak256(b"another program"))
    registry = Registry(town.chain, town.deployment, QUICK)
    with refusing(Reverted, "" if lie == "program" else "SchemaDiffers"):
        registry.register(OWNER, replace(honest, record=record), Royalty())
    claims = Claims(town.chain, town.deployment, QUICK)
    key = registry.model_key(OWNER.address, honest.model.digest())
    assert registry.system(key, SELECTOR) is not None and not claims.is_learned(key)
    court = Court(town, Registered(key, SELECTOR, bytes(20)), claims)
    delivered = court.deliver()
    with refusing(Reverted, "ModelNotLearned"):
        court.claim(delivered)


def test_another_contract_than_the_referee_is_noticed(bare_town: Town) -> None:
    """What is registered as the verifier decides nothing, but records say what it must be."""
    town, artifact = bare_town, made().artifact
    registry = Registry(town.chain, town.deployment, QUICK)
    other = replace(town.deployment, contracts=swapped(town))
    lying = Registry(town.chain, other, QUICK)
    registered = lying.register(OWNER, read_artifact(artifact.folder), Royalty())
    key = registered.model_key
    assert lying.differs(key, SELECTOR, artifact.model, artifact.record) is None
    differs = registry.differs(key, SELECTOR, artifact.model, artifact.record)
    assert differs == "another verifier code is registered"


def swapped(town: Town) -> tuple[tuple[str, Placed], ...]:
    """The deployment's contracts, the token in the place of the referee."""
    held = dict(town.deployment.contracts)
    return tuple((held | {"referee": held["token"]}).items())


def test_who_repeats_a_challenge_that_is_bait_loses_its_bond(court: Court) -> None:
    """A planter challenges a right claim of its own: the bond that it loses comes back to its own
    provider, and that of whoever took the challenge for a verdict comes with it."""
    town, claims = court.town, court.claims
    before = town.holdings(PROVIDER.address, VALIDATOR.address, STRANGER.address)
    delivered = court.deliver()
    claimed = court.claim(delivered)
    for challenger in (VALIDATOR, STRANGER):
        court.challenge(claimed, challenger)
        move = Defence(delivered.run).move(
            court.view(claimed), court.game(claimed, challenger), town.chain.head().timestamp
        )
        assert move is not None
        send(claims, PROVIDER, move)
        assert court.game(claimed, challenger).turn.is_challengers
    deadline = claims.deadline(claimed.claim_id, STRANGER.address)
    town.pass_time(deadline - town.chain.head().timestamp + 1)
    for challenger in (VALIDATOR, STRANGER):
        claims.timeout(PROVIDER, claimed.claim_id, challenger.address)
    claims.withdraw(PROVIDER)
    after = town.holdings(*before)
    bond = CLAIMS.challenge_bond
    assert after[STRANGER.address] == before[STRANGER.address] - bond
    bonds = BOND + CLAIMS.claim_bond
    both = sum(after[who] - before[who] for who in (PROVIDER.address, VALIDATOR.address))
    assert both == bond - bonds, "what the planter's accounts put up they have, or will have, back"


def test_whoever_commits_to_a_claims_name_is_none_of_its_events(court: Court) -> None:
    """Anybody can, as often as it likes; who follows the claim does not read it."""
    claimed = court.claim(court.deliver())
    court.claims.commit(STRANGER, claimed.claim_id)
    head = court.town.chain.head().number
    found = court.claims.events_of(claimed.claim_id, 0, head)
    assert [type(event) for event in found] == [Claimed]
    everything = court.claims.events(0, head)
    assert any(isinstance(event, RefutationCommitted) for event in everything)
