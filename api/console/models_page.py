"""The models that are compiled here, and one model's page."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from statistics import median

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from avow.api.access import Reader
from avow.api.console.charts import bars, columns
from avow.api.console.fidelity import FidelityView, ProgramView, program_view, view
from avow.api.console.render import page
from avow.api.console.shown import duration
from avow.api.problems import Problem
from avow.api.services import Offered, Services
from avow.prover.catalogue import Compiled
from avow.prover.overview import Made, Overview
from avow.prover.systems.assurance import promised
from avow.verifier.records import NO_OWNER, InputVisibility, ModelRecord, WeightVisibility
from avow.verifier.verdict import Assurance

router = APIRouter()

_DIGEST = re.compile(r"0x[0-9a-f]{64}")
_LAST = 40
_NOUNS = {
    Assurance.PROVEN: "proof",
    Assurance.CHALLENGEABLE: "claim",
    Assurance.ATTESTED: "attestation",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A model in the list: its artifacts, their fidelity, and how often it was asked."""

    digest: str
    model: ModelRecord
    systems: tuple[str, ...]
    fidelity: tuple[FidelityView, ...]
    seconds: float | None
    jobs: int


@dataclass(frozen=True, slots=True)
class Size:
    """Proofs (or claims, attestations) of one size: samples in each, how many were made, the
    median of their seconds."""

    batch: int
    proofs: int
    seconds: float

    @property
    def each(self) -> float:
        """Seconds for each answer of a full batch."""
        return self.seconds / self.batch


@dataclass(frozen=True, slots=True)
class Way:
    """One compiled artifact: how faithful it is, and what it was measured to cost here.

    `noun` is what it makes of an answer.
    """

    compiled: Compiled
    noun: str
    fidelity: FidelityView
    hides: str
    sizes: tuple[Size, ...]
    bundle_bytes: int | None
    size_chart: Markup | None
    last_chart: Markup | None
    last: int


@router.get("/models")
def models(request: Request, offered: Offered, caller: Reader) -> Response:
    """Every model that is compiled here."""
    overview = Overview(offered.database, caller.sees)
    asked = overview.counts_by_model()
    rows: dict[str, list[Compiled]] = {}
    for item in offered.catalogue.all():
        rows.setdefault(item.model_digest, []).append(item)
    found = [_row(overview, items, asked.get(digest, 0)) for digest, items in rows.items()]
    found.sort(key=lambda row: (row.model.name, row.model.version, row.digest))
    return page(request, "models.html", title="Models", rows=found)


@router.get("/models/{digest}")
def model(digest: str, request: Request, offered: Offered, caller: Reader) -> Response:
    """One model: its record, its artifacts, how faithful they are and what they cost."""
    items = [item for item in offered.catalogue.all() if item.model_digest == digest]
    if not _DIGEST.fullmatch(digest) or not items:
        raise Problem(HTTPStatus.NOT_FOUND, f"no model {digest[:70]!r} is compiled here")
    overview = Overview(offered.database, caller.sees)
    return page(
        request,
        "model.html",
        title=items[0].model.name,
        digest=digest,
        none_owner=NO_OWNER,
        model=items[0].model,
        program=_program(offered, items[0]),
        ways=[_way(overview, item) for item in items],
        jobs=overview.page(model=digest, limit=10),
        asked=overview.counts_by_model().get(digest, 0),
    )


def _row(overview: Overview, items: list[Compiled], asked: int) -> Row:
    made = [one for item in items for one in overview.made(item.record_digest, 64)]
    return Row(
        digest=items[0].model_digest,
        model=items[0].model,
        systems=tuple(item.record.system for item in items),
        fidelity=tuple(view(item.record.fidelity) for item in items),
        seconds=median(one.seconds for one in made) if made else None,
        jobs=asked,
    )


def _program(offered: Services, item: Compiled) -> ProgramView | None:
    return program_view(offered.home, item.model.digest())


def _way(overview: Overview, item: Compiled) -> Way:
    made = overview.made(item.record_digest)
    sizes = sizes_of(made)
    last = [one.seconds for one in reversed(whole(made)[:_LAST])]
    noun = _NOUNS[promised(item.record.system)]
    return Way(
        compiled=item,
        noun=noun,
        fidelity=view(item.record.fidelity),
        hides=_hides(item),
        sizes=sizes,
        bundle_bytes=round(median(one.size for one in made)) if made else None,
        size_chart=bars(
            [(f"{one.batch}", one.each) for one in sizes],
            f"Seconds for each answer, by the number of answers in each {noun}",
            shown=duration,
            stress=False,
        )
        if len(sizes) > 1
        else None,
        last_chart=columns(last, f"Seconds of the last {len(last)} {noun}s, oldest first", duration)
        if len(last) > 1
        else None,
        last=len(last),
    )


def whole(made: list[Made]) -> list[Made]:
    """One row for each proof: bundles of one proof have time, batch and seconds in common."""
    found: dict[tuple[int, int, float], Made] = {}
    for one in made:
        found.setdefault((one.batch, one.members, one.seconds), one)
    return list(found.values())


def sizes_of(made: list[Made]) -> tuple[Size, ...]:
    """The proofs by the number of their samples."""
    by_size: dict[int, list[float]] = {}
    for one in whole(made):
        by_size.setdefault(one.batch, []).append(one.seconds)
    return tuple(
        Size(batch, len(seconds), median(seconds)) for batch, seconds in sorted(by_size.items())
    )


def _hides(item: Compiled) -> str:
    inputs = item.record.input_visibility is not InputVisibility.PUBLIC
    weights = item.record.weight_visibility is not WeightVisibility.FIXED
    if inputs and weights:
        return "the input and the weights"
    return "the input" if inputs else "the weights" if weights else "nothing"
