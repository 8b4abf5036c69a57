"""What was used last is kept, within bounds of number and size."""

from avow.prover.disputes.recent import Recent, elements
from avow.verifier.tensor import ElementType, Tensor


def name(number: int) -> bytes:
    return bytes([number])


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    recent: Recent[str] = Recent(2)
    recent.put(name(1), "first")
    recent.put(name(2), "second")
    assert recent.get(name(1)) == "first"
    recent.put(name(3), "third")
    assert [recent.get(name(number)) for number in (1, 2, 3)] == ["first", None, "third"]
    recent.put(name(1), "another")
    assert recent.get(name(1)) == "another" and recent.get(name(3)) == "third"


def test_large_things_leave_room_for_fewer() -> None:
    recent: Recent[bytes] = Recent(9, room=10, size=len)
    recent.put(name(1), b"12345")
    recent.put(name(2), b"12345")
    assert recent.get(name(1)) == recent.get(name(2)) == b"12345"
    recent.put(name(3), b"1")
    assert [recent.get(name(number)) for number in (1, 2, 3)] == [None, b"12345", b"1"]
    # Too large for the room, and needed all the same.
    recent.put(name(4), bytes(11))
    assert [recent.get(name(number)) for number in (2, 3, 4)] == [None, None, bytes(11)]


def test_inputs_take_what_their_elements_take() -> None:
    one = Tensor(ElementType.INT8, (2, 3), (0,) * 6)
    assert elements((one, one)) == 12
