"""Files that commands write are whole or as they were; what is no file is written to."""

import os
import stat
import threading
from pathlib import Path

import pytest

from avow.api.demo.report import Report
from avow.api.figures import save
from avow.api.local.output import check_output, write_output
from avow.models.errors import ModelError
from tests.full_disk import full_disk

DATA = b"0123456789" * 1000


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [None, b"what was there"])
def test_on_a_full_disk_everything_stays_as_it_was(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "out"
    if before is not None:
        path.write_bytes(before)
    with full_disk(), pytest.raises(ModelError, match=f"cannot write {path}: File too large"):
        write_output(path, DATA)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == ([before] if before else [])
    write_output(path, DATA)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [DATA]


def test_a_file_is_as_readable_as_others_and_a_private_one_stays_private(tmp_path: Path) -> None:
    new, private = tmp_path / "new", tmp_path / "private"
    private.touch(mode=0o600)
    before = os.umask(0o027)
    try:
        for path in (new, private):
            write_output(path, DATA)
    finally:
        os.umask(before)
    assert (mode(new), mode(private)) == (0o640, 0o600)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/file")
    for data in (b"first", DATA):
        write_output(tmp_path / "link", data)
        assert (tmp_path / "folder" / "file").read_bytes() == data
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe, found = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_output(pipe, DATA)
    reader.join(60)
    assert found == [DATA] and pipe.is_fifo()


def test_no_folder_is_made_and_none_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file"):
        write_output(tmp_path / "slip" / "out", DATA)
    with pytest.raises(IsADirectoryError):
        write_output(tmp_path, DATA)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said_before_anybody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "new", Path("/dev/null")):
        check_output(path)
    with pytest.raises(FileNotFoundError, match="slip"):
        check_output(tmp_path / "slip" / "out")
    with pytest.raises(IsADirectoryError):
        check_output(tmp_path)
    # Who runs tests may be allowed everything.
    monkeypatch.setattr(os, "access", lambda path, how: False)
    with pytest.raises(PermissionError, match="Permission denied"):
        check_output(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_half_a_picture_is_none(tmp_path: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    path = tmp_path / "picture.PNG"
    save(figure, path)
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG")
    figure.suptitle("another")
    with full_disk(), pytest.raises(ModelError, match="File too large"):
        save(figure, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_demos_report_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    Report().write(path)
    before = path.read_bytes()
    with full_disk(), pytest.raises(ModelError, match="File too large"):
        Report(model="another").write(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
