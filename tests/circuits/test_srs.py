"""SRS files: read, checked, imported from .ptau, made here and marked unsafe."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.points import check_powers, geometric
from avow.circuits.powers import read_powers
from avow.circuits.ptau import convert
from avow.circuits.srs import SrsFile, check, check_all, generate, inspect, unsafe_note
from avow.circuits.srs_choice import PinnedSrs, UnsafeSrs, obtain, obtain_powers
from avow.prover.native.curve import NativeCurve
from avow.verifier.curves import field_modulus
from tests.circuits.plain_curve import PlainCurve

HERMEZ = Path(__file__).parents[1] / "vectors" / "srs" / "hermez-05.srs"
CEREMONY = (
    Path(__file__).parents[3] / "shared" / "vectors" / "srs" / "powersOfTau28_hez_final_08.ptau"
)
CURVE = NativeCurve()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SrsFile:
    """A string of 2^5 powers made here."""
    return generate(tmp_path_factory.mktemp("srs") / "made.srs", 5, CURVE)


def altered(made: SrsFile, folder: Path, at: int, data: bytes) -> Path:
    """A copy with some bytes replaced."""
    content = bytearray(made.path.read_bytes())
    content[at : at + len(data)] = data
    path = folder / "altered.srs"
    path.write_bytes(content)
    return path


def test_a_known_ceremony_is_recognised_however_far_it_is_cut() -> None:
    found = inspect(HERMEZ)
    assert found.logrows == 5
    assert found.ceremony == "perpetual powers of tau, Hermez phase (28)"
    assert not found.made_here
    assert len(check(found, samples=3, seed=1)) == 2


def test_what_is_made_here_is_marked_and_sound(made: SrsFile) -> None:
    assert made.made_here
    assert made.ceremony is None
    assert unsafe_note(made.path).exists()
    check(made, samples=2, seed=1)


def test_two_strings_made_here_have_different_secrets(made: SrsFile, tmp_path: Path) -> None:
    assert generate(tmp_path / "other.srs", 5, CURVE).digest != made.digest


def test_nothing_is_overwritten(made: SrsFile) -> None:
    with pytest.raises(CircuitError, match="exists already"):
        generate(made.path, 5, CURVE)


def test_sizes_out_of_range_are_refused(tmp_path: Path) -> None:
    for logrows in (0, 27):
        with pytest.raises(CircuitError, match="logrows lie in"):
            generate(tmp_path / "x.srs", logrows, CURVE)


@pytest.mark.parametrize("length", [0, 3, 4, 300, -1, 1])
def test_cut_or_longer_files_are_refused(made: SrsFile, tmp_path: Path, length: int) -> None:
    data = made.path.read_bytes()
    cut = data + b"\0" if length == 1 else data[:length]
    path = tmp_path / "cut.srs"
    path.write_bytes(cut)
    with pytest.raises(CircuitError, match="is no SRS"):
        inspect(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(CircuitError, match="expected an SRS file"):
            inspect(path)


def test_damaged_ends_are_refused(made: SrsFile, tmp_path: Path) -> None:
    size = made.path.stat().st_size
    places = {
        4: "first point is not the generator",
        size - 256: "G2 is not the generator",
        size - 1: "beyond the field's modulus|subgroup|canonical",
    }
    for at, match in places.items():
        with pytest.raises(CircuitError, match=match):
            inspect(altered(made, tmp_path, at, b"\x7f"))


def test_a_damaged_power_or_lagrange_point_is_found(made: SrsFile, tmp_path: Path) -> None:
    data = made.path.read_bytes()
    # Two valid points in each other's place: only the pairings, or the sum, can tell.
    first, second = data[4 + 64 : 4 + 128], data[4 + 128 : 4 + 192]
    with pytest.raises(CircuitError, match="is not tau times"):
        check(inspect(altered(made, tmp_path, 4 + 64, second + first)), samples=2)
    lagrange = 4 + 32 * 64
    with pytest.raises(CircuitError, match="do not add up"):
        check(inspect(altered(made, tmp_path, lagrange, first)), samples=1)
    with pytest.raises(CircuitError, match=r"off the curve|beyond the field"):
        check(inspect(altered(made, tmp_path, lagrange, b"\1" * 64)), samples=1)


def test_every_point_is_checked_at_once(made: SrsFile, tmp_path: Path) -> None:
    assert len(check_all(made, CURVE)) == 2
    assert len(check_all(inspect(HERMEZ), CURVE)) == 2
    data = made.path.read_bytes()
    for at in (4 + 64 * 7, 4 + 64 * 30):
        swapped = data[at + 64 : at + 128] + data[at : at + 64]
        with pytest.raises(CircuitError, match="not powers of its tau"):
            check_all(inspect(altered(made, tmp_path, at, swapped)), CURVE)
        # The sum of the Lagrange points stays the same, their order does not.
        at += 64 * 32
        swapped = data[at + 64 : at + 128] + data[at : at + 64]
        mixed = inspect(altered(made, tmp_path, at, swapped))
        check(mixed, samples=1)
        with pytest.raises(CircuitError, match="Lagrange points are not those"):
            check_all(mixed, CURVE)
        with pytest.raises(CircuitError, match="curve"):
            check_all(inspect(altered(made, tmp_path, at, b"\1" * 64)), CURVE)


def test_the_native_curve_is_the_plain_one(made: SrsFile) -> None:
    plain = PlainCurve()
    scalars = geometric(5, 3**150, 9) + bytes(31) + b"\1"
    assert CURVE.multiples(scalars) == plain.multiples(scalars)
    points = read_powers(made.path).first(3)
    ours, theirs = CURVE.bases(points), plain.bases(points)
    assert ours.commit_bytes(scalars[:256]) == theirs.commit_bytes(scalars[:256])
    rows = np.array([[0] * 8, range(-4, 4), [-128] * 8], np.int8)
    assert ours.commit_ints(rows) == theirs.commit_ints(rows)
    assert ours.commit_ints(rows)[0] == bytes(64)


def ceremony() -> Path:
    """The real ceremony's file of 2^8 powers."""
    if not CEREMONY.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CEREMONY.name} is missing")
        pytest.skip(f"{CEREMONY.name} is not at hand")
    return CEREMONY


def test_the_ceremony_s_file_is_converted_to_halo2_s_order(tmp_path: Path) -> None:
    """snarkjs and halo2 have the same roots of unity of order 2^5 and other ones of order 2^8."""
    converted = convert(ceremony(), tmp_path / "hermez-08.srs")
    assert converted.ceremony == "perpetual powers of tau, Hermez phase (28)"
    assert len(check_all(converted, CURVE)) == 2
    powers = read_powers(CEREMONY)
    assert powers.first(8) == converted.path.read_bytes()[4 : 4 + 64 * 256]
    assert (powers.digest, powers.logrows) == (converted.digest, 8)
    with pytest.raises(CircuitError, match=r"needs an SRS of 2\^9 powers"):
        powers.first(9)


def test_powers_are_read_from_either_kind_of_file(made: SrsFile, tmp_path: Path) -> None:
    original = tmp_path / "powers.ptau"
    original.write_bytes(ptau(made, 5))
    ours, theirs = read_powers(made.path), read_powers(original)
    assert ours.first(5) == theirs.first(5)
    assert ours.first(2) == theirs.first(2) == ours.first(5)[:256]
    assert (ours.digest, ours.tau_g2) == (theirs.digest, theirs.tau_g2)
    assert (ours.made_here, theirs.made_here) == (True, False)
    for cut in (0, 3, 11, 100, 300, 3000):
        original.write_bytes(ptau(made, 5)[:cut])
        with pytest.raises(CircuitError):
            read_powers(original)
    with pytest.raises(CircuitError, match="found none"):
        read_powers(tmp_path / "none")


def test_powers_of_another_tau_are_refused(made: SrsFile, tmp_path: Path) -> None:
    choice = UnsafeSrs(tmp_path / "srs", CURVE)
    found = obtain_powers(choice, 4, CURVE)
    assert not found.safe
    assert obtain_powers(PinnedSrs(HERMEZ, inspect(HERMEZ).sha256), 5, CURVE).safe
    check_powers(found.powers.first(4), found.powers.tau_g2, CURVE, "made")
    with pytest.raises(CircuitError, match="not powers of its tau"):
        check_powers(found.powers.first(4), made.tau_g2, CURVE, "made")
    with pytest.raises(CircuitError, match="is another file"):
        obtain_powers(PinnedSrs(HERMEZ, bytes(32)), 5, CURVE)


def test_a_pinned_file_must_have_its_digest_and_size(tmp_path: Path) -> None:
    found = inspect(HERMEZ)
    chosen = obtain(PinnedSrs(HERMEZ, found.sha256), 5)
    assert chosen.safe
    assert chosen.file.tau_g2 == found.tau_g2
    with pytest.raises(CircuitError, match="is another file"):
        obtain(PinnedSrs(HERMEZ, bytes(32)), 5)
    with pytest.raises(CircuitError, match=r"needs an SRS of 2\^6 powers"):
        obtain(PinnedSrs(HERMEZ, found.sha256), 6)


def test_what_was_made_here_is_never_safe_even_when_pinned(made: SrsFile, tmp_path: Path) -> None:
    assert not obtain(PinnedSrs(made.path, made.sha256), 5).safe
    unsafe = UnsafeSrs(tmp_path / "srs", CURVE)
    first = obtain(unsafe, 4)
    assert not first.safe
    assert obtain(unsafe, 4) == first
    path = first.file.path
    data = bytearray(path.read_bytes())
    data[300:364] = data[236:300]
    path.write_bytes(data)
    with pytest.raises(CircuitError, match="was altered since"):
        obtain(unsafe, 4)


def ptau(made: SrsFile, power: int) -> bytes:
    """A prepared .ptau file with the points of an SRS; sections that are not read are empty."""
    data = made.path.read_bytes()
    rows = 2**power
    powers = data[4 : 4 + 64 * rows]
    full = data[4 + 64 * 2**made.logrows : -256]
    # Level 5 of 5 is the file's own; the levels below it are not looked at here.
    lagrange = bytes(64 * (rows - 1)) + full
    header = struct.pack("<I", 32) + field_modulus.to_bytes(32, "little")
    sections = {
        1: header + struct.pack("<II", power, power),
        2: powers + bytes(64 * (rows - 1)),
        3: data[-256:] + bytes(128 * (rows - 2)),
        12: lagrange,
    }
    body = b"".join(struct.pack("<IQ", kind, len(part)) + part for kind, part in sections.items())
    return b"ptau" + struct.pack("<II", 1, len(sections)) + body


def test_a_ptau_file_becomes_the_same_srs(made: SrsFile, tmp_path: Path) -> None:
    original = tmp_path / "powers.ptau"
    original.write_bytes(ptau(made, 5))
    converted = convert(original, tmp_path / "converted.srs")
    assert converted.path.read_bytes() == made.path.read_bytes()
    with pytest.raises(CircuitError, match="exists already"):
        convert(original, tmp_path / "converted.srs")
    with pytest.raises(CircuitError, match=r"powers up to 2\^5"):
        convert(original, tmp_path / "larger.srs", 6)


@pytest.mark.parametrize("cut", [0, 3, 11, 20, 60, 500, -1])
def test_damaged_ptau_files_are_refused(made: SrsFile, tmp_path: Path, cut: int) -> None:
    original = tmp_path / "powers.ptau"
    original.write_bytes(ptau(made, 5)[:cut])
    with pytest.raises(CircuitError):
        convert(original, tmp_path / "converted.srs")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["powers.ptau"]


def test_a_ptau_file_of_another_curve_or_version_is_refused(made: SrsFile, tmp_path: Path) -> None:
    data = ptau(made, 5)
    original = tmp_path / "powers.ptau"
    changes = {
        b"wtns": (0, "no .ptau file"),
        b"\2": (4, "version 1 expected"),
        b"\7": (12 + 12 + 4, "another curve"),
    }
    for change, (at, match) in changes.items():
        original.write_bytes(data[:at] + change + data[at + len(change) :])
        with pytest.raises(CircuitError, match=match):
            convert(original, tmp_path / "converted.srs")
