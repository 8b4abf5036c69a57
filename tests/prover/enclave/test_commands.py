"""`avow worker` with an enclave, `avow enclave`, and `avow verify` on what comes out."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from avow.api.cli.main import main
from avow.prover.config import Config
from avow.prover.enclave.archive import Archive
from avow.verifier.fields import to_hex
from avow.verifier.lifecycle import JobState
from tests.prover.enclave.places import OFF_CHAIN_TERMS, Place, compiled, enclave, place
from tests.prover.processes import ROOT
from tests.prover.test_vouching import registered

pytestmark = pytest.mark.usefixtures("earlier")
_SECONDS = 120


def environment(config: Config, **changes: str) -> dict[str, str]:
    """That of a worker of this home, with a simulated enclave."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVOW_")}
    paths = [os.path.abspath(path) for path in sys.path if path]
    return (
        kept
        | {
            "AVOW_HOME": str(config.home),
            "AVOW_ENCLAVE": "simulated",
            "AVOW_ENCLAVE_PROGRAM": to_hex(compiled()[2].record.program),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        | changes
    )


@pytest.fixture
def here(config: Config) -> Iterator[Place]:
    """A home with the model."""
    with place(config) as found:
        yield found


def test_a_worker_answers_and_avow_verify_says_simulated(
    here: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = here.ask()
    log = tmp_path / "log"
    with log.open("wb") as stream:
        worker = subprocess.Popen(
            [sys.executable, "-m", "avow.api.cli.main", "worker"],
            env=environment(here.config),
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
        )
    try:
        ends = time.monotonic() + _SECONDS
        while here.queue.status(job_id).state is not JobState.SIMULATED:
            assert worker.poll() is None and time.monotonic() < ends, log.read_text()
            time.sleep(0.1)
        # What was asked for is there; what that is worth, its word says.
        given = str(ROOT / "models" / "zoo" / "digits-mlp" / "heldout.npz")
        monkeypatch.setenv("AVOW_HOME", str(here.config.home))
        submit = ["job", "submit", "digits-mlp", "--system", "tee", "--input", given, "--wait"]
        assert main(submit) == 0
        said = capsys.readouterr().out
        assert "  simulated: SIMULATED" in said and "tee/v1: simulated, delivered" in said
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    bundle, policy, shown = (tmp_path / name for name in ("b.avow.json", "policy", "shown"))
    bundle.write_bytes(here.queue.bundle(job_id))
    assert main(["job", "show", job_id]) == 0
    told = capsys.readouterr().out
    assert f"{job_id}  simulated: SIMULATED" in told
    assert "evidence  tee/v1: simulated, delivered, bundle of" in told
    assert "proven" not in told.partition("  evidence  ")[0]
    assert main(["enclave", "list"]) == 0
    assert main(["enclave", "policy"]) == 2
    assert "--unsafe-simulated is missing" in capsys.readouterr().err
    assert main(["enclave", "policy", "--unsafe-simulated", "--output", str(policy)]) == 0
    assert main(["enclave", "show", "--output", str(shown)]) == 0
    record = json.loads(capsys.readouterr().out)
    (registered,) = Archive(here.config.home).all()
    assert record["address"] == to_hex(registered.address) and record["simulated"] is True
    assert main(["verify", str(bundle)]) == 1
    assert "REJECTED" in capsys.readouterr().out
    assert main(["verify", str(bundle), "--policy", str(policy)]) == 0
    assert "ACCEPTED: SIMULATED" in capsys.readouterr().out
    # The root stands in the file, and without the flag it counts for nothing.
    without = json.loads(policy.read_text())
    del without["attestation"]["unsafe_simulated_root"]
    policy.write_text(json.dumps(without))
    assert main(["verify", str(bundle), "--policy", str(policy)]) == 1
    monkeypatch.setenv("AVOW_ENVIRONMENT", "production")
    assert main(["enclave", "policy", "--unsafe-simulated"]) == 2
    # Its key is in no file and in no line.
    assert b"PRIVATE" not in log.read_bytes()


def test_of_keys_that_registered_within_one_second_none_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVOW_HOME", str(tmp_path))
    archive, first = Archive(tmp_path), registered()
    earlier = replace(first, address=b"\xff" * 20, registered_at=first.registered_at - 1)
    archive.keep(earlier)
    archive.keep(first)
    assert main(["enclave", "show"]) == 0
    assert json.loads(capsys.readouterr().out)["address"] == to_hex(first.address)
    other = replace(first, address=b"\x99" * 20)
    archive.keep(other)
    both = sorted((to_hex(first.address), to_hex(other.address)))
    for command in ("show", "policy"):
        assert main(["enclave", command]) == 2
        said = f"avow: error: KEY: expected one of those that registered last, {', '.join(both)}\n"
        assert capsys.readouterr().err == said
    assert main(["enclave", "show", to_hex(first.address)]) == 0
    assert json.loads(capsys.readouterr().out)["address"] == to_hex(first.address)


def test_a_worker_does_not_start_with_half_an_enclave(here: Place) -> None:
    for changes, reason in (
        ({"AVOW_ENCLAVE_PROGRAM": ""}, "AVOW_ENCLAVE_PROGRAM: the program is not pinned"),
        ({"AVOW_ENCLAVE_PROGRAM": "0x" + "22" * 32}, "the enclave does not start: no artifact of"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "avow.api.cli.main", "worker"],
            env=environment(here.config, **changes),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"avow: error: {reason}")


def test_keys_that_nobody_registered_here_are_refused(
    here: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVOW_HOME", str(here.config.home))
    assert main(["enclave", "show"]) == 2
    assert main(["enclave", "show", "0x" + "11" * 20]) == 2
    assert main(["enclave", "show", "me"]) == 2
    assert "has registered" in capsys.readouterr().err
    made = enclave()
    made.terms = OFF_CHAIN_TERMS
    path = Archive(here.config.home).keep(made.open()[1])
    assert main(["enclave", "show", f"0x{path.stem}"]) == 0
    path.write_bytes(path.read_bytes().replace(b'"ends":1', b'"ends":x'))
    assert main(["enclave", "show", f"0x{path.stem}"]) == 2
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "tee needs reference values"),
        (["--unsafe-simulated", "--reference", "x.json"], "and not both"),
        (["--reference", "no-such-file.json"], "no-such-file.json"),
        (["--unsafe-simulated", "--window", "60"], "--window means nothing to --system tee"),
        (["--unsafe-simulated", "--srs", "x"], "--srs means nothing to --system tee"),
    ],
)
def test_compiling_asks_whose_software_may_answer(
    here: Place,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.setenv("AVOW_HOME", str(here.config.home))
    assert main(["compile", "digits-mlp", "--system", "tee", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_the_record_is_checked_from_the_onnx_file(
    here: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVOW_HOME", str(here.config.home))
    digest = compiled()[2].record.digest().hex()
    assert main(["model", "check", "digits-mlp", digest]) == 0
    said = capsys.readouterr().out
    assert "CHECKED" in said and "NOT CHECKED measurements: whose software they are" in said
