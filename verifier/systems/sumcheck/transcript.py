"""Fiat-Shamir: a chained Keccak-256 state from which every challenge is drawn."""

from collections.abc import Sequence
from enum import IntEnum

from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.relation.views import Point

_ABSORB, _CHALLENGE = b"\x00", b"\x01"


class Label(IntEnum):
    """What is absorbed (below 32) and what is drawn: the whole inventory, in protocol order."""

    STATEMENT = 1
    PUBLIC = 2
    WITNESS = 3
    HELPERS = 4
    IDENTITIES = 5
    READS = 6
    BILINEAR = 7
    FACTORS = 8
    REDUCTION = 9
    STACK = 10
    FOLDS = 11
    FOLD_VALUES = 12
    QUOTIENT = 13

    ALPHA = 32
    LAMBDA = 33
    RHO = 34
    GAMMA = 35
    ROUND = 36
    THETA = 37
    ETA = 38
    BETA = 39
    BATCH = 40
    ZETA = 41


class Transcript:
    """Both sides' view of what was said so far: 32 bytes, zero at the start."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = ZERO_WORD

    def absorb(self, label: Label, words: Sequence[int]) -> None:
        """state = keccak256(state || 0x00 || u8 label || u32 count || words of 32 bytes)."""
        data = b"".join(word.to_bytes(32, "big") for word in words)
        head = _ABSORB + bytes([label]) + len(words).to_bytes(4, "big")
        self._state = keccak256(self._state + head + data)

    def challenge(self, label: Label) -> int:
        """state = keccak256(state || 0x01 || u8 label); its last 31 bytes, so always below r."""
        self._state = keccak256(self._state + _CHALLENGE + bytes([label]))
        return int.from_bytes(self._state[1:], "big")

    def challenges(self, label: Label, count: int) -> Point:
        """That many, one after the other."""
        return tuple(self.challenge(label) for _ in range(count))
