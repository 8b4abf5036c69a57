"""The task `prove`: from published answers to checked bundles in the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from avow.prover import memory
from avow.prover.attempt import conclude
from avow.prover.bench import Bench
from avow.prover.casefile import CaseFile, Published, open_case, statement_of
from avow.prover.errors import (
    DatabaseUnavailable,
    LeaseLost,
    NotNow,
    NotReady,
    Refused,
    TryAgain,
    WorkFailed,
)
from avow.prover.gathering import gather, usable_sizes
from avow.prover.leases import Lease
from avow.prover.logs import about
from avow.prover.publication import TAKEN_UP, Measured, Shared, StoredProof, publish_proof
from avow.prover.pulse import Pulse
from avow.prover.reservations import claim, reserve
from avow.prover.stores.store import StoredAlready, StoredFile
from avow.prover.systems.assurance import own_policy
from avow.prover.systems.system import Limits, Proof, SigningSystem
from avow.prover.timing import measured as measured_times
from avow.prover.tracing import span
from avow.verifier import merkle
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.fields import to_hex
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility
from avow.verifier.statement import Statement
from avow.verifier.verdict import Assurance

_LOG = logging.getLogger("avow.prover")
_CHECK_SECONDS = 300.0


def prove(bench: Bench, lease: Lease) -> None:
    """Proves one leg, and in the same proof others that wait for the same artifact.

    Each gets a bundle of its own: build the statement, prove, check as a stranger would, store,
    note. A bundle that a crash left in the store is taken up after a check, never proven again.
    Raises WorkFailed for what went wrong with this leg, LeaseLost when it was cancelled; what
    became of the others is stored here.
    """
    first = _member(bench, lease)
    pulse = Pulse(bench, lease)
    work = _Work(bench, pulse, lease)
    members = [first]
    if bench.store.find(first.digest) is None:
        work.room = _room(bench, first.case, lease)
        work.sizes = usable_sizes(bench, first.case, lease, work.room)
        for other in gather(bench, first.case, lease, work.sizes, pulse):
            with work.noting(other):
                members.append(_member(bench, other))
    work.prove(members)
    if work.error is not None:
        raise work.error


@dataclass(frozen=True, slots=True)
class _Member:
    """One leg: the right to work on it, and the statement that its bundle will hold."""

    lease: Lease
    case: CaseFile
    published: Published
    statement: Statement
    digest: bytes


def _member(bench: Bench, lease: Lease) -> _Member:
    case = open_case(bench, lease)
    if case.published is None:
        raise Refused(f"job {lease.job_id} has no published answer")
    statement = statement_of(case, case.published)
    return _Member(lease, case, case.published, statement, statement.digest())


@dataclass(slots=True)
class _Work:
    """The proofs of some legs of one artifact, by one process.

    `own` is the lease that the process was asked to work on, `error` what went wrong with it;
    what becomes of the others is stored as soon as it is known. `room` is how many bytes a proof
    may take, None where none was needed so far; `sizes` how many samples it may hold.
    """

    bench: Bench
    pulse: Pulse
    own: Lease
    room: int | None = None
    sizes: tuple[int, ...] = (1,)
    error: Exception | None = None
    ended: set[Lease] = field(default_factory=set)

    @contextmanager
    def noting(self, lease: Lease) -> Iterator[None]:
        """Keeps what goes wrong with one leg from the others."""
        try:
            yield
        except Exception as error:
            self._end(lease, error)

    def _end(self, lease: Lease, error: Exception | None) -> None:
        self.ended.add(lease)
        if lease == self.own:
            # Beating goes on until the error is stored, by who called.
            self.error = error
            return
        self.pulse.leave(lease)
        try:
            conclude(self.bench, lease, error)
        except DatabaseUnavailable as lost:
            # The lease ends by itself.
            with about(job=lease.job_id, order=lease.order):
                _LOG.error("%s", lost)

    def prove(self, members: Sequence[_Member]) -> None:
        """Proves together what can be, and then alone whatever that did not serve."""
        together = self._fresh(members)
        if len(together) > 1:
            try:
                self._make(together)
            except (LeaseLost, DatabaseUnavailable) as error:
                for one in members:
                    if one.lease not in self.ended:
                        self._end(one.lease, error)
            except Exception as error:
                # Any of them may be the reason, so nobody's attempt ends here.
                _LOG.warning("batch=%d failed, one by one: %s", len(together), _shown(error))
        for one in members:
            if one.lease not in self.ended:
                with self.noting(one.lease):
                    self._alone(one)

    def _fresh(self, members: Sequence[_Member]) -> list[_Member]:
        """Those whose statement has no bundle yet, each statement once."""
        found: dict[bytes, _Member] = {}
        for one in members:
            if self.pulse.holds(one.lease) and self.bench.store.find(one.digest) is None:
                found.setdefault(one.digest, one)
        return list(found.values())

    def _alone(self, one: _Member) -> None:
        self._hold(one)
        stored = self.bench.store.find(one.digest)
        if stored is None:
            failed = self._make([one]).get(one.lease)
            if failed is None:
                return
            if not isinstance(failed, StoredAlready):
                raise failed
            # Somebody else proved the same meanwhile.
            stored = failed.stored
        self._take_up(one, stored)

    def _take_up(self, one: _Member, stored: StoredFile) -> None:
        """Notes a bundle that is stored already, once it convinces.

        Raises Refused for one of another statement: nothing in a store is overwritten, so that no
        attempt could do better before somebody has removed it.
        """
        began = time.monotonic()
        self.pulse("checking", None)
        limits = Limits(_CHECK_SECONDS, memory.available())
        draft = self.bench.store.draft(self._stored_bytes(stored))
        try:
            with span("check", bundles=1):
                worth = self.bench.check(draft, self._policy(one, draft), limits, self.pulse)
            # Now that it is known to be a bundle. The digest pins what a policy cannot: a hidden
            # input, and one that is too large for a policy's file.
            found = parse_bundle(draft.read_bytes()).statement.digest()
        finally:
            draft.unlink(missing_ok=True)
        if found != one.digest:
            raise Refused(f"{stored.name} in the store is the bundle of another statement")
        self._note(one, stored, worth, time.monotonic() - began, TAKEN_UP)

    def _stored_bytes(self, stored: StoredFile) -> bytes:
        try:
            return self.bench.store.read(stored.name, stored.sha256)
        except NotReady as error:
            raise TryAgain(str(error)) from error

    def _make(self, members: Sequence[_Member]) -> dict[Lease, Exception]:
        """One proof for all of them; what kept whom from its bundle."""
        bench, pulse, first = self.bench, self.pulse, members[0]
        size = next(size for size in self.sizes if size >= len(members))
        times = measured_times(bench.database, first.case.compiled.record_digest)
        pulse.begin(times.get(size))
        room = self.room if self.room is not None else _room(bench, first.case, self.own)
        if size > 1:
            needed = first.case.system.batch_memory(first.case.compiled, size)
            # One that was cancelled meanwhile leaves the others alone.
            with suppress(LeaseLost):
                room = min(room, reserve(bench, first.lease, needed, memory.total()))
        limits = Limits(bench.config.prove_seconds, room)
        root, paths = merkle.build([one.digest for one in members])
        pulse("proving", None)
        with span("make proof", system=first.case.compiled.record.system, batch=size):
            proofs = self._run(members, size, root, limits)
        drafts: dict[Lease, Path] = {}
        failed: dict[Lease, Exception] = {}
        try:
            for one, path, proof in zip(members, paths, proofs, strict=True):
                try:
                    drafts[one.lease] = self._draft(one, path, proof)
                except (LeaseLost, WorkFailed) as error:
                    failed[one.lease] = error
            places = {one.lease: at for at, one in enumerate(members)}
            checked = [one for one in members if one.lease in drafts]
            pulse("checking", None)
            wanted = [
                (draft, self._policy(one, draft))
                for one in checked
                for draft in (drafts[one.lease],)
            ]
            patience = Limits(min(_CHECK_SECONDS, limits.seconds), limits.memory)
            began = time.monotonic()
            with span("check", bundles=len(wanted)):
                found = bench.check_all(wanted, patience, pulse)
            verifying = time.monotonic() - began
            pulse("storing", None)
            peak = max((one.peak_memory or 0 for one in proofs), default=0) or None
            measured: Measured | None = Measured(pulse.seconds, verifying, peak)
            for one, worth in zip(checked, found, strict=True):
                try:
                    if isinstance(worth, WorkFailed):
                        raise worth
                    self._hold(one)
                    with span("store", job=one.lease.job_id):
                        stored = bench.store.publish(drafts[one.lease], one.digest)
                    shared = Shared(size, len(members), places[one.lease])
                    self._note(one, stored, worth, pulse.seconds, shared, measured)
                    measured = None
                except (LeaseLost, WorkFailed) as error:
                    failed[one.lease] = error
        finally:
            for draft in drafts.values():
                draft.unlink(missing_ok=True)
        return failed

    def _draft(self, one: _Member, path: merkle.Path, proof: Proof) -> Path:
        self._hold(one)
        if proof.outputs != one.published.outputs:
            raise Refused("the evidence speaks of another output than the published answer")
        return self.bench.store.draft(_bundle(one, path, proof).encode())

    def _hold(self, one: _Member) -> None:
        if not self.pulse.holds(one.lease):
            raise LeaseLost(f"job {one.lease.job_id} was ended")

    def _run(
        self, members: Sequence[_Member], size: int, root: bytes, limits: Limits
    ) -> list[Proof]:
        case = members[0].case
        if isinstance(case.system, SigningSystem):
            return case.system.sign(
                case.compiled,
                [one.case.inputs for one in members],
                [one.statement for one in members],
                limits,
                self.pulse,
            )
        if size == 1:
            proof = case.system.prove(
                case.compiled, case.inputs, case.salt, root, limits, self.pulse
            )
            return [proof]
        inputs = [one.case.inputs for one in members]
        padding = [case.inputs] * (size - len(members))
        proofs = case.system.prove_batch(case.compiled, inputs + padding, root, limits, self.pulse)
        return proofs[: len(members)]

    def _note(
        self,
        one: _Member,
        stored: StoredFile,
        worth: Assurance,
        seconds: float,
        shared: Shared,
        measured: Measured | None = None,
    ) -> None:
        proof = StoredProof(
            statement=to_hex(one.digest),
            file=stored.name,
            sha256=to_hex(stored.sha256),
            size=stored.size,
            assurance=worth,
            seconds=seconds,
            shared=shared,
            measured=measured,
        )
        with self.bench.database.write() as session:
            publish_proof(session, one.lease, proof, self.bench.clock())
        self.pulse.leave(one.lease)
        self._end(one.lease, None)

    def _policy(self, one: _Member, draft: Path) -> Policy:
        """Everything that the job fixes, so that a bundle about anything else is refused.

        Evidence of an enclave is held to the terms of the very registration that it shows.
        """
        record, case = one.case.compiled.record, one.case
        own = own_policy(record.system, self.bench.config.home, draft.read_bytes())
        return replace(
            own,
            model=record.model,
            record=record.digest(),
            program=record.program,
            domain=case.domain,
            order=case.order,
            provider=case.provider,
            nonce=case.nonce,
            outputs=one.published.outputs,
            unsafe_allow_unsafe_srs=self.bench.config.allow_unsafe_srs,
        )


def _shown(error: Exception) -> str:
    # The text of other errors may quote a caller's input.
    return str(error) if isinstance(error, MemoryError | OSError) else type(error).__name__


def _bundle(one: _Member, path: merkle.Path, proof: Proof) -> Bundle:
    compiled = one.case.compiled
    shown = compiled.record.input_visibility is InputVisibility.PUBLIC
    return Bundle(
        statement=one.statement,
        path=path,
        model=compiled.model,
        system=compiled.record,
        signature=compiled.signature,
        inputs=one.case.inputs if shown else None,
        salt=None,
        outputs=proof.outputs,
        proof=proof.proof,
        material=proof.material,
    )


def _room(bench: Bench, case: CaseFile, lease: Lease) -> int:
    """Bytes of memory that the proof may take; refuses what cannot fit, now or ever.

    What it is predicted to take is kept for it from here on.
    """
    predicted = case.compiled.record.proving_memory_bytes
    ever = min(memory.total(), bench.config.prove_memory or memory.total())
    if predicted > ever:
        raise Refused(
            f"its evidence needs about {predicted} bytes of memory, at most {ever} may be"
        )
    now = min(memory.available(), ever)
    if predicted > now:
        claim(bench, lease, predicted, now)
        raise NotNow(f"its evidence needs about {predicted} bytes of memory, {now} are free now")
    free = bench.store.free()
    if free < bench.config.minimum_free_disk:
        raise NotNow(
            f"the disk of the bundle store is full: {free} bytes are free, "
            f"at least {bench.config.minimum_free_disk} must be"
        )
    try:
        return min(now, reserve(bench, lease, predicted, memory.total()))
    except NotNow:
        claim(bench, lease, predicted, now)
        raise
