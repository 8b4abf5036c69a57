"""What the verifier uses of py_ecc, without its side effect on the whole process."""

import sys

# Importing py_ecc raises the recursion limit to 100,000, past which a deeply nested JSON text
# overflows the C stack of whoever parses one. Nothing used here recurses deeper than 300.
_LIMIT = sys.getrecursionlimit()

from py_ecc.fields import optimized_bn128_FQ as FQ  # noqa: E402
from py_ecc.fields import optimized_bn128_FQ2 as FQ2  # noqa: E402
from py_ecc.optimized_bn128.optimized_curve import (  # noqa: E402
    G1,
    G2,
    Z1,
    add,
    b,
    b2,
    curve_order,
    eq,
    field_modulus,
    is_inf,
    is_on_curve,
    multiply,
    normalize,
)
from py_ecc.optimized_bn128.optimized_pairing import pairing  # noqa: E402
from py_ecc.secp256k1 import secp256k1  # noqa: E402

sys.setrecursionlimit(_LIMIT)

__all__ = [
    "FQ",
    "FQ2",
    "G1",
    "G2",
    "Z1",
    "add",
    "b",
    "b2",
    "curve_order",
    "eq",
    "field_modulus",
    "is_inf",
    "is_on_curve",
    "multiply",
    "normalize",
    "pairing",
    "secp256k1",
]
