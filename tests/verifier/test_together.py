"""verify_together(): of every bundle exactly what verify() says, the shared proof checked once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from avow.verifier import verify as verify_module
from avow.verifier.bundle import Bundle
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.verdict import Verdict
from avow.verifier.verify import verify, verify_together
from tests.verifier import examples
from tests.verifier.examples import Doubling

Answer = Verdict | VerificationError


class Together(Doubling):
    """Checks several at once, and counts how often it is asked."""

    def __init__(self) -> None:
        self.alone = 0
        self.together = 0
        self.trips: Callable[[], None] = lambda: None

    def verify(self, evidence: Evidence) -> Findings:
        self.alone += 1
        return super().verify(evidence)

    def verify_batch(self, evidence: Sequence[Evidence]) -> Findings:
        self.together += 1
        self.trips()
        if len({one.root for one in evidence}) != 1:
            raise VerificationError("proof", "of several proofs")
        *_, last = [super(Together, self).verify(one) for one in evidence]
        return last


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Together:
    """The doubling system, able to check a batch."""
    found = Together()
    monkeypatch.setitem(verify_module.SYSTEMS, found.system_id, found)
    return found


def separately(bundles: Sequence[tuple[bytes, Policy]]) -> list[Answer]:
    found: list[Answer] = []
    for data, policy in bundles:
        try:
            found.append(verify(data, policy))
        except VerificationError as error:
            found.append(error)
    return found


def same(left: Sequence[Answer], right: Sequence[Answer]) -> bool:
    return [_said(one) for one in left] == [_said(one) for one in right]


def _said(one: Answer) -> object:
    return (one.step, one.message) if isinstance(one, VerificationError) else one


def batch(count: int) -> list[tuple[bytes, Policy]]:
    return [
        (examples.in_batch(count, index).encode(), Policy(nonce=index + 1))
        for index in range(count)
    ]


def lying(bundle: Bundle) -> Bundle:
    return replace(bundle, outputs=(Tensor(ElementType.INT32, (1, 3), (2, -4, 7)),))


def test_one_proof_is_checked_once(system: Together) -> None:
    bundles = batch(5)
    found = verify_together(bundles)
    assert all(isinstance(one, Verdict) for one in found)
    assert (system.together, system.alone) == (1, 0)
    assert same(found, separately(bundles))


def test_a_policy_counts_for_its_own_bundle(system: Together) -> None:
    bundles = batch(3)
    bundles[1] = (bundles[1][0], Policy(nonce=99))
    found = verify_together(bundles)
    assert [isinstance(one, Verdict) for one in found] == [True, False, True]
    assert same(found, separately(bundles))


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 10_000])
def test_what_is_no_bundle_is_no_fault_of_the_others(system: Together, data: bytes) -> None:
    bundles = [*batch(3), (data, Policy())]
    found = verify_together(bundles)
    assert [isinstance(one, Verdict) for one in found] == [True, True, True, False]
    assert (system.together, system.alone) == (1, 0)
    assert same(found, separately(bundles))


def test_a_lie_is_found_at_its_place(system: Together) -> None:
    honest, liar = examples.in_batch(4, 0), examples.in_batch(4, 1)
    about = replace(liar.statement, output=examples.commit_public(lying(liar).outputs))
    # Under a root of its own, so that the statement fits the tensors and only the proof does not.
    forged = replace(lying(liar), statement=about)
    forged = replace(forged, proof=examples.prove(forged).proof)
    bundles = [(honest.encode(), Policy()), (forged.encode(), Policy())]
    found = verify_together(bundles)
    assert [isinstance(one, Verdict) for one in found] == [True, False]
    assert same(found, separately(bundles))


@pytest.mark.parametrize(
    "error", [ValueError("x"), MemoryError(), RecursionError(), VerificationError("proof", "no")]
)
def test_a_check_that_fails_decides_nothing(system: Together, error: Exception) -> None:
    def trip() -> None:
        raise error

    system.trips = trip
    bundles = batch(3)
    found = verify_together(bundles)
    assert all(isinstance(one, Verdict) for one in found)
    assert (system.together, system.alone) == (1, 3)


def test_a_system_without_batches_is_asked_for_each(doubling: Doubling) -> None:
    bundles = batch(3)
    assert same(verify_together(bundles), separately(bundles))
    assert verify_together([]) == []
    assert same(verify_together(bundles[:1]), separately(bundles[:1]))
