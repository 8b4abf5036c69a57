"""The native transcript: what it hashes, word for word, and what it refuses."""

import pytest
from Crypto.Hash import keccak
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.native import _core
from tests.native.group import R

# Absorbed words where there are some, else a challenge.
STEPS = st.lists(
    st.tuples(st.integers(0, 255), st.none() | st.lists(st.binary(min_size=32, max_size=32))),
    max_size=6,
)


def hashed(*parts: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=b"".join(parts)).digest()


@given(STEPS)
def test_every_step_is_one_hash(steps: list[tuple[int, list[bytes] | None]]) -> None:
    transcript, state = _core.Transcript(), bytes(32)
    for label, words in steps:
        if words is None:
            state = hashed(state, bytes([1, label]))
            assert transcript.challenge(label) == int.from_bytes(state[1:], "big") < R
        else:
            count = len(words).to_bytes(4, "big")
            state = hashed(state, bytes([0, label]), count, *words)
            transcript.absorb(label, b"".join(words))


def test_a_known_answer() -> None:
    transcript = _core.Transcript()
    transcript.absorb(3, (7).to_bytes(32, "big") * 2)
    first = transcript.challenge(1)
    assert first == int("e36da7cfd7b813c6c09625c6d79bb4f894ce527d4d6676e837eb0e11905e4a", 16)
    assert transcript.challenge(1) != first


def test_the_split_into_absorbs_matters() -> None:
    one, two = _core.Transcript(), _core.Transcript()
    one.absorb(1, bytes(64))
    two.absorb(1, bytes(32))
    two.absorb(1, bytes(32))
    assert one.challenge(2) != two.challenge(2)


@given(st.binary(max_size=100).filter(lambda words: len(words) % 32 != 0))
def test_a_broken_word_is_refused_and_changes_nothing(words: bytes) -> None:
    transcript = _core.Transcript()
    with pytest.raises(ValueError, match=f"words of 32 bytes, got {len(words)} bytes"):
        transcript.absorb(1, words)
    assert transcript.challenge(1) == _core.Transcript().challenge(1)


@pytest.mark.parametrize("label", [-1, 256])
def test_a_label_is_one_byte(label: int) -> None:
    with pytest.raises(ValueError, match=f"label: expected 0 to 255, got {label}"):
        _core.Transcript().absorb(label, b"")
    with pytest.raises(ValueError, match=f"label: expected 0 to 255, got {label}"):
        _core.Transcript().challenge(label)
