"""The client beside a provider that keeps the protocol: what it asks, and what it gives back."""

import json
from collections.abc import Iterator

import anyio
import httpx
import numpy as np
import pytest

from avow.api.client import (
    AsyncClient,
    BadInput,
    Client,
    Conflict,
    JobEnded,
    Limited,
    NotAllowed,
    NotInTime,
    Unknown,
    Unreachable,
    Update,
    parse_asked,
)
from avow.verifier.lifecycle import JobState
from tests.api.client.provider import JOB, KEY, QUICK, UNSAFE, Provider, problem, ranged, reals
from tests.circuits.sumcheck import small

URL = "http://127.0.0.1:9"


@pytest.fixture
def provider() -> Provider:
    """An honest one."""
    return Provider()


@pytest.fixture
def client(provider: Provider) -> Iterator[Client]:
    """A client of it."""
    with Client(URL, policy=UNSAFE, bounds=QUICK, transport=provider.transport) as made:
        yield made


def test_an_answer_is_proven_before_it_is_returned(provider: Provider, client: Client) -> None:
    proven = client.ask("digits-mlp", [reals()], idempotency_key=KEY)
    assert proven.verdict.assurance.value == "PROVEN"
    assert proven.output == next(iter(proven.outputs.values()))
    assert len(proven.output) == 10
    (sent,) = provider.asked("POST", "/v1/jobs")
    body = json.loads(sent.content)
    # Nothing is left to a name or to another's rounding.
    assert body["model"] == provider.offer()["model"]
    assert body["inputs"] == [tensor.to_json() for tensor in small.inputs()]
    assert body["nonce"] == str(proven.asked.nonce)
    # Anybody else can check the same bytes, and the client can after a restart.
    again = parse_asked(json.loads(json.dumps(proven.asked.to_json())))
    assert again == proven.asked
    assert client.verify(again, proven.bundle).outputs == proven.outputs


def test_an_event_loop_gets_the_same(provider: Provider) -> None:
    async def ask() -> tuple[float, ...]:
        transport = provider.transport
        async with AsyncClient(URL, policy=UNSAFE, bounds=QUICK, transport=transport) as client:
            assert [offer.model_record.name for offer in await client.models()] == ["digits-mlp"]
            proven = await client.ask("digits-mlp", [reals()], idempotency_key=KEY)
            assert [update.state async for update in client.watch(JOB)] == [JobState.PROVEN]
            assert (await client.wait(JOB)).has_evidence and (await client.job(JOB)).has_evidence
            assert (await client.cancel(JOB)).state is JobState.CANCELLED
            data = await client.unsafe_unverified_bundle(JOB)
            assert (await client.verify(proven.asked, data)).outputs == proven.outputs
            assert "127.0.0.1" in repr(client)
            return proven.output

    with Client(URL, policy=UNSAFE, bounds=QUICK, transport=provider.transport) as client:
        expected = client.ask("digits-mlp", [reals()], idempotency_key=KEY).output
    assert anyio.run(ask) == expected


def test_a_submission_is_repeated_under_one_key(provider: Provider, client: Client) -> None:
    troubles = iter([problem(503, "full", **{"retry-after": "0"}), None, problem(409, "wait")])

    def unsteady(request: httpx.Request) -> httpx.Response:
        try:
            trouble = next(troubles)
        except StopIteration:
            return provider.submitted(request)
        if trouble is None:
            raise httpx.ReadError("reset")
        return trouble

    provider.on["POST /v1/jobs"] = unsteady
    client.submit("digits-mlp", [reals()])
    sent = provider.asked("POST", "/v1/jobs")
    assert len(sent) == 4
    assert len({one.headers["idempotency-key"] for one in sent}) == 1
    assert len({one.content for one in sent}) == 1


def test_the_same_key_asks_for_exactly_the_same(provider: Provider, client: Client) -> None:
    first = client.submit("digits-mlp", [reals()], idempotency_key=KEY)
    assert client.submit("digits-mlp", [reals()], idempotency_key=KEY) == first
    assert client.submit("digits-mlp", [reals()]).nonce != first.nonce


def test_inputs_come_in_many_forms(provider: Provider, client: Client) -> None:
    (spec,) = small.stored().record.inputs
    array = np.array(reals(), dtype=np.float32).reshape(spec.shape)
    forms = ([reals()], [array], {spec.name: array.tolist()}, list(small.inputs()))
    assert len({client.submit("digits-mlp", form).inputs for form in forms}) == 1


@pytest.mark.parametrize(
    ("inputs", "line"),
    [
        ([], "expected 1, one for each input"),
        ({"wrong": [0.0] * 64}, r"expected \['\w+'\], got \['wrong'\]"),
        ([[0.0] * 63], r"must have shape \[1, 64\], got \[63\]"),
        ([[[0.0], [0.0, 1.0]]], "lists of unequal length"),
        ([["a"] * 64], "must be numbers in nested lists"),
        ([[float("nan")] * 64], "not a finite number"),
        ([[1e9] * 64], "must lie in"),
    ],
)
def test_inputs_that_do_not_fit_are_not_sent(
    provider: Provider, client: Client, inputs: object, line: str
) -> None:
    with pytest.raises(BadInput, match=line):
        client.submit("digits-mlp", inputs)  # type: ignore[arg-type]
    assert provider.asked("POST", "/v1/jobs") == []


def test_a_request_that_nothing_fits_is_not_sent(provider: Provider, client: Client) -> None:
    with pytest.raises(BadInput, match="no model 'nobody' on offer that fits; there: digits-mlp"):
        client.submit("nobody", [reals()])
    with pytest.raises(BadInput, match="no model"):
        client.submit("digits-mlp", [reals()], system="ezkl")
    with pytest.raises(BadInput, match="no model"):
        client.submit("digits-mlp", [reals()], record="0x" + "00" * 32)
    with pytest.raises(BadInput, match="hides: expected"):
        client.submit("digits-mlp", [reals()], hides="everything")
    with pytest.raises(BadInput, match="priority: expected 0 to 9, got 10"):
        client.submit("digits-mlp", [reals()], priority=10)
    with pytest.raises(BadInput, match="idempotency_key"):
        client.submit("digits-mlp", [reals()], idempotency_key="with space")
    assert provider.asked("POST", "/v1/jobs") == []


def test_refusals_have_types(provider: Provider, client: Client) -> None:
    cases = {401: NotAllowed, 403: NotAllowed, 404: Unknown, 409: Conflict}
    for status, kind in cases.items():
        provider.on["GET /v1/jobs/*"] = lambda request, status=status: problem(status, "no")
        with pytest.raises(kind, match=f"{status} No: no"):
            client.job(JOB)
    provider.on["GET /v1/jobs/*"] = lambda request: problem(429, "slowly", **{"retry-after": "99"})
    before = len(provider.seen)
    with pytest.raises(Limited) as caught:
        client.job(JOB)
    # Longer than the client's own bound: no second attempt.
    assert (caught.value.retry_after, len(provider.seen) - before) == (99.0, 1)


def test_trouble_that_lasts_is_named(provider: Provider, client: Client) -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    provider.on["GET /v1/jobs/*"] = down
    with pytest.raises(Unreachable, match=r"http://127.0.0.1:9: ConnectError: connection refused"):
        client.job(JOB)
    assert len(provider.seen) == QUICK.attempts
    with pytest.raises(BadInput, match="32 hexadecimal digits"):
        client.job("../../v1/models")


def test_a_job_that_ends_otherwise_has_no_answer(provider: Provider, client: Client) -> None:
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(200, json=provider.job("failed"))
    with pytest.raises(JobEnded, match="is failed: as it is"):
        client.ask("digits-mlp", [reals()])
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(200, json=provider.job("queued"))
    with pytest.raises(NotInTime, match="is queued: no evidence in the time given"):
        client.ask("digits-mlp", [reals()], timeout=0.02)


def stream(*events: str) -> httpx.Response:
    """A stream that ends after these events."""
    text = "".join(f"{event}\n\n" for event in events)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)


def state(number: int, to: str) -> str:
    """An event of a change of state."""
    return f'id: {number}\nevent: state\ndata: {{"to_state": "{to}", "reason": "because"}}'


PROGRESS = (
    'event: progress\ndata: {"task": "prove", "stage": "commit", "attempt": 1,\n'
    'data:  "percent": 40, "eta_seconds": 2}'
)


def test_events_are_followed_and_taken_up_again(provider: Provider, client: Client) -> None:
    answers = iter(
        [
            stream(": hello", state(1, "running"), state(2, "answered")),
            stream(state(3, "proving"), PROGRESS, PROGRESS),
            httpx.Response(204),
        ]
    )
    provider.on["GET /v1/jobs/*/events"] = lambda request: next(answers)
    states = iter(["queued", "answered", "proving", "proven"])
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(
        200, json=provider.job(next(states))
    )
    updates: list[Update] = []
    assert client.wait(JOB, on_update=updates.append).has_evidence
    told = [update.state.value for update in updates]
    assert [one for at, one in enumerate(told) if told[at - 1 : at] != [one]] == [
        "queued", "running", "answered", "proving", "proven",
    ]  # fmt: skip
    assert [update.progress.percent for update in updates if update.progress] == [40]
    asked = provider.asked("GET", f"/v1/jobs/{JOB}/events")
    assert [one.headers.get("last-event-id") for one in asked] == [None, "2", "3"]


def test_without_events_the_job_is_asked_for_again(provider: Provider, client: Client) -> None:
    states = iter(["queued", "queued", "proving", "proven"])
    provider.on["GET /v1/jobs/*"] = lambda request: httpx.Response(
        200, json=provider.job(next(states))
    )
    assert [update.state.value for update in client.watch(JOB)] == ["queued", "proving", "proven"]
    assert len(provider.asked("GET", f"/v1/jobs/{JOB}/events")) == 1


def test_jobs_are_fetched_a_page_at_a_time(provider: Provider, client: Client) -> None:
    def page(request: httpx.Request) -> httpx.Response:
        at = int(request.url.params.get("cursor", "0"))
        found = [provider.job("proven") | {"id": f"{at * 2 + n:032x}"} for n in range(2)]
        return httpx.Response(200, json={"jobs": found, "next": str(at + 1) if at < 2 else None})

    provider.on["GET /v1/jobs"] = page
    found = [int(job.id, 16) for job in client.jobs(states=[JobState.PROVEN])]
    assert found == [0, 1, 2, 3, 4, 5]
    assert provider.seen[-1].url.params["state"] == "proven"
    before = len(provider.seen)
    assert len(list(client.jobs(limit=3))) == 3
    assert len(provider.seen) - before == 2


def test_a_download_goes_on_where_it_broke_off(provider: Provider, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], idempotency_key=KEY)
    cuts = iter([3000, 2000, None])
    provider.on["GET /v1/jobs/*/bundle"] = lambda request: ranged(
        provider.data(), request, next(cuts)
    )
    assert client.result(asked).verdict.assurance.value == "PROVEN"
    sent = provider.asked("GET", f"/v1/jobs/{JOB}/bundle")
    assert [one.headers.get("range") for one in sent] == [None, "bytes=3000-", "bytes=5000-"]
    assert sent[1].headers["if-range"].startswith('"')


def test_cancelling(provider: Provider, client: Client) -> None:
    assert client.cancel(JOB).state is JobState.CANCELLED
    provider.on["POST /v1/jobs/*/cancel"] = lambda request: problem(409, "proven already")
    with pytest.raises(Conflict, match="proven already"):
        client.cancel(JOB)
