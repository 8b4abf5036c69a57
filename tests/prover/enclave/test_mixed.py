"""Three kinds of evidence for one request, each by its real system, verified together."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from avow.prover.asked_legs import AskedLeg
from avow.prover.attempt import Outcome, attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.config import Config
from avow.prover.enclave.keeper import SOCKET
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue, open_queue
from avow.prover.request import Request
from avow.prover.systems.optimistic.system import OptimisticProver
from avow.prover.systems.sumcheck.system import SumcheckProver
from avow.prover.systems.tee.system import TeeProver
from avow.verifier.errors import VerificationError
from avow.verifier.lifecycle import JobState
from avow.verifier.mixed.evaluate import verify_mixed
from avow.verifier.mixed.outcome import EvidenceRefused
from avow.verifier.mixed.policy import EvidencePolicy, Several, Single
from avow.verifier.policy import Policy
from avow.verifier.verdict import Assurance
from tests.prover.enclave.places import NOW, accepting, compiled, enclave, row, serving
from tests.prover.test_optimistic import compiled as claimed
from tests.prover.test_sumcheck import compiled as provable

pytestmark = pytest.mark.usefixtures("earlier")
TEE, CLAIM, PROOF = "tee/v1", "optimistic/v1", "sumcheck/v1"
LEGS = (
    AskedLeg((TEE,), 600, 3000),
    AskedLeg((CLAIM,), 3600, 2000),
    AskedLeg((PROOF,), 3600, 5000),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A home with one model compiled for three systems."""

    config: Config
    queue: Queue
    bench: Bench

    def ask(self, number: int = 0) -> str:
        """A job with the three legs for one held-out row."""
        _, stored, _ = compiled()
        request = Request(stored.record.name, None, row(stored, number), legs=LEGS)
        return self.queue.submit(request).id

    def prove(self, job_id: str, leg: int) -> Outcome:
        """One leg's work."""
        return attempt(self.bench, job_id, leg, Task.PROVE, prove)


@pytest.fixture
def place(config: Config) -> Iterator[Place]:
    """A home of its own."""
    config = replace(config, allow_unsafe_srs=True)
    homes = (compiled()[0], claimed("digits-mlp")[0], provable("digits-mlp").home)
    for home in homes:
        for part in ("artifacts", "models"):
            shutil.copytree(home / part, config.home / part, dirs_exist_ok=True)
    prover = SumcheckProver()
    systems = {TEE: TeeProver(), CLAIM: OptimisticProver(), PROOF: prover}
    queue = open_queue(config)
    bench = replace(open_bench(config, "w1"), systems=systems)
    yield Place(config, queue, bench)
    prover.close()
    queue.close()
    bench.database.close()
    open_bench.cache_clear()


def test_one_answer_is_attested_claimed_and_proven(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(SOCKET, raising=False)
    job_id, other = place.ask(0), place.ask(1)
    for one in (job_id, other):
        assert attempt(place.bench, one, 0, Task.INFER, infer) is Outcome.DONE
    # There is no enclave yet: its leg waits, and nothing else does.
    assert place.prove(job_id, 0) is Outcome.AGAIN
    assert place.prove(job_id, 2) is Outcome.DONE and place.prove(job_id, 1) is Outcome.DONE
    outcomes = [leg.outcome for leg in place.queue.status(job_id).evidence]
    assert outcomes == [None, "challengeable", "proven"]
    session = enclave().session()
    (tmp_path / "e").mkdir()
    with serving(session, tmp_path / "e", place.config.home) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert place.prove(job_id, 0) is Outcome.DONE
        assert place.prove(other, 0) is Outcome.DONE
    found = place.queue.status(job_id)
    assert found.state is JobState.SIMULATED
    assert [leg.outcome for leg in found.evidence] == ["simulated", "challengeable", "proven"]
    bundles = [place.queue.bundle(job_id, leg) for leg in range(3)]

    policies = (
        replace(accepting(session.registered), systems=(TEE,)),
        Policy(minimum_assurance=Assurance.CHALLENGEABLE, systems=(CLAIM,)),
        Policy(systems=(PROOF,), unsafe_allow_unsafe_srs=True),
    )
    parts = tuple(Single(f"all_of[{at}]", one) for at, one in enumerate(policies))
    policy = EvidencePolicy(Several("all_of", True, parts))
    verdict = verify_mixed(bundles, policy, NOW)
    found = [leg.verdict.assurance for leg in verdict.legs]
    assert found == [Assurance.SIMULATED, Assurance.CHALLENGEABLE, Assurance.PROVEN]
    assert not verdict.final

    # The attestation of another answer, glued to this one's proof, is refused for what it is.
    glued = [place.queue.bundle(other, 0), *bundles[1:]]
    with pytest.raises(VerificationError, match="bundle 2 is about another nonce"):
        verify_mixed(glued, policy, NOW)
    # A simulation is nobody's attestation where the policy does not say so.
    lax = Several("any_of", False, (Single("any_of[0]", Policy(systems=(TEE,))),))
    with pytest.raises(EvidenceRefused):
        verify_mixed(bundles, EvidencePolicy(lax), NOW)
