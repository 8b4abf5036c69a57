"""The attested keys of a deployment: registered, served with, ended and contradicted."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier.chain.allowance import allow
from avow.verifier.chain.attestation_records import (
    AttestationParameters,
    Disproof,
    Enrolment,
    MeasurementState,
    Service,
    StoredKey,
    Tier,
    parse_attestation_parameters,
    parse_disproof,
    parse_key,
)
from avow.verifier.chain.client import Chain, Receipt, checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import Deployment
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.seals import statement_struct
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, Patience, send
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import Path, leaf
from avow.verifier.statement import Statement
from avow.verifier.systems.tee.registration import outputs_digest
from avow.verifier.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """An answer under a root that a key signed: `time` is in Unix seconds, `signature` 65 bytes."""

    statement: Statement
    path: Path
    time: int
    signature: bytes

    @property
    def leaf(self) -> bytes:
        """The statement's leaf, by which a contradiction is noted."""
        return leaf(self.statement.digest())

    def encode(self) -> tuple[object, ...]:
        """The form that the contract takes."""
        return (*_stands(self.statement, self.path), self.time, self.signature)


@dataclass(frozen=True, slots=True)
class ProvenAnswer:
    """A statement of `sumcheck/v1` and the seal of a proof of one run under the path's root."""

    statement: Statement
    path: Path
    seal: bytes

    def encode(self) -> tuple[object, ...]:
        """The form that the contract takes."""
        return (*_stands(self.statement, self.path), self.seal)


def tee_seal(time: int, signature: bytes) -> bytes:
    """The seal of every answer under a root that was signed then."""
    return selector_of("tee/v1") + time.to_bytes(8, "big") + signature


class AttestedKeys:
    """The contract. Accounts are 20 bytes, digests 32, amounts token units, times Unix seconds."""

    def __init__(self, chain: Chain, deployment: Deployment, patience: Patience = PATIENT) -> None:
        self.chain = chain
        self.contract = Contract(chain, "AttestationKeys", deployment.keys)
        self.token = Contract(chain, "PaymentToken", deployment.token)
        self._patience = patience

    @property
    def parameters(self) -> AttestationParameters:
        """What a new registration has to meet."""
        return parse_attestation_parameters(self.contract.read("parameters"))

    def key(self, key: bytes) -> StoredKey | None:
        """A key as it stands; None when it is not registered."""
        found = parse_key(self.contract.read("keyOf", checksum(key)))
        return None if found.tier is Tier.NONE else found

    def service(self, key: bytes, model_key: bytes) -> Service:
        """Whether a key answers for a model."""
        return Service(int(self.contract.read("serviceOf", checksum(key), model_key)))

    def measurement(self, digest: bytes) -> MeasurementState:
        """Whether keys of a measurement can be registered, and answer."""
        return MeasurementState(int(self.contract.read("measurementState", digest)))

    def is_contradicted(self, model_key: bytes, leaf_: bytes) -> bool:
        """Whether a provider's own key signed that statement and it was shown to be wrong."""
        return bool(self.contract.read("isContradicted", model_key, leaf_))

    def credit(self, account: bytes) -> int:
        """What an account can withdraw."""
        return int(self.contract.read("creditOf", checksum(account)))

    def issue_challenge(self, signer: Signer) -> bytes:
        """A value that a new quote has to bind; the signer can use it once, for a day."""
        receipt = self._send(signer, "issueChallenge")
        topic = self.contract.topic("ChallengeIssued")
        for log in receipt.logs:
            if log.address == self.contract.address and bytes(log.raw["topics"][0]) == topic:
                return bytes(self.contract.decode("ChallengeIssued", log)["challenge"])
        raise RpcRefused("attested keys: a challenge without a ChallengeIssued event")

    def register_simulated(self, signer: Signer, enrolment: Enrolment, signature: bytes) -> Receipt:
        """Registers a key for which nothing speaks but its own signature."""
        self._put_up(signer, enrolment.stake)
        return self._send(signer, "registerSimulated", enrolment.encode(), signature)

    def register_vouched(
        self,
        signer: Signer,
        enrolment: Enrolment,
        quote: bytes,
        platform: bytes,
        signatures: Sequence[bytes],
    ) -> Receipt:
        """Registers a key whose quote registrars checked; signatures by ascending accounts."""
        self._put_up(signer, enrolment.stake)
        arguments = (enrolment.encode(), quote, platform, list(signatures))
        return self._send(signer, "registerVouched", *arguments)

    def register_checked(self, signer: Signer, enrolment: Enrolment, quote: bytes) -> Receipt:
        """Registers a key whose quote the chain's check holds to be genuine."""
        self._put_up(signer, enrolment.stake)
        return self._send(signer, "registerChecked", enrolment.encode(), quote)

    def disproof(self, key: bytes) -> Disproof | None:
        """The disproof of a registration that can be answered or settled; None without one."""
        return parse_disproof(self.contract.read("disproofOf", checksum(key)))

    def disprove(self, signer: Signer, key: bytes, quote: bytes) -> Receipt:
        """Doubts a registration that the chain's check refuses, by exactly the registered bytes.

        The signer puts up the least stake of a key. An outdated quote ends the registration at
        once, and nothing stays put up.
        """
        self._put_up(signer, self.parameters.minimum_stake)
        return self._send(signer, "disprove", checksum(key), quote)

    def uphold(self, signer: Signer, key: bytes, quote: bytes) -> Receipt:
        """Shows that the chain's check holds a doubted quote to be genuine after all."""
        return self._send(signer, "uphold", checksum(key), quote)

    def settle_disproof(self, signer: Signer, key: bytes) -> Receipt:
        """Slashes for a disproof that nobody answered in time."""
        return self._send(signer, "settleDisproof", checksum(key))

    def serve(
        self,
        signer: Signer,
        key: bytes,
        model_key: bytes,
        outputs: Sequence[TensorSpec],
        measurements: Sequence[bytes],
    ) -> Receipt:
        """Lets a key answer for a model; `outputs` and `measurements` (48 bytes each) are the
        record's, by which the registry makes its key again."""
        bound = outputs_digest(outputs), b"".join(measurements)
        return self._send(signer, "serve", checksum(key), model_key, *bound)

    def retire(self, signer: Signer, key: bytes) -> Receipt:
        """Ends a key once what is open can have been settled."""
        return self._send(signer, "retireKey", checksum(key))

    def revoke(self, signer: Signer, key: bytes) -> Receipt:
        """Ends a key at once."""
        return self._send(signer, "revokeKey", checksum(key))

    def release_stake(self, signer: Signer, key: bytes) -> Receipt:
        """Credits the stake of a key that ended long enough ago to its operator."""
        return self._send(signer, "releaseStake", checksum(key))

    def commit(self, signer: Signer, commitment: bytes) -> Receipt:
        """Notes a commitment to a contradiction, which can be shown from the next block on."""
        return self._send(signer, "commit", commitment)

    def contradict_by_proof(
        self,
        signer: Signer,
        model_key: bytes,
        signed: SignedAnswer,
        proven: ProvenAnswer,
        salt: bytes,
    ) -> Receipt:
        """Shows, after a commitment of an earlier block, that a signed answer is wrong."""
        arguments = (model_key, signed.encode(), proven.encode(), salt)
        return self._send(signer, "contradictByProof", *arguments)

    def contradict_by_claim(
        self, signer: Signer, signed: SignedAnswer, claim_key: bytes
    ) -> Receipt:
        """Shows that the key's operator claimed the same answer and was overturned."""
        return self._send(signer, "contradictByClaim", signed.encode(), claim_key)

    def withdraw(self, signer: Signer) -> Receipt:
        """Pays the signer's credit out to it."""
        return self._send(signer, "withdraw")

    def _put_up(self, signer: Signer, stake: int) -> None:
        needed = stake - self.credit(signer.address)
        allow(self.token, signer, self.contract.address, needed, self._patience)

    def _send(self, signer: Signer, function: str, *arguments: object) -> Receipt:
        call = self.contract.call(function, *arguments)
        return send(self.chain, signer, call, self._patience)


def commitment(signer: Signer, signed: SignedAnswer, proven: ProvenAnswer, salt: bytes) -> bytes:
    """What `commit` takes before the signer shows this contradiction."""
    words = bytes(12) + signer.address + signed.leaf + keccak256(proven.seal) + salt
    return keccak256(words)


def _stands(statement: Statement, path: Path) -> tuple[object, ...]:
    encoded = statement_struct(statement)
    return encoded, (path.index, list(path.siblings)), statement.domain.separator()
