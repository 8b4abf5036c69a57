"""Jobs of `tee/v1`: answered by the enclave, signed in batches, checked by the worker."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from avow.prover.attempt import Outcome
from avow.prover.catalogue import Compiled
from avow.prover.config import Config
from avow.prover.enclave.archive import Archive
from avow.prover.enclave.keeper import SOCKET
from avow.prover.enclave.key import SessionKey
from avow.prover.enclave.session import Asked, Session, Signed
from avow.prover.systems.system import Limits, Proof, Tick
from avow.prover.systems.tee.system import TeeProver
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import JobState
from avow.verifier.policy import Policy
from avow.verifier.statement import Domain, Statement
from avow.verifier.systems.tee.material import parse_material
from avow.verifier.systems.tee.receipt import Receipt, parse_receipt
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify
from tests.prover.enclave.places import NOW, Place, accepting, enclave, place, serving

pytestmark = pytest.mark.usefixtures("earlier")


@pytest.fixture
def here(config: Config) -> Iterator[Place]:
    """A home of its own for every test."""
    with place(config) as found:
        yield found


class Opening(Protocol):
    """Opens a session that serves the test's home until the test ends, in a folder of its own."""

    def __call__(self, folder: str, made: Session | None = None) -> Session: ...


@pytest.fixture
def opened(here: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Opening]:
    """`opened("name")`: requests go to the one that was opened last."""
    with ExitStack() as serve:

        def begin(folder: str, made: Session | None = None) -> Session:
            session = made or enclave().session()
            (tmp_path / folder).mkdir()
            variables = serve.enter_context(serving(session, tmp_path / folder, here.config.home))
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            return session

        yield begin


def test_a_job_is_answered_signed_checked_and_accepted_as_simulated(
    here: Place, opened: Opening
) -> None:
    session = opened("e")
    job_id = here.ask()
    assert here.work(job_id) == (Outcome.DONE, Outcome.DONE)
    found = here.queue.status(job_id)
    assert found.state is JobState.SIMULATED and "SIMULATED" in found.reason
    assert found.evidence[0].outcome == "simulated"
    data = here.queue.bundle(job_id)
    verdict = verify(data, accepting(session.registered), NOW)
    assert verdict.assurance is Assurance.SIMULATED
    with pytest.raises(VerificationError, match=r"policy\.attestation"):
        verify(data, Policy(), NOW)
    # The root's file alone is no permission: the flag is what the policy has to say.
    without = replace(accepting(session.registered))
    terms = without.attestation
    assert terms is not None
    with pytest.raises(VerificationError, match="SIMULATED quote"):
        verify(data, replace(without, attestation=replace(terms, simulated_root=None)), NOW)


def test_without_an_enclave_a_job_waits(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOCKET, raising=False)
    job_id = here.ask()
    assert here.infer(job_id) is Outcome.AGAIN
    status = here.queue.status(job_id)
    assert status.state is JobState.QUEUED
    assert "this worker has no enclave" in str(here.queue.status(job_id).history)


def test_a_new_session_goes_on_where_the_last_one_died(
    here: Place, opened: Opening, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = opened("first")
    before, between = here.ask(0), here.ask(1)
    assert here.work(before) == (Outcome.DONE, Outcome.DONE)
    assert here.infer(between) is Outcome.DONE
    # It dies with its memory; what it had answered is signed by the next one.
    monkeypatch.setenv(SOCKET, str(tmp_path / "first" / "gone.sock"))
    assert here.prove(between) is Outcome.AGAIN
    second = opened("second")
    assert second.registered.address != first.registered.address
    after = here.ask(1)
    assert here.work(after) == (Outcome.DONE, Outcome.DONE)
    old, new = here.queue.bundle(before), here.queue.bundle(after)
    assert verify(old, accepting(first.registered), NOW)
    assert verify(new, accepting(second.registered), NOW)
    # A bundle of the earlier session that a crash left in the store is taken up as it is.
    assert (
        Archive(here.config.home).of_material(parse_material(parse_bundle(old).material))
        == first.registered
    )


class AnotherKey(Session):
    """Signs with a key that nobody registered."""

    def sign(self, record: bytes, asked: Sequence[Asked]) -> Signed:
        """The honest receipt's time, under another key."""
        self._key = SessionKey()
        return super().sign(record, asked)


class Later(Session):
    """Signs for a time at which its key is no longer good."""

    def _time(self) -> int:
        return self.registered.ends + 1


class Earlier(Session):
    """Signs for a time before its key was registered."""

    def _time(self) -> int:
        return self.registered.registered_at - 1


class OtherOutputs(Session):
    """Answers with what it likes, and signs it."""

    def _run(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        (tensor,) = super()._run(inputs)
        return (replace(tensor, values=(tensor.values[0] ^ 1, *tensor.values[1:])),)


@pytest.mark.parametrize(
    ("liar", "reason"),
    [
        (AnotherKey, "not signed by the attested key"),
        (Later, "the key is good from"),
        (Earlier, "the key is good from"),
    ],
)
def test_a_lying_enclave_gets_no_bundle_into_the_store(
    here: Place, opened: Opening, liar: type[Session], reason: str
) -> None:
    made = enclave()
    key, registered = made.open()
    opened("e", liar(key, made.served(), registered, made.clock))
    job_id = here.ask()
    assert here.work(job_id) == (Outcome.DONE, Outcome.AGAIN)
    assert reason in str(here.queue.status(job_id).history)
    with pytest.raises(Exception, match="bundle"):
        here.queue.bundle(job_id)


def test_an_enclave_that_was_registered_with_another_program_convinces_nobody(
    here: Place, opened: Opening
) -> None:
    # Software of the right measurement, which has another program in its register.
    honest, other = enclave(), enclave("tumour-risk")
    key, registered = other.open()
    liar = Session(key, honest.served(), registered, honest.clock)
    opened("e", liar)
    job_id = here.ask()
    assert here.work(job_id) == (Outcome.DONE, Outcome.AGAIN)
    assert "avow-program" in str(here.queue.status(job_id).history)


def test_an_enclave_that_nobody_registered_here_is_not_believed(
    here: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = enclave().session()
    with serving(session, tmp_path) as variables:
        monkeypatch.setenv(SOCKET, variables[SOCKET])
        job_id = here.ask()
        assert here.work(job_id) == (Outcome.DONE, Outcome.AGAIN)
    assert "no enclave that was registered here" in str(here.queue.status(job_id).history)


class OtherMaterial(TeeProver):
    """Shows the registration of another chain beside the honest evidence."""

    def sign(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        statements: Sequence[Statement],
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """With a registry of another chain in the document."""
        made = super().sign(compiled, inputs, statements, limits, tick)
        found = parse_material(made[0].material)
        elsewhere = replace(
            found.registration, registry=Domain(1, b"\x01" * 20), challenge=keccak256(b"x")
        )
        shown = replace(found, registration=elsewhere).to_json()
        return [replace(one, material=shown) for one in made]


class OtherRoot(TeeProver):
    """Has the enclave sign one statement, and shows the receipt for another one's bundle."""

    def sign(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        statements: Sequence[Statement],
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """For another nonce."""
        other = [replace(one, nonce=one.nonce ^ 2 or 1) for one in statements]
        return super().sign(compiled, inputs, other, limits, tick)


class HighS(TeeProver):
    """The other signature that the same key could have made."""

    def sign(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        statements: Sequence[Statement],
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """With s in the upper half."""
        from avow.verifier.curves import secp256k1

        made = super().sign(compiled, inputs, statements, limits, tick)
        receipt = parse_receipt(made[0].proof)
        s = secp256k1.N - int.from_bytes(receipt.signature[32:64], "big")
        flipped = receipt.signature[:32] + s.to_bytes(32, "big")
        flipped += bytes([55 - receipt.signature[64]])
        return [replace(one, proof=Receipt(receipt.time, flipped).to_json()) for one in made]


@pytest.mark.parametrize(
    ("liar", "reason"),
    [
        (OtherMaterial, "registered here"),
        (OtherRoot, "not signed by the attested key"),
        (HighS, "not a canonical signature"),
    ],
)
def test_a_lying_worker_gets_no_bundle_into_the_store(
    here: Place, opened: Opening, liar: type[TeeProver], reason: str
) -> None:
    opened("e")
    job_id = here.ask()
    assert here.work(job_id, liar()) == (Outcome.DONE, Outcome.AGAIN)
    assert reason in str(here.queue.status(job_id).history)
