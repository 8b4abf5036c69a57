"""The key of a session: made in memory, used there, and gone with the process."""

import secrets

from eth_keys.datatypes import PrivateKey

from avow.verifier.curves import secp256k1


class SessionKey:
    """A secp256k1 key that cannot be read, copied or written; `address` has 20 bytes."""

    __slots__ = ("_private", "address")

    def __init__(self) -> None:
        secret = 1 + secrets.randbelow(secp256k1.N - 1)
        self._private = PrivateKey(secret.to_bytes(32, "big"))
        self.address = self._private.public_key.to_canonical_address()

    def sign(self, digest: bytes) -> bytes:
        """The signature of 32 bytes: r || s || v, 65 bytes, low s, v 27 or 28."""
        signature = self._private.sign_msg_hash(digest).to_bytes()
        return signature[:64] + bytes([27 + signature[64]])

    def __repr__(self) -> str:
        return f"SessionKey(0x{self.address.hex()})"

    def __reduce__(self) -> str:
        raise TypeError("the key of a session is not written down")

    def __copy__(self) -> "SessionKey":
        raise TypeError("the key of a session is not copied")

    def __deepcopy__(self, memo: object) -> "SessionKey":
        raise TypeError("the key of a session is not copied")
