"""A quick check of a bundle, beside `verify` and never instead of it: it decides nothing.

It is for whoever made a proof, or keeps many of them, and wants to know at once whether one is
sound. The steps are `verify`'s own; only what they do with points is done by the native core.
"""

from dataclasses import replace

from avow.prover.native import _core
from avow.verifier.argument.opening import Equation, Terms
from avow.verifier.argument.proof import R
from avow.verifier.bn254 import G2_COORDINATES
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.srs import G2Coordinates, tau_g2_octets
from avow.verifier.systems.sumcheck.half import SumcheckSystem
from avow.verifier.systems.sumcheck.key import SYSTEM_ID
from avow.verifier.verify import bounded, check_case, conclude, open_case

_IDENTITY = bytes(64)


def check(data: bytes, policy: Policy) -> None:
    """Check a bundle of `sumcheck/v1`, on the word of the native core; `verify` says what it is.

    Raises `VerificationError` as `verify` does, also for bundles of other systems.
    """
    with bounded():
        case = open_case(data)
        if case.system.system_id != SYSTEM_ID:
            raise VerificationError("system", f"only {SYSTEM_ID} has a quick check")
        case = replace(case, system=SumcheckSystem(read_tau_g2, check_pairing))
        conclude(case, check_case(case, policy), policy, None)


def read_tau_g2(octets: bytes) -> G2Coordinates:
    """As `avow.verifier.srs.read_tau_g2`: refuses what is not a non-zero point of the group."""
    try:
        _core.check_point2(octets)
    except ValueError:
        raise VerificationError("srs", "tau G2 is not a point of the right subgroup") from None
    if octets == tau_g2_octets(G2_COORDINATES):
        raise VerificationError("srs", "tau is 1: this string has no secret at all")
    x1, x0, y1, y0 = (int.from_bytes(octets[at : at + 32], "big") for at in range(0, 128, 32))
    return x0, x1, y0, y1


def check_pairing(equation: Equation, tau_g2: G2Coordinates) -> None:
    """As `avow.verifier.argument.opening.check_pairing`."""
    left, right = map(combination, equation)
    if not _core.pairing_holds(left, right, tau_g2_octets(tau_g2)):
        raise VerificationError("proof", "the opening does not fit the committed rows")


def combination(terms: Terms) -> bytes:
    """sum of scalar * point, 64 bytes big-endian; `Bases` takes no identity."""
    finite = [(point, scalar) for point, scalar in terms if any(point)]
    if not finite:
        return _IDENTITY
    points = b"".join(part.to_bytes(32, "big") for point, _ in finite for part in point)
    scalars = b"".join((scalar % R).to_bytes(32, "little") for _, scalar in finite)
    return _core.Bases.of_canonical(points).commit_bytes(scalars)
