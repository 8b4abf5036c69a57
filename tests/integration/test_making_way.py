"""What a process that ended has left waiting at a node does not keep disputes from their moves."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from avow.prover.disputes import moves
from avow.prover.disputes.journal import Journal
from avow.prover.disputes.sending import Sender
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Receipt, checksum
from avow.verifier.chain.errors import TransactionPending
from avow.verifier.keccak import keccak256
from tests.integration.test_sending_together import by_hand
from tests.integration.test_transactions import sent_by
from tests.integration.town import PROVIDER, QUICK, STRANGER, Town, refusing

__all__ = ["by_hand"]

CLAIM = bytes(32)


@dataclass
class Slow:
    """A node of which a fee is too low: its transaction waits, and no process knows of it."""

    town: Town
    sender: Sender
    journal: Journal
    seconds: float = 0.0
    hash: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stuck(self) -> str:
        """Hands over a transaction that no block takes; its hash."""
        town, account = self.town, checksum(PROVIDER.address)
        nonce = sent_by(town, PROVIDER.address)
        market = town.market()
        call = market.token.call("approve", checksum(STRANGER.address), 10**30)
        assert call.to is not None
        signed = PROVIDER.account.sign_transaction(
            {
                "to": checksum(call.to),
                "data": "0x" + call.data.hex(),
                "value": 0,
                "gas": 100_000,
                "nonce": nonce,
                "chainId": town.chain.chain_id,
                "maxFeePerGas": 10**9,
                "maxPriorityFeePerGas": 10**9,
                "type": 2,
            }
        )
        with self.lock:
            raw = "0x" + signed.raw_transaction.hex()
            self.hash = str(town.rpc("eth_sendRawTransaction", raw))
        assert int(town.rpc("eth_getTransactionCount", account, "pending"), 16) == nonce + 1
        return self.hash

    def mine(self, over: threading.Event) -> None:
        """Blocks come, but none as long as one of them would have that transaction."""
        while not over.wait(0.05):
            with self.lock:
                waiting = self.hash and self.town.rpc("eth_getTransactionByHash", self.hash)
                if waiting is None:
                    self.town.mine()


@pytest.fixture
def slow(by_hand: Town) -> Iterator[Slow]:
    """A provider's sender of moves."""
    claims = Claims(by_hand.chain, by_hand.deployment, replace(QUICK, raise_fee_after=400.0))
    journal = Journal(by_hand.database(), "a provider")
    found = Slow(by_hand, None, journal)  # type: ignore[arg-type]
    found.sender = Sender(claims, PROVIDER, journal, lambda: found.seconds)
    over = threading.Event()
    miner = threading.Thread(target=found.mine, args=(over,))
    miner.start()
    yield found
    over.set()
    miner.join()


def test_a_move_is_made_though_an_unknown_transaction_waits(slow: Slow) -> None:
    """It was handed over before a crash, at a fee that is too low by now."""
    stuck, move = slow.stuck(), moves.Commit(keccak256(b"a refutation"))
    with refusing(TransactionPending, "1 earlier transaction(s)"):
        slow.sender.send([(CLAIM, move)])
    slow.seconds += 399.9
    with refusing(TransactionPending, "1 earlier transaction(s)"):
        slow.sender.send([(CLAIM, move)])
    # Left alone for as long as a fee is; then it is replaced, and the next look finds the way free.
    slow.seconds += 0.2
    with refusing(TransactionPending, "1 earlier transaction(s)"):
        slow.sender.send([(CLAIM, move)])
    (done,) = slow.sender.send([(CLAIM, move)])
    assert isinstance(done, Receipt)
    assert slow.town.rpc("eth_getTransactionReceipt", stuck) is None
    market = slow.town.market()
    arguments = (checksum(PROVIDER.address), checksum(STRANGER.address))
    assert market.token.read("allowance", *arguments) != 10**30, "it can never happen any more"


def test_what_waits_anew_is_waited_for_anew(slow: Slow) -> None:
    """One that was mined meanwhile shortens nobody else's time."""
    slow.stuck()
    move = moves.Commit(keccak256(b"another refutation"))
    with refusing(TransactionPending):
        slow.sender.send([(CLAIM, move)])
    slow.town.rpc("anvil_dropAllTransactions")
    assert isinstance(slow.sender.send([(CLAIM, move)])[0], Receipt)
    slow.seconds += 10_000
    stuck = slow.stuck()
    with refusing(TransactionPending):
        slow.sender.send([(CLAIM, moves.Commit(keccak256(b"a third")))])
    assert slow.town.rpc("eth_getTransactionByHash", stuck) is not None


def test_a_move_that_was_begun_is_not_cleared_away(slow: Slow) -> None:
    """Its own transaction waits under the nonce behind the unknown one."""
    slow.stuck()
    move, nonce = moves.Commit(keccak256(b"begun")), sent_by(slow.town, PROVIDER.address) + 1
    assert slow.journal.begin(CLAIM, move, nonce) is not None
    slow.journal.sent(move, bytes(32))
    with refusing(TransactionPending):
        slow.sender.send([(CLAIM, move)])
    slow.seconds += 400
    with refusing(TransactionPending):
        slow.sender.send([(CLAIM, move)])
    assert sent_by(slow.town, PROVIDER.address) == nonce, "one was cleared away, and no more"
    (done,) = slow.sender.send([(CLAIM, move)])
    assert isinstance(done, Receipt)
    raw = slow.town.rpc("eth_getTransactionByHash", "0x" + done.transaction.hex())
    assert int(raw["nonce"], 16) == nonce
