"""Several kinds of evidence through the client: asked for, fetched, believed only together."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

from avow.api.client import AsyncClient, BadInput, Client, JobEnded, Leg, NotVerified, parse_asked
from avow.api.client.errors import Misbehaved
from avow.verifier.policy import Policy
from tests.api.client.provider import JOB, KEY, QUICK, UNSAFE, Provider, ranged, reals

URL = "http://127.0.0.1:9"
TWO = (Leg(("optimistic",), 60, 3000), Leg(("tee/v1", "sumcheck"), 3600, 7000))


class Legs(Provider):
    """A provider whose first leg is late and whose second one is proven, until told else."""

    there: tuple[int, ...] = (1,)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {request.url.path.replace(JOB, '*')}"
        if route == "GET /v1/jobs/*":
            return httpx.Response(200, json=self.two())
        return super().__call__(request)

    def two(self) -> dict[str, Any]:
        """The job with both legs."""
        job = self.job("expired")
        (one,) = job["evidence"]
        late = one | {"leg": 0, "system": "optimistic/v1"}
        job["evidence"] = [late, one | {"leg": 1}]
        data = self.data()
        for leg in job["evidence"]:
            if leg["leg"] in self.there:
                leg["bundle_sha256"] = "0x" + hashlib.sha256(data).hexdigest()
                leg["bundle_size"] = len(data)
                leg["outcome"] = "proven"
            else:
                leg |= {"outcome": "expired", "reason": "deadline passed while proving"}
        return job

    def part(self, request: httpx.Request) -> httpx.Response:
        """The one bundle, whichever leg is asked for."""
        assert request.url.query in (b"leg=0", b"leg=1")
        return ranged(self.data(), request)


@pytest.fixture
def provider() -> Legs:
    """An honest one."""
    return Legs()


@pytest.fixture
def client(provider: Legs) -> Iterator[Client]:
    """A client of it."""
    with Client(URL, policy=UNSAFE, bounds=QUICK, transport=provider.transport) as made:
        yield made


def test_what_is_there_is_verified_and_what_is_not_is_named(provider: Legs, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], idempotency_key=KEY, legs=TWO)
    assert provider.body["legs"] == [
        {"any_of": ["optimistic/v1"], "within_seconds": 60, "share_bps": 3000},
        {"any_of": ["tee/v1", "sumcheck/v1"], "within_seconds": 3600, "share_bps": 7000},
    ]
    assert "system" not in provider.body
    shown = client.together(asked)
    (leg,) = shown.verdict.legs
    assert leg.verdict.system == "sumcheck/v1" and shown.verdict.final
    assert list(shown.bundles) == [1] and len(shown.outputs) == 1
    (missing,) = shown.missing
    assert (missing.leg, missing.outcome) == (0, "expired")
    # After a restart too, and for code with an event loop.
    again = parse_asked(json.loads(json.dumps(asked.to_json())))
    assert again == asked and client.together(again, wait=False).outputs == shown.outputs

    async def other() -> None:
        async with AsyncClient(
            URL, policy=UNSAFE, bounds=QUICK, transport=provider.transport
        ) as made:
            assert (await made.together(asked)).outputs == shown.outputs

    anyio.run(other)


def test_one_bundle_given_for_two_legs_is_refused(provider: Legs, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], legs=TWO)
    provider.there = (0, 1)
    with pytest.raises(NotVerified, match=r"optimistic/v1.*not sumcheck/v1"):
        client.together(asked)


def test_a_bundle_of_another_request_is_refused(provider: Legs, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], legs=TWO)
    provider.body = provider.body | {"nonce": "7"}
    with pytest.raises(NotVerified, match="another nonce"):
        client.together(asked, wait=False)


def test_each_leg_has_its_own_policy(client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], legs=TWO)
    assert client.together(asked, policies=[Policy(), UNSAFE]).verdict.final
    with pytest.raises(NotVerified, match="the SRS is unsafe"):
        client.together(asked, policies=[UNSAFE, Policy()])
    with pytest.raises(BadInput, match="expected 2, one for each leg"):
        client.together(asked, policies=[UNSAFE])
    with pytest.raises(BadInput, match="leg 1 allows none of its systems"):
        client.together(asked, policies=[UNSAFE, Policy(systems=("ezkl/v1",))])


def test_a_server_that_changes_the_legs_is_no_provider(provider: Legs, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], legs=(*TWO, Leg(("ezkl",), 60, 1)))
    with pytest.raises(Misbehaved, match="other legs than were asked for"):
        client.together(asked)


def test_a_job_without_any_bundle_has_ended(provider: Legs, client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()], legs=TWO)
    provider.there = ()
    with pytest.raises(JobEnded):
        client.together(asked)


@pytest.mark.parametrize(
    "legs", [(), (Leg(()),), (Leg(("sumcheck",)), Leg(("sumcheck/v1",))), (Leg(("ezkl",)),) * 5]
)
def test_legs_that_no_job_can_have_are_not_sent(
    provider: Legs, client: Client, legs: tuple[Leg, ...]
) -> None:
    with pytest.raises(BadInput, match="legs: "):
        client.submit("digits-mlp", [reals()], legs=legs)
    with pytest.raises(BadInput, match="neither system nor record"):
        client.submit("digits-mlp", [reals()], legs=TWO, system="sumcheck")
    assert provider.asked("POST", "/v1/jobs") == []


def test_without_legs_there_is_nothing_together(client: Client) -> None:
    asked = client.submit("digits-mlp", [reals()])
    with pytest.raises(BadInput, match="expected legs"):
        client.together(asked)
