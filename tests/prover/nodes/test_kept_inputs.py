"""Inputs on disk: whole or not at all, bounded, and gone when no order needs them."""

import os
from pathlib import Path

import pytest

from avow.prover.nodes.kept_inputs import KeptInputs
from avow.prover.nodes.offers import Declined

A, B, C = b"a" * 32, b"b" * 32, b"c" * 32


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "inputs" / "one"
    kept = KeptInputs(folder, 100)
    assert kept.is_empty() and kept.read(A, 7) is None and not kept.holds(A, 7)
    kept.write(A, b"picture")
    again = KeptInputs(folder, 100)
    assert again.read(A, 7) == b"picture" and again.holds(A, 7) and not again.is_empty()
    assert [one.name for one in folder.iterdir()] == [f"{A.hex()}.input"]


@pytest.mark.parametrize("found", [b"pictur", b"pictures", b""])
def test_what_has_another_size_is_not_there(tmp_path: Path, found: bytes) -> None:
    kept = KeptInputs(tmp_path, 100)
    kept.write(A, b"picture")
    (tmp_path / f"{A.hex()}.input").write_bytes(found)
    assert kept.read(A, 7) is None and not kept.holds(A, 7)
    kept.write(A, b"picture")
    assert kept.read(A, 7) == b"picture"


def test_what_a_crash_left_half_written_is_removed_and_never_read(tmp_path: Path) -> None:
    (tmp_path / ".0123456789abcdef.draft").write_bytes(b"pict")
    kept = KeptInputs(tmp_path, 7)
    assert list(tmp_path.iterdir()) == [] and kept.read(A, 4) is None
    kept.write(A, b"picture")


def test_a_full_folder_refuses_and_removes_nothing(tmp_path: Path) -> None:
    kept = KeptInputs(tmp_path, 10)
    kept.write(A, b"12345")
    kept.write(B, b"12345")
    # The same again takes no more room.
    kept.write(A, b"54321")
    for refused in (lambda: kept.check_room(C, 1), lambda: kept.write(C, b"1")):
        with pytest.raises(Declined, match="no room for its input of 1 bytes: at most 10") as full:
            refused()
        assert not full.value.final
    assert kept.read(A, 5) == b"54321" and kept.read(B, 5) == b"12345"
    with pytest.raises(Declined, match="has 11 bytes, at most 10 are kept") as never:
        kept.check_room(C, 11)
    assert never.value.final
    kept.keep_only({B})
    assert kept.read(A, 5) is None and kept.read(B, 5) == b"12345"
    kept.write(C, b"12345")
    kept.keep_only([])
    assert kept.is_empty()


def test_what_is_being_written_is_not_swept_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of the loop looks at what is kept while an input is written beside it."""
    kept, swept = KeptInputs(tmp_path, 10), []

    def sweeping(_descriptor: int) -> None:
        if not swept:
            swept.append(True)
            kept.keep_only([])

    monkeypatch.setattr("avow.models.files.os.fsync", sweeping)
    kept.write(A, b"12345")
    assert swept and kept.read(A, 5) == b"12345"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        Declined, match=r"^its input cannot be kept: cannot write \S+: File exists$"
    ) as refused:
        KeptInputs(tmp_path / "file", 10).write(A, b"1")
    assert not refused.value.final


def test_what_cannot_be_looked_at_stops_nothing(tmp_path: Path) -> None:
    """Links that lead to each other, and named pipes under the name of an input."""
    for name in (A, B):
        (tmp_path / f"{name.hex()}.input").symlink_to(f"{name.hex()}.input")
    os.mkfifo(tmp_path / f"{C.hex()}.input")
    kept = KeptInputs(tmp_path, 1_000)
    assert kept.read(C, 7) is None and kept.read(A, 7) is None
    for name in (A, C):
        kept.check_room(name, 7)
        kept.write(name, b"picture")
        assert kept.read(name, 7) == b"picture"
    kept.keep_only([A])
    assert [one.name for one in tmp_path.iterdir()] == [f"{A.hex()}.input"]


def test_what_is_not_wanted_any_more_is_removed(tmp_path: Path) -> None:
    kept = KeptInputs(tmp_path, 100)
    kept.write(A, b"picture")
    kept.remove(A)
    kept.remove(A)
    assert kept.is_empty() and kept.read(A, 7) is None
