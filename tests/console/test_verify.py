"""The page that takes a bundle: forms as browsers send them, true and false bundles, limits."""

import io
import json
import re
from contextlib import redirect_stdout
from html import unescape
from pathlib import Path

import httpx
import pytest

from avow.api.console import checking, uploads
from avow.api.console.checking import Judgement, Outcome
from avow.api.console.plain_words import CHECKS, explain
from avow.api.console.uploads import Part, parse_form
from avow.api.problems import Problem
from avow.prover import judging
from avow.verifier.bundle import parse_bundle
from avow.verifier.cli import main as verifier
from avow.verifier.errors import VerificationError
from tests.circuits.sumcheck import small
from tests.console.conftest import Desk
from tests.integration.claimed import claim

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
    assert "Does the evidence hold? not reached" in said


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


def evidence(kind: str, *parts: str) -> bytes:
    """An evidence policy over policies for these systems, the weakest assurance of each."""
    least = {"optimistic/v1": "CHALLENGEABLE"}
    nodes = [
        {
            "policy": {
                "format": "avow-policy/1",
                "systems": [one],
                "minimum_assurance": least.get(one, "PROVEN"),
            }
        }
        for one in parts
    ]
    return json.dumps({"format": "avow-evidence/1", "evidence": {kind: nodes}}).encode()


BOTH = evidence("all_of", "optimistic/v1", "sumcheck/v1")


async def sent_together(
    client: httpx.AsyncClient, bundles: list[bytes], policy: bytes
) -> httpx.Response:
    """The form with several files, unsafe strings allowed."""
    files = [("bundle", (f"{at}.avow.json", data)) for at, data in enumerate(bundles)]
    files.append(("policy", ("mixed.json", policy)))
    return await client.post("/verify", files=files, data={"unsafe": "yes"})


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verifier's command in this process."""

    def run(module: str, arguments: list[str], *more: object) -> tuple[int, str]:
        assert module == "avow.verifier"
        printed = io.StringIO()
        with redirect_stdout(printed):
            status = verifier(arguments)
        return status, printed.getvalue()

    monkeypatch.setattr(judging, "run_module", run)


def two(nonce: int = 1) -> list[bytes]:
    """One answer, claimed and proven."""
    given = small.inputs()
    proven = small.bundle(small.compiled(), given, nonce)
    return [claim(given, 1).encode(), proven.encode()]


async def test_bundles_are_judged_together_and_each_explained(client: httpx.AsyncClient) -> None:
    text = (await sent_together(client, two(), BOTH)).text
    said = words(text)
    assert "Accepted: 2 kinds of evidence, not final yet" in said
    assert "All of these all_of counts" in said
    for place in ("all_of[0]", "all_of[1]"):
        assert f"One bundle that satisfies {place} counts" in said
    assert "1. 0.avow.json, for all_of[0]" in said and "Accepted: CHALLENGEABLE" in said
    assert "2. 1.avow.json, for all_of[1]" in said and "Accepted: PROVEN, under an unsafe" in said
    for check in CHECKS:
        assert said.count(f"{check.question} passed") == 2
    assert 'verdict caution"' in text and 'verdict good"' not in text


async def test_what_does_not_hold_is_shown_branch_by_branch(
    here: None, client: httpx.AsyncClient
) -> None:
    claimed, proven = two()
    altered = proven.replace(b'"version":"1.0.0"', b'"version":"1.0.1"')
    assert altered != proven
    said = words((await sent_together(client, [claimed, altered], BOTH)).text)
    assert "Rejected: the policy is not satisfied" in said and "Accepted" not in said
    assert "One bundle that satisfies all_of[0] holds" in said
    assert "One bundle that satisfies all_of[1] does not hold" in said
    assert "2. 1.avow.json: Rejected: the model record does not hash" in said
    assert "Do the descriptions belong to the statement? failed" in said
    # One is enough for another policy; what it does not need is called that.
    either = evidence("any_of", "optimistic/v1", "sumcheck/v1")
    said = words((await sent_together(client, [claimed, altered], either)).text)
    assert "Accepted: 1 kind of evidence, not final yet" in said
    assert re.findall(r"(\S+) , [0-9.]+ KiB: not needed", said) == ["1.avow.json"]


async def test_bundles_of_two_requests_are_not_glued_together(
    here: None, client: httpx.AsyncClient
) -> None:
    said = words((await sent_together(client, two(nonce=2), BOTH)).text)
    assert "Rejected: beside bundle 1, bundle 2 is about another nonce" in said
    assert "counts" not in said and "Accepted" not in said


@pytest.mark.parametrize(
    ("count", "policy", "line"),
    [
        (2, b"", "expected a policy of the format avow-evidence/1"),
        (2, b'{"format": "avow-policy/1"}', "got one for a single bundle"),
        (9, BOTH, "expected at most 8 bundles, got 9"),
        (2, b'{"format": "avow-evidence/1", "evidence": {"all_of": []}}', "policy: "),
        (30, BOTH, "it has more than 12 fields"),
    ],
    ids=["no policy", "single", "nine", "empty", "thirty"],
)
async def test_several_are_refused_before_any_is_looked_at(
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    policy: bytes,
    line: str,
) -> None:
    def nothing(*_: object) -> tuple[int, str]:
        raise AssertionError("the verifier was started")

    monkeypatch.setattr(judging, "run_module", nothing)
    answer = await sent_together(client, [b"{}"] * count, policy)
    assert answer.status_code in (400, 422) and line in words(answer.text)


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
    assert found == {"bundle": (Part("a.json", data),), "unsafe": (Part(None, b"yes"),)}
    twice = parse_form(_form(FIELD, FIELD.replace(b"1", b"2")), "B", {"a"})
    assert twice == {"a": (Part(None, b"1"), Part(None, b"2"))}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (b'filename="\xc3\xbc.json"', "ü.json"),
        (b"filename*=utf-7''+2AA-.json", "?.json"),
        (b"filename*=unicode_escape''%5Cud800.json", "?.json"),
    ],
)
async def test_a_name_in_any_character_set_can_be_shown(
    client: httpx.AsyncClient, given: bytes, name: str
) -> None:
    field = b'Content-Disposition: form-data; name="bundle"; ' + given + b"\r\n\r\n{"
    kind = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = await client.post("/verify", content=_form(field), headers=kind)
    assert answer.status_code == 200 and f"On {name}" in words(answer.text)


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
