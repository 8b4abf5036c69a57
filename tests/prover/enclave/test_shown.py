"""What the console says of an answer that a simulated enclave signed."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from avow.api.app import create_app
from avow.api.services import Services
from avow.prover.attempt import Outcome
from avow.prover.config import Config
from avow.prover.enclave.archive import Archive
from avow.prover.enclave.keeper import SOCKET
from avow.verifier.lifecycle import JobState
from tests.prover.enclave.places import Place, enclave, place, serving

pytestmark = pytest.mark.usefixtures("earlier")
_SECONDS = 60


@pytest.fixture
def here(config: Config) -> Iterator[Place]:
    """A home with the model."""
    with place(config) as found:
        yield found


async def shown(services: Services, path: str) -> str:
    """The page's words, once the verifier has read what it has to read."""
    transport = httpx.ASGITransport(app=create_app(services))
    headers = {"Accept": "text/html"}
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as client:
        async with asyncio.timeout(_SECONDS):
            while True:
                text = (await client.get(path, headers=headers)).text
                if "The verifier is reading the bundle" not in text:
                    break
                await asyncio.sleep(0.1)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_console_says_simulated_and_never_proven(
    here: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = enclave().session()
    (tmp_path / "e").mkdir()
    with serving(session, tmp_path / "e", here.config.home) as variables:
        monkeypatch.setenv(SOCKET, variables[SOCKET])
        job_id = here.ask()
        assert here.work(job_id) == (Outcome.DONE, Outcome.DONE)
    assert here.queue.status(job_id).state is JobState.SIMULATED
    bench = here.bench
    services = Services(here.config, bench.database, here.queue, bench.store, bench.catalogue)
    said = asyncio.run(shown(services, f"/jobs/{job_id}"))
    # The state, the stop on its way, the verdict.
    assert "SIMULATED A simulated enclave signed the answer, for development." in said
    assert "Accepted: SIMULATED A rehearsal without any protection. It shows nothing." in said
    assert "Rejected" not in said and "Proven" not in said
    listed = asyncio.run(shown(services, "/"))
    assert "SIMULATED" in listed and "Proven" not in listed

    # Where nobody knows the enclave, the verdict is the one that strangers get.
    foreign = replace(services, config=replace(here.config, home=tmp_path / "foreign"))
    assert not Archive(foreign.home).all()
    said = asyncio.run(shown(foreign, f"/jobs/{job_id}"))
    assert "Rejected: " in said and "Accepted" not in said
    assert "SIMULATED A simulated enclave signed the answer" in said
