"""A split model over HTTP: two jobs of one request, believed only together."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from avow.api.cli.main import main
from avow.api.client import AsyncClient, BadInput, Client, JobEnded, NotVerified
from avow.verifier.bundle import Bundle
from avow.verifier.fields import to_hex
from avow.verifier.mixed.split import verify_split
from avow.verifier.policy import Policy
from avow.verifier.statement import Domain
from avow.verifier.tensor import parse_tensor
from avow.verifier.verdict import Assurance
from tests.api.client.provider import KEY, QUICK, fresh, problem, ranged
from tests.verifier.mixed.test_split import Claiming, first, record, second
from tests.verifier.mixed.test_split import systems as systems

URL = "http://127.0.0.1:9"
LENIENT = Policy(minimum_assurance=Assurance.CHALLENGEABLE)
JOBS = {"first": "1f" * 16, "second": "2f" * 16}
REALS = [1 / 16, -2 / 16, 3 / 16]
Made = Callable[[tuple[int, ...], int], Bundle]


def made_first(values: tuple[int, ...], nonce: int) -> Bundle:
    """The first part, proven."""
    return first(values, nonce=nonce)


def made_second(values: tuple[int, ...], nonce: int) -> Bundle:
    """The second part, claimed."""
    return second(values, nonce)


class Parts:
    """A provider of both parts, until told to lie; `bodies` is what was asked of each."""

    def __init__(self) -> None:
        self.makes: dict[str, Made] = {"first": made_first, "second": made_second}
        self.offered = ["first", "second"]
        self.states = {"first": "proven", "second": "challengeable"}
        self.bodies: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}

    @property
    def transport(self) -> httpx.MockTransport:
        """For either client."""
        return httpx.MockTransport(lambda request: fresh(self(request)))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/models":
            offers = [self.offer(part) for part in self.offered]
            return httpx.Response(200, json={"models": offers})
        if path == "/v1/jobs":
            return self.submitted(request)
        part = next(part for part, job in JOBS.items() if job in path)
        if path.endswith("/events"):
            return problem(404, "no events here")
        if path.endswith("/bundle"):
            return ranged(self.bundle(part).encode(), request)
        return httpx.Response(200, json=self.job(part, self.states[part]))

    def offer(self, part: str) -> dict[str, Any]:
        """One of both models."""
        made = {"first": first, "second": second}[part]()
        return {
            "model": to_hex(made.model.digest()),
            "record": to_hex(made.system.digest()),
            "signed": False,
            "model_record": made.model.to_json(),
            "system_record": made.system.to_json(),
        }

    def submitted(self, request: httpx.Request) -> httpx.Response:
        """202, or 422 where the key belongs to another body."""
        body = json.loads(request.content)
        (part,) = (one for one in JOBS if self.offer(one)["model"] == body["model"])
        if self.bodies.setdefault(part, body) != body:
            return problem(422, "the key belongs to another request")
        self.keys[part] = request.headers["idempotency-key"]
        return httpx.Response(202, json=self.job(part, "queued"))

    def job(self, part: str, state: str) -> dict[str, Any]:
        """One of both jobs."""
        about = self.offer(part)
        return {
            "id": JOBS[part],
            "state": state,
            "reason": "as it is",
            "model": about["model"],
            "nonce": self.bodies[part]["nonce"],
            "created_at": 1_700_000_000_000,
            "updated_at": 1_700_000_000_000,
            "evidence": [],
            "history": [],
        }

    def bundle(self, part: str) -> Bundle:
        """What it gives as a part's evidence."""
        body = self.bodies[part]
        (tensor,) = map(parse_tensor, body["inputs"])
        values = tuple(int(value) for value in tensor.values)
        return self.makes[part](values, int(body["nonce"]))


@pytest.fixture
def parts() -> Parts:
    """An honest one."""
    return Parts()


@pytest.fixture
def client(parts: Parts) -> Iterator[Client]:
    """A client of it that takes claims."""
    transport = parts.transport
    with Client(URL, policy=LENIENT, bounds=QUICK, transport=transport) as made:
        yield made


def test_both_parts_are_asked_for_as_one_request_and_verified_together(
    parts: Parts, client: Client
) -> None:
    shown = client.ask_split(record(), [REALS], idempotency_key=KEY)
    opening, rest = parts.bodies["first"], parts.bodies["second"]
    assert opening["nonce"] == rest["nonce"] and parts.keys["first"] != parts.keys["second"]
    assert (opening["record"], rest["record"]) == tuple(
        to_hex(one.record) for one in (record().first, record().second)
    )
    # What goes on are the integers that the first part's evidence ends in.
    assert parse_tensor(rest["inputs"][0]).values == (2, -4, 6)
    assert shown.jobs == (JOBS["first"], JOBS["second"])
    assert (shown.verdict.assurance, shown.verdict.final) == (Assurance.CHALLENGEABLE, False)
    assert shown.outputs == {"y": (4 / 64, -8 / 64, 12 / 64)}
    assert verify_split(shown.first, shown.second, record(), LENIENT) == shown.verdict
    # Asked again, also by code with an event loop, the same jobs are found.
    again = client.ask_split(record(), [REALS], idempotency_key=KEY)
    assert again == shown

    async def ask() -> None:
        transport = parts.transport
        async with AsyncClient(URL, policy=LENIENT, bounds=QUICK, transport=transport) as other:
            assert await other.ask_split(record(), [REALS], idempotency_key=KEY) == shown

    anyio.run(ask)


def lie(client: Client, step: str, reason: str) -> None:
    """What the provider shows is refused, at this step and with these words."""
    with pytest.raises(NotVerified, match=reason) as caught:
        client.ask_split(record(), [REALS], idempotency_key=KEY)
    assert caught.value.step == step


def test_a_second_part_of_another_tensor_is_refused(parts: Parts, client: Client) -> None:
    """Honestly claimed, for what the first part did not give."""
    parts.makes["second"] = lambda values, nonce: second((2, -4, 7), nonce)
    lie(client, "split", "ends in at 2: 6 and 7")


def test_parts_of_another_request_are_refused(parts: Parts, client: Client) -> None:
    parts.makes["first"] = lambda values, nonce: first((1, -2, 4), nonce=nonce)
    lie(client, "policy", "first part: .*input")
    parts.bodies.clear()
    parts.makes["first"] = lambda values, nonce: first(values, nonce=nonce + 1)
    lie(client, "policy", "first part: .*nonce")
    parts.bodies.clear()
    parts.makes |= {"first": made_first, "second": lambda values, nonce: second(values, nonce + 1)}
    lie(client, "policy", "second part: .*nonce")
    parts.bodies.clear()
    parts.makes["second"] = lambda values, nonce: first(values, nonce=nonce)
    lie(client, "split", "second bundle is of the other part")


def test_a_first_part_that_gives_what_the_second_cannot_take_is_refused(
    parts: Parts, client: Client
) -> None:
    parts.makes["first"] = lambda values, nonce: first((1000, 1, 1), nonce=nonce)
    lie(client, "split", "inputs: 't' must lie in")
    assert "second" not in parts.bodies


def test_what_cannot_be_is_refused_before_anything_is_sent(parts: Parts) -> None:
    def refused(policy: Policy, reason: str) -> None:
        transport = parts.transport
        with Client(URL, policy=policy, bounds=QUICK, transport=transport) as client:
            with pytest.raises(BadInput, match=reason):
                client.ask_split(record(), [REALS])
        assert not parts.bodies

    refused(Policy(model=b"\1" * 32), "the split record names the model")
    refused(Policy(domain=Domain(1, b"\1" * 20)), "asks for another domain")
    refused(Policy(nonce=1), "asks for another nonce")
    parts.offered = ["first"]
    refused(LENIENT, "the provider does not offer the second part, 0x")


def test_a_part_without_evidence_ends_it(parts: Parts, client: Client) -> None:
    parts.states["first"] = "failed"
    with pytest.raises(JobEnded, match=JOBS["first"]):
        client.ask_split(record(), [REALS], idempotency_key=KEY)
    assert "second" not in parts.bodies
    parts.states |= {"first": "proven", "second": "failed"}
    with pytest.raises(JobEnded, match=JOBS["second"]):
        client.ask_split(record(), [REALS], idempotency_key=KEY)


@pytest.fixture
def command(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`avow remote split` of the record, with a policy that takes claims."""
    made = Client.__init__

    def over(self: Client, url: str, **kept: Any) -> None:
        made(self, URL, **kept | {"bounds": QUICK, "transport": parts.transport})

    monkeypatch.setattr(Client, "__init__", over)
    (tmp_path / "record").write_bytes(record().encode())
    (tmp_path / "input.json").write_text(json.dumps([REALS]))
    value = {"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}
    (tmp_path / "policy").write_text(json.dumps(value))

    def run(*more: str, policy: str = "policy") -> int:
        options = [] if not policy else ["--policy", str(tmp_path / policy)]
        files = [str(tmp_path / "record"), "--input", str(tmp_path / "input.json")]
        return main(["remote", *options, "split", *files, *more])

    return run


def test_the_command(
    parts: Parts,
    systems: Claiming,
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("avow.prover.systems.assurance.promised", lambda _: systems.assurance)
    out = tmp_path / "answer"
    assert command("--output", str(out)) == 3
    said = capsys.readouterr()
    assert said.out.startswith("ACCEPTED: CHALLENGEABLE until")
    assert JOBS["first"][:8] + " proven" in said.err
    files = [str(out / f"{part}.avow.json") for part in JOBS]
    checked = ["verify", *files, "--split", str(tmp_path / "record")]
    assert main([*checked, "--policy", str(tmp_path / "policy")]) == 3
    parts.bodies.clear()
    # A policy that no claim can satisfy, and a place that cannot be written, before anything else.
    assert command(policy="") == 2
    assert "CHALLENGEABLE at most, the policy asks for PROVEN" in capsys.readouterr().err
    (out / "second.avow.json").unlink()
    (out / "second.avow.json").mkdir()
    assert command("--output", str(out)) == 2
    assert "Is a directory" in capsys.readouterr().err and not parts.bodies
    parts.makes["second"] = lambda values, nonce: second((2, -4, 7), nonce)
    assert command() == 1
    assert "REJECTED: " in capsys.readouterr().out
