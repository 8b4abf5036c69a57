"""What is absorbed and drawn, in order: written down by a transcript that keeps a diary."""

from collections.abc import Sequence
from typing import Any

import pytest

from avow.verifier.argument import proof as proof_module
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.keccak import keccak256

Entry = dict[str, Any]


def absorbed(label: int, data: bytes) -> Entry:
    """One line of the inventory: how many words, and their hash."""
    words = len(data) // 32
    return {"absorb": Label(label).name, "words": words, "keccak": "0x" + keccak256(data).hex()}


def drawn(label: int, value: int) -> Entry:
    """One line of the inventory: a challenge."""
    return {"draw": Label(label).name, "value": f"0x{value:062x}"}


class Diary(Transcript):
    """The verifier's transcript, with all that happened to it."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []

    def absorb(self, label: Label, words: Sequence[int]) -> None:
        """As the verifier's."""
        super().absorb(label, words)
        self.entries.append(absorbed(label, b"".join(w.to_bytes(32, "big") for w in words)))

    def challenge(self, label: Label) -> int:
        """As the verifier's."""
        value = super().challenge(label)
        self.entries.append(drawn(label, value))
        return value


def listen(monkeypatch: pytest.MonkeyPatch) -> list[Diary]:
    """The diaries of all proofs that are checked from now on."""
    diaries: list[Diary] = []

    def start() -> Diary:
        diaries.append(Diary())
        return diaries[-1]

    monkeypatch.setattr(proof_module, "Transcript", start)
    return diaries
