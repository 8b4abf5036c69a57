"""An order from its request to everybody's payment, with a mock in place of the proof."""

from avow.prover.nodes.worklist import Status
from avow.verifier.chain.events import LegSettled
from avow.verifier.lifecycle import JobState, LegState
from tests.integration.mock_ezkl import run_sums
from tests.integration.town import (
    BOND,
    OWNER,
    PRICE,
    PROVIDER,
    REQUESTER,
    TREASURY,
    VALIDATOR,
    Town,
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
    expected = run_sums([_tensor((1, 2, 3, 4))])
    assert settled.output == b"".join(tensor.data() for tensor in expected)
    after = town.holdings(*accounts)
    assert {account: after[account] - before[account] for account in accounts} == accounts
    (job,) = town.queue().jobs()
    assert job.state is JobState.SETTLED
    assert town.proving.proved == 1
    assert BOND > 0


def _tensor(values: tuple[int, ...]):  # type: ignore[no-untyped-def]
    from avow.verifier.tensor import ElementType, Tensor

    return Tensor(ElementType.INT16, (4,), values)
