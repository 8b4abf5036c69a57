"""Everything that the README tells its four readers to run is run, in its order."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.processes import ROOT, Run, run_script, start
from tests.contracts.toolchain import compile_as_consumer

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?ms)^<!-- run -->\n```sh\n(.*?)^```$")
READERS = ("a contract developer", "a model owner", "a provider", "an auditor")
LONGEST = 12


def section(reader: str) -> str:
    """The README's section for one reader."""
    found = re.search(rf"(?ms)^## For {reader}$(.*?)^## ", README)
    assert found, reader
    return found[1]


def script(reader: str) -> str:
    """What the section tells its reader to run."""
    (text,) = BLOCK.findall(section(reader))
    return str(text)


@pytest.fixture(scope="module")
def served(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`make serve` in another terminal, on free ports."""
    arguments = ["serve", "--rpc-port", "0", "--port", "0"]
    run = start(arguments, tmp_path_factory.mktemp("serve"), checkout)
    try:
        run.wait_for("export AVOW_HOME")
        yield run
        run.process.terminate()
        assert run.wait() == 130
        assert run.survivors() == []
    finally:
        run.end()


def address(run: Run, name: str) -> str:
    """An address that `avow serve` printed."""
    found = re.search(rf"(?m)^\s+{name}\s+(http://\S+)$", run.text())
    assert found, run.text()
    return found[1]


def ask(method: str, url: str, **given: Any) -> httpx.Response:
    """The answer, for which a busy machine has time."""
    return httpx.request(method, url, timeout=60, **given)


def test_every_section_is_short_and_has_something_to_run() -> None:
    for reader in READERS:
        assert 1 <= len(script(reader).splitlines()) <= LONGEST


def test_the_contract_compiles_as_a_consumer_would_compile_it() -> None:
    (source,) = re.findall(r"(?ms)^```solidity\n(.*?)^```$", section("a contract developer"))
    contracts = compile_as_consumer({"Readme.sol": source})
    assert contracts["Listener"]["evm"]["bytecode"]["object"]


def test_the_four_sections_run_in_order(checkout: Path, served: Run) -> None:
    """The ports are free ones instead of the README's; nothing else is changed."""
    whole = "".join(script(reader) for reader in READERS)
    assert "http://127.0.0.1:8545" in whole
    whole = whole.replace("http://127.0.0.1:8545", address(served, "chain"))
    said = run_script(whole, checkout)
    assert "every contract has its code" in said
    assert "my-risk@1.0.0" in said
    assert re.search(r"model key 0x[0-9a-f]{64}", said), said
    assert re.search(r"(?m)^[0-9a-f]{32}  proven", said), said
    assert "ACCEPTED: PROVEN" in said
    assert "REJECTED at step policy: the SRS is unsafe" in said
    assert re.search(r"(?m)^CHECKED", said), said
    assert "Traceback" not in said


def test_the_api_of_a_served_network_answers(served: Run) -> None:
    url = address(served, "API")
    (model,) = ask("GET", f"{url}/v1/models").json()["models"]
    assert model["model_record"]["name"] == "digits-mlp"
    assert set(model) == {"model", "record", "signed", "model_record", "system_record"}
    accepted = ask(
        "POST",
        f"{url}/v1/jobs",
        json={"model": "digits-mlp", "inputs": [{"reals": [0.5] * 64}], "client_key": "readme"},
    )
    assert accepted.status_code == 202
    place = accepted.headers["location"]
    job = _followed(url + place)
    assert job["state"] == "proven"
    bundle = ask("GET", f"{url}{place}/bundle")
    assert bundle.headers["content-type"].startswith("application/vnd.avow.bundle.v1+json")
    statement = job["evidence"][0]["statement"]
    assert ask("GET", f"{url}/v1/bundles/{statement}").content == bundle.content
    again = ask("POST", f"{url}{place}/cancel")
    assert again.status_code == 409
    refused = ask("POST", f"{url}/v1/verify", json={"bundle": bundle.json()})
    assert refused.json()["accepted"] is False and refused.json()["step"] == "policy"
    policy = {"format": "avow-policy/1", "unsafe_allow_unsafe_srs": True}
    verdict = ask(
        "POST", f"{url}/v1/verify", json={"bundle": bundle.json(), "policy": policy}
    ).json()
    assert verdict["accepted"] is True and verdict["assurance"] == "PROVEN"
    forged = bundle.json()
    forged["statement"]["nonce"] = str(int(forged["statement"]["nonce"]) + 1)
    liar = ask("POST", f"{url}/v1/verify", json={"bundle": forged, "policy": policy}).json()
    assert liar["accepted"] is False and liar["step"] == "proof"
    _shapes_as_documented(job, verdict)


def _followed(url: str) -> dict[str, object]:
    end = time.monotonic() + 600
    while True:
        job = ask("GET", url).json()
        if job["state"] in ("proven", "failed", "expired"):
            assert isinstance(job, dict)
            return job
        assert time.monotonic() < end, job
        time.sleep(0.2)


def _shapes_as_documented(job: dict[str, object], verdict: dict[str, object]) -> None:
    """The examples in the OpenAPI document have the keys that real answers have."""
    from avow.api.examples import JOB, VERDICT

    assert set(JOB) <= set(job) <= {*JOB, "client_key", "preview", "program", "progress", "order"}
    assert set(VERDICT) == set(verdict)
    evidence, documented = job["evidence"], JOB["evidence"]
    assert isinstance(evidence, list)
    assert set(evidence[0]) == set(documented[0])
