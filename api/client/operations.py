"""The client's operations, for whichever driver: requests out, checked values back."""

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlencode

from avow.api.client.asking import Asked, How, Inputs, Verified, Wish, check, wish
from avow.api.client.download import download
from avow.api.client.effects import Compute, Emit, Request, Steps, T
from avow.api.client.errors import BadInput, ClientError, JobEnded, Misbehaved
from avow.api.client.exchange import JSON, PASSING, call, headers, json_of
from avow.api.client.follow import fetch, follow
from avow.api.client.replies import JOB_ID, Job, Offer, read_job, read_offers, read_page
from avow.api.client.settings import Settings
from avow.api.client.together import Missing, Shown, check_policies, check_together
from avow.verifier.fields import to_hex
from avow.verifier.lifecycle import JobState
from avow.verifier.mixed.policy import EvidencePolicy
from avow.verifier.policy import Policy

_PAGE = 100


def offers(settings: Settings) -> Steps[tuple[Offer, ...]]:
    """What the server has compiled."""
    request = Request("GET", "/v1/models", settings.bounds.silence, headers(settings))
    reply = yield from call(settings, request, settings.bounds.json_bytes)
    return read_offers(json_of(reply, "models"))


def submit(settings: Settings, model: str, inputs: Inputs, how: How) -> Steps[Asked]:
    """Ask for an answer and its evidence; repeated until the server has said yes or no."""
    known = yield from offers(settings)
    return (yield from send(settings, wish(known, model, inputs, how)))


def send(settings: Settings, wanted: Wish) -> Steps[Asked]:
    """Ask for what is wished; repeated until the server has said yes or no."""
    request = Request(
        "POST",
        "/v1/jobs",
        settings.bounds.silence,
        headers(settings, Content_Type=JSON, Idempotency_Key=wanted.key),
        wanted.body(),
    )
    # 409: an earlier attempt of this very request is still being taken in.
    reply = yield from call(settings, request, settings.bounds.json_bytes, PASSING | {409})
    job = read_job(json_of(reply, "job"))
    if (job.model, job.nonce) != (to_hex(wanted.model.digest()), wanted.nonce):
        raise Misbehaved(f"job {job.id}: is about another model or nonce than was asked for")
    return Asked(
        job=job.id,
        model=wanted.model,
        inputs=wanted.inputs,
        nonce=wanted.nonce,
        system=wanted.system,
        record=wanted.record,
        hides=wanted.hides,
        unseen_input=wanted.unseen_input,
        legs=wanted.legs,
    )


def status(settings: Settings, job: Asked | str) -> Steps[Job]:
    """A job as it stands."""
    return (yield from fetch(settings, _id(job)))


def cancel(settings: Settings, job: Asked | str) -> Steps[Job]:
    """Cancel a job whose evidence is not all there."""
    name = _id(job)
    request = Request("POST", f"/v1/jobs/{name}/cancel", settings.bounds.silence, headers(settings))
    reply = yield from call(settings, request, settings.bounds.json_bytes)
    return read_job(json_of(reply, "job"), name)


def jobs(settings: Settings, states: Iterable[JobState], limit: int | None) -> Steps[None]:
    """Emits jobs, newest first, a page at a time; at most `limit`."""
    fixed = [("state", state.value) for state in states]
    cursor, seen, left = None, set[str](), limit
    for _ in range(settings.bounds.pages):
        if left is not None and left <= 0:
            return
        query = [*fixed, ("limit", str(min(_PAGE, left or _PAGE)))]
        if cursor is not None:
            query.append(("cursor", cursor))
        path = f"/v1/jobs?{urlencode(query)}"
        request = Request("GET", path, settings.bounds.silence, headers(settings))
        reply = yield from call(settings, request, settings.bounds.json_bytes)
        page = read_page(json_of(reply, "jobs"))
        for job in page.jobs[:left]:
            yield Emit(job)
        left = None if left is None else left - len(page.jobs)
        cursor = page.following
        if cursor is None:
            return
        if cursor in seen:
            raise Misbehaved("jobs: the pages go round in a circle")
        seen.add(cursor)
    raise Misbehaved(f"jobs: expected at most {settings.bounds.pages} pages, got more")


def watch(settings: Settings, job: Asked | str, timeout: float | None) -> Steps[Job]:
    """Emits an Update for every change; returns the job when it has its evidence or has ended."""
    return (yield from follow(settings, _id(job), timeout))


def result(settings: Settings, asked: Asked, timeout: float | None) -> Steps[Verified]:
    """Follows the job, then fetches and verifies its bundle; raises JobEnded, NotVerified."""
    # Before anything is waited for.
    asked.policy(settings.policy)
    job = yield from follow(settings, asked.job, timeout)
    if job.has_ended:
        raise JobEnded(job.id, job.state.value, job.reason)
    data = yield from download(settings, asked.job)
    return (yield from verified(settings, asked, data))


def together(
    settings: Settings,
    asked: Asked,
    policies: Sequence[Policy] | EvidencePolicy | None,
    wait: bool,
    timeout: float | None,
    at: int | None,
) -> Steps[Shown]:
    """Fetches the bundles of all legs that have one and verifies them together.

    With `wait` once every leg has ended, else what there is by now. Raises JobEnded where there is
    none, and NotVerified.
    """
    if not asked.legs:
        raise BadInput("asked: expected legs")
    chosen = [settings.policy] * len(asked.legs) if policies is None else policies
    # Before anything is waited for.
    check_policies(asked, chosen)
    job = yield from (follow(settings, asked.job, timeout) if wait else fetch(settings, asked.job))
    there = [leg for leg in job.evidence if leg.bundle_sha256 is not None]
    if [leg.leg for leg in job.evidence] != list(range(len(asked.legs))):
        raise Misbehaved(f"job {job.id}: has other legs than were asked for")
    if not there:
        raise JobEnded(job.id, job.state.value, job.reason)
    missing = tuple(
        Missing(leg.leg, leg.outcome or "", leg.reason or "")
        for leg in job.evidence
        if leg.bundle_sha256 is None
    )
    bundles: dict[int, bytes] = {}
    for leg in there:
        bundles[leg.leg] = yield from download(settings, asked.job, leg.leg)
    outcome: Shown | ClientError = yield Compute(
        _caught(lambda: check_together(asked, bundles, missing, chosen, at))
    )
    if isinstance(outcome, ClientError):
        raise outcome
    return outcome


def verified(settings: Settings, asked: Asked, data: bytes) -> Steps[Verified]:
    """Whether a bundle shows what was asked; raises NotVerified."""
    outcome: Verified | ClientError = yield Compute(
        _caught(lambda: check(asked, data, settings.policy))
    )
    if isinstance(outcome, ClientError):
        raise outcome
    return outcome


def bundle(settings: Settings, job: Asked | str) -> Steps[bytes]:
    """What the server gives as the bundle of a job, unverified."""
    return (yield from download(settings, _id(job)))


def _caught(work: Callable[[], T]) -> Callable[[], T | ClientError]:
    def run() -> T | ClientError:
        try:
            return work()
        except ClientError as error:
            return error

    return run


def _id(job: Asked | str) -> str:
    if isinstance(job, Asked):
        return job.job
    # It becomes part of a path.
    if not JOB_ID.fullmatch(job):
        raise BadInput(f"job: expected 32 hexadecimal digits, got {job[:64]!r}")
    return job
