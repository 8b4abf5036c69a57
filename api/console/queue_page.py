"""The first page: what waits, what is being worked on, what has become of the rest."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from avow.api.access import Reader
from avow.api.console import states
from avow.api.console.render import page
from avow.api.problems import Problem
from avow.api.services import Offered
from avow.prover.overview import Overview, Place, Summary
from avow.verifier.lifecycle import JobState

router = APIRouter()

_ROWS = 25
_BEHIND = re.compile(r"(\d{1,15})-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to narrow the list down; no states: every job."""

    name: str
    label: str
    states: tuple[JobState, ...]


FILTERS = (
    Filter("all", "All", ()),
    Filter("open", "In progress", states.OPEN),
    Filter("done", "With evidence", states.DONE),
    Filter("ended", "Ended without evidence or payment", states.ENDED),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """A filter as a link, with how many jobs it shows."""

    filter: Filter
    count: int
    chosen: bool


@router.get("/")
def queue(
    request: Request,
    offered: Offered,
    caller: Reader,
    show: Annotated[str, Query(max_length=20)] = "all",
    behind: Annotated[str | None, Query(max_length=60)] = None,
) -> Response:
    """The list of jobs, newest first."""
    chosen = next((one for one in FILTERS if one.name == show), None)
    if chosen is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no list of jobs {show!r}")
    overview = Overview(offered.database, caller.sees)
    counts = overview.counts()
    jobs = overview.page(chosen.states, _ROWS + 1, _place(behind))
    names = {item.model_digest: item.model for item in offered.catalogue.all()}
    return page(
        request,
        "queue.html",
        title="Jobs",
        tabs=[Tab(one, _count(one, counts), one is chosen) for one in FILTERS],
        counts={state.value: count for state, count in counts.items()},
        open_count=_count(FILTERS[1], counts),
        jobs=jobs[:_ROWS],
        older=_behind(jobs[_ROWS - 1]) if len(jobs) > _ROWS else None,
        first=behind is None,
        chosen=chosen,
        names=names,
    )


def _count(one: Filter, counts: dict[JobState, int]) -> int:
    return sum(counts.get(state, 0) for state in one.states or JobState)


def _behind(job: Summary) -> str:
    return f"{job.created_at}-{job.id}"


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    match = _BEHIND.fullmatch(text)
    if match is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no such page of the list of jobs")
    return Place(int(match[1]), match[2])
