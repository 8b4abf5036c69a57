"""Sending: once, whatever the node answers, and with the reason where it fails."""

from collections.abc import Callable, Iterator

import pytest

from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.errors import Reverted, RpcRefused, TransactionLost, TransactionPending
from avow.verifier.chain.transactions import Call, Patience, send
from tests.integration.flaky import FlakyProxy, flaky
from tests.integration.town import PROVIDER, QUICK, STRANGER, Town, refusing, run_to_end


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def by_hand(town: Town) -> Iterator[Town]:
    """Blocks are mined when the test says so."""
    town.rpc("evm_setAutomine", False)
    yield town
    town.rpc("anvil_dropAllTransactions")
    town.rpc("evm_setAutomine", True)


def after(count: int, act: Callable[[], object]) -> Callable[[float], None]:
    """Stands for sleeping; does something at the `count`-th time."""
    calls = [0]

    def sleep(_seconds: float) -> None:
        calls[0] += 1
        if calls[0] == count:
            act()

    return sleep


def die() -> None:
    """Ends the process while it waits."""
    raise Killed


def approve(town: Town, amount: int) -> Call:
    """A harmless transaction."""
    market = town.market()
    return market.token.call("approve", checksum(market.contract.address), amount)


def sent_by(town: Town, account: bytes) -> int:
    """How many transactions of the account were mined."""
    return int(town.rpc("eth_getTransactionCount", checksum(account), "latest"), 16)


def test_a_fee_that_is_too_low_is_raised_under_the_same_nonce(by_hand: Town) -> None:
    town = by_hand
    before = sent_by(town, PROVIDER.address)
    fees: list[int] = []

    def look() -> None:
        block = town.rpc("eth_getBlockByNumber", "pending", True)
        fees.extend(int(item["maxFeePerGas"], 16) for item in block["transactions"])
        town.mine()

    ticks = iter(range(10_000))
    patience = Patience(total=1_000.0, raise_fee_after=5.0, poll=0.01, slowest_poll=2.0)
    receipt = send(
        town.chain,
        PROVIDER,
        approve(town, 5),
        patience,
        sleep=after(20, look),
        clock=lambda: float(next(ticks)),
    )
    assert receipt.gas_used > 20_000
    assert sent_by(town, PROVIDER.address) == before + 1
    assert len(fees) == 1, "one transaction waits, whatever its fee"
    first = 2 * int(town.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16) + 10**9
    assert fees[0] > first


def test_waiting_ends(by_hand: Town) -> None:
    patience = Patience(total=0.2, raise_fee_after=0.1, poll=0.01, slowest_poll=0.02)
    with refusing(TransactionLost, "PaymentToken.approve: not mined after 0.2 s"):
        send(by_hand.chain, PROVIDER, approve(by_hand, 5), patience)
    with refusing(TransactionPending, "wait to be mined", PROVIDER.shown):
        send(by_hand.chain, PROVIDER, approve(by_hand, 6), patience)


def test_a_contract_that_changes_its_mind_is_named(town: Town) -> None:
    """Both may withdraw when they ask; the second one mined finds nothing."""
    run_to_end(town, [town.provider(), town.validator()], town.order())
    market = town.market()
    assert market.credit(PROVIDER.address) > 0
    town.rpc("evm_setAutomine", False)
    try:
        # Raised in every round, and each round is one look: not as many as fit into some time.
        hasty = Patience(total=60.0, raise_fee_after=0.0, poll=0.0, slowest_poll=0.0)
        other = market.contract.call("withdrawFor", checksum(PROVIDER.address))
        with pytest.raises(Killed):
            # Twice raised, so that it is mined first.
            send(town.chain, STRANGER, other, hasty, sleep=after(3, die))
        own = market.contract.call("withdraw")
        with refusing(Reverted, "Market.withdraw", "NothingToWithdraw"):
            send(town.chain, PROVIDER, own, QUICK, sleep=after(1, town.mine))
    finally:
        town.rpc("evm_setAutomine", True)


def test_confirmations_are_waited_for(town: Town) -> None:
    # Rounds so short that the transaction is mined in one and deep enough in a later one.
    deep = Patience(total=20.0, poll=0.0, slowest_poll=0.0, confirmations=3)
    mined: list[int] = []

    def mine(_seconds: float) -> None:
        town.mine()
        mined.append(1)

    receipt = send(town.chain, PROVIDER, approve(town, 7), deep, sleep=mine)
    assert len(mined) == 3
    assert town.chain.head().number == receipt.block + 3


class Losing(FlakyProxy):
    """Hands the transaction on and loses the answer, the first two times."""

    lost = 0

    def answer(self, body: bytes) -> tuple[int, bytes] | None:
        """Everything else is forwarded as it is."""
        found = super().answer(body)
        if b"eth_sendRawTransaction" in body and self.lost < 2:
            self.lost += 1
            return None
        return found


def test_a_lost_answer_is_no_second_transaction(town: Town) -> None:
    before = sent_by(town, PROVIDER.address)
    with flaky(town.url, 0.0, 1, Losing) as proxy:
        receipt = send(Chain(proxy.url), PROVIDER, approve(town, 8), QUICK)
        assert isinstance(proxy, Losing) and proxy.lost == 2
    assert receipt.block == town.chain.head().number
    assert sent_by(town, PROVIDER.address) == before + 1


class Usurping(FlakyProxy):
    """Lets another process of the same account come first."""

    town: Town

    def answer(self, body: bytes) -> tuple[int, bytes] | None:
        """Sends the other transaction just before this one."""
        if b"eth_sendRawTransaction" in body and not self.faults:
            self.faults["usurped"] += 1
            send(self.town.chain, PROVIDER, approve(self.town, 10), QUICK)
        return super().answer(body)


def test_another_process_of_the_account_is_noticed(town: Town) -> None:
    with flaky(town.url, 0.0, 1, Usurping) as proxy:
        assert isinstance(proxy, Usurping)
        proxy.town = town
        with refusing(TransactionLost, "came first", PROVIDER.shown):
            send(Chain(proxy.url), PROVIDER, approve(town, 9), QUICK)


def test_a_call_that_no_contract_understands(town: Town) -> None:
    nothing = Call("nothing", town.market().contract.address, b"\x01\x02\x03\x04")
    with refusing(Reverted, "nothing: the contract refused with no reason given"):
        send(town.chain, PROVIDER, nothing, QUICK)
    with refusing(RpcRefused, "expected 20 bytes"):
        send(town.chain, PROVIDER, Call("x", b"\x01", b""), QUICK)
