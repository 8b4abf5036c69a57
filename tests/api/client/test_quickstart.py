"""The integrator's ten lines, word for word, against a real server and a real worker."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from avow.api.client import Client, Conflict, Unknown
from avow.verifier.lifecycle import JobState
from tests.api.client.provider import UNSAFE
from tests.api.processes import ROOT
from tests.circuits.sumcheck import small

PAGE = (ROOT / "docs/how-to/use-the-python-client.md").read_text(encoding="utf-8")


def quickstart() -> str:
    """The first piece of Python on the page."""
    return str(re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE)[0])


def test_the_quickstart_has_ten_lines_and_works(url: str, tmp_path: Path) -> None:
    text = quickstart()
    assert len(text.splitlines()) <= 10
    digest = small.compiled().artifact.model.digest().hex()
    text = text.replace('"0x..."', f'"0x{digest}"').replace("http://127.0.0.1:8000", url)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=120,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[0-9] PROVEN\n", done.stdout), done.stdout


def test_a_real_job_is_followed_listed_and_checked(url: str) -> None:
    with Client(url, policy=UNSAFE) as client:
        (offer,) = client.models()
        name = f"0x{offer.model.hex()}"
        asked = client.submit(name, small.inputs(), record=f"0x{offer.record.hex()}")
        states = [update.state for update in client.watch(asked, timeout=120)]
        assert states[-1] is JobState.PROVEN
        proven = client.result(asked)
        job = client.job(asked)
        assert job.claimed is not None and job.claimed[0].reals == proven.output
        with pytest.raises(Conflict):
            client.cancel(asked)
        with pytest.raises(Unknown):
            client.job("0" * 32)
        assert client.unsafe_unverified_bundle(job.id) == proven.bundle
        # What others asked for shows nothing to this caller.
        mine = replace(asked, nonce=asked.nonce + 1)
        with pytest.raises(Exception, match="another nonce"):
            client.verify(mine, proven.bundle)
