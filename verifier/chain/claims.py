"""The claims of a deployment: made, disputed and followed."""

from collections.abc import Collection, Iterable, Sequence
from typing import cast

from eth_typing import BlockNumber
from web3.types import BlockIdentifier

from avow.verifier.chain.allowance import allow
from avow.verifier.chain.claim_events import (
    OF_CLAIM,
    READ,
    Claimed,
    ClaimEvent,
    encode_traced,
    parse_claim_event,
)
from avow.verifier.chain.claim_records import (
    Challenge,
    ClaimParameters,
    ClaimState,
    StoredClaim,
    TermsInForce,
    Turn,
    parse_challenge,
    parse_claim,
    parse_parameters,
)
from avow.verifier.chain.client import Chain, Log, Receipt, checksum, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import Deployment
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.chain.logs import read_logs
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import (
    PATIENT,
    Errand,
    Outcome,
    Patience,
    clear,
    send,
    send_together,
)
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.trace.refutation import TracedClaim


class Claims:
    """The contract of claims. A claim is named by its statement's leaf, a challenge by claim and
    challenger; accounts are 20 bytes, amounts token units, times Unix seconds."""

    def __init__(self, chain: Chain, deployment: Deployment, patience: Patience = PATIENT) -> None:
        self.chain = chain
        self.contract = Contract(chain, "Claims", deployment.claims)
        self.token = Contract(chain, "PaymentToken", deployment.token)
        self._patience = patience
        self._names = {self.contract.topic(name): name for name in READ}

    def stored(self, claim_id: bytes, block: int | None = None) -> StoredClaim | None:
        """A claim as it stands, or as it stood after a block; None when there is none."""
        at: BlockIdentifier = "latest" if block is None else cast(BlockNumber, block)
        found = parse_claim(self.contract.read("claimOf", claim_id, block=at))
        return None if found.state is ClaimState.NONE else found

    def challenge(self, claim_id: bytes, challenger: bytes) -> Challenge | None:
        """A challenge as it stands, None when there is none."""
        raw = self.contract.read("challengeOf", claim_id, checksum(challenger))
        found = parse_challenge(raw)
        return None if found.turn is Turn.NONE else found

    def deadline(self, claim_id: bytes, challenger: bytes) -> int:
        """The last second at which who has the turn can move; 0 when nobody has."""
        return int(self.contract.read("deadlineOf", claim_id, checksum(challenger)))

    def is_final(self, claim_id: bytes) -> bool:
        """Whether nothing can overturn the claim any more."""
        return bool(self.contract.read("isFinal", claim_id))

    def is_overturned(self, claim_id: bytes) -> bool:
        """Whether the claim was overturned."""
        return bool(self.contract.read("isOverturned", claim_id))

    def overturned_at(self, claim_id: bytes) -> int:
        """When the claim was overturned, Unix seconds; 0 when it was not."""
        return int(self.contract.read("overturnedAt", claim_id))

    def credit(self, account: bytes) -> int:
        """What an account can withdraw."""
        return int(self.contract.read("creditOf", checksum(account)))

    def terms_at(self, model_key: bytes, requested_at: int) -> TermsInForce:
        """What holds for an order of this model that was requested at that time."""
        raw, lazy, version = self.contract.read("termsAt", model_key, requested_at)
        return TermsInForce(parse_parameters(raw._asdict()), bool(lazy), int(version))

    def parameters(self, version: int) -> ClaimParameters:
        """The parameters of a version."""
        return parse_parameters(self.contract.read("parametersOf", version)._asdict())

    def committed_in(self, made: bytes) -> int:
        """In which block a commitment was made first; 0 when it was not."""
        return int(self.contract.read("committedIn", made))

    def tensors(self, key: bytes) -> int:
        """How many tensors a key's program has; 0 until a model of it was learned."""
        return int(self.contract.read("tensorsOf", key))

    def claim(
        self, signer: Signer, order_id: bytes, leg: int, output: bytes, trace: bytes
    ) -> tuple[Claimed, Receipt]:
        """Claims a delivered leg, putting up the bond of the order's terms.

        `output` is the output tensors' data. `trace` is the trace's root, or zero where the
        model's owner lets it wait.
        """
        terms = self._terms_of(order_id)
        self.put_up(signer, terms.claim_bond)
        receipt = self._send(signer, "claim", order_id, leg, output, trace)
        for event in self._parse(receipt.logs):
            if isinstance(event, Claimed):
                return event, receipt
        raise RpcRefused("claims: a claim without a Claimed event")

    def commit(self, signer: Signer, made: bytes) -> Receipt:
        """Notes a `commitment` to a refutation, which can be shown from the next block on."""
        return self._send(signer, "commit", made)

    def refute(
        self,
        signer: Signer,
        traced: TracedClaim,
        refutation: bytes,
        salt: bytes = ZERO_WORD,
    ) -> Receipt:
        """Overturns a claim by a wrong element. The signer has a commitment to this refutation
        with this salt, or a challenge, of an earlier block (else Reverted, `NotCommitted`)."""
        return self._send(signer, "refute", encode_traced(traced), refutation, salt)

    def learn(
        self,
        signer: Signer,
        model_key: bytes,
        inputs: Sequence[bytes],
        outputs: Sequence[bytes],
    ) -> Receipt:
        """Has a model's registered tensors compared with its key, so that it can be claimed.

        `inputs` and `outputs` are the places of all of them, in order (`ProgramKey.place`).
        """
        return self._send(signer, "learn", model_key, list(inputs), list(outputs))

    def is_learned(self, model_key: bytes) -> bool:
        """Whether a model can be claimed: look before locking an order of it."""
        return bool(self.contract.read("isLearned", model_key))

    def posted_root(self, claim_id: bytes) -> bytes:
        """The trace root that a lazy claim left out, posted since; 32 zero bytes before."""
        return bytes(self.contract.read("postedRootOf", claim_id))

    def open(self, signer: Signer, traced: TracedClaim) -> Receipt:
        """Challenges a claim, putting up the bond of its terms."""
        self.put_up(signer, self.challenge_bond(traced.statement))
        return self._send(signer, "open", encode_traced(traced))

    def reveal(
        self, signer: Signer, claim_id: bytes, challenger: bytes, children: Sequence[bytes]
    ) -> Receipt:
        """The provider opens the contested node."""
        return self._send(signer, "reveal", claim_id, checksum(challenger), list(children))

    def pick(
        self,
        signer: Signer,
        claim_id: bytes,
        index: int,
        node: bytes,
        siblings: Sequence[bytes],
    ) -> Receipt:
        """The challenger chooses one of the nodes shown, `siblings` leading to the opened one."""
        return self._send(signer, "pick", claim_id, index, node, list(siblings))

    def pick_tensor(
        self,
        signer: Signer,
        traced: TracedClaim,
        index: int,
        node: bytes,
        siblings: Sequence[bytes],
        place: bytes,
    ) -> Receipt:
        """The challenger chooses a leaf of the trace; `place` is its tensor's behind the program's
        digest, or empty beyond the last."""
        arguments = (encode_traced(traced), index, node, list(siblings), place)
        return self._send(signer, "pickTensor", *arguments)

    def reveal_tensor(
        self,
        signer: Signer,
        claim_id: bytes,
        challenger: bytes,
        root: bytes,
        children: Sequence[bytes],
    ) -> Receipt:
        """The provider opens the contested leaf of the trace and its tensor's first levels."""
        arguments = (claim_id, checksum(challenger), root, list(children))
        return self._send(signer, "revealTensor", *arguments)

    def reveal_chunk(
        self, signer: Signer, claim_id: bytes, challenger: bytes, data: bytes
    ) -> Receipt:
        """The provider opens the contested chunk, cut at the tensor's length."""
        return self._send(signer, "revealChunk", claim_id, checksum(challenger), data)

    def timeout(self, signer: Signer, claim_id: bytes, challenger: bytes) -> Receipt:
        """Ends a challenge against who let its clock run out."""
        return self._send(signer, "timeout", claim_id, checksum(challenger))

    def prove(self, signer: Signer, order_id: bytes, leg: int, seal: bytes) -> Receipt:
        """Makes a claim final by a proof of the same statement by `sumcheck/v1`."""
        return self._send(signer, "prove", order_id, leg, seal)

    def finish(self, signer: Signer, claim_id: bytes) -> Receipt:
        """Credits the bond of a claim that is final."""
        return self._send(signer, "finish", claim_id)

    def reclaim(self, signer: Signer, claim_id: bytes, challenger: bytes) -> Receipt:
        """Credits the bond of an undecided challenge of a claim that has ended."""
        return self._send(signer, "reclaim", claim_id, checksum(challenger))

    def withdraw(self, signer: Signer) -> Receipt:
        """Pays the signer's credit out to it."""
        return self._send(signer, "withdraw")

    def set_model_terms(self, signer: Signer, model_key: bytes, window: int, lazy: bool) -> Receipt:
        """The model's owner sets window (seconds, 0 for the parameter's) and whether roots wait.

        In force after the contract's notice, for orders locked after that.
        """
        return self._send(signer, "setModelTerms", model_key, (window, lazy))

    def put_up(self, signer: Signer, bond: int) -> None:
        """Lets the contract take so much beyond the signer's credit; raises InsufficientFunds."""
        needed = bond - self.credit(signer.address)
        allow(self.token, signer, self.contract.address, needed, self._patience)

    def challenge_bond(self, claim_id: bytes) -> int:
        """What a challenge of a claim puts up, in token units; 0 where there is no such claim."""
        stored = self.stored(claim_id)
        return 0 if stored is None else self.parameters(stored.version).challenge_bond

    def send_together(self, signer: Signer, errands: Sequence[Errand]) -> list[Outcome]:
        """Sends transactions that do not depend on one another; what became of each."""
        return send_together(self.chain, signer, errands, self._patience)

    @property
    def patience(self) -> Patience:
        """How long its transactions are waited for."""
        return self._patience

    def clear(self, signer: Signer, spared: Collection[int]) -> None:
        """Has what waits of the signer's transactions, but for these nonces, never happen."""
        clear(self.chain, signer, spared, self._patience)

    def events(self, first: int, last: int) -> list[ClaimEvent]:
        """What happened in the blocks `first` to `last`, oldest first."""
        return self._parse(read_logs(self.chain, self.contract.address, first, last))

    def events_of(self, claim_id: bytes, first: int, last: int) -> list[ClaimEvent]:
        """What happened to one claim in these blocks, oldest first."""
        # Not what else a topic may say: anybody can commit to a claim's name, as often as it likes.
        topics = ([self.contract.topic(name) for name in OF_CLAIM], claim_id)
        return self._parse(read_logs(self.chain, self.contract.address, first, last, topics))

    def made(self, first: int, last: int) -> list[Claimed]:
        """The claims of these blocks, oldest first."""
        topics = (self.contract.topic("Claimed"),)
        logs = read_logs(self.chain, self.contract.address, first, last, topics)
        return [event for event in self._parse(logs) if isinstance(event, Claimed)]

    def _parse(self, logs: Iterable[Log]) -> list[ClaimEvent]:
        found = []
        for log in logs:
            topics = log.raw["topics"]
            name = self._names.get(bytes(topics[0])) if topics else None
            if log.address == self.contract.address and name is not None:
                found.append(parse_claim_event(self.contract, name, log))
        return found

    def _terms_of(self, order_id: bytes) -> ClaimParameters:
        market = Contract(self.chain, "Market", unchecksum(self.contract.read("market")))
        order = market.read("orderOf", order_id)
        return self.terms_at(bytes(order.modelKey), int(order.requestedAt)).parameters

    def _send(self, signer: Signer, function: str, *arguments: object) -> Receipt:
        call = self.contract.call(function, *arguments)
        return send(self.chain, signer, call, self._patience)
