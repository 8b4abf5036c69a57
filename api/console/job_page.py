"""A job's page: what was asked, what was answered, what shows it, when, and what it cost."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from avow.api.access import Reader
from avow.api.console import states
from avow.api.console.charts import bars
from avow.api.console.plain_words import Explained, explain
from avow.api.console.providers_page import SAID, paid
from avow.api.console.render import page
from avow.api.console.verdicts import Verdicts
from avow.api.problems import Problem
from avow.api.services import Offered, Services
from avow.prover.errors import NotReady
from avow.prover.following import is_final
from avow.prover.job import Evidence, Job, Output
from avow.prover.nodes.ledger import Ledger
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState, job_ends
from avow.verifier.records import ModelRecord

router = APIRouter()

_JOB_ID = re.compile(r"[0-9a-f]{32}")
_SHOWN = 16
# Beside a table there is less room.
_CHART = 330
# A bundle of more would take long to read for a page.
_BUNDLE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of a job's way: when it was reached, how long after the one before.

    `shape` and `tone` as in `states.Sign`.
    """

    name: str
    shape: str
    tone: str
    at: int | None
    after: float | None
    now: bool


@dataclass(frozen=True, slots=True)
class LegWay:
    """How a leg of several stands: the seconds it has, those that it took, and their percentage."""

    leg: Evidence
    shape: str
    tone: str
    word: str
    seconds: float
    taken: float | None
    percent: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One output of the answer as far as a page shows it; `preview` is the float model's."""

    name: str
    shape: tuple[int, ...]
    rows: tuple[tuple[int, int, float, float | None], ...]
    count: int
    chart: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A leg's bundle: parsed, and what the verifier said of it (None: it is still looking)."""

    bundle: Bundle | None
    problem: str
    told: Explained | None


@router.get("/jobs/{job_id}")
async def job(job_id: str, request: Request, offered: Offered, caller: Reader) -> Response:
    """The job as it stands."""
    if not _JOB_ID.fullmatch(job_id):
        raise Problem(
            HTTPStatus.NOT_FOUND, f"no job {job_id[:64]!r}: an id has 32 hexadecimal digits"
        )
    found = caller.own(await to_thread.run_sync(offered.queue.status, job_id))
    model = await to_thread.run_sync(_model, offered, found.model)
    ledger = Ledger(offered.database)
    entries = await to_thread.run_sync(ledger.of_job, job_id)
    legs = [(leg, await _stored(request, offered, found.id, leg)) for leg in found.evidence]
    checking = any(stored and stored.bundle and not stored.told for _, stored in legs)
    final = is_final(found.state.value, found.chain_id)
    return page(
        request,
        "job.html",
        title=f"Job {found.id[:8]}",
        job=found,
        model=model,
        sign=states.sign(found.state),
        open=found.state in states.OPEN,
        ended=job_ends(found.state),
        final=final,
        changing=checking or not final,
        # No event tells that the verifier is done.
        events="" if final or checking else f"/v1/jobs/{found.id}/events",
        stops=stops(found),
        outputs=shown(found.answer, found.preview) if found.answer else (),
        legs=legs,
        ways=leg_ways(found),
        entries=entries,
        said=SAID,
        paid=paid,
    )


def _model(offered: Services, digest: str) -> ModelRecord | None:
    known = (item.model for item in offered.catalogue.all() if item.model_digest == digest)
    return next(known, None)


async def _stored(request: Request, offered: Services, job_id: str, leg: Evidence) -> Stored | None:
    if leg.bundle is None or leg.bundle_sha256 is None:
        return None
    if (leg.bundle_size or 0) > _BUNDLE_BYTES:
        return Stored(None, "The bundle is too large for a page: fetch it and check it.", None)
    verdicts = _verdicts(request)
    try:
        data = await to_thread.run_sync(offered.queue.bundle, job_id, leg.leg)
        bundle = await to_thread.run_sync(parse_bundle, data)
    except (NotReady, VerificationError) as error:
        return Stored(None, str(error), None)
    verdicts.begin(leg.bundle_sha256, data, leg.system, offered.home)
    judged = verdicts.find(leg.bundle_sha256)
    return Stored(bundle, "", explain(judged) if judged else None)


def _verdicts(request: Request) -> Verdicts:
    kept = getattr(request.app.state, "verdicts", None)
    if not isinstance(kept, Verdicts):
        kept = request.app.state.verdicts = Verdicts()
    return kept


def stops(job: Job) -> list[Stop]:
    """The way of a job that goes well; off chain it ends with its evidence.

    Of which kind that is, is said where it is there: nobody has judged it before.
    """
    reached = {JobState.QUEUED: job.created_at}
    for step in job.history:
        if step.to_state != step.from_state:
            reached[JobState(step.to_state)] = step.at
    there = [state for state in EVIDENCE_STATES if state in reached]
    path: list[tuple[str, JobState | None]] = [
        ("Asked", JobState.QUEUED),
        ("Answered", JobState.ANSWERED),
        (states.sign(there[0]).label, there[0]) if there else ("Evidence", None),
    ]
    if job.chain_id:
        path.append(("Settled", JobState.SETTLED))
    last: int | None = None
    found: list[Stop] = []
    for name, state in path:
        at = None if state is None else reached.get(state)
        after = (at - last) / 1000 if at is not None and last is not None else None
        kind = states.sign(state) if state in EVIDENCE_STATES else None
        shape, tone = (kind.shape, kind.tone) if kind else ("tick", "good")
        found.append(Stop(name, shape, tone, at, after, job.state is state))
        last = at if at is not None else last
    return found


def leg_ways(job: Job) -> list[LegWay]:
    """One line for each leg of a job that has several: its time, and how much of it was taken."""
    found = []
    for leg in job.evidence if len(job.evidence) > 1 else ():
        whole = max(1, leg.deadline - job.created_at)
        taken = None if leg.ended_at is None else max(0, leg.ended_at - job.created_at)
        shape, tone, word = _ended_as(leg.outcome)
        found.append(
            LegWay(
                leg=leg,
                shape=shape,
                tone=tone,
                word=word,
                seconds=whole / 1000,
                taken=None if taken is None else taken / 1000,
                percent=0 if taken is None else min(100, round(100 * taken / whole)),
            )
        )
    return found


def _ended_as(outcome: str | None) -> tuple[str, str, str]:
    """Shape, tone and word of what became of a leg."""
    if outcome is None:
        return "dots", "quiet", "open"
    if JobState(outcome) in EVIDENCE_STATES:
        sign = states.sign(JobState(outcome))
        return sign.shape, sign.tone, sign.label
    return "cross", "bad", "too late" if outcome == JobState.EXPIRED.value else outcome


def shown(answer: Output, preview: dict[str, object] | None) -> tuple[Shown, ...]:
    """The answer's outputs: exact integers, what they stand for, the float run beside them."""
    floats = preview.get("outputs") if preview else None
    found = []
    for number, (spec, tensor, reals) in enumerate(
        zip(answer.specs, answer.tensors, answer.reals(), strict=True)
    ):
        beside = floats[number] if isinstance(floats, list) and number < len(floats) else ()
        rows = tuple(
            (at, tensor.values[at], reals[at], _number(beside, at))
            for at in range(min(_SHOWN, len(reals)))
        )
        labelled = [(str(at), real) for at, _, real, _ in rows]
        chart = (
            bars(labelled, f"The values of {spec.name}", width=_CHART)
            if 1 < len(reals) <= _SHOWN
            else ""
        )
        found.append(Shown(spec.name, tensor.shape, rows, len(reals), chart))
    return tuple(found)


def _number(values: object, at: int) -> float | None:
    if isinstance(values, list | tuple) and at < len(values):
        value = values[at]
        if isinstance(value, int | float):
            return float(value)
    return None
