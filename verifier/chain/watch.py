"""The watch over claims: staked validators, their verdicts, and planted claims."""

from collections.abc import Sequence
from functools import cached_property

from avow.verifier.chain.allowance import allow
from avow.verifier.chain.claim_events import encode_traced
from avow.verifier.chain.client import Chain, Receipt, checksum, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import Deployment
from avow.verifier.chain.logs import read_logs
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, Patience, send
from avow.verifier.chain.watch_events import READ, WatchEvent, parse_watch_event
from avow.verifier.chain.watch_records import (
    Outcome,
    StoredPlant,
    StoredValidator,
    Watching,
    WatchParameters,
    parse_plant,
    parse_validator,
    parse_watch_parameters,
)
from avow.verifier.trace.refutation import TracedClaim


class Watch:
    """The contract. Accounts are 20 bytes, amounts token units, times Unix seconds."""

    def __init__(self, chain: Chain, deployment: Deployment, patience: Patience = PATIENT) -> None:
        self.chain = chain
        self.contract = Contract(chain, "Watch", deployment.watch)
        self.token = Contract(chain, "PaymentToken", deployment.token)
        self._patience = patience
        self._names = {self.contract.topic(name): name for name in READ}

    @property
    def address(self) -> bytes:
        """Where it is: who commits in the claims for `expose` does so for this account."""
        return self.contract.address

    @cached_property
    def parameters(self) -> WatchParameters:
        """Its parameters, which nobody can change."""
        return parse_watch_parameters(self.contract.read("parameters"))

    def validator(self, account: bytes) -> StoredValidator | None:
        """A validator as it stands, None when the account is none."""
        found = parse_validator(self.contract.read("validatorOf", checksum(account)))
        return found if found.first_epoch else None

    def watching(self, account: bytes, model_key: bytes) -> Watching:
        """Since and until when a validator watches a model."""
        raw = self.contract.read("watchingOf", checksum(account), model_key)
        return Watching(int(raw[0]), int(raw[1]))

    def root(self, account: bytes, epoch: int) -> bytes:
        """The root that a validator committed to last, for this epoch or one 32 before it."""
        return bytes(self.contract.read("verdictRootOf", checksum(account), epoch))

    def plant_of(self, claim_id: bytes) -> StoredPlant | None:
        """An exposed plant as it stands, None for any other claim."""
        found = parse_plant(self.contract.read("plantOf", claim_id))
        return found if found.epoch else None

    def outcome(self, claim_id: bytes, account: bytes) -> Outcome:
        """What an exposed plant was to a validator."""
        return Outcome(int(self.contract.read("outcomeOf", claim_id, checksum(account))))

    def planted_at(self, commitment: bytes) -> int:
        """When that word was planted; 0 when it was not."""
        return int(self.contract.read("plantedAt", commitment))

    def planter(self) -> bytes:
        """Who may plant."""
        return unchecksum(self.contract.read("planter"))

    def budget(self) -> int:
        """What bounties can still be paid of."""
        return int(self.contract.read("budget"))

    def credit(self, account: bytes) -> int:
        """What an account can withdraw."""
        return int(self.contract.read("creditOf", checksum(account)))

    def join(self, signer: Signer, stake: int, anchor: bytes) -> Receipt:
        """Stakes; duties begin with the next epoch, whose seed's hash is `anchor`."""
        self._put_up(signer, stake)
        return self._send(signer, "join", stake, anchor)

    def exit(self, signer: Signer) -> Receipt:
        """Ends the signer's duties with this epoch."""
        return self._send(signer, "exit")

    def release_stake(self, signer: Signer) -> Receipt:
        """Credits the stake of a validator that can lose nothing of it any more."""
        return self._send(signer, "releaseStake")

    def watch(self, signer: Signer, model_key: bytes) -> Receipt:
        """Watches a model, which the claims have learned, from the next epoch on."""
        return self._send(signer, "watch", model_key)

    def unwatch(self, signer: Signer, model_key: bytes) -> Receipt:
        """Watches a model to the end of this epoch."""
        return self._send(signer, "unwatch", model_key)

    def commit_verdicts(self, signer: Signer, epoch: int, root: bytes) -> Receipt:
        """Commits to the verdicts on claims of an epoch."""
        return self._send(signer, "commitVerdicts", epoch, root)

    def reveal_seed(self, signer: Signer, epoch: int, seed: bytes) -> Receipt:
        """Reveals the seed of an epoch, and with it those before."""
        return self._send(signer, "revealSeed", epoch, seed)

    def attest(
        self, signer: Signer, epoch: int, root: bytes, seed_epoch: int, seed: bytes
    ) -> Receipt:
        """Commits to an epoch's verdicts and reveals an earlier one's seed."""
        return self._send(signer, "attest", epoch, root, seed_epoch, seed)

    def charge_silence(self, signer: Signer, account: bytes) -> Receipt:
        """Takes the penalty for a validator's overdue seeds."""
        return self._send(signer, "chargeSilence", checksum(account))

    def fund(self, signer: Signer, amount: int) -> Receipt:
        """Adds to the budget of bounties, for good."""
        self._put_up(signer, amount)
        return self._send(signer, "fund", amount)

    def plant(self, signer: Signer, commitment: bytes) -> Receipt:
        """Notes that a claim will be wrong (`planted`), or any word; the planter only."""
        return self._send(signer, "plant", commitment)

    def expose(
        self,
        signer: Signer,
        order_id: bytes,
        leg: int,
        traced: TracedClaim,
        refutation: bytes,
        salt: bytes,
        refutation_salt: bytes,
    ) -> Receipt:
        """Reveals a plant and overturns it. In an earlier block somebody has committed in the
        claims to the refutation with `refutation_salt`, for the account of this contract."""
        arguments = (order_id, leg, encode_traced(traced), refutation, salt, refutation_salt)
        return self._send(signer, "expose", *arguments)

    def answer(
        self,
        signer: Signer,
        traced: TracedClaim,
        refutation: bytes,
        salt: bytes,
        path: Sequence[bytes],
    ) -> Receipt:
        """Shows that the signer had found a plant; `path` leads from its verdict to its root."""
        return self._send(signer, "answer", encode_traced(traced), refutation, salt, list(path))

    def charge_miss(self, signer: Signer, claim_id: bytes, account: bytes) -> Receipt:
        """Takes the penalty of a validator on duty that missed a plant."""
        return self._send(signer, "chargeMiss", claim_id, checksum(account))

    def close(self, signer: Signer, claim_id: bytes) -> Receipt:
        """Divides a plant's bounty among its finders."""
        return self._send(signer, "close", claim_id)

    def pay_bounty(self, signer: Signer, claim_id: bytes, account: bytes) -> Receipt:
        """Credits a finder's share of a closed plant."""
        return self._send(signer, "payBounty", claim_id, checksum(account))

    def withdraw(self, signer: Signer) -> Receipt:
        """Pays the signer's credit out to it."""
        return self._send(signer, "withdraw")

    def events(self, first: int, last: int) -> list[WatchEvent]:
        """What happened in the blocks `first` to `last`, oldest first."""
        found = []
        for log in read_logs(self.chain, self.contract.address, first, last):
            topics = log.raw["topics"]
            name = self._names.get(bytes(topics[0])) if topics else None
            if name is not None:
                found.append(parse_watch_event(self.contract, name, log))
        return found

    def _put_up(self, signer: Signer, amount: int) -> None:
        needed = amount - self.credit(signer.address)
        allow(self.token, signer, self.contract.address, needed, self._patience)

    def _send(self, signer: Signer, function: str, *arguments: object) -> Receipt:
        return send(self.chain, signer, self.contract.call(function, *arguments), self._patience)
