"""The reader of server-sent events, against the standard's own cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.api.client.errors import Misbehaved
from avow.api.client.events import Event, Parser


def events(*chunks: bytes) -> list[Event]:
    """Everything that these chunks hold."""
    parser = Parser(1000)
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data: a\n\n", [Event("message", "a", "")]),
        ("data:a\ndata\ndata: b\n\n", [Event("message", "a\n\nb", "")]),
        ("event: state\nid: 7\ndata: x\n\ndata: y\n\n", [
            Event("state", "x", "7"), Event("message", "y", "7")]),
        (": comment\n\n", []),
        ("id: 3\n\ndata: x\n\n", [Event("message", "x", "3")]),
        ("id: bad\x00id\ndata: x\n\n", [Event("message", "x", "")]),
        ("data: not ended\n", []),
        ("nonsense\ndata: x\n\n", [Event("message", "x", "")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_standards_cases(text: str, found: list[Event], end: str) -> None:
    data = text.replace("\n", end).encode()
    if end == "\r":
        # The last CR may be half of a CRLF: what it ends is known with the next byte.
        data += b":"
    assert events(data) == found


@given(st.binary(max_size=300), st.integers(1, 20))
def test_however_it_is_cut_it_says_the_same(data: bytes, size: int) -> None:
    whole = events(data)
    assert events(*(data[at : at + size] for at in range(0, len(data), size))) == whole
    for event in whole:
        assert event.last_id.isascii() and "\n" not in event.last_id


@pytest.mark.parametrize("piece", [b"x", b"data: x\n"])
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    parser = Parser(100)
    with pytest.raises(Misbehaved, match="at most 100 bytes"):
        for _ in range(1000):
            list(parser.feed(piece))
