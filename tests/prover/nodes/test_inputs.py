"""Inputs at the addresses of orders: fetched beside, compared, and on disk before they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from avow.prover.nodes import fetches, inputs
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.inputs import OrderedInputs
from avow.prover.nodes.kept_inputs import KeptInputs
from avow.prover.nodes.offers import Declined
from avow.verifier.chain.orders import OrderTerms
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.tensor import ElementType, Tensor
from tests.prover.nodes.places import Place, open_place
from tests.prover.nodes.test_offers import PICTURE, ROOTED, by_uri, terms
from tests.prover.tiny import MODEL

FIRST, SECOND = b"1" * 32, b"2" * 32
FILE = f"{keccak256(by_uri().model_key + by_uri().input.value).hex()}.input"


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as found:
        yield found


class Desk:
    """Ordered inputs whose work is done when the test says so, by a clock that it moves."""

    def __init__(self, folder: Path, rules: FetchRules, room: int = 10**6) -> None:
        self.begun: list[Callable[[], None]] = []
        self.now = 0.0
        kept = KeptInputs(folder / "kept", room)
        self.inputs = OrderedInputs(rules, kept, lambda: self.now, self.begun.append)
        self.folder = folder / "kept"

    def declined(self, order: OrderTerms, order_id: bytes = FIRST) -> Declined:
        """Why there is no input."""
        with pytest.raises(Declined) as caught:
            self.inputs.read(order_id, order, ROOTED)
        return caught.value

    def work(self) -> None:
        """What was begun is carried out."""
        due, self.begun[:] = list(self.begun), []
        for work in due:
            work()

    def refused(self, order: OrderTerms, order_id: bytes = FIRST) -> Declined:
        """Why an input could not be had once it was asked for."""
        self.declined(order, order_id)
        self.work()
        with pytest.raises(Declined) as caught:
            self.inputs.check(order_id)
        assert "\n" not in str(caught.value)
        return caught.value


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, FetchRules(file_folder=tmp_path))


def active(*orders: tuple[bytes, OrderTerms]) -> Callable[[], Any]:
    return lambda: [SimpleNamespace(order_id=one, terms=asked) for one, asked in orders]


def test_what_stands_in_the_order_is_read_at_once(desk: Desk) -> None:
    assert desk.inputs.read(FIRST, terms(), MODEL)[0].values == (1, -2, 3, 320)
    assert not desk.begun and not desk.folder.exists()


def test_an_input_is_on_disk_before_it_is_given_out(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(PICTURE.data())
    order = by_uri(input_uri=path.as_uri())
    said = desk.declined(order)
    assert not said.final and "not here yet" in str(said)
    with pytest.raises(Declined, match="not here yet"):
        desk.inputs.check(FIRST)
    desk.work()
    desk.inputs.check(FIRST)
    assert (desk.folder / FILE).read_bytes() == PICTURE.data()
    path.unlink()
    assert desk.inputs.read(FIRST, order, ROOTED) == (PICTURE,)
    # What is at hand and not on disk would be lost by a crash.
    (desk.folder / FILE).unlink()
    assert not desk.declined(order).final


@pytest.mark.parametrize(
    "changes",
    [{"shape": (1, 224, 224, 3)}, {"maximum": 99}],
    ids=["another shape", "a narrower range"],
)
def test_what_is_at_hand_for_one_model_is_no_input_of_another(
    desk: Desk, place: Place, changes: dict[str, Any]
) -> None:
    """Whoever orders writes any commitment, that of another model's input too: what would be locked
    on it could not be answered, and the bond would be lost."""
    place.gives["/x"] = PICTURE.data()
    order = by_uri(input_uri=place.url("/x"))
    desk.declined(order)
    desk.work()
    assert desk.inputs.read(FIRST, order, ROOTED) == (PICTURE,)
    other = replace(ROOTED, inputs=(replace(ROOTED.inputs[0], **changes),))
    with pytest.raises(Declined, match="not here yet"):
        desk.inputs.read(SECOND, replace(order, model_key=keccak256(b"another key")), other)
    desk.work()
    with pytest.raises(Declined) as caught:
        desk.inputs.check(SECOND)
    assert caught.value.final
    # The first order's is what it was.
    assert desk.inputs.read(FIRST, order, ROOTED) == (PICTURE,)
    assert (desk.folder / FILE).read_bytes() == PICTURE.data()


def test_what_was_kept_is_read_after_a_restart_without_its_place(
    desk: Desk, tmp_path: Path, place: Place
) -> None:
    place.gives["/x"] = PICTURE.data()
    order = by_uri(input_uri=place.url("/x"))
    desk.declined(order)
    desk.work()
    place.close()
    again = Desk(tmp_path, FetchRules())
    again.declined(order)
    again.work()
    assert again.inputs.read(FIRST, order, ROOTED) == (PICTURE,)
    assert place.asked["/x"] == 1


def test_a_damaged_file_is_not_believed_but_fetched_anew(
    desk: Desk, tmp_path: Path, place: Place
) -> None:
    place.gives["/x"] = PICTURE.data()
    order = by_uri(input_uri=place.url("/x"))
    desk.declined(order)
    desk.work()
    damaged = bytearray(PICTURE.data())
    damaged[5] ^= 1
    (desk.folder / FILE).write_bytes(damaged)
    again = Desk(tmp_path, FetchRules())
    again.declined(order)
    again.work()
    assert not (desk.folder / FILE).exists()
    again.declined(order)
    again.work()
    assert place.asked["/x"] == 2
    assert again.inputs.read(FIRST, order, ROOTED) == (PICTURE,)
    assert (desk.folder / FILE).read_bytes() == PICTURE.data()


def test_a_place_that_does_not_have_it_yet_is_asked_again(desk: Desk, tmp_path: Path) -> None:
    late = tmp_path / "late"
    order = by_uri(input_uri=late.as_uri())
    said = desk.refused(order)
    assert not said.final
    assert str(said) == (
        "its input could not be had: the file cannot be read: No such file or directory"
    )
    late.write_bytes(PICTURE.data())
    desk.declined(order)
    assert not desk.begun, "its pause is not over"
    desk.now += 1.0
    desk.inputs.check(FIRST)
    desk.declined(order)
    desk.work()
    assert desk.inputs.read(FIRST, order, ROOTED) == (PICTURE,)


@pytest.mark.parametrize("address", ["ftp://example.org/x", "file:///etc/passwd", "http://[::1"])
def test_an_address_that_nobody_may_ask_is_declined_for_good(desk: Desk, address: str) -> None:
    assert desk.refused(by_uri(input_uri=address)).final


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (PICTURE.data() + b"\0", "could not be had: .* more than 150528 bytes"),
        (PICTURE.data()[:-1], "has 150527 bytes, the model takes 150528"),
        (PICTURE.data()[:-1] + b"\0", "not the one that it commits to"),
    ],
)
def test_what_is_wrong_is_declined_for_good_and_never_kept(
    desk: Desk, place: Place, data: bytes, said: str
) -> None:
    place.gives["/x"] = data
    order = by_uri(input_uri=place.url("/x"))
    refusal = desk.refused(order)
    assert refusal.final
    with pytest.raises(Declined, match=said):
        raise refusal
    assert not desk.folder.exists()


def test_more_orders_than_are_at_hand_take_turns(desk: Desk, tmp_path: Path) -> None:
    """Each is given out after a while, though whoever reads is faster than whoever looks."""
    waiting = {}
    for number in range(3 * inputs._AT_HAND):
        x = Tensor(ElementType.INT16, (4,), (number, 2, 3, 4))
        path = tmp_path / f"{number}"
        path.write_bytes(x.data())
        order_id = number.to_bytes(32, "big")
        uri = path.as_uri()
        waiting[order_id] = terms(input=commit_public([x]), input_data=b"", input_uri=uri)
    steps = 0
    while waiting:
        steps += 1
        assert steps < 20
        for order_id, order in list(waiting.items()):
            try:
                desk.inputs.check(order_id)
                desk.inputs.read(order_id, order, MODEL)
            except Declined:
                desk.work()
            else:
                del waiting[order_id]
        desk.inputs.keep_only(active(*waiting.items()))


def test_what_is_on_disk_waits_for_no_place(desk: Desk, tmp_path: Path) -> None:
    """Though all that may be asked at once are, and keep whoever asks waiting."""
    path = tmp_path / "picture"
    path.write_bytes(PICTURE.data())
    order = by_uri(input_uri=path.as_uri())
    desk.declined(order)
    desk.work()
    again = Desk(tmp_path, FetchRules())
    for number in range(fetches._AT_ONCE):
        slow = by_uri(input_uri=f"http://{number}.example.org/x", input=commit_public([PICTURE]))
        again.declined(slow, number.to_bytes(32, "big"))
    assert len(again.begun) == fetches._AT_ONCE
    del again.begun[:]
    again.declined(order)
    again.work()
    assert again.inputs.read(FIRST, order, ROOTED) == (PICTURE,)


def test_two_orders_of_one_input_do_not_answer_for_each_others_places(
    desk: Desk, place: Place
) -> None:
    place.gives.update({"/wrong": PICTURE.data()[::-1], "/x": PICTURE.data()})
    bad, good = by_uri(input_uri=place.url("/wrong")), by_uri(input_uri=place.url("/x"))
    assert desk.refused(bad, FIRST).final
    desk.declined(good, SECOND)
    desk.work()
    assert desk.inputs.read(SECOND, good, ROOTED) == (PICTURE,)


def test_nothing_is_fetched_for_which_there_is_no_room(tmp_path: Path, place: Place) -> None:
    place.gives["/x"] = PICTURE.data()
    order = by_uri(input_uri=place.url("/x"))
    small = Desk(tmp_path, FetchRules(), 150_527)
    said = small.declined(order)
    assert said.final and "has 150528 bytes, at most 150527 are kept" in str(said)
    full = Desk(tmp_path, FetchRules(), 150_528)
    (tmp_path / "kept").mkdir()
    other = tmp_path / "kept" / f"{SECOND.hex()}.input"
    other.write_bytes(b"x")
    said = full.declined(order)
    assert not said.final and "no room for its input of 150528 bytes" in str(said)
    assert not full.begun and not place.asked
    full.inputs.keep_only(active((FIRST, order)))
    assert not other.exists()
    full.declined(order)
    full.work()
    assert full.inputs.read(FIRST, order, ROOTED) == (PICTURE,)


def test_room_that_went_meanwhile_is_not_exceeded(tmp_path: Path, place: Place) -> None:
    place.gives["/x"] = PICTURE.data()
    order = by_uri(input_uri=place.url("/x"))
    desk = Desk(tmp_path, FetchRules(), 150_528)
    desk.declined(order)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / f"{SECOND.hex()}.input").write_bytes(b"x")
    desk.work()
    with pytest.raises(Declined, match="no room") as full:
        desk.inputs.check(FIRST)
    assert not full.value.final
    assert not (tmp_path / "kept" / FILE).exists()


def test_an_input_is_kept_for_as_long_as_one_order_needs_it(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(PICTURE.data())
    order = by_uri(input_uri=path.as_uri())
    desk.declined(order, FIRST)
    desk.work()
    desk.inputs.keep_only(active((SECOND, order)))
    assert (desk.folder / FILE).exists()
    desk.inputs.keep_only(active((SECOND, terms())))
    assert not (desk.folder / FILE).exists()
