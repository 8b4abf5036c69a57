"""Registrars of attested keys: their bonds, what they sign, and what governs them."""

from dataclasses import dataclass

from avow.verifier.chain.allowance import allow
from avow.verifier.chain.client import Chain, Receipt, checksum, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import Deployment
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, Call, Patience, send


@dataclass(frozen=True, slots=True)
class StoredRegistrar:
    """A registrar as it stands: its bond in token units, held to `released_after` once it left."""

    bond: int
    released_after: int
    known: bool
    appointed: bool


class Registrars:
    """The part of the contract of attested keys that registrars and its owner use."""

    def __init__(self, chain: Chain, deployment: Deployment, patience: Patience = PATIENT) -> None:
        self.chain = chain
        self.contract = Contract(chain, "AttestationKeys", deployment.keys)
        self.token = Contract(chain, "PaymentToken", deployment.token)
        self._patience = patience

    def registrar(self, account: bytes) -> StoredRegistrar:
        """An account's bond and appointment; all zero where it was never appointed."""
        raw = self.contract.read("registrarOf", checksum(account))
        bond, released_after, _number, known, appointed = raw
        return StoredRegistrar(int(bond), int(released_after), bool(known), bool(appointed))

    def issued_to(self, challenge: bytes) -> tuple[bytes, int]:
        """To whom an unused challenge was issued, and until when; zero where there is none."""
        operator, expires = self.contract.read("challengeOf", challenge)
        return unchecksum(operator), int(expires)

    def quote_check(self) -> bytes:
        """The contract that checks quotes on this chain; zero where there is none."""
        return unchecksum(self.contract.read("quoteCheck"))

    def put_up(self, signer: Signer, amount: int) -> Receipt:
        """Adds token units to the signer's bond."""
        allow(self.token, signer, self.contract.address, amount, self._patience)
        return self._send(signer, "bond", amount)

    def retire(self, signer: Signer) -> Receipt:
        """Ends the signer's appointment; its bond is held a while."""
        return self._send(signer, "retire")

    def release_bond(self, signer: Signer) -> Receipt:
        """Credits the bond of a registrar that has left long enough ago."""
        return self._send(signer, "releaseBond")

    def revoke_measurement(self, signer: Signer, measurement: bytes) -> Receipt:
        """Refuses every answer of keys of a measurement (32 bytes), for ever; by the guardian."""
        return self._send(signer, "revokeMeasurement", measurement)

    def approving(self, measurement: bytes, attended: bool) -> Call:
        """For the owner: keys of a measurement (32 bytes) can be registered, if `attended` by
        registrars only."""
        return self.contract.call("approveMeasurement", measurement, attended)

    def appointing(self, account: bytes) -> Call:
        """For the owner: an account's signatures count, once it has put up its bond."""
        return self.contract.call("appoint", checksum(account))

    def dismissing(self, account: bytes) -> Call:
        """For the owner: an account's signatures count no more."""
        return self.contract.call("dismiss", checksum(account))

    def checking_with(self, check: bytes) -> Call:
        """For the owner: the contract (20 bytes) that checks quotes from now on."""
        return self.contract.call("setQuoteCheck", checksum(check))

    def _send(self, signer: Signer, function: str, *arguments: object) -> Receipt:
        return send(self.chain, signer, self.contract.call(function, *arguments), self._patience)
