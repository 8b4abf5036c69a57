"""Which system a job gets, asked over HTTP and from the command line; nothing is proven here."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from avow.api.cli.main import main
from avow.verifier.records import InputVisibility
from tests.prover.test_catalogue import put
from tests.prover.tiny import RECORD

EZKL = replace(RECORD, system="ezkl/v1")
HIDDEN = replace(EZKL, input_visibility=InputVisibility.HASHED)
SUMCHECK = replace(RECORD, system="sumcheck/v1")
INPUTS = [{"integers": [1, 2, 3, 4]}]


async def ask(client: httpx.AsyncClient, **wanted: str) -> Any:
    """The job, or the line in which it was refused."""
    answer = await client.post("/v1/jobs", json={"model": "tiny", "inputs": INPUTS, **wanted})
    body = answer.json()
    if answer.status_code != 202:
        assert answer.status_code == 422
        return body["detail"]
    (evidence,) = body["evidence"]
    return evidence["system"], evidence["record"]


def named(record: Any) -> tuple[str, str]:
    """A system and an artifact's digest as a job shows them."""
    return record.system, "0x" + record.digest().hex()


@pytest.mark.anyio
async def test_over_http(app: FastAPI, client: httpx.AsyncClient, tmp_path: Path) -> None:
    artifacts = tmp_path / "home" / "artifacts"
    put(artifacts, EZKL)
    assert await ask(client) == named(EZKL)
    assert "is not compiled for 'sumcheck/v1'" in await ask(client, system="sumcheck")
    assert "no artifact of 'tiny' hides the input" in await ask(client, hides="inputs")
    put(artifacts, SUMCHECK)
    assert await ask(client) == named(SUMCHECK)
    assert await ask(client, system="sumcheck") == await ask(client, system="sumcheck/v1")
    assert await ask(client, system="ezkl") == named(EZKL)
    put(artifacts, HIDDEN)
    assert await ask(client) == named(HIDDEN)
    assert await ask(client, hides="inputs") == named(HIDDEN)
    assert await ask(client, hides="none") == named(SUMCHECK)
    assert "hides" in await ask(client, hides="weights")
    assert "not compiled for 'x'" in await ask(client, system="x")


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVOW_HOME", str(tmp_path / "home"))
    source = tmp_path / "input.json"
    source.write_text(json.dumps(INPUTS))
    for record in (EZKL, SUMCHECK, HIDDEN):
        put(tmp_path / "home" / "artifacts", record)

    def submit(*options: str, status: int = 0) -> str:
        arguments: Sequence[str] = ("job", "submit", "tiny", "--input", str(source), *options)
        assert main(arguments) == status
        said = capsys.readouterr()
        return said.out if status == 0 else said.err

    assert "evidence  ezkl/v1: locked" in submit()
    assert "evidence  sumcheck/v1: locked" in submit("--hides", "none")
    assert "evidence  sumcheck/v1: locked" in submit("--system", "sumcheck")
    assert "evidence  ezkl/v1: locked" in submit("--system", "ezkl", "--hides", "none")
    assert "several artifacts fit" in submit("--system", "ezkl", status=2)
    assert "--hides" in submit("--hides", "both", status=2)
