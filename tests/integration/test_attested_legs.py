"""Nodes and legs of tee/v1: what a validator refuses to settle, what a provider does not take."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from avow.prover.enclave.archive import Archive
from avow.prover.nodes.attested import EvidenceTerms, OwnKeys
from avow.prover.nodes.claims import ClaimRefused
from avow.prover.nodes.tables import NodeDeliveryRow
from avow.verifier.bundle import Bundle
from avow.verifier.chain.orders import LegTerms, selector_of
from avow.verifier.commitment import commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import ALONE
from avow.verifier.policy import Policy
from avow.verifier.systems.tee.receipt import Receipt
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify
from tests.integration.test_attested_keys import ADDRESS, OUTPUT, PROGRAM, Enclave, enclave
from tests.integration.town import PROVIDER, STRANGER
from tests.prover.test_vouching import registered
from tests.verifier.attestation.examples import AT
from tests.verifier.tee.enclave import Enclave as Signed
from tests.verifier.tee.enclave import evidence_policy

__all__ = ["enclave"]


def bound(address: bytes) -> Bundle:
    """A bundle whose quote binds that key."""
    made = Signed()
    return replace(Signed(bound=made.registration.report_data(address)).bundle())


def test_evidence_is_judged_at_the_time_at_which_the_chain_registered_the_key(
    enclave: Enclave,
) -> None:
    terms = EvidenceTerms(enclave.town.reader, evidence_policy())
    made = terms.policy(Policy(), bound(ADDRESS).encode())
    assert made.attestation is not None
    assert made.minimum_assurance is Assurance.ATTESTED
    assert made.attestation.registry == enclave.registry
    # Neither the bundle's word nor the time of now.
    stored = enclave.keys.key(ADDRESS)
    assert stored is not None
    assert made.attestation.registered_at == stored.active_from
    enclave.town.pass_time(1_000)
    again = terms.policy(Policy(), bound(ADDRESS).encode())
    assert again.attestation == made.attestation
    with pytest.raises(ClaimRefused, match="is not registered here"):
        terms.policy(Policy(), bound(STRANGER.address).encode())
    with pytest.raises(ClaimRefused, match="no Nitro enclaves"):
        terms.policy(Policy(), Signed("nitro").bundle().encode())
    # Under these terms a simulation is refused, whatever stands on the chain.
    with pytest.raises(VerificationError, match="SIMULATED"):
        verify(bound(ADDRESS).encode(), made)


def test_a_provider_takes_no_leg_that_no_key_of_its_own_can_sign(
    enclave: Enclave, tmp_path: Path
) -> None:
    town, archive = enclave.town, Archive(tmp_path)
    now = town.chain.head().timestamp
    own = OwnKeys(town.reader, PROVIDER.address, archive)

    def missing(own: OwnKeys = own, model: bytes = enclave.model_key, after: int = 0) -> str:
        return own.missing(model, now, now + after) or "nothing"

    assert "no enclave is running here" in missing()
    made = registered()
    registration = replace(made.material.registration, program=PROGRAM)
    serving = replace(made, material=replace(made.material, registration=registration))
    archive.keep(replace(serving, address=ADDRESS))
    assert missing() == "nothing"
    assert "too early" in missing(after=31 * 86_400)
    assert "not registered for tee/v1" in missing(model=b"\1" * 32)
    others = OwnKeys(town.reader, STRANGER.address, archive)
    assert "not registered by this account" in missing(others)
    # Another enclave runs here whose key is not on the chain: it may be given the job.
    unknown = archive.keep(replace(serving, address=STRANGER.address, registered_at=AT))
    assert "not registered by this account" in missing()
    unknown.unlink()
    assert missing() == "nothing"
    enclave.keys.revoke(PROVIDER, ADDRESS)
    assert "was revoked" in missing()


def test_a_provider_asks_the_chain_whether_it_would_be_paid_before_it_delivers(
    enclave: Enclave, tmp_path: Path
) -> None:
    town = enclave.town
    own = OwnKeys(town.reader, PROVIDER.address, Archive(tmp_path))
    answer = enclave.answer(enclave.delivered(), commit_public([OUTPUT]))

    def refusal(time: int, signed: bytes, latest: int = 0) -> str | None:
        proof = Receipt(time, signed).to_json()
        bundle = replace(Signed().bundle(), statement=answer.statement, proof=proof, path=ALONE)
        return own.refusal(enclave.model_key, bundle, latest)

    assert refusal(answer.time, answer.signature) is None
    assert "KeyUnknown" in str(refusal(answer.time - 1, answer.signature))
    # The clock of an enclave may be ahead of the last block, though not by much.
    ahead = town.chain.head().timestamp + 50
    assert refusal(ahead, answer.signature, ahead) is None
    assert "AnswerInFuture" in str(refusal(ahead, answer.signature, ahead - 1))
    enclave.keys.revoke(PROVIDER, ADDRESS)
    assert "KeyIsRevoked" in str(refusal(answer.time, answer.signature))


def test_a_validator_without_a_policy_of_evidence_leaves_attested_legs_to_others(
    enclave: Enclave, tmp_path: Path
) -> None:
    town = enclave.town.with_home(tmp_path)
    terms = town.terms(model_key=enclave.model_key)
    leg = LegTerms(selector_of("tee/v1"), terms.legs[0].deadline, 10_000)
    order_id = town.order(model_key=enclave.model_key, legs=(leg,))
    order = town.reader.order(order_id)
    assert order is not None
    town.reader.lock(PROVIDER, order)
    answer = enclave.answer(order_id, commit_public([OUTPUT]))
    receipt = Receipt(answer.time, answer.signature).to_json()
    data = replace(Signed().bundle(), statement=answer.statement, proof=receipt).encode()
    file = town.config.bundles / "answer.avow.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    output = answer.statement.output
    selector = selector_of(answer.statement.system)
    town.reader.deliver(PROVIDER, order_id, 0, selector, output, keccak256(data), file.as_uri())
    validator = town.validator()
    for _ in range(5):
        validator.step()
        town.mine()
    assert town.state(order_id) is LegState.DELIVERED
    with town.database().read() as session:
        reasons = session.scalars(select(NodeDeliveryRow.refused)).all()
    assert reasons == ["there is no policy of evidence here (--evidence-policy)"]
    town.close()
