"""Every page over HTTP: what it shows, what it escapes, how it refuses."""

import re
from html.parser import HTMLParser

import httpx
import pytest

from tests.console.conftest import HOSTILE, Desk, hostile
from tests.prover.tiny import COMPILED, request

PAGES = ("/", "/models", "/providers", "/verify", "/dead-letters")
pytestmark = pytest.mark.anyio


class Seen(HTMLParser):
    """The elements of a page with their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_whole_and_guarded(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    seen = Seen(answer.text).elements
    tags = [tag for tag, _ in seen]
    assert [tags.count(one) for one in ("main", "h1", "header", "footer")] == [1, 1, 1, 1]
    for tag, attributes in seen:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        assert tag != "script" or attributes["src"] == "/console/console.js"
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "/").startswith(("/", "?", "#")) or tag == "a", tag
    current = [one for tag, one in seen if tag == "a" and one.get("aria-current") == "page"]
    assert [one["href"] for one in current] == [path]


@pytest.mark.parametrize(
    "name", ["console.css", "console.js", "live.js", "copy.js", "drop.js", "mark.svg"]
)
async def test_the_files_of_a_page_are_there(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/console/{name}")
    assert answer.status_code == 200
    assert "http" not in answer.text.replace('xmlns="http://www.w3.org/2000/svg"', "")


async def test_an_empty_list_says_what_to_do(client: httpx.AsyncClient) -> None:
    text = (await client.get("/")).text
    assert "No job was asked for yet" in text and "avow job submit" in text


async def test_the_list_shows_a_job_and_pages_go_on(client: httpx.AsyncClient, desk: Desk) -> None:
    jobs = [desk.shop.queue.submit(request(number, 0, 0, 0)) for number in range(1, 31)]
    first = (await client.get("/")).text
    assert "30 in progress" in first.replace("\n", " ")
    older = re.search(r'href="(/\?show=all&amp;behind=[^"]+)"', first)
    assert older is not None
    second = (await client.get(older[1].replace("&amp;", "&"))).text
    for job in jobs:
        assert (f"/jobs/{job.id}" in first) != (f"/jobs/{job.id}" in second)
    desk.shop.queue.cancel(jobs[0].id)
    ended = (await client.get("/?show=ended")).text
    assert f"/jobs/{jobs[0].id}" in ended and f"/jobs/{jobs[1].id}" not in ended


async def test_a_job_that_waits(client: httpx.AsyncClient, desk: Desk) -> None:
    job = desk.shop.queue.submit(request(1, 2, 3, 4, client_key="<script>alert(1)</script>"))
    text = (await client.get(f"/jobs/{job.id}")).text
    assert "Queued" in text and "There is no answer yet." in text
    assert "<script>alert" not in text and "&lt;script&gt;" in text
    desk.shop.queue.cancel(job.id, HOSTILE)
    ended = (await client.get(f"/jobs/{job.id}")).text
    assert "Cancelled" in ended and "No answer was given." in ended
    assert "<script>alert" not in ended


async def test_a_hostile_model_is_only_text(client: httpx.AsyncClient) -> None:
    digest = hostile().model_digest
    for path in ("/models", f"/models/{digest}"):
        text = (await client.get(path)).text
        assert "<script>alert" not in text and "<b>1</b>" not in text and "<i>none" not in text
        assert "&lt;script&gt;alert(&#39;x&#39;)" in text and "{{ 7 * 7 }}" in text


async def test_a_model_says_what_is_not_known(client: httpx.AsyncClient) -> None:
    text = (await client.get(f"/models/{COMPILED.model_digest}")).text
    assert "Nobody measured it" in text
    assert "its time is not known" in text
    assert "not known" in text


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/nothing", "Not Found"),
        ("/jobs/12", "an id has 32 hexadecimal digits"),
        ("/jobs/" + "0" * 32, "no job"),
        ("/jobs/%00" + "0" * 31, "no job"),
        ("/models/0x00", "is compiled here"),
        ("/models/" + "%3Cscript%3E", "is compiled here"),
        ("/?show=none", "no list of jobs"),
        ("/?behind=1", "no such page"),
        ("/console/nothing.css", "Not Found"),
    ],
)
async def test_what_is_not_there_is_a_page_for_readers_and_a_problem_for_programs(
    client: httpx.AsyncClient, path: str, detail: str
) -> None:
    page = await client.get(path)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert detail in page.text and "<script>" not in page.text.replace('<script type="module"', "")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    program = await client.get(path, headers={"Accept": "application/json"})
    assert program.status_code == 404
    assert program.headers["content-type"] == "application/problem+json"
    assert detail in program.json()["detail"]


async def test_the_apis_own_paths_answer_browsers_too_as_documented(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/v1/jobs/12", "/v1/nothing"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_database_that_is_gone_is_a_page(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from avow.prover.errors import DatabaseUnavailable
    from avow.prover.overview import Overview

    def gone(*args: object) -> dict[str, int]:
        raise DatabaseUnavailable("job database: disk I/O error")

    monkeypatch.setattr(Overview, "counts", gone)
    answer = await client.get("/")
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert "database cannot be reached" in answer.text and "try again" in answer.text


async def test_the_document_of_the_api_has_no_pages(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert not set(paths) & {"/", "/verify", "/models", "/dead-letters", "/jobs/{job_id}"}
