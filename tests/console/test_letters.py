"""The page of what was given up: what it shows, whom it is for, who may set it in motion."""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import update

from avow.prover.access.keys import Scope, create
from avow.prover.errors import Refused, TryAgain
from avow.prover.queue import now_ms
from avow.prover.tables import DeadLetterRow, JobRow
from avow.verifier.lifecycle import JobState
from tests.console.conftest import HOSTILE, Desk
from tests.console.test_verify import words
from tests.prover.test_dead_letters import spoil
from tests.prover.tiny import Clock

pytestmark = pytest.mark.anyio

OWN = {"Sec-Fetch-Site": "same-origin"}


def given_up(desk: Desk, error: Exception | None = None) -> str:
    """A job whose proof was given up; its id."""
    shop = replace(desk.shop, clock=Clock(now_ms() - 3_600_000))
    return spoil(shop, error or TryAgain("the child died"))


def state(desk: Desk, job_id: str) -> JobState:
    return desk.shop.queue.status(job_id).state


async def test_a_letter_says_why_how_often_and_when(client: httpx.AsyncClient, desk: Desk) -> None:
    assert "Nothing was given up." in (await client.get("/dead-letters")).text
    job_id = given_up(desk)
    refused = given_up(desk, Refused("no such operation"))
    text = (await client.get("/dead-letters")).text
    said = words(text)
    assert "Evidence: 3 attempts the child died" in said
    assert "Evidence: 1 attempt no such operation" in said
    job = desk.shop.queue.status(job_id)
    assert len(job.history) > 6
    for step in job.history:
        assert step.reason in said and f"{step.to_state} {step.reason}" in said
    for one in (job_id, refused):
        assert f'href="/jobs/{one}"' in text and f'action="/dead-letters/{one}/retry"' in text
    assert "Asked 1 h ago" in said and "Given up" in said
    assert '<a href="/dead-letters" aria-current="page">Dead letters</a>' in text


async def test_a_job_is_asked_for_again_once(client: httpx.AsyncClient, desk: Desk) -> None:
    job_id = given_up(desk)
    answer = await client.post(f"/dead-letters/{job_id}/retry", headers=OWN)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/dead-letters?again={job_id}#again"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert state(desk, job_id) is JobState.ANSWERED
    shown = words((await client.get(answer.headers["location"])).text)
    assert f"Job {job_id[:8]} is now: Answered asked for again by the operator" in shown
    assert "Nothing was given up." in shown
    twice = await client.post(f"/dead-letters/{job_id}/retry", headers=OWN)
    assert twice.status_code == 409
    assert "only a failed job is tried again" in twice.text
    steps = [step.reason for step in desk.shop.queue.status(job_id).history]
    assert steps.count("asked for again by the operator") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://avow"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://avow.evil.example"},
        {"Origin": "http://avow:8000"},
        {"Origin": "null"},
        {"Origin": "null", "Host": ""},
        {"Origin": "http://[avow"},
        {"Referer": "http://avow/dead-letters"},
        {},
    ],
)
async def test_another_sites_page_sets_nothing_in_motion(
    client: httpx.AsyncClient, desk: Desk, headers: dict[str, str]
) -> None:
    job_id = given_up(desk)
    answer = await client.post(f"/dead-letters/{job_id}/retry", headers=headers)
    assert answer.status_code == 403
    assert state(desk, job_id) is JobState.FAILED


async def test_over_plain_http_the_origin_tells_whose_page_it_was(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    job_id = given_up(desk)
    answer = await client.post(f"/dead-letters/{job_id}/retry", headers={"Origin": "http://AVOW"})
    assert answer.status_code == 303
    assert state(desk, job_id) is JobState.ANSWERED


async def test_it_takes_an_operators_key(closed: httpx.AsyncClient, desk: Desk) -> None:
    job_id = given_up(desk)
    every = frozenset(Scope) - {Scope.ADMIN}
    _, user = create(desk.shop.database, "user", every, now_ms())
    _, admin = create(desk.shop.database, "admin", frozenset({Scope.ADMIN}), now_ms())
    address = f"/dead-letters/{job_id}/retry"
    assert (await closed.get("/dead-letters")).status_code == 401
    assert (await closed.post(address, headers=OWN)).status_code == 401
    for answer in (
        await closed.get("/dead-letters", auth=("anybody", user)),
        await closed.post(address, headers=OWN, auth=("anybody", user)),
    ):
        assert answer.status_code == 403 and "lacks the scope" in answer.text
        assert job_id not in answer.text.replace(address, "")
    assert state(desk, job_id) is JobState.FAILED
    # Where it may not be opened it is not offered either.
    for secret, offered in ((user, False), (admin, True)):
        page = await closed.get("/models", auth=("anybody", secret))
        assert ('href="/dead-letters"' in page.text) is offered
    assert job_id in (await closed.get("/dead-letters", auth=("anybody", admin))).text
    evil = {"Sec-Fetch-Site": "cross-site"}
    ridden = await closed.post(address, headers=evil, auth=("anybody", admin))
    assert ridden.status_code == 403 and state(desk, job_id) is JobState.FAILED
    own = await closed.post(address, headers=OWN, auth=("anybody", admin))
    assert own.status_code == 303 and state(desk, job_id) is JobState.ANSWERED


async def test_what_strangers_wrote_is_only_text(client: httpx.AsyncClient, desk: Desk) -> None:
    given_up(desk, Refused(HOSTILE))
    text = (await client.get("/dead-letters")).text
    assert "<script>alert" not in text and "&lt;script&gt;alert(&#39;x&#39;)" in text


async def test_pages_go_on_where_many_were_given_up_at_once(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    ids = {given_up(desk, Refused("no")) for _ in range(28)}
    with desk.shop.database.write() as session:
        session.execute(update(DeadLetterRow).values(at=now_ms()))
    seen: list[str] = []
    address = "/dead-letters"
    for _ in range(2):
        text = (await client.get(address)).text
        seen += [one for one in ids if f"/dead-letters/{one}/retry" in text]
        address = text.partition('<p class="more"><a href="')[2].partition('"')[0]
    assert sorted(seen) == sorted(ids) and address == ""


async def test_an_order_whose_time_has_passed_stays(client: httpx.AsyncClient, desk: Desk) -> None:
    job_id = given_up(desk)
    with desk.shop.database.write() as session:
        session.execute(update(JobRow).values(market="0x" + "11" * 20, deadline=1))
    answer = await client.post(f"/dead-letters/{job_id}/retry", headers=OWN)
    assert answer.status_code == 409 and "deadline has passed" in words(answer.text)
    assert job_id in (await client.get("/dead-letters")).text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/dead-letters/" + "0" * 32 + "/retry", 404),
        ("POST", "/dead-letters/%00/retry", 404),
        ("GET", "/dead-letters/" + "0" * 32 + "/retry", 405),
        ("GET", "/dead-letters?behind=1", 404),
        ("GET", "/dead-letters?again=" + "0" * 32, 200),
        ("GET", "/dead-letters?again=%3Cscript%3E", 200),
        ("GET", "/dead-letters?again=" + "a" * 40, 422),
    ],
)
async def test_other_addresses_are_answered_in_one_line(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, headers=OWN)
    assert answer.status_code == status
    assert "is now" not in words(answer.text) and "<script>" not in answer.text
