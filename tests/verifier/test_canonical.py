"""Only one sequence of bytes stands for a value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier import canonical
from avow.verifier.errors import VerificationError

TEXT = st.text(st.characters(min_codepoint=0, max_codepoint=126), max_size=12)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_reads_back_what_it_writes(value: canonical.Json) -> None:
    assert canonical.parse(canonical.encode(value), 2**20, "value") == value


@given(VALUES)
def test_any_other_spelling_is_refused(value: canonical.Json) -> None:
    spaced = json.dumps(value, indent=1).encode()
    if spaced != canonical.encode(value):
        with pytest.raises(VerificationError, match="not canonical"):
            canonical.parse(spaced, 2**20, "value")


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    try:
        canonical.parse(data, 2**20, "value")
    except VerificationError:
        pass


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a":1,"a":1}', "appears twice"),
        (b'{"b":1,"a":1}', "not canonical"),
        (b"[1,2] ", "not canonical"),
        (b"[1][2]", "not JSON"),
        (b"1.5", "only integers"),
        (b"1e3", "only integers"),
        (b"NaN", "only integers"),
        (b"null", "null has no canonical form"),
        (b"[-0]", "not canonical"),
        (b"9007199254740992", "2\\^53"),
        (b"1" * 5000, "too large"),
        (b'"\xc3\xa9"', "ASCII"),
        (b'"\\u00e9"', "ASCII"),
        (b'"\\ud800"', "ASCII"),
        (b"\xff", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 20 + b"]" * 20, "nested"),
        (b"[" * 100_000, "nested deeper"),
        (b'["' + b"[" * 100_000, "not JSON"),
        (b'["\\"' + b"[" * 30 + b'"]' + b"[" * 30, "nested deeper"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        canonical.parse(data, 2**20, "value")


def test_a_text_of_nothing_but_marks_is_refused_before_it_takes_gigabytes() -> None:
    with pytest.raises(VerificationError, match="more than 4194304 marks"):
        canonical.parse(b"[" + b"[]," * 2**21 + b"[]]", 2**26, "value")


def test_size_is_limited_before_parsing() -> None:
    with pytest.raises(VerificationError, match="at most 4 bytes, it has 5"):
        canonical.parse(b"[[[[[", 4, "value")
