"""The case file of one task: the job's request, its artifact and the system that serves it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from avow.prover.bench import Bench
from avow.prover.catalogue import Compiled
from avow.prover.errors import Refused, RequestRefused
from avow.prover.job import read_output
from avow.prover.leases import Lease
from avow.prover.legs import OFF_CHAIN, read_alternatives
from avow.prover.outbox import Task
from avow.prover.request import read_batches
from avow.prover.systems.system import ProvingSystem
from avow.prover.tables import AnswerRow, EvidenceRow, JobRow
from avow.verifier.commitment import Commitment, Scheme, commit_public
from avow.verifier.fields import parse_hex
from avow.verifier.srs import ceremony
from avow.verifier.statement import Domain, Statement
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.tensor import Tensor, parse_tensor


@dataclass(frozen=True, slots=True)
class Published:
    """The published outputs and the commitment to the input that goes with them.

    `at` is when they were published, in ms.
    """

    outputs: tuple[Tensor, ...]
    input: Commitment
    at: int


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What a worker needs to know of a job; `salt` is 32 bytes.

    `deadline` is the leg's, in ms. `batches` are the numbers of answers in one proof that the
    job's market can settle, None where there is no market.
    """

    compiled: Compiled
    system: ProvingSystem
    inputs: tuple[Tensor, ...]
    salt: bytes
    domain: Domain
    order: bytes
    provider: bytes
    nonce: int
    deadline: int
    batches: tuple[int, ...] | None
    published: Published | None


def open_case(bench: Bench, lease: Lease) -> CaseFile:
    """Reads the job of a lease; raises Refused when this installation cannot serve it."""
    with bench.database.read() as session:
        job = session.get(JobRow, lease.job_id)
        # Inference serves every leg: its lease names none in particular.
        query = select(EvidenceRow).where(EvidenceRow.job_id == lease.job_id)
        legs = session.scalars(query.order_by(EvidenceRow.leg)).all()
        leg = next((row for row in legs if row.leg == lease.leg), legs[0] if legs else None)
        answer = session.get(AnswerRow, lease.job_id)
        if job is None or leg is None:
            raise Refused(f"job {lease.job_id} has no leg {lease.leg}")
    if lease.task is Task.INFER:
        compiled, system = _answering(bench, job, legs)
    else:
        compiled, system = _serving(bench, job, leg.system, leg.record)
    return CaseFile(
        compiled=compiled,
        system=system,
        inputs=tuple(parse_tensor(item) for item in json.loads(job.inputs)),
        salt=parse_hex(job.salt, 32, "salt"),
        domain=Domain(int(job.chain_id), parse_hex(job.market, 20, "market")),
        order=parse_hex(job.order, 32, "order"),
        provider=parse_hex(job.provider, 20, "provider"),
        nonce=int(job.nonce),
        deadline=leg.deadline,
        batches=read_batches(leg.batches) if job.market != OFF_CHAIN else None,
        published=_published(answer),
    )


def _serving(
    bench: Bench, job: JobRow, system_id: str, record: str
) -> tuple[Compiled, ProvingSystem]:
    """One artifact and its system; raises Refused when this installation cannot serve it."""
    system = bench.system(system_id)
    if system is None:
        raise Refused(f"this worker makes no evidence of {system_id!r}")
    try:
        compiled = bench.catalogue.find(job.model, system_id, record)
    except RequestRefused as error:
        raise Refused(f"the artifact is gone: {error}") from error
    _check_srs(bench, compiled)
    return compiled, system


def _answering(
    bench: Bench, job: JobRow, legs: Sequence[EvidenceRow]
) -> tuple[Compiled, ProvingSystem]:
    """The first that this worker can serve: all are of one program, hence of one answer.

    An enclave answers only where nothing else does: it may be away for a while.
    """
    refused: Refused | None = None
    found = [one for row in legs for one in read_alternatives(row)]
    for one in sorted(found, key=lambda one: one.system == TEE):
        try:
            return _serving(bench, job, one.system, one.record)
        except Refused as error:
            refused = refused or error
    raise refused or Refused(f"job {job.id} has no leg")


def statement_of(case: CaseFile, published: Published) -> Statement:
    """The statement that the proof of this case binds."""
    record = case.compiled.record
    return Statement(
        domain=case.domain,
        model=record.model,
        system=record.system,
        program=record.program,
        key=record.key,
        input=published.input,
        output=commit_public(published.outputs),
        order=case.order,
        provider=case.provider,
        nonce=case.nonce,
    )


def _published(row: AnswerRow | None) -> Published | None:
    if row is None:
        return None
    value = parse_hex(row.input_value, 32, "input commitment")
    committed = Commitment(Scheme(row.input_scheme), value)
    return Published(read_output(row).tensors, committed, row.at)


def _check_srs(bench: Bench, compiled: Compiled) -> None:
    claim = compiled.record.srs
    if claim is None or (claim.safe and ceremony(claim.digest) is not None):
        return
    if not bench.config.allow_unsafe_srs:
        raise Refused(
            "the artifact's SRS is unsafe (made locally or unknown): whoever made it can forge "
            "proofs; a worker takes it only with --allow-unsafe-srs"
        )
