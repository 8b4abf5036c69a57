"""An order from its request to everybody's payment, with a mock in place of the proof."""

from avow.prover.nodes.ledger import Kind, Ledger
from avow.prover.nodes.worklist import Status
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.events import LegSettled, OrderLocked
from avow.verifier.chain.transactions import send
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.tensor import ElementType, Tensor
from tests.integration.mock_ezkl import run_sums
from tests.integration.town import (
    BOND,
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
    run_to_end,
)


def test_everybody_is_paid_for_a_proven_answer(town: Town) -> None:
    accounts = {
        REQUESTER.address: -PRICE,
        PROVIDER.address: PRICE * 9_000 // 10_000,
        VALIDATOR.address: PRICE * 500 // 10_000,
        OWNER.address: PRICE * 300 // 10_000,
        TREASURY: PRICE * 200 // 10_000,
    }
    before = town.holdings(*accounts)
    order_id = town.order((1, 2, 3, 4))
    provider, validator = town.provider(), town.validator()
    assert run_to_end(town, [provider, validator], order_id) is LegState.SETTLED

    (settled,) = town.events(LegSettled)
    assert isinstance(settled, LegSettled)
    assert settled.settler == VALIDATOR.address
    x = provider.worklist.order(order_id)
    assert x is not None and x.status is Status.DONE
    expected = run_sums([Tensor(ElementType.INT16, (4,), (1, 2, 3, 4))])
    assert settled.output == b"".join(tensor.data() for tensor in expected)
    after = town.holdings(*accounts)
    assert {account: after[account] - before[account] for account in accounts} == accounts
    (job,) = town.queue().jobs()
    assert job.state is JobState.SETTLED
    assert town.proving.proved == 1
    entries = Ledger(town.database()).of_job(job.id)
    assert [entry.kind for entry in entries] == [Kind.LOCKED, Kind.DELIVERED, Kind.SETTLED]
    assert sum(entries[-1].amounts.values()) == PRICE and entries[-1].decimals == 18
    receipt = town.reader.chain.receipt(settled.place.transaction)
    assert receipt is not None and entries[-1].gas == receipt[0].gas_used


def test_credit_is_paid_out_on_request(town: Town) -> None:
    order_id = town.order()
    run_to_end(town, [town.provider(), town.validator()], order_id)
    market = town.market()
    credit, tokens = market.credit(PROVIDER.address), market.tokens(PROVIDER.address)
    assert credit == BOND + PRICE * 9_000 // 10_000
    market.withdraw(PROVIDER)
    assert market.tokens(PROVIDER.address) == tokens + credit
    with refusing(Reverted, "NothingToWithdraw"):
        market.withdraw(PROVIDER)


def test_two_orders_are_served_side_by_side(town: Town) -> None:
    first, second = town.order((1, 2, 3, 4)), town.order((1, 2, 3, 4))
    assert first != second
    nodes = [town.provider(), town.validator()]
    run_to_end(town, nodes, first)
    run_to_end(town, nodes, second)
    statements = {event.statement for event in town.events(LegSettled)}
    assert len(statements) == 2


def test_a_silent_provider_is_slashed_and_the_requester_refunded(town: Town) -> None:
    before = town.holdings(REQUESTER.address, PROVIDER.address, TREASURY)
    order_id = town.order()
    provider, validator = town.provider(), town.validator()
    provider.step()
    validator.step()
    assert town.state(order_id) is LegState.LOCKED
    town.pass_time(1_201)
    validator.step()
    assert town.state(order_id) is LegState.SLASHED
    after = town.holdings(REQUESTER.address, PROVIDER.address, TREASURY)
    assert after[REQUESTER.address] - before[REQUESTER.address] == BOND // 2
    assert after[PROVIDER.address] - before[PROVIDER.address] == -BOND
    assert after[TREASURY] - before[TREASURY] == BOND // 2
    provider.step()
    (job,) = town.queue().jobs()
    assert job.evidence[0].state == "slashed"
    assert job.state is JobState.CANCELLED, "nobody pays for this proof any more"
    town.work()
    assert town.proving.proved == 0


def test_an_order_that_nobody_takes_is_refunded(town: Town) -> None:
    before = town.holdings(REQUESTER.address)
    order_id = town.order(price=3)
    provider, validator = town.provider(least_price=4), town.validator()
    provider.step()
    seen = provider.worklist.order(order_id)
    assert seen is not None and seen.status is Status.IGNORED
    assert seen.reason == "it pays 3, the least is 4"
    town.pass_time(601)
    provider.step()
    validator.step()
    assert town.state(order_id) is LegState.REFUNDED
    assert town.holdings(REQUESTER.address) == before


def test_a_silent_validator_loses_its_share_to_the_treasury(town: Town) -> None:
    accounts = (PROVIDER.address, VALIDATOR.address, TREASURY)
    before = town.holdings(*accounts)
    order_id = town.order()
    provider = town.provider()
    for _ in range(3):
        provider.step()
        town.work()
    assert town.state(order_id) is LegState.DELIVERED
    provider.step()
    assert town.state(order_id) is LegState.DELIVERED, "the grace period is the validator's"
    town.pass_time(TERMS.grace_period + 1)
    provider.step()
    assert town.state(order_id) is LegState.SETTLED
    (settled,) = town.events(LegSettled)
    assert isinstance(settled, LegSettled) and settled.settler == PROVIDER.address
    after = town.holdings(*accounts)
    assert after[VALIDATOR.address] == before[VALIDATOR.address]
    assert after[TREASURY] - before[TREASURY] == PRICE * 700 // 10_000


def test_a_provider_without_a_validator_settles_at_once(town: Town) -> None:
    call = town.market().validators.call("exit")
    send(town.chain, VALIDATOR, call, QUICK)
    order_id = town.order()
    assert run_to_end(town, [town.provider()], order_id) is LegState.SETTLED


def test_another_providers_order_is_left_alone(town: Town) -> None:
    order_id = town.order()
    first, second = town.provider(), town.provider(signer=STRANGER)
    first.step()
    second.step()
    seen = second.worklist.order(order_id)
    assert seen is not None and seen.status is Status.DONE
    assert "has it" in seen.reason
    assert len(town.events(OrderLocked)) == 1
