"""The task `prove`: from a published answer to a checked bundle in the store."""

from __future__ import annotations

from avow.prover import memory
from avow.prover.bench import Bench
from avow.prover.casefile import CaseFile, Published, open_case, statement_of
from avow.prover.errors import NotNow, Refused
from avow.prover.leases import Lease
from avow.prover.publication import StoredProof, publish_proof
from avow.prover.pulse import Pulse, expected_seconds
from avow.prover.store import StoredFile
from avow.prover.systems.system import Limits, Proof
from avow.verifier import merkle
from avow.verifier.bundle import Bundle
from avow.verifier.fields import to_hex
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility
from avow.verifier.statement import Statement

_CHECK_SECONDS = 300.0


def prove(bench: Bench, lease: Lease) -> None:
    """Proves one leg: build the statement, prove, check as a stranger would, store, note.

    A bundle that a crash left in the store is taken up after a check, never proven again.
    Raises WorkFailed for what went wrong, LeaseLost when cancelled.
    """
    case = open_case(bench, lease)
    if case.published is None:
        raise Refused(f"job {lease.job_id} has no published answer to prove")
    statement = statement_of(case, case.published)
    record = case.compiled.record_digest
    pulse = Pulse(bench, lease, expected_seconds(bench, record))
    stored = bench.store.find(statement.digest())
    if stored is None:
        stored = _make(bench, case, case.published, statement, pulse)
    else:
        _check_stored(bench, case, case.published, stored, pulse)
    proof = StoredProof(
        statement=to_hex(statement.digest()),
        file=stored.name,
        sha256=to_hex(stored.sha256),
        size=stored.size,
        seconds=pulse.seconds,
    )
    with bench.database.write() as session:
        publish_proof(session, lease, proof, bench.clock())


def _make(
    bench: Bench, case: CaseFile, published: Published, statement: Statement, pulse: Pulse
) -> StoredFile:
    limits = Limits(bench.config.prove_seconds, _room(bench, case))
    root, (path,) = merkle.build([statement.digest()])
    pulse("proving", None)
    proof = case.system.prove(case.compiled, case.inputs, case.salt, root, limits, pulse)
    if proof.outputs != published.outputs:
        raise Refused("the proof speaks of another output than the published answer")
    bundle = _bundle(case, statement, path, proof)
    draft = bench.store.draft(bundle.encode())
    try:
        pulse("checking", None)
        bench.check(draft, _policy(bench, case, published), _check_limits(limits), pulse)
        pulse("storing", None)
        return bench.store.publish(draft, statement.digest())
    finally:
        draft.unlink(missing_ok=True)


def _bundle(case: CaseFile, statement: Statement, path: merkle.Path, proof: Proof) -> Bundle:
    shown = case.compiled.record.input_visibility is InputVisibility.PUBLIC
    return Bundle(
        statement=statement,
        path=path,
        model=case.compiled.model,
        system=case.compiled.record,
        signature=case.compiled.signature,
        inputs=case.inputs if shown else None,
        salt=None,
        outputs=proof.outputs,
        proof=proof.proof,
        material=proof.material,
    )


def _policy(bench: Bench, case: CaseFile, published: Published) -> Policy:
    """Everything that the job fixes, so that a bundle about anything else is refused."""
    record = case.compiled.record
    return Policy(
        model=record.model,
        systems=(record.system,),
        program=record.program,
        domain=case.domain,
        order=case.order,
        provider=case.provider,
        nonce=case.nonce,
        outputs=published.outputs,
        unsafe_allow_unsafe_srs=bench.config.allow_unsafe_srs,
    )


def _check_stored(
    bench: Bench, case: CaseFile, published: Published, stored: StoredFile, pulse: Pulse
) -> None:
    pulse("checking", None)
    limits = Limits(_CHECK_SECONDS, memory.available())
    bench.check(bench.store.path(stored), _policy(bench, case, published), limits, pulse)


def _check_limits(limits: Limits) -> Limits:
    return Limits(min(_CHECK_SECONDS, limits.seconds), limits.memory)


def _room(bench: Bench, case: CaseFile) -> int:
    """Bytes of memory that the proof may take; refuses what cannot fit, now or ever."""
    predicted = case.compiled.record.proving_memory_bytes
    ever = min(memory.total(), bench.config.prove_memory or memory.total())
    if predicted > ever:
        raise Refused(f"the proof needs about {predicted} bytes of memory, at most {ever} may be")
    now = min(memory.available(), ever)
    if predicted > now:
        raise NotNow(f"the proof needs about {predicted} bytes of memory, {now} are free now")
    free = bench.store.free()
    if free < bench.config.minimum_free_disk:
        raise NotNow(
            f"the disk of the bundle store is full: {free} bytes are free, "
            f"at least {bench.config.minimum_free_disk} must be"
        )
    return now
