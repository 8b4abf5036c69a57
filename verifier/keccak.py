"""Keccak-256, the one hash of Avow's formats."""

from Crypto.Hash import keccak

ZERO_WORD = bytes(32)


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte Keccak-256 digest of `data` (the EVM's `keccak256`)."""
    return keccak.new(digest_bits=256, data=data).digest()


def tag(name: str) -> bytes:
    """Return the 32-byte word that separates one kind of hashed value from every other."""
    return keccak256(name.encode("ascii"))
