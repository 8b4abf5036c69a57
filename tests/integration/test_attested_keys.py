"""Attested keys on a chain: an answer under a simulated key, from its registration to its end."""

from dataclasses import dataclass, replace

import pytest
from eth_account import Account

from avow.verifier.attestation.intel.quote import without_padding
from avow.verifier.chain.attestation_records import Enrolment, MeasurementState, Service, Tier
from avow.verifier.chain.attested_keys import (
    AttestedKeys,
    ProvenAnswer,
    SignedAnswer,
    commitment,
    tee_seal,
)
from avow.verifier.chain.client import checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.orders import LegTerms, selector_of
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import send
from avow.verifier.commitment import Commitment, commit_public
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import ALONE
from avow.verifier.statement import Domain, Statement
from avow.verifier.systems.tee.receipt import receipt_digest
from avow.verifier.systems.tee.registration import Registration, record_key
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from tests.integration.town import OWNER, PROVIDER, QUICK, STRANGER, UNIT, VALIDATOR, Town
from tests.verifier.attestation.vectors import read

PROGRAM = keccak256(b"a program")
MEASUREMENTS = [keccak256(b"an image") + b"tdx".ljust(16, b"\0")]
OUTPUTS = (TensorSpec("y", ElementType.INT32, (2,), 0, -100, 100),)
KEY = record_key(PROGRAM, OUTPUTS, MEASUREMENTS)
ENCLAVE = Account.from_key(keccak256(b"an enclave's key"))
ADDRESS = bytes.fromhex(ENCLAVE.address[2:])
OUTPUT = Tensor(ElementType.INT32, (2,), (10, -10))
SALT = keccak256(b"a salt")


def signature(digest: bytes) -> bytes:
    """The enclave's."""
    return bytes(ENCLAVE.unsafe_sign_hash(digest).signature)


@dataclass
class Enclave:
    """A town with a model that accepts simulated keys, and one of them that serves it."""

    town: Town
    keys: AttestedKeys
    model_key: bytes
    model: bytes
    registry: Domain

    def answer(self, order_id: bytes, output: Commitment) -> SignedAnswer:
        """The enclave's answer to an order of the provider, signed now."""
        order = self.town.reader.order(order_id)
        assert order is not None
        statement = Statement(
            domain=self.town.reader.domain,
            model=self.model,
            system="tee/v1",
            program=PROGRAM,
            key=KEY,
            input=order.input,
            output=output,
            order=order_id,
            provider=PROVIDER.address,
            nonce=order.nonce,
        )
        now = self.town.chain.head().timestamp
        digest = receipt_digest(ALONE.root(statement.digest()), now, self.registry)
        return SignedAnswer(statement, ALONE, now, signature(digest))

    def delivered(self) -> bytes:
        """An order for an attested answer, locked and delivered by the provider."""
        town, market = self.town, self.town.reader
        terms = town.terms(model_key=self.model_key)
        selector = selector_of("tee/v1")
        leg = LegTerms(selector, terms.legs[0].deadline, 10_000)
        order_id = town.order(model_key=self.model_key, legs=(leg,))
        order = market.order(order_id)
        assert order is not None
        market.lock(PROVIDER, order)
        market.deliver(PROVIDER, order_id, 0, selector, commit_public([OUTPUT]), ZERO_WORD, "")
        return order_id


def enrolled(town: Town, keys: AttestedKeys, operator: Signer) -> Enrolment:
    """A registration with a fresh challenge, for thirty days."""
    challenge = keys.issue_challenge(operator)
    registry = Domain(town.chain.chain_id, town.deployment.keys)
    end = town.chain.head().timestamp + 30 * 86_400
    document = Registration(PROGRAM, registry, challenge, ZERO_WORD, ZERO_WORD, end)
    return Enrolment(ADDRESS, document, keys.parameters.minimum_stake)


@pytest.fixture
def enclave(town: Town) -> Enclave:
    """Registers model and key."""
    keys = AttestedKeys(town.chain, town.deployment, QUICK)
    contract = Registry(town.chain, town.deployment, QUICK).contract
    model = keccak256(b"a model of an enclave")
    model_key = bytes(contract.read("modelKeyOf", checksum(OWNER.address), model))
    version = (model, checksum(bytes(20)), 0, [(ElementType.INT16.code, [4])], "")
    send(town.chain, OWNER, contract.call("registerModel", version), QUICK)
    adapter = town.deployment.placed("tee_adapter").address
    terms = Contract(town.chain, "TeeAdapter", adapter)
    send(town.chain, OWNER, terms.call("allowSimulatedKeys", model_key, False), QUICK)
    for system, key in (("tee/v1", KEY), ("sumcheck/v1", keccak256(b"a key"))):
        verifier = town.deployment.placed("keys")
        registered = (
            *(system, keccak256(b"a record"), PROGRAM, key),
            *(checksum(verifier.address), verifier.code_hash, 1),
            *([(ElementType.INT32.code, [2])], b"", ""),
        )
        send(town.chain, OWNER, contract.call("addSystem", model_key, registered), QUICK)
    enrolment = enrolled(town, keys, PROVIDER)
    keys.register_simulated(PROVIDER, enrolment, signature(enrolment.digest(PROVIDER.address)))
    keys.serve(PROVIDER, ADDRESS, model_key, OUTPUTS, MEASUREMENTS)
    registry = Domain(town.chain.chain_id, town.deployment.keys)
    return Enclave(town, keys, model_key, model, registry)


def test_a_simulated_key_is_stored_as_one(enclave: Enclave) -> None:
    found = enclave.keys.key(ADDRESS)
    assert found is not None
    assert (found.tier, found.operator) == (Tier.SIMULATED, PROVIDER.address)
    assert (found.program, found.stake) == (PROGRAM, 100 * UNIT)
    assert enclave.keys.service(ADDRESS, enclave.model_key) is Service.PROVABLE
    assert enclave.keys.key(STRANGER.address) is None
    assert enclave.keys.measurement(MEASUREMENTS[0][:32]) is MeasurementState.UNKNOWN


def test_another_keys_signature_registers_nothing(enclave: Enclave) -> None:
    enrolment = enrolled(enclave.town, enclave.keys, STRANGER)
    other = replace(enrolment, key=STRANGER.address)
    with pytest.raises(Reverted, match="SignerDiffers"):
        enclave.keys.register_simulated(STRANGER, other, signature(other.digest(STRANGER.address)))


def test_an_attested_answer_is_paid(enclave: Enclave) -> None:
    order_id, market = enclave.delivered(), enclave.town.reader
    answer = enclave.answer(order_id, commit_public([OUTPUT]))
    before = market.credit(PROVIDER.address)
    seal = tee_seal(answer.time, answer.signature)
    market.settle(VALIDATOR, order_id, 0, OUTPUT.data(), ALONE, seal)
    assert enclave.town.state(order_id) is LegState.SETTLED
    assert market.credit(PROVIDER.address) > before


def test_an_answer_that_was_not_signed_is_not_paid(enclave: Enclave) -> None:
    order_id = enclave.delivered()
    answer = enclave.answer(order_id, commit_public([replace(OUTPUT, values=(10, -11))]))
    seal = tee_seal(answer.time, answer.signature)
    with pytest.raises(Reverted, match="ProofRefused"):
        enclave.town.reader.settle(VALIDATOR, order_id, 0, OUTPUT.data(), ALONE, seal)


def test_a_revoked_key_is_paid_nothing_more(enclave: Enclave) -> None:
    order_id = enclave.delivered()
    answer = enclave.answer(order_id, commit_public([OUTPUT]))
    with pytest.raises(Reverted, match="NotOperator"):
        enclave.keys.revoke(STRANGER, ADDRESS)
    enclave.keys.revoke(PROVIDER, ADDRESS)
    seal = tee_seal(answer.time, answer.signature)
    with pytest.raises(Reverted, match="ProofRefused"):
        enclave.town.reader.settle(VALIDATOR, order_id, 0, OUTPUT.data(), ALONE, seal)


def test_a_contradiction_is_committed_to_and_needs_its_proof(enclave: Enclave) -> None:
    answer = enclave.answer(enclave.delivered(), commit_public([OUTPUT]))
    claimed = replace(answer.statement, system="sumcheck/v1", key=keccak256(b"a key"))
    right = replace(claimed, output=commit_public([replace(OUTPUT, values=(1, 2))]))
    proven = ProvenAnswer(right, ALONE, selector_of("sumcheck/v1") + b"no proof")
    keys, model_key = enclave.keys, enclave.model_key
    with pytest.raises(Reverted, match="NotCommitted"):
        keys.contradict_by_proof(STRANGER, model_key, answer, proven, SALT)
    keys.commit(STRANGER, commitment(STRANGER, answer, proven, SALT))
    enclave.town.mine()
    with pytest.raises(Reverted, match="ProofRefused"):
        keys.contradict_by_proof(STRANGER, model_key, answer, proven, SALT)
    same = replace(proven, statement=claimed)
    with pytest.raises(Reverted, match="NoContradiction"):
        keys.contradict_by_proof(STRANGER, model_key, answer, same, SALT)
    with pytest.raises(Reverted, match="NotOverturned"):
        keys.contradict_by_claim(STRANGER, answer, keccak256(b"a key"))
    assert not keys.is_contradicted(model_key, answer.leaf)


def test_a_key_without_a_quote_is_no_matter_of_disproofs(enclave: Enclave) -> None:
    keys, quote = enclave.keys, b"a quote"
    assert keys.disproof(ADDRESS) is None
    with pytest.raises(Reverted, match="NothingToDisprove"):
        keys.disprove(STRANGER, ADDRESS, quote)
    with pytest.raises(Reverted, match="NothingToUphold"):
        keys.uphold(STRANGER, ADDRESS, quote)
    with pytest.raises(Reverted, match="NothingToSettle"):
        keys.settle_disproof(STRANGER, ADDRESS)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("tdx/tdx_quote", "ReportDataDiffers"),
        ("tdx/google_quote_v5_sample.dat", "ReportDataDiffers"),
        ("sgx/sgx_quote", "ReportDataDiffers"),
        ("sgx/automata_debug_quote_sgx.bin", "EnclaveExposed"),
    ],
)
def test_real_quotes_are_read_and_bind_something_else(
    enclave: Enclave, name: str, refusal: str
) -> None:
    quote = without_padding(read(name))
    enrolment = enrolled(enclave.town, enclave.keys, STRANGER)
    with pytest.raises(Reverted, match=refusal):
        enclave.keys.register_checked(STRANGER, enrolment, quote)
