"""Registrations of a home: damaged ones are left out, and whose enclave runs is known."""

import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from avow.prover.enclave.archive import Archive
from avow.prover.enclave.errors import EnclaveRefused
from tests.api.processes import ROOT
from tests.prover.test_vouching import registered

OTHER = b"\x99" * 20


def test_a_damaged_file_takes_no_other_away_and_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive, kept = Archive(tmp_path), registered()
    archive.keep(kept)
    damaged = archive.keep(replace(kept, address=OTHER))
    # As after a crash: cut off in place, so that it is still locked.
    os.truncate(damaged, 100)
    with caplog.at_level(logging.WARNING, "avow.prover"):
        for _ in range(3):
            assert archive.all() == archive.live() == [kept]
    (line,) = caplog.messages
    assert damaged.name in line and "is damaged" in line
    with pytest.raises(EnclaveRefused, match="is damaged"):
        archive.find(OTHER)


def test_a_key_is_live_for_as_long_as_its_process(tmp_path: Path) -> None:
    archive, kept = Archive(tmp_path), registered()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        archive.keep(kept)
        os.write(write, b"!")
        signal.pause()
        os._exit(0)
    try:
        assert os.read(read, 1) == b"!"
        assert archive.live() == archive.all() == [kept]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
    assert (archive.live(), archive.all()) == ([], [kept])
    # Another session of this home does not make the old key live.
    archive.keep(replace(kept, address=OTHER))
    assert [one.address for one in archive.live()] == [OTHER]


def test_a_process_that_ends_closes_what_it_held(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from avow.prover.enclave.archive import Archive\n"
        "from tests.prover.test_vouching import registered\n"
        "archive, kept = Archive(Path(sys.argv[1])), registered()\n"
        "archive.keep(kept)\n"
        "assert archive.live() == [kept]\n"
    )
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert Archive(tmp_path).live() == [] and len(Archive(tmp_path).all()) == 1


def test_what_cannot_be_placed_is_not_held(tmp_path: Path) -> None:
    kept = registered()
    (tmp_path / "enclave" / f"{kept.address.hex()}.json").mkdir(parents=True)
    with pytest.raises(EnclaveRefused, match="cannot be written"):
        Archive(tmp_path).keep(kept)
    # What other tests hold may be closed at any moment.
    held = [one.path for one in psutil.Process().open_files()]
    assert not [path for path in held if Path(path).is_relative_to(tmp_path)]


def test_a_home_without_an_enclave_has_none(tmp_path: Path) -> None:
    assert Archive(tmp_path).all() == Archive(tmp_path).live() == []
