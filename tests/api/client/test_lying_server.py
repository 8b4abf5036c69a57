"""A server that lies, stalls or floods: whatever it did not earn is refused, in one line."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from avow.api.client import (
    Bounds,
    Client,
    ClientError,
    Misbehaved,
    NotInTime,
    NotVerified,
    Unreachable,
    Update,
)
from avow.verifier.bundle import MEDIA_TYPE, Bundle
from avow.verifier.policy import Policy
from tests.api.client.provider import (
    JOB,
    KEY,
    QUICK,
    UNSAFE,
    Endless,
    Provider,
    broken,
    other_inputs,
    other_model,
    other_nonce,
    problem,
    ranged,
    reals,
)

URL = "http://127.0.0.1:9"
SMALL = replace(QUICK, json_bytes=20_000, stream_bytes=50_000, bundle_bytes=2**20)


@pytest.fixture
def provider() -> Provider:
    """Honest until a test says otherwise."""
    return Provider()


@pytest.fixture
def client(provider: Provider) -> Iterator[Client]:
    """A client of it."""
    with Client(URL, policy=UNSAFE, bounds=SMALL, transport=provider.transport) as made:
        yield made


def other_proof(found: Bundle) -> Bundle:
    """One bit of the proof is another."""
    proof = found.proof
    assert isinstance(proof, dict)
    data = bytearray(base64.b64decode(str(proof["data"])))
    data[len(data) // 2] ^= 1
    return replace(found, proof=proof | {"data": base64.b64encode(data).decode()})


def other_outputs(found: Bundle) -> Bundle:
    """The answer is another, in the bundle and in its statement."""
    from avow.verifier.commitment import commit_public

    (tensor,) = found.outputs
    first, *rest = tensor.values
    wrong = (replace(tensor, values=(first + 1, *rest)),)
    statement = replace(found.statement, output=commit_public(wrong))
    return replace(found, outputs=wrong, statement=statement)


@pytest.mark.parametrize(
    ("alter", "line"),
    [
        (other_nonce, "step policy: the policy asks for another nonce"),
        (other_inputs, "step policy: the policy asks for another input"),
        (other_model, "step (proof|records|policy): "),
        (other_proof, "step proof: "),
        (other_outputs, "step proof: "),
    ],
    ids=lambda item: getattr(item, "__name__", None),
)
def test_a_bundle_about_anything_else_is_refused(
    provider: Provider, client: Client, alter: Callable[[Bundle], Bundle], line: str
) -> None:
    provider.alter = alter
    with pytest.raises(
        NotVerified, match=f"^the bundle of job {JOB} is refused at {line}"
    ) as caught:
        client.ask("digits-mlp", [reals()], idempotency_key=KEY)
    assert "\n" not in str(caught.value)


def test_an_unsafe_string_is_refused_unless_allowed(provider: Provider) -> None:
    with Client(URL, bounds=QUICK, transport=provider.transport) as client:
        with pytest.raises(NotVerified, match="SRS is unsafe"):
            client.ask("digits-mlp", [reals()], idempotency_key=KEY)


def test_a_policy_for_something_else_is_named_before_anything_is_waited_for(
    provider: Provider,
) -> None:
    policy = Policy(model=b"\x01" * 32)
    with Client(URL, policy=policy, transport=provider.transport) as client:
        with pytest.raises(ClientError, match="policy: asks for another model than the request"):
            client.ask("digits-mlp", [reals()])


def test_bytes_that_are_no_bundle_are_refused(provider: Provider, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()])
    for data in (b"", b"{}", b"[" * 10_000, provider.data()[:-1] if provider.body else b"x"):
        provider.on["GET /v1/jobs/*/bundle"] = lambda request, data=data: ranged(data, request)
        with pytest.raises(NotVerified, match="step parse"):
            client.result(asked)


def test_what_was_not_asked_for_is_refused_at_once(provider: Provider, client: Client) -> None:
    for change in ({"nonce": "5"}, {"model": "0x" + "11" * 32}):
        provider.on["POST /v1/jobs"] = lambda request, change=change: httpx.Response(
            202, json=provider.job("queued") | change
        )
        with pytest.raises(Misbehaved, match="another model or nonce than was asked"):
            client.submit("digits-mlp", [reals()])
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(
        200, json=provider.job("proven") | {"id": "00" * 16}
    )
    with pytest.raises(Misbehaved, match=f"expected {JOB}, got 000"):
        client.job(JOB)


def test_a_listing_that_contradicts_itself_is_refused(provider: Provider, client: Client) -> None:
    good = provider.offer()
    wrong: list[dict[str, Any]] = [
        good | {"model": "0x" + "22" * 32},
        good | {"record": "0x" + "22" * 32},
        good | {"system_record": good["system_record"] | {"constraints": 5}},
        good | {"model_record": good["model_record"] | {"more": 1}},
        {},
    ]
    for offer in wrong:
        provider.on["GET /v1/models"] = lambda request, offer=offer: httpx.Response(
            200, json={"models": [offer]}
        )
        with pytest.raises(Misbehaved, match=r"^model"):
            client.models()


def test_parts_that_do_not_fit_are_refused(provider: Provider, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], idempotency_key=KEY)
    data = provider.data()

    def second(headers: dict[str, str], part: bytes) -> Callable[[httpx.Request], httpx.Response]:
        def answer(request: httpx.Request) -> httpx.Response:
            if "range" not in request.headers:
                return ranged(data, request, 1000)
            return httpx.Response(206, headers={"content-type": MEDIA_TYPE} | headers, content=part)

        return answer

    size = len(data)
    for headers in (
        {},
        {"content-range": f"bytes 999-{size - 1}/{size}"},
        {"content-range": f"bytes 1000-{size}/{size + 1}"},
        {"content-range": f"bytes 1000-{size - 1}/{size}", "etag": '"another"'},
        {"content-range": "bytes 1000-x/y"},
    ):
        provider.on["GET /v1/jobs/*/bundle"] = second(headers, data[1000:])
        with pytest.raises(Misbehaved, match=r"^bundle: expected"):
            client.result(asked)
    good = {"content-range": f"bytes 1000-{size - 1}/{size}"}
    provider.on["GET /v1/jobs/*/bundle"] = second(good, data[1000:] + b"more")
    with pytest.raises((Misbehaved, NotVerified)):
        client.result(asked)
    # Not one byte more, again and again.
    provider.on["GET /v1/jobs/*/bundle"] = lambda request: broken(
        200, {"content-type": MEDIA_TYPE}, data, 10
    )
    with pytest.raises(Unreachable, match="ReadError"):
        client.result(asked)


HUGE = int("9" * 400)


def test_numbers_beyond_every_float_are_refused(provider: Provider, client: Client) -> None:
    claim = {"name": "y", "shape": [1], "integers": [1], "reals": [HUGE]}
    work = {"task": "prove", "stage": "proof", "attempt": 1, "percent": 1, "eta_seconds": HUGE}
    for more in ({"answer": [claim]}, {"progress": work}):
        value = provider.job("proving") | more
        provider.on["GET /v1/jobs/*"] = lambda request, value=value: httpx.Response(200, json=value)
        with pytest.raises(Misbehaved, match="expected a real number"):
            client.job(JOB)


def test_a_date_that_no_calendar_has_is_none(provider: Provider, client: Client) -> None:
    far = {"retry-after": "Mon, 1 Jan 2024 00:00:00 +99999999999999"}
    provider.on["GET /v1/jobs/*"] = lambda request: problem(503, "full", **far)
    with pytest.raises(ClientError, match="full"):
        client.job(JOB)


def endless(kind: str, piece: bytes, status: int = 200) -> tuple[httpx.Response, Endless]:
    """An answer that never ends."""
    body = Endless(piece)
    return httpx.Response(status, headers={"content-type": kind}, stream=body), body


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_without_end_is_cut(provider: Provider, client: Client, status: int) -> None:
    answer, body = endless("application/json", b" " * 1000, status)
    provider.on["GET /v1/jobs/*"] = lambda request: answer
    with pytest.raises(Misbehaved, match=r"expected at most [0-9]+ bytes, got more"):
        client.job(JOB)
    assert body.closed and body.taken < 70_000


def test_a_bundle_without_end_is_cut(provider: Provider, client: Client) -> None:
    answer, body = endless(MEDIA_TYPE, b"0" * 65_536)
    provider.on["GET /v1/jobs/*/bundle"] = lambda request: answer
    with pytest.raises(Misbehaved, match="at most 1048576 bytes"):
        client.unsafe_unverified_bundle(JOB)
    assert body.closed and body.taken <= 2**20 + 65_536
    announced = {"content-type": MEDIA_TYPE, "content-length": str(2**40)}
    provider.on["GET /v1/jobs/*/bundle"] = lambda request: httpx.Response(
        200, headers=announced, stream=Endless(b"0")
    )
    with pytest.raises(Misbehaved, match="at most 1048576 bytes, got 1099511627776"):
        client.unsafe_unverified_bundle(JOB)


@pytest.mark.parametrize(
    "piece",
    [b": nothing\n", b"data: x" * 1000, b"data: x\n" * 1000, b"event: other\ndata: 1\n\n"],
    ids=["comments", "one line", "one event", "events of another kind"],
)
def test_events_without_end_are_cut(provider: Provider, client: Client, piece: bytes) -> None:
    answer, body = endless("text/event-stream", piece)
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(200, json=provider.job("queued"))
    provider.on["GET /v1/jobs/*/events"] = lambda request: answer
    with pytest.raises(Misbehaved, match=r"^events: expected at most"):
        client.wait(JOB)
    assert body.closed and body.taken < 100_000


def test_an_answer_that_drips_ends_in_time(provider: Provider) -> None:
    now = [0.0]

    class Drip(Endless):
        def __iter__(self) -> Iterator[bytes]:
            for piece in super().__iter__():
                now[0] += 1.0
                yield piece

    def drip(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=Drip(b" "))

    provider.on["GET /v1/jobs/*"] = drip
    bounds = Bounds(attempts=2, first_pause=0.001, exchange=50.0)
    with Client(URL, bounds=bounds, transport=provider.transport) as client:
        client._settings = replace(client._settings, clock=lambda: now[0])
        with pytest.raises(Unreachable, match="no whole answer within 50 s"):
            client.job(JOB)
    assert 100 < now[0] < 110


def test_events_that_come_at_once_keep_nobody_beyond_the_time(
    provider: Provider, client: Client
) -> None:
    now = [0.0]
    told: list[Update] = []
    step = {"task": "prove", "stage": "x", "attempt": 1}
    events = [f"event: progress\ndata: {json.dumps(step | {'percent': n})}\n\n" for n in range(99)]
    kind = {"content-type": "text/event-stream"}
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(200, json=provider.job("queued"))
    provider.on["GET /v1/jobs/*/events"] = lambda request: httpx.Response(
        200, headers=kind, text="".join(events)
    )
    client._settings = replace(client._settings, clock=lambda: now[0])

    def slow(update: Update) -> None:
        told.append(update)
        now[0] += 10.0

    with pytest.raises(NotInTime):
        client.wait(JOB, timeout=60.0, on_update=slow)
    assert len(told) == 6


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(provider: Provider, status: int) -> None:
    elsewhere: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        elsewhere.append(request.url.host)
        return httpx.Response(status, headers={"location": "http://203.0.113.9/steal"})

    provider.on["GET /v1/jobs/*"] = redirect
    made = Client(URL, api_key="avow_secret", transport=provider.transport)
    with made as client, pytest.raises(Misbehaved, match=f"got {status}, a redirect"):
        client.job(JOB)
    assert elsewhere == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<h1>hello</h1>"),
        ("application/json", b"[]"),
        ("application/json", b'{"id": NaN}'),
        ("application/json", b'{"id": 1e999}'),
        ("application/json", b"\xff"),
        ("application/json", b'{"a":' * 5000 + b"1" + b"}" * 5000),
        ("application/json", b'{"id": ' + b"9" * 10_000 + b"}"),
        ("application/json", json.dumps({"id": "x/../.."}).encode()),
    ],
    ids=str,
)
def test_what_is_no_job_is_refused(
    provider: Provider, client: Client, kind: str, body: bytes
) -> None:
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(
        200, headers={"content-type": kind}, content=body
    )
    with pytest.raises(Misbehaved):
        client.job(JOB)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "splendid"},
        {"nonce": 5},
        {"created_at": True},
        {"evidence": {}},
        {"progress": []},
        {"progress": {"task": "x", "stage": "y", "attempt": "z"}},
        {"answer": [{"name": "y", "shape": [1], "integers": ["1"], "reals": [1.0]}]},
        {"model": "0x12"},
    ],
    ids=str,
)
def test_a_job_of_wrong_types_is_refused(
    provider: Provider, client: Client, change: dict[str, Any]
) -> None:
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(
        200, json=provider.job("proven") | change
    )
    with pytest.raises(Misbehaved, match=f"^{next(iter(change))}|^job|^answer|^progress"):
        client.job(JOB)


def test_an_encoded_answer_is_refused(provider: Provider, client: Client) -> None:
    """It might be a small one that grows without end."""
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(
        200, headers={"content-encoding": "gzip"}, stream=Endless(b"0")
    )
    with pytest.raises(Misbehaved, match="unencoded"):
        client.job(JOB)


def test_pages_in_a_circle_are_noticed(provider: Provider, client: Client) -> None:
    provider.on["GET /v1/jobs"] = lambda request: httpx.Response(
        200, json={"jobs": [], "next": "again"}
    )
    with pytest.raises(Misbehaved, match="circle"):
        list(client.jobs())


def test_no_error_and_no_log_holds_the_key(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    key = "avow_a-very-secret-key"

    def echo(request: httpx.Request) -> httpx.Response:
        return problem(403, f"you sent {request.headers['authorization']}\nand \x1b[31mmore")

    provider.on["GET /v1/jobs/*"] = echo
    caplog.set_level(logging.DEBUG)
    with Client(URL, api_key=key, bounds=QUICK, transport=provider.transport) as client:
        with pytest.raises(ClientError) as caught:
            client.job(JOB)
        said = f"{caught.value} {caught.value!r} {client!r} {client._settings!r} {caplog.text}"
    assert provider.seen[-1].headers["authorization"] == f"Bearer {key}"
    assert key not in said
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key", "line"),
    [
        ("ftp://host", None, "expected http"),
        ("http://", None, "expected http"),
        ("http://host:99999", None, "url: "),
        ("https://name:word@host", None, "holds a name or password"),
        ("https://host/?a=b", None, "no query"),
        ("http://host", "avow_key", "would travel in clear"),
        ("https://host", "with space", "printable"),
        ("https://host", "", "printable"),
    ],
)
def test_addresses_and_keys_that_are_refused(url: str, key: str | None, line: str) -> None:
    with pytest.raises(ClientError, match=line) as caught:
        Client(url, api_key=key)
    assert "word" not in str(caught.value).replace("password", "")


def test_addresses_that_are_taken() -> None:
    for url in ("http://localhost:8000", "http://[::1]:8000/avow/", "https://host"):
        Client(url, api_key="avow_key").close()
    Client("http://api:8000", api_key="avow_key", unsafe_plain_http=True).close()
