"""The page that takes a bundle: forms as browsers send them, true and false bundles, limits."""

import re
from html import unescape
from pathlib import Path

import httpx
import pytest

from avow.api.console import checking, uploads
from avow.api.console.checking import Judgement, Outcome
from avow.api.console.plain_words import CHECKS, explain
from avow.api.console.uploads import parse_form
from avow.api.problems import Problem
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from tests.console.conftest import Desk

KEPT = Path(__file__).parents[1] / "vectors" / "bundles" / "tumour-risk.hashed-fixed.avow.json"
pytestmark = pytest.mark.anyio


def words(text: str) -> str:
    """What a page says, without its elements."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


async def sent(
    client: httpx.AsyncClient, bundle: bytes, *, unsafe: bool = False, policy: bytes = b""
) -> httpx.Response:
    """The form, filled in."""
    files = {"bundle": ("b.avow.json", bundle), "policy": ("", policy)}
    return await client.post("/verify", files=files, data={"unsafe": "yes"} if unsafe else {})


async def test_a_true_bundle_is_explained(client: httpx.AsyncClient) -> None:
    answer = await sent(client, KEPT.read_bytes(), unsafe=True)
    said = words(answer.text)
    assert answer.status_code == 200
    assert "Accepted: PROVEN, under an unsafe reference string" in said
    for check in CHECKS:
        assert f"{check.question} passed" in said
    assert "tumour-risk 1.0.0" in said
    assert "The input stays hidden" in said
    assert "NOT CHECKED" in said and "model binding: the record was not recomputed" in said
    assert "0x" + parse_bundle(KEPT.read_bytes()).statement.digest().hex() in answer.text.replace(
        "</span><span>", ""
    )


async def test_an_unsafe_string_is_refused_unless_allowed(client: httpx.AsyncClient) -> None:
    said = words((await sent(client, KEPT.read_bytes())).text)
    assert "Rejected: the SRS is unsafe" in said
    assert "The proof itself held" in said


async def test_a_tampered_bundle_is_refused_at_its_step(client: httpx.AsyncClient) -> None:
    data = KEPT.read_bytes().replace(b'"version":"1.0.0"', b'"version":"1.0.1"')
    said = words((await sent(client, data, unsafe=True)).text)
    assert "Rejected: the model record does not hash to the statement's model" in said
    assert "Do the descriptions belong to the statement? failed" in said
    assert "Does the proof hold? not reached" in said


@pytest.mark.parametrize("data", [b"{", b"\x00\xff", b"[" * 100_000, b'{"format":"<script>"}'])
async def test_a_damaged_bundle_gets_one_clear_line(client: httpx.AsyncClient, data: bytes) -> None:
    answer = await sent(client, data)
    assert answer.status_code == 200
    assert "Is the file a bundle? failed" in words(answer.text)
    assert "<script>" not in answer.text.replace('<script type="module"', "")


async def test_a_policy_is_held_to(client: httpx.AsyncClient) -> None:
    policy = b'{"format": "avow-policy/1", "systems": ["sumcheck/v1"]}'
    said = words((await sent(client, KEPT.read_bytes(), unsafe=True, policy=policy)).text)
    assert "Rejected: the policy allows sumcheck/v1, not ezkl/v1" in said
    broken = await sent(client, KEPT.read_bytes(), policy=b"{")
    assert broken.status_code == 422 and "policy:" in words(broken.text)


async def test_a_form_without_a_bundle_is_refused(client: httpx.AsyncClient) -> None:
    assert (await sent(client, b"")).status_code == 422
    assert (await client.post("/verify", content=b"x")).status_code == 415
    json = await client.post("/verify", json={}, headers={"Accept": "application/json"})
    assert json.headers["content-type"] == "application/problem+json"


async def test_too_large_is_refused_before_it_is_read(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UPLOAD_BYTES", 1000)
    answer = await sent(client, bytes(60_000))
    assert answer.status_code == 413 and "at most" in words(answer.text)


async def test_a_check_that_takes_too_long_decides_nothing(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "SECONDS", 0.01)
    said = words((await sent(client, KEPT.read_bytes(), unsafe=True)).text)
    assert "Nothing was decided" in said and "passed" not in said


async def test_too_many_checks_are_refused(desk: Desk, client: httpx.AsyncClient) -> None:
    checking_limit = checking._MAY_WAIT
    try:
        checking._MAY_WAIT = 0
        answer = await sent(client, KEPT.read_bytes())
    finally:
        checking._MAY_WAIT = checking_limit
    assert answer.status_code == 503 and answer.headers["retry-after"]


def _form(*parts: bytes, end: bytes = b"--") -> bytes:
    return b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B" + end + b"\r\n"


def test_a_form_is_taken_apart_byte_by_byte() -> None:
    data = bytes(range(256)) + b"\r\n--"
    found = parse_form(
        _form(
            b'Content-Disposition: form-data; name="bundle"; filename="a.json"\r\n'
            b"Content-Type: application/json\r\n\r\n" + data,
            b'Content-Disposition: form-data; name="unsafe"\r\n\r\nyes',
        ),
        "B",
    )
    assert (found["bundle"].filename, found["bundle"].data) == ("a.json", data)
    assert (found["unsafe"].filename, found["unsafe"].data) == (None, b"yes")


FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\n1'


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"", "B"),
        (_form(FIELD, end=b""), "B"),
        (_form(FIELD, FIELD), "B"),
        (_form(*([FIELD] * 20)), "B"),
        (_form(b"no header"), "B"),
        (_form(b'Content-Disposition: attachment; name="a"\r\n\r\n1'), "B"),
        (_form(b"Content-Disposition: form-data\r\n\r\n1"), "B"),
        (_form(b"X: " + b"y" * 5000 + b"\r\n\r\n1"), "B"),
        (_form(FIELD), "ü"),
        (_form(FIELD), ""),
        (_form(FIELD), "B" * 71),
    ],
)
def test_a_damaged_form_is_refused(body: bytes, boundary: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_form(body, boundary)
    assert refused.value.status_code == 400


def test_no_step_is_called_passed_that_the_verifier_did_not_pass() -> None:
    names = [check.name for check in CHECKS]
    for step in [*names, "signature", "key", "program", "srs", "time", "something new"]:
        told = explain(Judgement(Outcome.REFUSED, 1.0, step=step, reason="no"))
        went = [one.went for one in told.steps]
        failed = went.index("failed")
        assert went.count("failed") == 1
        assert set(went[:failed]) <= {"passed"} and set(went[failed + 1 :]) <= {"not reached"}
        assert step not in names or names[failed] == step
    assert failed == 0, "an unknown step claims nothing"


def test_the_steps_are_those_of_the_verifier() -> None:
    from avow.verifier.policy import Policy
    from avow.verifier.verify import verify

    verdict = verify(KEPT.read_bytes(), Policy(unsafe_allow_unsafe_srs=True))
    assert [step.name for step in verdict.steps] == [check.name for check in CHECKS]
    with pytest.raises(VerificationError, match="policy: the SRS is unsafe"):
        verify(KEPT.read_bytes(), Policy())
