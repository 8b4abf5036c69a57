"""Structured reference strings by what a verifier trusts of them."""

import hashlib
import os
import struct
from pathlib import Path

import pytest
from py_ecc.fields import optimized_bn128_FQ2 as FQ2
from py_ecc.optimized_bn128.optimized_curve import G2, field_modulus, multiply, normalize

from avow.verifier.errors import VerificationError
from avow.verifier.srs import G2Coordinates, ceremony, parse_tau_g2, srs_digest

CEREMONY = (
    Path(__file__).parents[3] / "shared" / "vectors" / "srs" / "powersOfTau28_hez_final_08.ptau"
)


def coordinates(scalar: int) -> G2Coordinates:
    point = normalize(multiply(G2, scalar))
    x, y = point[0].coeffs, point[1].coeffs
    return int(x[0]), int(x[1]), int(y[0]), int(y[1])


def tau_g2_of_ptau(data: bytes) -> G2Coordinates:
    """The second point of section 3 (tau G2) of a snarkjs file; Montgomery form, little-endian."""
    sections, at = {}, 12
    for _ in range(struct.unpack_from("<I", data, 8)[0]):
        kind, size = struct.unpack_from("<IQ", data, at)
        sections[kind] = at + 12
        at += 12 + size
    inverse = pow(2**256, -1, field_modulus)
    numbers = [
        int.from_bytes(data[start : start + 32], "little") * inverse % field_modulus
        for start in range(sections[3] + 128, sections[3] + 256, 32)
    ]
    return numbers[0], numbers[1], numbers[2], numbers[3]


def test_the_ceremony_is_known_by_its_real_file() -> None:
    if not CEREMONY.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CEREMONY.name} is missing")
        pytest.skip(f"{CEREMONY.name} is not at hand")
    data = CEREMONY.read_bytes()
    assert hashlib.sha256(data).hexdigest() == (
        "f741f2ddee2875915c24db8aae90d021f51181533f1ee3b58baf64b042e91654"
    )
    name = ceremony(srs_digest(parse_tau_g2(tau_g2_of_ptau(data))))
    assert name is not None
    assert "Hermez" in name


def test_a_locally_made_string_is_unknown() -> None:
    assert ceremony(srs_digest(parse_tau_g2(coordinates(12345)))) is None


def test_different_secrets_have_different_digests() -> None:
    assert srs_digest(coordinates(2)) != srs_digest(coordinates(3))


def test_points_off_the_curve_are_refused() -> None:
    x0, x1, y0, y1 = coordinates(7)
    for bad in ((x0 + 1, x1, y0, y1), (x0, x1, y0, y1 ^ 1), (0, 0, 0, 0)):
        with pytest.raises(VerificationError, match="subgroup"):
            parse_tau_g2(bad)


def test_non_canonical_coordinates_are_refused() -> None:
    x0, x1, y0, y1 = coordinates(7)
    for bad in ((x0 + field_modulus, x1, y0, y1), (-1, x1, y0, y1)):
        with pytest.raises(VerificationError, match="canonical"):
            parse_tau_g2(bad)


def test_a_point_of_another_subgroup_is_refused() -> None:
    """E'(Fp2) has a cofactor: a point found by solving for y is hardly ever in the subgroup."""
    twist = FQ2([3, 0]) / FQ2([9, 1])
    for attempt in range(1, 60):
        x = FQ2([attempt, 1])
        root = _square_root(x * x * x + twist)
        if root is not None:
            found = (attempt, 1, int(root.coeffs[0]), int(root.coeffs[1]))
            with pytest.raises(VerificationError, match="subgroup"):
                parse_tau_g2(found)
            return
    pytest.fail("no point found on the twist")


def test_tau_of_one_is_refused() -> None:
    with pytest.raises(VerificationError, match="no secret"):
        parse_tau_g2(coordinates(1))


def _root(value: int) -> int | None:
    root = pow(value, (field_modulus + 1) // 4, field_modulus)
    return root if root * root % field_modulus == value % field_modulus else None


def _square_root(value: FQ2) -> FQ2 | None:
    """A square root in Fp[i], i^2 = -1, by way of the norm."""
    real, imaginary = (int(coefficient) for coefficient in value.coeffs)
    norm = _root(real * real + imaginary * imaginary)
    if norm is None:
        return None
    half = pow(2, -1, field_modulus)
    for candidate in ((real + norm) * half, (real - norm) * half):
        first = _root(candidate % field_modulus)
        if first:
            root = FQ2([first, imaginary * half * pow(first, -1, field_modulus) % field_modulus])
            if root * root == value:
                return root
    return None
