"""Fiat-Shamir: a chained Keccak-256 state from which every challenge is drawn."""

from collections.abc import Sequence
from enum import IntEnum

from avow.verifier.keccak import ZERO_WORD, keccak256, tag

STATEMENT_TAG = tag("avow.sumcheck.v1")


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
    LAST = 12
    FOLD_VALUES = 13
    QUOTIENT = 14
    OPENINGS = 15
    LAYERS = 16
    NODES = 17
    LEAVES = 18
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
    KAPPA = 42
    INNER = 43
    DELTA = 44
    MU = 45


class Transcript:
    """What was said so far: 32 bytes, zero at the start."""

    def __init__(self) -> None:
        self._state = ZERO_WORD

    def absorb(self, label: Label, words: Sequence[int]) -> None:
        """state = keccak256(state || 0x00 || u8 label || u32 count || words of 32 bytes)."""
        head = bytes([0, label]) + len(words).to_bytes(4, "big")
        data = b"".join(word.to_bytes(32, "big") for word in words)
        self._state = keccak256(self._state + head + data)

    def challenge(self, label: Label) -> int:
        """state = keccak256(state || 0x01 || u8 label); its last 31 bytes, so always below r."""
        self._state = keccak256(self._state + bytes([1, label]))
        return int.from_bytes(self._state[1:], "big")
