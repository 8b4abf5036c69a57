"""Disputes about a lie in a run, played on a development chain, and what each party pays."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from hexbytes import HexBytes

from avow.api.bench.order import Desk
from avow.api.errors import BenchError
from avow.api.local.clock import Clock
from avow.api.local.people import People
from avow.circuits.optimistic.record import build_record
from avow.prover.disputes.challenger import Attack, OwnRun
from avow.prover.disputes.moves import Commit, Move, Refute
from avow.prover.disputes.onchain import challenge_of, send, view_of
from avow.prover.disputes.provider import Defence
from avow.prover.disputes.state import ClaimView
from avow.prover.refutation import Refuter
from avow.prover.trace import Run
from avow.verifier.chain.claim_events import Claimed, encode_traced
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Chain, Receipt
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.market import Market
from avow.verifier.chain.registration import Compiled, Registry, Royalty
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import send as send_call
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import leaf
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.records import ModelRecord, OutputShape
from avow.verifier.tensor import Tensor
from avow.verifier.trace.key import ProgramKey

_SALT = keccak256(b"a salt")
_WINDOW_SECONDS = 3_600
# No program is compiled here, so nothing was compared with a float model.
_NO_REPORT = {"fidelity": None, "bits": 8, "observed": ()}


@dataclass(frozen=True)
class Case:
    """A program, the run of one input, and where a liar's run differs from it.

    In the stored bytes of tensor `wrong` the lowest bit of the middle element is another one.
    """

    name: str
    program: Program
    blobs: Sequence[Blob]
    key: ProgramKey
    given: tuple[Tensor, ...]
    run: Run
    stored: tuple[bytes, ...]
    wrong: int

    def honest(self, statement: bytes) -> Refuter:
        """The right run under a statement's leaf."""
        arguments = (self.program, self.blobs, self.key, statement, self.stored)
        return Refuter(*arguments, self.run.roots)

    def lying(self, statement: bytes) -> Refuter:
        """The run with one element changed."""
        layout = self.key.descriptors[self.wrong].result
        data = bytearray(self.stored[self.wrong])
        data[layout.count // 2 * layout.width + layout.width - 1] ^= 1
        stored = list(self.stored)
        stored[self.wrong] = bytes(data)
        return Refuter(self.program, self.blobs, self.key, statement, stored)


@dataclass
class Spent:
    """Gas and calldata by party, moves by name, and the longest time that making one took."""

    gas: Counter[str] = field(default_factory=Counter)
    calldata: Counter[str] = field(default_factory=Counter)
    moves: list[tuple[str, str, int]] = field(default_factory=list)
    slowest_s: float = 0.0

    def note(self, chain: Chain, party: str, what: str, receipt: Receipt) -> None:
        """Add a transaction."""
        with chain.speaking():
            sent = chain.w3.eth.get_transaction(HexBytes(receipt.transaction))
        self.gas[party] += receipt.gas_used
        self.calldata[party] += len(bytes(sent["input"]))
        self.moves.append((party, what, receipt.gas_used))


@dataclass(frozen=True)
class Court:
    """A deployment on a development chain, its people, and a challenger."""

    market: Market
    claims: Claims
    people: People
    challenger: Signer

    def register(self, case: Case) -> Desk:
        """Put the case's program into the registry."""
        model = ModelRecord(
            name=case.name,
            version="1",
            onnx_sha256=sha256(case.name.encode()).digest(),
            inputs=case.program.inputs,
            outputs=tuple(
                OutputShape(output.name, case.program.shapes()[output.tensor])
                for output in case.program.outputs
            ),
            licence="Apache-2.0",
            owner=self.people.owner.address,
        )
        record = build_record(model, case.program, case.key, _NO_REPORT, _WINDOW_SECONDS)
        registry = Registry(self.market.chain, self.market.deployment)
        compiled = Compiled(model, record, b"", places=case.key.public_places())
        found = registry.register(self.people.owner, compiled, Royalty())
        return Desk(self.market, self.people, found.model_key, record)

    def lie(self, desk: Desk, case: Case) -> "Dispute":
        """An order, answered and claimed by a provider whose trace is wrong in one element."""
        order = desk.open(case.given)
        output = commit_public(case.run.outputs)
        statement = leaf(desk.statement(order, output).digest())
        lying = case.lying(statement)
        data = b"".join(tensor.data() for tensor in case.run.outputs)
        provider = self.people.provider
        desk.deliver(order, output, keccak256(data))
        claimed, receipt = self.claims.claim(provider, order.order_id, 0, data, lying.root)
        if claimed.claim_id != statement:
            raise BenchError("the contract claims another statement")
        return Dispute(self, case, claimed, lying, receipt.gas_used)


@dataclass
class Dispute:
    """A claim of a wrong trace, overturned in one way or the other."""

    court: Court
    case: Case
    claimed: Claimed
    lying: Refuter
    claim_gas: int

    def one_shot(self) -> tuple[Spent, dict[str, int | float]]:
        """Overturn it from the tensors; also gas of the referee alone, asked by a transaction."""
        spent, clock = Spent(), Clock(self.court.market.chain)
        attack = Attack(self._own(), self.court.challenger.address, _SALT, self.lying)
        began = time.perf_counter()
        view = self._view()
        data = attack.refutation(view)
        made = time.perf_counter() - began
        if data is None:
            raise BenchError("no refutation was found")
        committed = 0
        for kind in (Commit, Refute):
            head = self.court.claims.chain.head()
            move = attack.move(self._view(), None, committed, head.number, head.timestamp)
            if not isinstance(move, kind):
                raise BenchError(f"the challenger does {type(move).__name__}, not {kind.__name__}")
            if isinstance(move, Refute):
                referee = self._referee(data)
            receipt = send(self.court.claims, self.court.challenger, move)
            spent.note(self.court.market.chain, "challenger", kind.__name__, receipt)
            committed = receipt.block
            clock.mine()
        self._require_overturned()
        return spent, {
            "refutation_bytes": len(data),
            "refutation_s": round(made, 6),
            "referee_gas": referee,
        }

    def game(self) -> tuple[Spent, int]:
        """Overturn it without its tensors; and the number of the provider's answers."""
        spent, clock = Spent(), Clock(self.court.market.chain)
        account = self.court.challenger.address
        attack, defence, rounds = Attack(self._own(), account, _SALT), Defence(self.lying), 0
        while True:
            # What was made in the last block counts from the next one on.
            clock.mine()
            head, view = self.court.claims.chain.head(), self._view()
            events = self.court.claims.events(self.claimed.place.block, head.number)
            challenge = challenge_of(self.court.claims, view.id, account, events)
            began = time.perf_counter()
            noted = attack.commitment(view, challenge)
            committed = 0 if noted is None else self.court.claims.committed_in(noted)
            move: Move | None = attack.move(view, challenge, committed, head.number, head.timestamp)
            party, signer = "challenger", self.court.challenger
            if move is None and challenge is not None and challenge.undecided:
                move = defence.move(view, challenge, head.timestamp)
                party, signer = "provider", self.court.people.provider
                rounds += 1
            spent.slowest_s = max(spent.slowest_s, time.perf_counter() - began)
            if move is None:
                break
            receipt = send(self.court.claims, signer, move)
            spent.note(self.court.market.chain, party, type(move).__name__, receipt)
        self._require_overturned()
        return spent, rounds

    def _referee(self, refutation: bytes) -> int:
        chain = self.court.market.chain
        placed = self.court.market.deployment.placed("referee")
        referee = Contract(chain, "Referee", placed.address)
        arguments = (encode_traced(self.claimed.traced), refutation)
        if not referee.read("refutes", *arguments):
            raise BenchError("the referee finds nothing wrong")
        call = referee.call("refutes", *arguments)
        return send_call(chain, self.court.challenger, call).gas_used

    def _own(self) -> OwnRun:
        case = self.case
        return OwnRun(case.program, case.key, case.honest(self.claimed.claim_id), case.given)

    def _view(self) -> ClaimView:
        return view_of(self.court.claims, self.claimed, tuple(self.case.run.outputs), ())

    def _require_overturned(self) -> None:
        if not self.court.claims.is_overturned(self.claimed.claim_id):
            raise BenchError("the lie still stands")
