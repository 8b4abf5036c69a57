"""Sending a transaction so that it happens once, and waiting until it has."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from eth_account.datastructures import SignedTransaction
from eth_typing import HexStr
from web3.exceptions import Web3RPCError
from web3.types import TxParams, Wei

from avow.verifier.chain.client import Chain, Receipt, checksum, rpc_message
from avow.verifier.chain.errors import (
    InsufficientFunds,
    Reverted,
    RpcRefused,
    RpcUnavailable,
    TransactionLost,
    TransactionPending,
)
from avow.verifier.chain.signer import Signer

_GAS_MARGIN = (5, 4)
# Of one transaction, where EIP-7825 is in force; a margin never goes beyond it.
MAXIMUM_GAS = 2**24
_PRIORITY_FEE = 10**9
_KNOWN = ("already known", "already imported", "known transaction")
_NONCE_USED = ("nonce too low", "nonce is too low", "invalid nonce")
_UNDERPRICED = ("underpriced", "fee too low")
_FUNDS = ("insufficient funds",)


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does. `to` None creates a contract; `what` names it in errors.

    `spare_gas` is sent beside what an estimate needs, for what others may use up by then.
    """

    what: str
    to: bytes | None
    data: bytes
    spare_gas: int = 0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a transaction, in seconds, and how deep it must lie."""

    total: float = 600.0
    raise_fee_after: float = 60.0
    poll: float = 0.05
    slowest_poll: float = 2.0
    confirmations: int = 0


PATIENT = Patience()


class Booking(Protocol):
    """What remembers a transaction for whoever sends it again after a crash."""

    def resumes(self, nonce: int) -> bool:
        """Whether this very transaction was handed to a node before, under this nonce."""
        ...

    def book(self, nonce: int) -> None:
        """Called before it is signed, once an estimate says that it succeeds; may refuse."""
        ...

    def signed(self, transaction: bytes) -> None:
        """Called with its hash before its bytes are handed to anybody, for every fee."""
        ...


class _Nowhere:
    """Nothing is remembered."""

    def resumes(self, nonce: int) -> bool:
        return False

    def book(self, nonce: int) -> None:
        return

    def signed(self, transaction: bytes) -> None:
        return


NOWHERE: Booking = _Nowhere()


def send(
    chain: Chain,
    signer: Signer,
    call: Call,
    patience: Patience = PATIENT,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    booking: Booking = NOWHERE,
) -> Receipt:
    """Signs, sends and waits; returns the receipt of a transaction that succeeded.

    The same signed bytes are sent again when the node's answer is lost, so the transaction
    cannot happen twice; a fee that proves too low is raised under the same nonce. Raises
    TransactionPending when an earlier transaction of the account waits (unless it is this one, as
    `booking` remembers: then it may be replaced under its nonce), Reverted when the contract
    refuses (before anything is sent, if it would refuse now), InsufficientFunds,
    TransactionLost.
    """
    signer.check(chain.chain_id)
    transaction, resumed = _prepare(chain, signer, call, booking)
    sent = [_signed(signer, transaction, booking)]
    begun = clock()
    raised_at = begun
    pause = patience.poll
    receipt: Receipt | None = None
    while True:
        # A mined transaction that is not deep enough yet needs no other copy.
        known = resumed or len(sent) > 1
        taken = receipt is None and _broadcast(chain, sent[-1], call, known)
        round_ends = clock() + max(pause, patience.slowest_poll)
        while True:
            try:
                receipt = _mined(chain, sent, call)
                if receipt is not None and _is_deep(chain, receipt, patience.confirmations):
                    return receipt
                answered = True
            except RpcUnavailable:
                answered = False
            sleep(pause)
            pause = min(pause * 1.5, patience.slowest_poll)
            if clock() >= round_ends:
                break
        if taken and answered and receipt is None:
            raise TransactionLost(f"{call.what}: another transaction of {signer.shown} came first")
        now = clock()
        if now - begun >= patience.total:
            shown = ", ".join("0x" + item.hash.hex() for item in sent)
            state = "not mined" if receipt is None else "not deep enough"
            raise TransactionLost(f"{call.what}: {state} after {patience.total:g} s ({shown})")
        if receipt is None and now - raised_at >= patience.raise_fee_after:
            transaction = _dearer(transaction)
            sent.append(_signed(signer, transaction, booking))
            raised_at = now


def _prepare(chain: Chain, signer: Signer, call: Call, booking: Booking) -> tuple[TxParams, bool]:
    """The transaction, ready to be signed, and whether it may be waiting under its nonce."""
    sender = checksum(signer.address)
    with chain.speaking(call.what):
        mined = chain.w3.eth.get_transaction_count(sender, "latest")
        queued = chain.w3.eth.get_transaction_count(sender, "pending")
        resumed = booking.resumes(mined)
        if queued > mined + resumed:
            raise TransactionPending(
                f"{call.what}: {queued - mined} earlier transaction(s) of {sender} wait to be mined"
            )
        transaction: TxParams = {
            "from": sender,
            "data": HexStr("0x" + call.data.hex()),
            "value": Wei(0),
            "chainId": chain.chain_id,
            "nonce": mined,
        }
        if call.to is not None:
            transaction["to"] = checksum(call.to)
        try:
            estimate = chain.w3.eth.estimate_gas(transaction)
        except Web3RPCError as error:
            if any(phrase in rpc_message(error).lower() for phrase in _FUNDS):
                raise InsufficientFunds(_too_poor(chain, signer, call)) from error
            raise
        numerator, denominator = _GAS_MARGIN
        limit = int(chain.w3.eth.get_block("latest")["gasLimit"])
        generous = min(estimate * numerator // denominator + call.spare_gas, MAXIMUM_GAS)
        transaction["gas"] = min(max(estimate, generous), limit)
        _price(chain, transaction)
    balance = chain.balance(signer.address)
    needed = transaction["gas"] * _fee(transaction)
    if balance < needed:
        raise InsufficientFunds(
            f"{call.what}: {sender} has {balance} wei, gas may cost {needed} wei"
        )
    booking.book(mined)
    return transaction, resumed


def _price(chain: Chain, transaction: TxParams) -> None:
    base = chain.w3.eth.get_block("latest").get("baseFeePerGas")
    if base is None:
        transaction["gasPrice"] = chain.w3.eth.gas_price
        return
    try:
        tip = int(chain.w3.eth.max_priority_fee)
    except Web3RPCError:
        tip = _PRIORITY_FEE
    transaction["maxPriorityFeePerGas"] = Wei(tip)
    transaction["maxFeePerGas"] = Wei(2 * int(base) + tip)
    transaction["type"] = HexStr("0x2")


def _fee(transaction: TxParams) -> int:
    return int(cast(int, transaction.get("maxFeePerGas") or transaction.get("gasPrice") or 0))


def _dearer(transaction: TxParams) -> TxParams:
    raised = transaction.copy()
    for key in ("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"):
        if key in raised:
            # Nodes replace a waiting transaction only for a tenth more.
            raised[key] = Wei(int(cast(int, raised[key])) * 5 // 4 + 1)
    return raised


def _signed(signer: Signer, transaction: TxParams, booking: Booking) -> SignedTransaction:
    fields = transaction.copy()
    del fields["from"]
    signed = signer.account.sign_transaction(cast(Any, fields))
    booking.signed(bytes(signed.hash))
    return signed


def _broadcast(chain: Chain, signed: SignedTransaction, call: Call, known: bool) -> bool:
    """Hands the bytes to the node; True when the node says that their nonce is used."""
    try:
        with chain.speaking(call.what):
            chain.w3.eth.send_raw_transaction(signed.raw_transaction)
    except RpcUnavailable:
        # Whether it arrived is unknown: the receipt tells, and the same bytes go out again.
        return False
    except RpcRefused as error:
        said = str(error).lower()
        if any(phrase in said for phrase in _NONCE_USED):
            # Either this very transaction was mined or another one: the receipt tells.
            return True
        if any(phrase in said for phrase in _KNOWN):
            return False
        if known and any(phrase in said for phrase in _UNDERPRICED):
            return False
        if any(phrase in said for phrase in _FUNDS):
            raise InsufficientFunds(f"{call.what}: {error}") from error
        raise
    return False


def _mined(chain: Chain, sent: list[SignedTransaction], call: Call) -> Receipt | None:
    """The receipt of whichever copy was mined; raises Reverted when it failed."""
    for signed in sent:
        found = chain.receipt(bytes(signed.hash))
        if found is None:
            continue
        receipt, succeeded = found
        if not succeeded:
            raise _why(chain, signed, receipt, call)
        return receipt
    return None


def _is_deep(chain: Chain, receipt: Receipt, confirmations: int) -> bool:
    return confirmations == 0 or chain.head().number >= receipt.block + confirmations


def _why(chain: Chain, signed: SignedTransaction, receipt: Receipt, call: Call) -> Reverted:
    """Replays a failed transaction to learn what the contract said."""
    sender = chain.w3.eth.account.recover_transaction(signed.raw_transaction)
    transaction: TxParams = {"from": sender, "data": HexStr("0x" + call.data.hex())}
    if call.to is not None:
        transaction["to"] = checksum(call.to)
    try:
        chain.call(transaction, call.what, receipt.block)
    except Reverted as error:
        return error
    except (RpcRefused, RpcUnavailable):
        pass
    return Reverted("", (), f"{call.what} (transaction 0x{receipt.transaction.hex()})")


def _too_poor(chain: Chain, signer: Signer, call: Call) -> str:
    balance = chain.balance(signer.address)
    return f"{call.what}: {signer.shown} has {balance} wei, too little for its gas"
