"""Signatures of owners and enclaves, checked without a wallet."""

from avow.verifier.curves import secp256k1
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256

_HALF_ORDER = secp256k1.N // 2


def signing_digest(record_digest: bytes) -> bytes:
    """The EIP-191 digest that wallets sign for a 32-byte message."""
    return keccak256(b"\x19Ethereum Signed Message:\n32" + record_digest)


def recover(record_digest: bytes, signature: bytes) -> bytes:
    """Return the 20-byte address that signed a record in a wallet; see `recover_signer`."""
    return recover_signer(signing_digest(record_digest), signature)


def recover_signer(digest: bytes, signature: bytes) -> bytes:
    """Return the 20-byte address that signed 32 bytes; refuses high-s and out-of-range values.

    `signature` is r || s || v, 65 bytes, v 27 or 28.
    """
    if len(signature) != 65:
        raise VerificationError("signature", f"65 bytes expected, got {len(signature)}")
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:64], "big")
    v = signature[64]
    if v not in (27, 28) or not 1 <= r < secp256k1.N or not 1 <= s <= _HALF_ORDER:
        raise VerificationError("signature", "not a canonical signature (r, low s, v 27 or 28)")
    try:
        point = secp256k1.ecdsa_raw_recover(digest, (v, r, s))
    except (ValueError, ArithmeticError) as error:
        raise VerificationError("signature", "no key has made this signature") from error
    if not point or point == (0, 0):
        raise VerificationError("signature", "no key has made this signature")
    x, y = int(point[0]), int(point[1])
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]
