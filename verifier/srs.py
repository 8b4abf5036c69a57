"""Which structured reference string a proof rests on, and which are known to be safe."""

from functools import lru_cache

from avow.verifier.bn254 import G1_COORDINATES, G2_COORDINATES, curve_order, field_modulus
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256, tag

_SRS_TAG = tag("avow.srs.bn254.v1")

# Ceremonies whose secret nobody is believed to hold, by digest of (G1, G2, tau G2).
# Every truncation of a ceremony's file has the same digest.
KNOWN_CEREMONIES: dict[str, str] = {
    # Computed from powersOfTau28_hez_final_08.ptau, Blake2b-512 d6a8fb3a...57b583 as published
    # by snarkjs; the larger files of the ceremony share its tau.
    "0xe69ba6d857420214ad56e9f4ebcb6171831a7270f79627a17ccf464db0f6b6ed": (
        "perpetual powers of tau, Hermez phase (28)"
    ),
}

G2Coordinates = tuple[int, int, int, int]


# Many proofs rest on one string. A refusal is not kept.
@lru_cache(maxsize=16)
def parse_tau_g2(coordinates: G2Coordinates) -> G2Coordinates:
    """Check that (x.c0, x.c1, y.c0, y.c1) is a non-zero point of the order-r subgroup of G2."""
    # Whoever only names a string need not load what computes with points.
    from avow.verifier.curves import FQ2, b2, is_inf, is_on_curve, multiply

    if any(not 0 <= coordinate < field_modulus for coordinate in coordinates):
        raise VerificationError("srs", "a coordinate of tau G2 is not a canonical field element")
    x0, x1, y0, y1 = coordinates
    point = (FQ2([x0, x1]), FQ2([y0, y1]), FQ2.one())
    if not is_on_curve(point, b2) or not is_inf(multiply(point, curve_order)):
        raise VerificationError("srs", "tau G2 is not a point of the right subgroup")
    if coordinates == G2_COORDINATES:
        raise VerificationError("srs", "tau is 1: this string has no secret at all")
    return coordinates


def tau_g2_octets(tau_g2: G2Coordinates) -> bytes:
    """x.c1 || x.c0 || y.c1 || y.c0, 32 bytes big-endian each, as keys hold it."""
    x0, x1, y0, y1 = tau_g2
    return b"".join(part.to_bytes(32, "big") for part in (x1, x0, y1, y0))


def read_tau_g2(octets: bytes) -> G2Coordinates:
    """Read what `tau_g2_octets` wrote; the point must lie in the right subgroup."""
    x1, x0, y1, y0 = (int.from_bytes(octets[at : at + 32], "big") for at in range(0, 128, 32))
    return parse_tau_g2((x0, x1, y0, y1))


def srs_digest(tau_g2: G2Coordinates) -> bytes:
    """The digest of the verifying part (G1, G2, tau G2); truncating a file leaves it unchanged.

    keccak256(tag || G1.x || G1.y || G2 || tau G2), G2 points as x.c1 || x.c0 || y.c1 || y.c0,
    every coordinate 32 bytes big-endian.
    """
    generator = b"".join(word.to_bytes(32, "big") for word in G1_COORDINATES)
    return keccak256(_SRS_TAG + generator + tau_g2_octets(G2_COORDINATES) + tau_g2_octets(tau_g2))


def ceremony(digest: bytes) -> str | None:
    """The name of the known ceremony with this digest, if there is one."""
    return KNOWN_CEREMONIES.get("0x" + digest.hex())
