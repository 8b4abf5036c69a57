"""Transactions of consecutive nonces: together where all goes well, each once where it does not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from avow.verifier.chain.client import Receipt
from avow.verifier.chain.errors import Reverted, TransactionPending
from avow.verifier.chain.transactions import TOGETHER, Errand, Outcome, Patience, send_together
from tests.integration.test_transactions import Killed, after, approve, die, sent_by
from tests.integration.town import PROVIDER, QUICK, Town, refusing

SLOW = Patience(total=30.0, raise_fee_after=1_000.0, poll=0.01, slowest_poll=0.02)


@pytest.fixture
def by_hand(town: Town) -> Iterator[Town]:
    """Blocks are mined when the test says so."""
    town.rpc("evm_setAutomine", False)
    yield town
    town.rpc("anvil_dropAllTransactions")
    town.rpc("evm_setAutomine", True)


@dataclass
class Noted:
    """Remembers a transaction while the process may end."""

    nonce: int | None = None
    hashes: list[bytes] = field(default_factory=list)

    def resumes(self) -> int | None:
        return self.nonce if self.hashes else None

    def book(self, nonce: int, following: bool) -> None:
        self.nonce = nonce

    def signed(self, transaction: bytes) -> None:
        self.hashes.append(transaction)


def errands(town: Town, many: int) -> tuple[list[Errand], list[Noted]]:
    """Harmless transactions, no two alike."""
    notes = [Noted() for _ in range(many)]
    return [Errand(approve(town, 50 + at), one) for at, one in enumerate(notes)], notes


def sent(
    town: Town, wanted: list[Errand], sleep: Callable[[float], None] = lambda seconds: None
) -> list[Outcome]:
    return send_together(town.chain, PROVIDER, wanted, SLOW, sleep=sleep)


def receipts(outcomes: list[Outcome]) -> list[Receipt]:
    """All of them were mined."""
    found = [one for one in outcomes if isinstance(one, Receipt)]
    assert len(found) == len(outcomes), outcomes
    return found


def killed(town: Town, wanted: list[Errand]) -> None:
    """The process ends while they wait."""
    with pytest.raises(Killed):
        sent(town, wanted, after(1, die))


def test_several_wait_for_one_block(by_hand: Town) -> None:
    before = sent_by(by_hand, PROVIDER.address)
    wanted, notes = errands(by_hand, 4)
    found = receipts(sent(by_hand, wanted, after(1, by_hand.mine)))
    assert len({one.block for one in found}) == 1
    assert [one.nonce for one in notes] == list(range(before, before + 4))
    assert sent_by(by_hand, PROVIDER.address) == before + 4


def test_what_would_fail_leaves_its_nonce_to_the_next(by_hand: Town) -> None:
    before = sent_by(by_hand, PROVIDER.address)
    wanted, notes = errands(by_hand, 2)
    # Of an order that does not exist.
    market = by_hand.market()
    failing = Errand(market.contract.call("expire", bytes(32), 0))
    first, second, third = sent(by_hand, [wanted[0], failing, wanted[1]], after(1, by_hand.mine))
    assert isinstance(second, Reverted)
    receipts([first, third])
    assert [one.nonce for one in notes] == [before, before + 1]


def test_no_more_are_handed_over_than_a_node_keeps(by_hand: Town) -> None:
    wanted, _ = errands(by_hand, TOGETHER + 2)
    outcomes = sent(by_hand, wanted, after(1, by_hand.mine))
    receipts(outcomes[:TOGETHER])
    assert outcomes[TOGETHER:] == [None, None]


def test_one_that_is_dropped_holds_up_none_behind_it(by_hand: Town) -> None:
    wanted, notes = errands(by_hand, 3)
    slept = [0]

    def sleep(_seconds: float) -> None:
        slept[0] += 1
        if slept[0] == 1:
            by_hand.rpc("anvil_dropTransaction", "0x" + notes[0].hashes[0].hex())
            assert by_hand.rpc("eth_getTransactionByHash", "0x" + notes[0].hashes[0].hex()) is None
        by_hand.mine()

    receipts(sent(by_hand, wanted, sleep))


def test_after_a_crash_each_keeps_its_nonce(by_hand: Town) -> None:
    before = sent_by(by_hand, PROVIDER.address)
    wanted, notes = errands(by_hand, 3)
    killed(by_hand, wanted)
    nonces = [one.nonce for one in notes]
    # Another is wanted meanwhile, and is not sent before those are mined.
    more, (note,) = errands(by_hand, 1)
    outcomes = sent(by_hand, [*more, *reversed(wanted)], after(1, by_hand.mine))
    assert outcomes[0] is None and note.nonce is None
    receipts(outcomes[1:])
    assert [one.nonce for one in notes] == nonces
    assert sent_by(by_hand, PROVIDER.address) == before + 3


def test_after_a_crash_what_is_behind_a_dropped_one_still_happens_once(by_hand: Town) -> None:
    """The first is not wanted any more, and no node has it."""
    before = sent_by(by_hand, PROVIDER.address)
    wanted, notes = errands(by_hand, 3)
    killed(by_hand, wanted)
    by_hand.rpc("anvil_dropTransaction", "0x" + notes[0].hashes[0].hex())
    found = receipts(sent(by_hand, wanted[1:], after(1, by_hand.mine)))
    assert sent_by(by_hand, PROVIDER.address) == before + 3
    mined = by_hand.rpc("eth_getBlockByNumber", hex(found[-1].block), True)["transactions"]
    inputs = [one["input"] for one in mined]
    assert inputs == ["0x", *("0x" + one.call.data.hex() for one in wanted[1:])]


def test_what_is_none_of_them_is_waited_for(by_hand: Town) -> None:
    wanted, _ = errands(by_hand, 2)
    killed(by_hand, wanted)
    others, notes = errands(by_hand, 1)
    with refusing(TransactionPending, "2 earlier transaction(s)", PROVIDER.shown):
        sent(by_hand, others)
    with refusing(TransactionPending, "wait to be mined"):
        sent(by_hand, [*others, wanted[1]])
    assert notes[0].nonce is None


def test_a_fee_that_is_too_low_is_raised_for_all(by_hand: Town) -> None:
    before = sent_by(by_hand, PROVIDER.address)
    wanted, notes = errands(by_hand, 3)
    hasty = Patience(total=30.0, raise_fee_after=0.0, poll=0.01, slowest_poll=0.02)

    def sleep(_seconds: float) -> None:
        if all(len(one.hashes) > 1 for one in notes):
            by_hand.mine()

    receipts(send_together(by_hand.chain, PROVIDER, wanted, hasty, sleep=sleep))
    assert sent_by(by_hand, PROVIDER.address) == before + 3


def test_one_alone_is_sent_as_ever(town: Town) -> None:
    before = town.chain.head().number
    (receipt,) = receipts(send_together(town.chain, PROVIDER, errands(town, 1)[0], QUICK))
    assert receipt.block == before + 1
