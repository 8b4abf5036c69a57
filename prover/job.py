"""A job as callers see it: one immutable reading of its rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from avow.prover.errors import UnknownJob
from avow.prover.legs import Alternative, read_alternatives
from avow.prover.tables import (
    AnswerRow,
    EvidenceRow,
    JobRow,
    LeaseRow,
    PaymentRow,
    ProofRow,
    TransitionRow,
)
from avow.verifier.lifecycle import JobState
from avow.verifier.tensor import Tensor, TensorSpec, parse_tensor, parse_tensor_spec


@dataclass(frozen=True, slots=True)
class Output:
    """The published answer: the proven program's integers, with what they mean."""

    tensors: tuple[Tensor, ...]
    specs: tuple[TensorSpec, ...]
    at: int

    def reals(self) -> tuple[tuple[float, ...], ...]:
        """The numbers that the integers stand for, row-major, one tuple per output."""
        pairs = zip(self.specs, self.tensors, strict=True)
        return tuple(spec.dequantise(tensor) for spec, tensor in pairs)

    def to_json(self) -> list[dict[str, Any]]:
        """One object per output; integers as numbers, reals beside them."""
        return [
            {
                "name": spec.name,
                "type": tensor.element_type.value,
                "shape": list(tensor.shape),
                "scale": spec.scale,
                "integers": list(tensor.values),
                "reals": list(reals),
            }
            for spec, tensor, reals in zip(self.specs, self.tensors, self.reals(), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work at hand is: estimates from earlier work of the same kind, measured here.

    `percent` and `eta_seconds` are None when there was none.
    """

    task: str
    stage: str
    percent: int | None
    eta_seconds: int | None
    attempt: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; what is unknown is null."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Batch:
    """The proof that a leg shares: answers it holds, jobs among them, this job's place from 0."""

    size: int
    members: int
    index: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """One leg: which system shows the answer, and the bundle that does, once there is one.

    `any_of` are the systems that may, where the leg names several, and `given_up` those that
    failed, each with its reason. `outcome` is None while the leg is worked on or waits; `state` is
    the market's.
    """

    leg: int
    system: str
    selector: str
    record: str
    deadline: int
    share_bps: int
    state: str
    statement: str | None
    bundle: str | None
    bundle_sha256: str | None
    bundle_size: int | None
    prove_seconds: float | None
    payment: str | None
    batch: Batch | None
    any_of: tuple[str, ...] = ()
    given_up: tuple[tuple[str, str], ...] = ()
    outcome: str | None = None
    reason: str | None = None
    ended_at: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The leg as plain JSON values, without what is not known yet."""
        value = _plain(self)
        if self.batch is not None:
            value["batch"] = _plain(self.batch)
        for name in ("any_of", "given_up"):
            del value[name]
        if self.any_of:
            value["any_of"] = list(self.any_of)
        if self.given_up:
            value["given_up"] = [
                {"system": system, "reason": reason} for system, reason in self.given_up
            ]
        return value


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a job's history."""

    from_state: str
    to_state: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job at one moment. Digests are 0x hexadecimal, times unix milliseconds.

    `preview` is the float model's run, labelled so; it never enters a statement. `program` is
    what the model's exact program said beside it, where the worker had one. `answered_on` is what
    ran the proven program: one of onnxruntime's execution providers, or a library.
    """

    id: str
    state: JobState
    reason: str
    model: str
    nonce: int
    order: str
    chain_id: int
    client_key: str | None
    owner: str
    priority: int
    created_at: int
    updated_at: int
    deadline: int
    answer: Output | None
    preview: dict[str, Any] | None
    program: dict[str, Any] | None
    answered_on: str | None
    progress: Progress | None
    evidence: tuple[Evidence, ...]
    history: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """The job as plain JSON values, without its inputs."""
        value: dict[str, Any] = {
            "id": self.id,
            "state": self.state.value,
            "reason": self.reason,
            "model": self.model,
            "nonce": str(self.nonce),
            "priority": self.priority,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "deadline": self.deadline,
            "evidence": [item.to_json() for item in self.evidence],
            "history": [_plain(item) for item in self.history],
        }
        if self.chain_id:
            value["order"] = {"chain_id": str(self.chain_id), "order": self.order}
        if self.client_key is not None:
            value["client_key"] = self.client_key
        if self.answer is not None:
            value["answer"] = self.answer.to_json()
        if self.preview is not None:
            value["preview"] = self.preview
        if self.program is not None:
            value["program"] = self.program
        if self.answered_on:
            value["answered_on"] = self.answered_on
        if self.progress is not None:
            value["progress"] = self.progress.to_json()
        return value


def read_job(session: Session, job_id: str) -> Job:
    """The job with everything that hangs on it; raises UnknownJob."""
    found = read_jobs(session, [job_id])
    if not found:
        raise UnknownJob(f"no job {job_id[:64]!r}")
    return found[0]


def read_jobs(session: Session, job_ids: Sequence[str]) -> list[Job]:
    """Those of the jobs that there are, in the order of `job_ids`.

    As many queries for many jobs as for one.
    """
    chosen = select(JobRow).where(JobRow.id.in_(job_ids))
    jobs = {row.id: row for row in session.scalars(chosen)}
    published = select(AnswerRow).where(AnswerRow.job_id.in_(job_ids))
    answers = {row.job_id: row for row in session.scalars(published)}
    legs = _evidence(session, job_ids)
    progress = _progress(session, job_ids)
    steps = _history(session, job_ids)
    return [
        _job(jobs[one], answers.get(one), progress.get(one), legs[one], steps[one])
        for one in job_ids
        if one in jobs
    ]


def _job(
    row: JobRow,
    answer: AnswerRow | None,
    progress: Progress | None,
    evidence: Sequence[Evidence],
    history: Sequence[Step],
) -> Job:
    return Job(
        id=row.id,
        state=JobState(row.state),
        reason=row.reason,
        model=row.model,
        nonce=int(row.nonce),
        order=row.order,
        chain_id=int(row.chain_id),
        client_key=_own_key(row),
        owner=row.owner,
        priority=row.priority,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deadline=row.deadline,
        answer=read_output(answer) if answer is not None else None,
        preview=json.loads(answer.preview) if answer is not None else None,
        program=json.loads(answer.program) if answer is not None and answer.program else None,
        progress=progress,
        answered_on=answer.provider if answer is not None else None,
        evidence=tuple(evidence),
        history=tuple(history),
    )


def output_text(tensors: tuple[Tensor, ...], specs: tuple[TensorSpec, ...]) -> str:
    """The form that an answer row stores and `read_output` reads."""
    return json.dumps(
        {
            "tensors": [tensor.to_json() for tensor in tensors],
            "specs": [spec.to_json() for spec in specs],
        }
    )


def read_output(row: AnswerRow) -> Output:
    """The published answer out of its row."""
    value = json.loads(row.outputs)
    return Output(
        tensors=tuple(parse_tensor(item) for item in value["tensors"]),
        specs=tuple(parse_tensor_spec(item) for item in value["specs"]),
        at=row.at,
    )


def stored_client_key(owner: str, client_key: str | None) -> str | None:
    """The unique form of a client key: every owner has keys of its own."""
    return client_key if client_key is None or not owner else f"{owner}:{client_key}"


def _own_key(row: JobRow) -> str | None:
    return row.client_key.removeprefix(f"{row.owner}:") if row.client_key else None


def read_progress(session: Session, job_id: str) -> Progress | None:
    """How far the work on a job is; None while nobody works on it."""
    return _progress(session, [job_id]).get(job_id)


def _progress(session: Session, job_ids: Sequence[str]) -> dict[str, Progress]:
    held = select(LeaseRow).where(LeaseRow.job_id.in_(job_ids), LeaseRow.token != "")
    # The last one written stands: that of the first leg on which somebody works.
    rows = session.scalars(held.order_by(LeaseRow.leg.desc()))
    return {row.job_id: as_progress(row) for row in rows}


def as_progress(row: LeaseRow) -> Progress:
    """What the row of a lease that is held says."""
    # Without an estimate the row holds 0.
    percent = row.percent if row.percent or row.eta_seconds is not None else None
    return Progress(row.task, row.stage, percent, row.eta_seconds, row.attempts)


def _evidence(session: Session, job_ids: Sequence[str]) -> Mapping[str, Sequence[Evidence]]:
    stored = select(ProofRow).where(ProofRow.job_id.in_(job_ids))
    proofs = {(row.job_id, row.leg): row for row in session.scalars(stored)}
    paid = select(PaymentRow).where(PaymentRow.job_id.in_(job_ids))
    payments = {(row.job_id, row.leg): row for row in session.scalars(paid)}
    legs = select(EvidenceRow).where(EvidenceRow.job_id.in_(job_ids)).order_by(EvidenceRow.leg)
    found: defaultdict[str, list[Evidence]] = defaultdict(list)
    for leg in session.scalars(legs):
        key = (leg.job_id, leg.leg)
        found[leg.job_id].append(_leg(leg, proofs.get(key), payments.get(key)))
    return found


def _leg(leg: EvidenceRow, proof: ProofRow | None, payment: PaymentRow | None) -> Evidence:
    return Evidence(
        leg=leg.leg,
        system=leg.system,
        selector=leg.selector,
        record=leg.record,
        deadline=leg.deadline,
        share_bps=leg.share_bps,
        state=leg.state,
        statement=proof.statement if proof else None,
        bundle=proof.file if proof else None,
        bundle_sha256=proof.sha256 if proof else None,
        bundle_size=proof.size if proof else None,
        prove_seconds=proof.seconds if proof else None,
        payment=payment.reference if payment else None,
        batch=_batch(proof),
        any_of=tuple(one.system for one in _others(leg)),
        given_up=tuple((one.system, one.failed) for one in _others(leg) if one.failed),
        outcome=leg.outcome or None,
        reason=leg.reason or None,
        ended_at=leg.ended_at,
    )


def _others(row: EvidenceRow) -> tuple[Alternative, ...]:
    return read_alternatives(row) if row.alternatives else ()


def _batch(proof: ProofRow | None) -> Batch | None:
    """None too for a bundle that was taken up as it lay there."""
    if proof is None or not proof.batch or proof.place is None:
        return None
    return Batch(proof.batch, proof.members, proof.place)


def _history(session: Session, job_ids: Sequence[str]) -> Mapping[str, Sequence[Step]]:
    written = select(TransitionRow).where(TransitionRow.job_id.in_(job_ids))
    found: defaultdict[str, list[Step]] = defaultdict(list)
    for row in session.scalars(written.order_by(TransitionRow.id)):
        found[row.job_id].append(Step(row.from_state, row.to_state, row.reason, row.at))
    return found


def _plain(item: Batch | Evidence | Step) -> dict[str, Any]:
    names = cast(tuple[str, ...], item.__slots__)
    values = ((name, getattr(item, name)) for name in names)
    return {name: value for name, value in values if value is not None}
