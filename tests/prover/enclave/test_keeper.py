"""The worker's enclave as a process: it starts or says why not; when it ends another follows."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from avow.prover.attempt import Outcome
from avow.prover.config import Config
from avow.prover.enclave.archive import Archive
from avow.prover.enclave.keeper import SOCKET, EnclaveKeeper
from avow.prover.errors import ConfigurationError
from avow.verifier.fields import to_hex
from avow.verifier.verify import verify
from tests.prover.enclave.places import Place, accepting, compiled, place

pytestmark = pytest.mark.usefixtures("earlier")


def environment(config: Config, **changes: str) -> Mapping[str, str]:
    """That of an enclave of this home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVOW_")}
    ours = {
        "AVOW_HOME": str(config.home),
        "AVOW_ENCLAVE": "simulated",
        "AVOW_ENCLAVE_PROGRAM": to_hex(compiled()[2].record.program),
    }
    return kept | ours | changes


def is_ready(keeper: EnclaveKeeper) -> bool:
    """Whether another process has said so."""
    process = keeper._process
    return process is not None and process.poll() is None and process.stdout is None


@pytest.fixture
def here(config: Config) -> Iterator[Place]:
    """A home with the model."""
    with place(config) as found:
        yield found


def test_killed_it_is_followed_by_another_key_and_no_job_is_lost(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = EnclaveKeeper(environment(here.config))
    try:
        keeper.start()
        monkeypatch.setenv(SOCKET, str(keeper.socket))
        assert keeper.socket.stat().st_mode & 0o777 == 0o600
        first, second = here.ask(0), here.ask(1)
        assert here.work(first) == (Outcome.DONE, Outcome.DONE)
        assert here.infer(second) is Outcome.DONE
        process = keeper._process
        assert process is not None
        process.kill()
        process.wait()
        assert here.prove(second) is Outcome.AGAIN
        begun = time.monotonic()
        while not is_ready(keeper):
            assert time.monotonic() < begun + 120
            keeper.keep()
            time.sleep(0.05)
        third = here.ask(2)
        assert here.work(third) == (Outcome.DONE, Outcome.DONE)
        # The first one's key died with its process, whatever stands on a chain. Both may have been
        # registered within one second.
        (live,) = Archive(here.config.home).live()
        (dead,) = (one for one in Archive(here.config.home).all() if one != live)
        assert dead.address != live.address and dead.registered_at <= live.registered_at
        # The machine is the same one, so that what accepted the first key accepts the second.
        now = int(time.time())
        for job_id, one in ((first, dead), (third, live)):
            assert verify(here.queue.bundle(job_id), accepting(one), now)
    finally:
        keeper.stop()
    assert not keeper.socket.exists()
    assert Archive(here.config.home).live() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"AVOW_ENCLAVE_PROGRAM": "0x" + "11" * 32}, "no artifact of tee/v1"),
        ({"AVOW_ENVIRONMENT": "production"}, "production"),
        ({"AVOW_ENCLAVE": "tdx", "AVOW_ENCLAVE_PCCS": "http://127.0.0.1:9"}, "is missing"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    here: Place, changes: dict[str, str], reason: str
) -> None:
    keeper = EnclaveKeeper(environment(here.config, **changes))
    try:
        with pytest.raises(ConfigurationError, match=reason) as caught:
            keeper.start()
        assert "\n" not in str(caught.value)
    finally:
        keeper.stop()


def test_a_socket_that_cannot_be_bound_is_one_line_at_once(here: Place, tmp_path: Path) -> None:
    keeper = EnclaveKeeper(environment(here.config))
    # The enclave itself has to say so; its folder is gone when it comes to listen.
    shutil.rmtree(keeper._folder)
    try:
        with pytest.raises(ConfigurationError, match="nobody can be listened to there") as caught:
            keeper.start()
        assert "\n" not in str(caught.value)
    finally:
        keeper.stop()


@pytest.mark.parametrize(
    ("name", "reason"), [("x" * 90, "set a shorter TMPDIR"), ("gone", "no folder for the")]
)
def test_a_temporary_folder_that_will_not_do_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, reason: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(Path("/tmp") / name))
    with pytest.raises(ConfigurationError, match=f"^TMPDIR: .*{reason}") as caught:
        EnclaveKeeper({})
    assert "\n" not in str(caught.value)


def test_no_key_is_written_anywhere(here: Place, tmp_path: Path) -> None:
    keeper = EnclaveKeeper(environment(here.config))
    try:
        keeper.start()
        process = keeper._process
        assert process is not None
        # Not even this user's debugger reads its memory.
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):
                Path(f"/proc/{process.pid}/mem").read_bytes()
        written = [path for path in (here.config.home / "enclave").rglob("*") if path.is_file()]
        assert {path.name for path in written} == {
            "machine.json",
            f"{Archive(here.config.home).all()[0].address.hex()}.json",
        }
    finally:
        keeper.stop()


def test_one_that_cannot_start_again_is_tried_later_and_said_once_each_time(
    here: Place, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = EnclaveKeeper(environment(here.config))
    try:
        keeper.start()
        process = keeper._process
        assert process is not None
        keeper._environment["AVOW_ENVIRONMENT"] = "production"
        process.kill()
        process.wait()
        begun = time.monotonic()
        while "does not start" not in caplog.text:
            assert time.monotonic() < begun + 120
            keeper.keep()
            time.sleep(0.05)
        # It is not begun again at once.
        last = keeper._process
        for _ in range(5):
            keeper.keep()
        assert keeper._process is last and caplog.text.count("does not start") == 1
        keeper._environment["AVOW_ENVIRONMENT"] = "development"
        keeper._again = 0
        while not is_ready(keeper):
            assert time.monotonic() < begun + 240
            keeper.keep()
            time.sleep(0.05)
    finally:
        keeper.stop()
