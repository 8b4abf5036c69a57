"""What is written down of a market's events, taken back, priced and added up."""

from pathlib import Path

import pytest

from avow.prover.config import from_environment
from avow.prover.database import Database
from avow.prover.nodes.cursors import Cursor
from avow.prover.nodes.ledger import Kind, Ledger
from avow.prover.nodes.worklist import Worklist
from avow.prover.request import OrderContext, Request
from avow.verifier.chain.events import (
    BondSlashed,
    CallbackMade,
    LegExpired,
    LegSettled,
    MarketEvent,
    OrderLocked,
    Payout,
    Place,
)
from avow.verifier.fields import to_hex
from avow.verifier.lifecycle import LegState
from tests.prover.tiny import Shop, request

MARKET = bytes.fromhex("22" * 20)
NAME = f"31337:{to_hex(MARKET)}"
ORDER, OTHER = bytes([1]) * 32, bytes([2]) * 32
PROVIDER, VALIDATOR = bytes([3]) * 20, bytes([4]) * 20


@pytest.fixture
def shop(tmp_path: Path, new_database: Database) -> Shop:
    """A queue over an empty database."""
    return Shop(from_environment({"AVOW_HOME": str(tmp_path / "home")}), new_database)


def place(block: int, index: int = 0, transaction: int | None = None) -> Place:
    """A place whose transaction is named by its block unless told otherwise."""
    return Place(block, index, bytes([block if transaction is None else transaction]) * 32)


def locked(block: int, order: bytes = ORDER) -> OrderLocked:
    return OrderLocked(place(block), order, PROVIDER, VALIDATOR, 20)


def settled(block: int, order: bytes = ORDER, index: int = 0) -> LegSettled:
    payout = Payout(880, 50, 50, 20)
    return LegSettled(
        place(block, index), order, PROVIDER, VALIDATOR, 0, bytes(32), b"\x01", payout
    )


def worklist(database: Database, role: str = "provider") -> Worklist:
    return Worklist(database, NAME, f"{role}:{to_hex(PROVIDER)}")


def store(database: Database, *events: MarketEvent, head: int = 99) -> None:
    worklist(database).store(events, Cursor(head, bytes(32)), 2)


def with_job(shop: Shop, order: bytes = ORDER) -> str:
    """A job for an order."""
    plain = request(1, 2, 3, 4)
    context = OrderContext(31337, MARKET, order, PROVIDER, nonce=5)
    job = shop.queue.submit(Request(plain.model, plain.system, plain.inputs, order=context))
    return job.id


def test_a_jobs_order_is_followed_to_its_payment(shop: Shop) -> None:
    job = with_job(shop)
    store(shop.database, locked(10), settled(12), locked(11, OTHER))
    first, last = Ledger(shop.database).of_job(job)
    assert (first.kind, first.account, first.amounts) == (
        Kind.LOCKED,
        to_hex(PROVIDER),
        {"bond": 20},
    )
    assert (last.kind, last.account, last.decimals) == (Kind.SETTLED, to_hex(VALIDATOR), 2)
    assert last.amounts == {"provider": 880, "validator": 50, "royalty": 50, "treasury": 20}
    assert (first.gas, last.gas) == (None, None)
    assert Ledger(shop.database).jobs_of([first]) == {to_hex(ORDER): job}


def test_gas_is_asked_only_of_orders_with_a_job_here(shop: Shop) -> None:
    job = with_job(shop)
    work = worklist(shop.database)
    store(shop.database, locked(10), settled(12), locked(11, OTHER))
    assert work.unpriced(9) == [bytes([12]) * 32, bytes([10]) * 32]
    work.price({bytes([12]) * 32: 500_000})
    assert work.unpriced(9) == [bytes([10]) * 32]
    store(shop.database, settled(12))
    assert [entry.gas for entry in Ledger(shop.database).of_job(job)] == [None, 500_000]


def test_a_transaction_says_how_many_legs_it_settled(shop: Shop) -> None:
    job = with_job(shop)
    store(shop.database, locked(10), settled(12), settled(12, OTHER, index=1))
    assert [entry.legs for entry in Ledger(shop.database).of_job(job)] == [1, 2]


def test_what_the_chain_took_back_is_forgotten(shop: Shop) -> None:
    job = with_job(shop)
    store(shop.database, locked(10), settled(12))
    worklist(shop.database, "validator").rewind(12)
    assert [entry.kind for entry in Ledger(shop.database).of_job(job)] == [Kind.LOCKED]
    store(shop.database, settled(13))
    assert [entry.block for entry in Ledger(shop.database).of_job(job)] == [10, 13]


def test_accounts_add_up(shop: Shop) -> None:
    with_job(shop)
    lost = BondSlashed(place(14), OTHER, 0, PROVIDER, 12, 8)
    ended = LegExpired(place(14, 1), OTHER, 0, LegState.SLASHED, 1000)
    called = CallbackMade(place(15), ORDER, 0, VALIDATOR, True, b"")
    store(shop.database, locked(10), locked(11, OTHER), settled(12), lost, ended, called)
    worklist(shop.database).price({bytes([10]) * 32: 70_000})
    (account,) = Ledger(shop.database).accounts()
    assert account.address == to_hex(PROVIDER)
    assert (account.locked, account.settled, account.slashed) == (2, 1, 1)
    assert (account.earned, account.lost) == (880, 20)
    assert (account.gas, account.unpriced) == (70_000, 1), "the validator paid for the settlement"


def test_a_job_off_chain_has_no_entries(shop: Shop) -> None:
    store(shop.database, locked(10))
    job = shop.queue.submit(request(1, 2, 3, 4))
    assert Ledger(shop.database).of_job(job.id) == []
    assert Ledger(shop.database).accounts()[0].locked == 1
