"""Sending transactions so that each happens once, and waiting until they have."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from eth_account.datastructures import SignedTransaction
from eth_typing import HexStr
from web3.exceptions import Web3RPCError
from web3.types import Nonce, RPCEndpoint, TxParams, Wei

from avow.verifier.chain.client import Chain, Receipt, checksum, rpc_message
from avow.verifier.chain.errors import (
    ChainError,
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
# So many of one account a node keeps whatever else waits there (geth's `accountslots`).
TOGETHER = 16
# An estimate does not know what the transactions handed over before it will have changed.
_GAS_BEHIND_OTHERS = 60_000
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

    def resumes(self) -> int | None:
        """Under which nonce this very transaction was handed to a node before, if it was."""
        ...

    def book(self, nonce: int, following: bool) -> None:
        """Called before it is signed, once an estimate says that it succeeds; may refuse.

        `following` says that a transaction under the nonce before it waits to be mined, too.
        """
        ...

    def signed(self, transaction: bytes) -> None:
        """Called with its hash before its bytes are handed to anybody, for every fee."""
        ...


class _Nowhere:
    """Nothing is remembered."""

    def resumes(self) -> int | None:
        return None

    def book(self, nonce: int, following: bool) -> None:
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
    errand = Errand(call, booking)
    (done,) = send_together(chain, signer, (errand,), patience, sleep, clock)
    if isinstance(done, Receipt):
        return done
    raise done or TransactionPending(f"{call.what}: earlier transactions come first")


@dataclass(frozen=True, slots=True)
class Errand:
    """A transaction to be sent, and what remembers it."""

    call: Call
    booking: Booking = NOWHERE


Outcome = Receipt | ChainError | None


def send_together(
    chain: Chain,
    signer: Signer,
    errands: Sequence[Errand],
    patience: Patience = PATIENT,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[Outcome]:
    """Sends transactions of consecutive nonces, and waits for all of them; what became of each.

    They must not depend on one another. Each is sent as by `send`, in the order given, and what
    fails before it is signed leaves its nonce to the next. None for those that were not handed
    over this time: beyond `TOGETHER`, behind one that no node would take, or while others of them
    are sent again that were handed over before a crash: those come alone, under their own nonces.

    Raises TransactionPending when a transaction waits that is none of them.
    """
    signer.check(chain.chain_id)
    sender, what = checksum(signer.address), errands[0].call.what
    with chain.speaking(what):
        mined = int(chain.w3.eth.get_transaction_count(sender, "latest"))
        queued = int(chain.w3.eth.get_transaction_count(sender, "pending"))
    held = _held(errands, mined)
    stranger = next((nonce for nonce in range(mined, queued) if nonce not in held), None)
    if stranger is not None:
        raise TransactionPending(
            f"{what}: {queued - mined} earlier transaction(s) of {sender} wait to be mined",
            stranger,
        )
    queue = _Queue(chain, signer, mined)
    outcomes: list[Outcome] = [None] * len(errands)
    if held:
        flights = queue.again(errands, held, queued, outcomes)
    else:
        flights = queue.anew(errands, outcomes)
    _wait(chain, signer, [one for _, one in flights], patience, sleep, clock)
    for at, flight in flights:
        if at is not None:
            outcomes[at] = flight.outcome
    return outcomes


def clear(
    chain: Chain,
    signer: Signer,
    spared: Collection[int],
    patience: Patience = PATIENT,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Puts an empty transaction at a higher fee in the place of every one that waits, but for the
    nonces that are `spared`; waits no longer for it than a fee is left as it is.

    Of one nonce the chain takes one transaction: what waited has happened then, or never will.
    """
    signer.check(chain.chain_id)
    sender = checksum(signer.address)
    with chain.speaking():
        mined = int(chain.w3.eth.get_transaction_count(sender, "latest"))
        queued = int(chain.w3.eth.get_transaction_count(sender, "pending"))
    queue = _Queue(chain, signer, mined)
    flights = queue.clear([nonce for nonce in range(mined, queued) if nonce not in spared])
    hasty = replace(
        patience, total=patience.raise_fee_after, raise_fee_after=patience.raise_fee_after / 4
    )
    _wait(chain, signer, flights, hasty, sleep, clock)


def _held(errands: Sequence[Errand], mined: int) -> dict[int, int]:
    """Which errands may wait at a node already, by their nonces."""
    found = {}
    for at, errand in enumerate(errands):
        nonce = errand.booking.resumes()
        # No more were ever handed over; what is farther off is of a chain that is gone.
        if nonce is not None and mined <= nonce < mined + TOGETHER:
            found[nonce] = at
    return found


@dataclass(slots=True)
class _Flight:
    """A transaction on its way: every signed copy of it, and what became of it."""

    call: Call
    booking: Booking
    transaction: TxParams
    sent: list[SignedTransaction] = field(default_factory=list)
    # The node says that its nonce is used.
    taken: bool = False
    receipt: Receipt | None = None
    outcome: Receipt | ChainError | None = None


class _Queue:
    """The transactions of an account, handed over one after another."""

    def __init__(self, chain: Chain, signer: Signer, mined: int) -> None:
        self._chain = chain
        self._signer = signer
        self._mined = mined
        self._balance = chain.balance(signer.address)
        with chain.speaking():
            latest = chain.w3.eth.get_block("latest")
            self._gas_limit = int(latest["gasLimit"])
            self._fees = _fees(chain, latest.get("baseFeePerGas"))

    def anew(
        self, errands: Sequence[Errand], outcomes: list[Outcome]
    ) -> list[tuple[int | None, _Flight]]:
        """Hands over what was not before; beside each flight the place of its errand."""
        flights: list[tuple[int | None, _Flight]] = []
        for at, errand in enumerate(errands):
            if len(flights) == TOGETHER:
                break
            try:
                flight = self._hand_over(errand, self._mined + len(flights), False)
            except (Reverted, TransactionLost) as error:
                outcomes[at] = error
                continue
            except ChainError as error:
                # It would be refused to those behind it as well.
                outcomes[at] = error
                break
            flights.append((at, flight))
            if flight.outcome is not None:
                break
        return flights

    def again(
        self,
        errands: Sequence[Errand],
        held: dict[int, int],
        queued: int,
        outcomes: list[Outcome],
    ) -> list[tuple[int | None, _Flight]]:
        """Hands over once more what may wait at a node, each under its own nonce."""
        flights: list[tuple[int | None, _Flight]] = []
        for nonce in range(self._mined, max(held) + 1):
            at = held.get(nonce)
            if at is not None:
                try:
                    flights.append((at, self._hand_over(errands[at], nonce, True)))
                except ChainError as error:
                    outcomes[at] = error
                    if nonce < queued:
                        # It still waits there, and is nothing to those behind it.
                        continue
                    at = None
            if at is None and nonce < max(held):
                # Nobody has what stood here, and what stands behind it could never happen.
                try:
                    flights.append((None, self._hand_over(self._empty(), nonce, False)))
                except ChainError:
                    break
            if flights and flights[-1][1].outcome is not None:
                break
        return flights

    def clear(self, nonces: Sequence[int]) -> list[_Flight]:
        """Hands over empty transactions instead of those that wait under these nonces."""
        self._fees = _dearer(self._fees)
        return [self._hand_over(self._empty(), nonce, True) for nonce in nonces]

    def _empty(self) -> Errand:
        return Errand(Call("an empty transaction", self._signer.address, b""))

    def _hand_over(self, errand: Errand, nonce: int, resumed: bool) -> _Flight:
        """Signs and hands over; raises what went wrong before it was signed."""
        transaction = self._prepared(errand.call, nonce, resumed)
        needed = transaction["gas"] * _fee(transaction)
        if self._balance < needed:
            raise InsufficientFunds(
                f"{errand.call.what}: {self._signer.shown} has {self._balance} wei, "
                f"gas may cost {needed} wei"
            )
        errand.booking.book(nonce, nonce > self._mined)
        flight = _Flight(errand.call, errand.booking, transaction)
        flight.sent.append(_signed(self._signer, transaction, errand.booking))
        self._balance -= needed
        _send_out(self._chain, flight, known=resumed)
        return flight

    def _prepared(self, call: Call, nonce: int, resumed: bool) -> TxParams:
        chain = self._chain
        transaction: TxParams = {
            "from": checksum(self._signer.address),
            "data": HexStr("0x" + call.data.hex()),
            "value": Wei(0),
            "chainId": chain.chain_id,
        }
        if call.to is not None:
            transaction["to"] = checksum(call.to)
        with chain.speaking(call.what):
            try:
                estimate = int(chain.w3.eth.estimate_gas(transaction))
            except Web3RPCError as error:
                if any(phrase in rpc_message(error).lower() for phrase in _FUNDS):
                    raise InsufficientFunds(_too_poor(chain, self._signer, call)) from error
                raise
        numerator, denominator = _GAS_MARGIN
        spare = call.spare_gas + (_GAS_BEHIND_OTHERS if nonce > self._mined else 0)
        generous = min(estimate * numerator // denominator + spare, MAXIMUM_GAS)
        transaction["gas"] = min(max(estimate, generous), self._gas_limit)
        transaction["nonce"] = Nonce(nonce)
        transaction.update(self._fees)
        return transaction


def _send_out(chain: Chain, flight: _Flight, known: bool) -> None:
    """Hands the newest copy to the node."""
    try:
        flight.taken = _broadcast(chain, flight.sent[-1], flight.call, known)
    except ChainError as error:
        flight.outcome = error


def _wait(
    chain: Chain,
    signer: Signer,
    flights: Sequence[_Flight],
    patience: Patience,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> None:
    """Waits until every flight has its outcome. Each is handed over again in every round: of
    consecutive nonces one that a node has dropped would hold up all behind it."""
    begun = clock()
    raised_at = begun
    pause = patience.poll
    while True:
        round_ends = clock() + max(pause, patience.slowest_poll)
        while True:
            answered = _look(chain, flights, patience)
            if all(flight.outcome is not None for flight in flights):
                return
            sleep(pause)
            pause = min(pause * 1.5, patience.slowest_poll)
            if clock() >= round_ends:
                break
        now = clock()
        raises = now - raised_at >= patience.raise_fee_after
        for at, flight in enumerate(flights):
            if flight.outcome is not None:
                continue
            if flight.taken and answered and flight.receipt is None:
                flight.outcome = TransactionLost(
                    f"{flight.call.what}: another transaction of {signer.shown} came first"
                )
            elif now - begun >= patience.total:
                shown = ", ".join("0x" + item.hash.hex() for item in flight.sent)
                state = "not mined" if flight.receipt is None else "not deep enough"
                flight.outcome = TransactionLost(
                    f"{flight.call.what}: {state} after {patience.total:g} s ({shown})"
                )
            elif flight.receipt is None:
                if raises:
                    flight.transaction = _dearer(flight.transaction)
                    flight.sent.append(_signed(signer, flight.transaction, flight.booking))
                _send_out(chain, flight, known=True)
                if flight.outcome is not None:
                    _leave(flights[at + 1 :])
        if raises:
            raised_at = now
        if all(flight.outcome is not None for flight in flights):
            return


def _leave(flights: Sequence[_Flight]) -> None:
    """Waits no longer for what may never happen, since a node refuses what comes before it."""
    for flight in flights:
        if flight.outcome is None:
            flight.outcome = TransactionLost(
                f"{flight.call.what}: a transaction before it was refused"
            )


def _look(chain: Chain, flights: Sequence[_Flight], patience: Patience) -> bool:
    """Notes which flights have ended; whether the node has answered."""
    for flight in flights:
        if flight.outcome is not None:
            continue
        try:
            flight.receipt = _mined(chain, flight.sent, flight.call)
            found = flight.receipt
            if found is not None and _is_deep(chain, found, patience.confirmations):
                flight.outcome = found
        except RpcUnavailable:
            return False
        except ChainError as error:
            flight.outcome = error
    return True


def _fees(chain: Chain, base: Wei | None) -> TxParams:
    if base is None:
        return {"gasPrice": Wei(int(chain.w3.eth.gas_price))}
    try:
        # Where a node has none, web3 would warn and reckon from the fees of the last blocks.
        asked = chain.w3.manager.request_blocking(RPCEndpoint("eth_maxPriorityFeePerGas"), [])
        tip = Wei(int(asked, 16))
    except Web3RPCError:
        tip = Wei(_PRIORITY_FEE)
    dearest = Wei(2 * int(base) + tip)
    return {"maxPriorityFeePerGas": tip, "maxFeePerGas": dearest, "type": HexStr("0x2")}


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
