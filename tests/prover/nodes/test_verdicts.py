"""A validator verifies each shared proof once, and still judges every bundle by itself."""

from collections.abc import Sequence

import pytest

from avow.prover.nodes import batches, verdicts
from avow.prover.nodes.verdicts import SharedProofs
from avow.prover.nodes.worklist import Delivery
from avow.verifier import verify as verify_module
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.verdict import Verdict
from tests.verifier import examples
from tests.verifier.examples import Doubling


class Counting(Doubling):
    """Counts how often a proof is checked."""

    def __init__(self) -> None:
        self.checks = 0

    def verify(self, evidence: Evidence) -> Findings:
        """One proof, one bundle."""
        self.checks += 1
        return super().verify(evidence)

    def verify_batch(self, evidence: Sequence[Evidence]) -> Findings:
        """One proof, many bundles."""
        self.checks += 1
        *_, last = [super(Counting, self).verify(one) for one in evidence]
        return last


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """The doubling system, with batches of eight."""
    found = Counting()
    monkeypatch.setitem(verify_module.SYSTEMS, found.system_id, found)
    monkeypatch.setattr(verdicts, "batch_of", lambda bundle: 2 ** len(bundle.path.siblings))
    return found


def delivery(number: int) -> Delivery:
    return Delivery(bytes([number]) * 32, 0, bytes(32), "urn:x", "")


def test_one_check_serves_all_bundles_of_a_proof(system: Counting) -> None:
    proofs = SharedProofs()
    data = [examples.in_batch(5, index).encode() for index in range(5)]
    assert [proofs.verdict(delivery(at), data[at], Policy()) for at in range(5)] == [None] * 5
    assert proofs.check()
    assert system.checks == 1
    found = [proofs.verdict(delivery(at), data[at], Policy()) for at in range(5)]
    assert all(isinstance(one, Verdict) for one in found)
    assert system.checks == 1
    # The verdicts of one step are not those of a later one.
    assert not proofs.check()
    assert proofs.verdict(delivery(0), data[0], Policy()) is None


def test_proofs_of_other_batches_are_other_proofs(system: Counting) -> None:
    proofs = SharedProofs()
    data = [examples.in_batch(count, 0).encode() for count in (2, 3)]
    for at in range(2):
        assert proofs.verdict(delivery(at), data[at], Policy()) is None
    assert proofs.check()
    assert system.checks == 2


def test_a_proof_of_one_answer_is_verified_at_once(system: Counting) -> None:
    proofs = SharedProofs()
    assert proofs.verdict(delivery(0), examples.bundle().encode(), Policy()) is not None
    assert not proofs.check()


def test_what_does_not_convince_is_refused_alone(system: Counting) -> None:
    proofs = SharedProofs()
    data = [examples.in_batch(3, index).encode() for index in range(3)]
    policies = [Policy(), Policy(nonce=99), Policy()]
    for at in range(3):
        assert proofs.verdict(delivery(at), data[at], policies[at]) is None
    proofs.check()
    assert proofs.verdict(delivery(0), data[0], policies[0]) is not None
    with pytest.raises(VerificationError, match="another nonce"):
        proofs.verdict(delivery(1), data[1], policies[1])
    # The verdict under one policy says nothing about another one.
    assert proofs.verdict(delivery(0), data[0], Policy(nonce=5)) is None


def test_what_is_no_bundle_is_refused_at_once(system: Counting) -> None:
    with pytest.raises(VerificationError):
        SharedProofs().verdict(delivery(0), b"{}", Policy())


def test_a_step_holds_a_bounded_number_of_bundles(
    system: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "MOST_ITEMS", 2)
    assert batches.MOST_ITEMS >= 64
    proofs = SharedProofs()
    data = [examples.in_batch(3, index).encode() for index in range(3)]
    found = [proofs.verdict(delivery(at), data[at], Policy()) for at in range(3)]
    assert found[:2] == [None, None] and found[2] is not None
