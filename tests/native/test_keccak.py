"""The native hash against a library's, at every length that the padding treats differently."""

import pytest
from Crypto.Hash import keccak
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.native import _core


def library(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def test_the_known_answer_of_nothing() -> None:
    answer = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert _core.keccak256(b"").hex() == answer


@pytest.mark.parametrize("length", [1, 135, 136, 137, 271, 272, 273, 5000])
def test_around_the_ends_of_blocks(length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert _core.keccak256(data) == library(data)


@given(st.binary(max_size=600))
def test_any_bytes(data: bytes) -> None:
    assert _core.keccak256(data) == library(data)
