"""Dead letters: the jobs whose work was given up, and a button that asks for one again."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from avow.api.access import Operator
from avow.api.console import states
from avow.api.console.actions import OwnPage
from avow.api.console.render import HEADERS, page
from avow.api.problems import Problem
from avow.api.services import Offered, Services
from avow.prover.dead_letters import DeadLetter
from avow.prover.errors import UnknownJob
from avow.prover.job import Job, Step
from avow.prover.outbox import Task
from avow.prover.overview import Overview

router = APIRouter()

_ROWS = 25
# Of a job that was tried very often the page of the job has the rest.
_STEPS = 20
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_BEHIND = re.compile(r"(\d{1,15})-([0-9a-f]{32})")
_WORK = {Task.INFER.value: "Answering", Task.PROVE.value: "Evidence"}


@dataclass(frozen=True, slots=True)
class Row:
    """A letter as the page shows it; `asked_at` in unix ms, `tried` the last steps of the job."""

    letter: DeadLetter
    work: str
    asked_at: int | None
    tried: tuple[Step, ...]
    earlier: int


@router.get("/dead-letters")
def letters(
    request: Request,
    offered: Offered,
    caller: Operator,
    behind: Annotated[str | None, Query(max_length=60)] = None,
    again: Annotated[str | None, Query(max_length=32)] = None,
) -> Response:
    """What was given up, newest first; `again` is a job that was just asked for again."""
    before, last = _place(behind)
    found = offered.queue.dead_letters(_ROWS + 1, before, last)
    steps = Overview(offered.database).histories(one.job_id for one in found[:_ROWS])
    return page(
        request,
        "letters.html",
        title="Dead letters",
        rows=[_row(one, steps.get(one.job_id, [])) for one in found[:_ROWS]],
        older=_behind(found[_ROWS - 1]) if len(found) > _ROWS else None,
        first=behind is None,
        again=_again(offered, again),
        names={item.model_digest: item.model for item in offered.catalogue.all()},
    )


@router.post("/dead-letters/{job_id}/retry")
async def retry(job_id: str, offered: Offered, caller: Operator, own: OwnPage) -> Response:
    """Asks for the job again, then shows the list: loading that again repeats nothing."""
    if not _JOB_ID.fullmatch(job_id):
        raise UnknownJob(f"no job {job_id[:64]!r}: an id has 32 hexadecimal digits")
    await to_thread.run_sync(offered.queue.retry, job_id)
    address = f"/dead-letters?again={job_id}#again"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, HEADERS)


def _row(letter: DeadLetter, steps: list[Step]) -> Row:
    return Row(
        letter=letter,
        work=_WORK.get(letter.task, letter.task),
        asked_at=steps[0].at if steps else None,
        tried=tuple(steps[-_STEPS:]),
        earlier=max(0, len(steps) - _STEPS),
    )


def _again(offered: Services, job_id: str | None) -> tuple[Job, states.Sign] | None:
    if job_id is None or not _JOB_ID.fullmatch(job_id):
        return None
    try:
        job = offered.queue.status(job_id)
    except UnknownJob:
        return None
    return job, states.sign(job.state)


def _behind(letter: DeadLetter) -> str:
    return f"{letter.at}-{letter.job_id}"


def _place(text: str | None) -> tuple[int | None, str]:
    if text is None:
        return None, ""
    match = _BEHIND.fullmatch(text)
    if match is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no such page of the list of dead letters")
    return int(match[1]), match[2]
