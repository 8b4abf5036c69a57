"""A session: one key, one measured program, one registration, and receipts until it ends."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avow.prover.enclave.errors import EnclaveEnded, EnclaveLater, EnclaveRefused
from avow.prover.enclave.key import SessionKey
from avow.prover.enclave.registered import Registered
from avow.prover.enclave.served import Offer, Served
from avow.verifier.commitment import Commitment, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.merkle import build
from avow.verifier.statement import OFF_CHAIN, Statement
from avow.verifier.systems.tee.receipt import Receipt, receipt_digest
from avow.verifier.systems.tee.registration import SYSTEM_ID
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input

# Outputs that were just computed: an answer is published first and signed a moment later.
_REMEMBERED = 4096
# An element takes some 40 bytes; without this bound large outputs would exhaust the machine.
_REMEMBERED_ELEMENTS = 2**22
# How long before its end a session stops: whoever reads a receipt's time has a clock of its own.
_MARGIN_SECONDS = 60

Outputs = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer of a batch: what is to be said, and the input it is about."""

    statement: Statement
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """The receipt of a batch, and the outputs of each answer in it."""

    receipt: Receipt
    outputs: tuple[Outputs, ...]


class Session:
    """Answers with one program and signs what it has computed itself, nothing else.

    `clock` gives Unix seconds. One thread at a time signs.
    """

    def __init__(
        self, key: SessionKey, served: Served, registered: Registered, clock: Callable[[], float]
    ) -> None:
        self._key, self._served, self._clock = key, served, clock
        self.registered = registered
        self._last = registered.registered_at
        self._known: OrderedDict[bytes, Outputs] = OrderedDict()
        self._elements = 0
        self._lock = threading.Lock()

    @property
    def provider(self) -> str:
        """What runs the program."""
        return self._served.provider

    def answer(self, record: bytes, inputs: Sequence[Tensor]) -> Outputs:
        """The program's outputs for a model whose system record has this digest."""
        self._offer(record)
        return self._run(inputs, commit_input(inputs))

    def sign(self, record: bytes, asked: Sequence[Asked]) -> Signed:
        """The receipt over the root of all statements, each of which must say what was computed.

        Raises `EnclaveRefused` for a statement of anything else, `EnclaveEnded` after the end and
        `EnclaveLater` while the clock is behind an earlier receipt.
        """
        offer, outputs = self._offer(record), []
        for one in asked:
            given = commit_input(one.inputs)
            found = self._run(one.inputs, given)
            self._check(one.statement, offer, given, commit_public(found))
            outputs.append(found)
        root, _ = build([one.statement.digest() for one in asked])
        with self._lock:
            time = self._time()
            digest = receipt_digest(root, time, self.registered.material.registration.registry)
            return Signed(Receipt(time, self._key.sign(digest)), tuple(outputs))

    def is_over(self) -> bool:
        """Whether this session signs no more."""
        return self._clock() >= self.registered.ends - _MARGIN_SECONDS

    def _offer(self, record: bytes) -> Offer:
        offer = self._served.offer(record)
        if self.registered.measurement not in offer.record.measurements:
            measured = to_hex(self.registered.measurement)
            raise EnclaveRefused(f"what was measured here, {measured}, is not in the record")
        return offer

    def _run(self, inputs: Sequence[Tensor], given: Commitment) -> Outputs:
        about = given.value
        with self._lock:
            found = self._known.get(about)
        if found is None:
            try:
                found = self._served.answer(inputs)
            except VerificationError as error:
                raise EnclaveRefused(f"the program takes no such input: {error.message}") from error
        self._remember(about, found)
        return found

    def _remember(self, about: bytes, found: Outputs) -> None:
        with self._lock:
            self._elements += _elements(found) - _elements(self._known.get(about, ()))
            self._known[about] = found
            self._known.move_to_end(about)
            while len(self._known) > _REMEMBERED or self._elements > _REMEMBERED_ELEMENTS:
                _, forgotten = self._known.popitem(last=False)
                self._elements -= _elements(forgotten)

    def _check(
        self, statement: Statement, offer: Offer, asked: Commitment, answered: Commitment
    ) -> None:
        record, registry = offer.record, self.registered.material.registration.registry
        for holds, what in (
            (statement.system == SYSTEM_ID, "another system"),
            (statement.model == record.model, "another model"),
            (statement.program == self._served.program, "another program"),
            (statement.key == record.key, "another record"),
            # By another scheme no proof about the same input would contradict what was signed.
            (
                statement.input.scheme is asked.scheme,
                f"an input by another scheme than {asked.scheme:d}",
            ),
            (statement.input == asked, "another input"),
            (statement.output == answered, "an output that the program did not give"),
            (
                statement.domain == OFF_CHAIN or statement.domain.chain_id == registry.chain_id,
                "another chain than the one where the key is registered",
            ),
        ):
            if not holds:
                raise EnclaveRefused(f"the enclave does not sign: the statement is of {what}")

    def _time(self) -> int:
        now = int(self._clock())
        if now < self._last:
            raise EnclaveLater(f"the clock went back from {self._last} to {now}")
        if self.is_over():
            raise EnclaveEnded(f"the session ended at {self.registered.ends}")
        self._last = now
        return now


def _elements(outputs: Outputs) -> int:
    return sum(len(one.values) for one in outputs)
