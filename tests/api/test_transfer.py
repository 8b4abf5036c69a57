"""Fetching bundles: whole, in parts, and not again; having them verified."""

import hashlib
import json

import httpx
import pytest

from avow.prover import judging
from avow.prover.errors import Undecided
from avow.verifier.bundle import MEDIA_TYPE
from tests.api.stall import work
from tests.api.test_bad_input import expect_problem
from tests.prover.tiny import Shop, request

pytestmark = pytest.mark.anyio


@pytest.fixture
def proven(shop: Shop) -> tuple[list[str], bytes]:
    """Both addresses of a stored bundle, and its bytes."""
    job = shop.queue.submit(request())
    work(shop, job.id)
    statement = shop.queue.status(job.id).evidence[0].statement
    return [f"/v1/jobs/{job.id}/bundle", f"/v1/bundles/{statement}"], shop.queue.bundle(job.id)


async def test_the_whole_bundle(caller: httpx.AsyncClient, proven: tuple[list[str], bytes]) -> None:
    paths, data = proven
    for path in paths:
        answer = await caller.get(path)
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
        assert answer.headers["accept-ranges"] == "bytes"
        head = await caller.head(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-length", "content-type", "accept-ranges"):
            assert head.headers[name] == answer.headers[name]


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=5-", 5, None),
        ("Bytes=5-6", 5, 7),
        ("bytes=-7", -7, None),
        ("bytes=-999999999", 0, None),
        ("bytes=3-999999999", 3, None),
    ],
)
async def test_a_part(
    caller: httpx.AsyncClient,
    proven: tuple[list[str], bytes],
    wanted: str,
    start: int,
    stop: int | None,
) -> None:
    paths, data = proven
    part = data[start:stop]
    first = data.index(part) if start >= 0 and stop is None else start % len(data)
    for path in paths:
        answer = await caller.get(path, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (206, part)
        span = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        assert answer.headers["content-range"] == span
        assert answer.headers["content-length"] == str(len(part))


async def test_parts_make_the_whole(
    caller: httpx.AsyncClient, proven: tuple[list[str], bytes]
) -> None:
    (path, _), data = proven
    tag = (await caller.head(path)).headers["etag"]
    found = b""
    while len(found) < len(data):
        span = f"bytes={len(found)}-{len(found) + 299}"
        answer = await caller.get(path, headers={"Range": span, "If-Range": tag})
        assert answer.status_code == 206
        found += answer.content
    assert found == data


@pytest.mark.parametrize(
    "wanted",
    ["bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "0-1", ""],
)
async def test_what_is_no_single_range_gets_the_whole(
    caller: httpx.AsyncClient, proven: tuple[list[str], bytes], wanted: str
) -> None:
    (path, _), data = proven
    answer = await caller.get(path, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (200, data)


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=99999999-99999999", "bytes=-0"])
async def test_a_range_after_the_end(
    caller: httpx.AsyncClient, proven: tuple[list[str], bytes], wanted: str
) -> None:
    (path, _), data = proven
    answer = await caller.get(path, headers={"Range": wanted})
    expect_problem(answer, 416, f"{len(data)} bytes")
    assert answer.headers["content-range"] == f"bytes */{len(data)}"


async def test_a_range_of_something_else_gets_the_whole(
    caller: httpx.AsyncClient, proven: tuple[list[str], bytes]
) -> None:
    (path, _), data = proven
    tag = (await caller.head(path)).headers["etag"]
    for other in ('"else"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        answer = await caller.get(path, headers={"Range": "bytes=0-1", "If-Range": other})
        assert (answer.status_code, answer.content) == (200, data)
    head = await caller.head(path, headers={"Range": "bytes=0-1"})
    assert head.status_code == 200


async def test_what_the_client_has_is_not_sent_again(
    caller: httpx.AsyncClient, proven: tuple[list[str], bytes]
) -> None:
    (path, _), data = proven
    tag = (await caller.head(path)).headers["etag"]
    for known in (tag, "*", f"W/{tag}", f'"x", {tag}'):
        for method in ("GET", "HEAD"):
            answer = await caller.request(
                method, path, headers={"If-None-Match": known, "Range": "bytes=0-1"}
            )
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == tag
    for other in ('"x"', "", tag.strip('"')):
        answer = await caller.get(path, headers={"If-None-Match": other})
        assert (answer.status_code, answer.content) == (200, data)


async def test_a_strangers_system_is_rejected_in_a_process_of_its_own(
    caller: httpx.AsyncClient, proven: tuple[list[str], bytes]
) -> None:
    """The tiny system is nothing that the verifier knows."""
    _, data = proven
    answer = await caller.post("/v1/verify", json={"bundle": json.loads(data), "at": 1})
    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["step"]) == (False, "system")
    policy = {"format": "avow-policy/1", "systems": ["ezkl/v1"]}
    answer = await caller.post("/v1/verify", json={"bundle": json.loads(data), "policy": policy})
    assert answer.json()["accepted"] is False


async def test_a_verifier_that_dies_decides_nothing(
    caller: httpx.AsyncClient,
    proven: tuple[list[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, data = proven
    monkeypatch.setattr(judging, "run_module", lambda *_: (-6, "Aborted in /secret/place"))
    answer = await caller.post("/v1/verify", json={"bundle": json.loads(data)})
    expect_problem(answer, 503, "nothing was decided: the verifier ended with -6")
    monkeypatch.setattr(
        judging, "run_module", lambda *_: (2, "avow-verify: error: undecided: no ezkl here\n")
    )
    answer = await caller.post("/v1/verify", json={"bundle": json.loads(data)})
    expect_problem(answer, 503, "nothing was decided: no ezkl here")


def test_a_verifier_that_takes_too_long_is_ended(proven: tuple[list[str], bytes]) -> None:
    with pytest.raises(Undecided, match="more than 0 s"):
        judging.judge(judging.Question(proven[1]), seconds=0)
